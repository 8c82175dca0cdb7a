"""Hamming weights, parities and joined patterns are what counting ones says."""

from __future__ import annotations

import operator
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qbatch
from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.result import (
    Counts,
    NotationError,
    expectation_value,
    parse_observable,
    probability,
    shot_values,
    wilson,
)

ABC = (("a", 2), ("b", 1), ("c", 3))
SIZES = {**dict(ABC), "all": 6}
outcomes = st.dictionaries(st.integers(0, 63), st.integers(1, 50), min_size=1)
COMPARE = {
    "=": operator.eq,
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def told(counts: Counts) -> list[tuple[dict[str, str], int]]:
    """Each outcome by register, as Qiskit prints it, with its shots."""
    found = []
    for text, shots in counts.to_dict().items():
        c, b, a = text.split(" ")
        found.append(({"a": a, "b": b, "c": c, "all": c + b + a}, shots))
    return found


def measured(numbers: dict[int, int]) -> Counts:
    return Counts.from_ints(ABC, list(numbers), list(numbers.values()))


@given(outcomes, st.sampled_from([*SIZES]))
def test_a_weight_is_the_mean_number_of_ones(numbers: dict[int, int], name: str) -> None:
    counts = measured(numbers)
    mean = sum(bits[name].count("1") * n for bits, n in told(counts)) / counts.shots
    for text, wanted in [
        (f"weight({name})", mean),
        (f"weight({name})/3 - 2", mean / 3 - 2),
        (f"{SIZES[name]} - weight({name})", SIZES[name] - mean),
    ]:
        observable = parse_observable(text, counts.num_bits, ABC)
        found = expectation_value(counts, observable)
        assert found.value == pytest.approx(wanted)
        assert found.low <= found.value <= found.high
    assert parse_observable(f"weight({name})", 6, ABC).bounds == (0, SIZES[name])


@given(outcomes)
def test_the_square_of_a_weight_is_multiplied_out(numbers: dict[int, int]) -> None:
    counts = measured(numbers)
    mean = sum(bits["all"].count("1") ** 2 * n for bits, n in told(counts)) / counts.shots
    square = parse_observable("weight(all) weight(all)", counts.num_bits, ABC)
    assert expectation_value(counts, square).value == pytest.approx(mean)


@given(outcomes, st.sampled_from([*SIZES]), st.sampled_from([*COMPARE]), st.integers(0, 7))
def test_a_pattern_of_a_weight_counts_outcomes_with_so_many_ones(
    numbers: dict[int, int], name: str, compare: str, number: int
) -> None:
    counts, holds = measured(numbers), COMPARE[compare]
    pattern = f"weight({name}) {compare} {number}"
    if not any(holds(weight, number) for weight in range(SIZES[name] + 1)):
        with pytest.raises(NotationError, match=rf"never holds: .* is 0 to {SIZES[name]}"):
            probability(counts, pattern)
        return
    hits = sum(n for bits, n in told(counts) if holds(bits[name].count("1"), number))
    assert probability(counts, pattern) == wilson(hits, counts.shots)


@given(outcomes, st.sampled_from([*SIZES]), st.integers(0, 1))
def test_a_pattern_of_a_parity_counts_odd_or_even_outcomes(
    numbers: dict[int, int], name: str, parity: int
) -> None:
    counts = measured(numbers)
    hits = sum(n for bits, n in told(counts) if bits[name].count("1") % 2 == parity)
    assert probability(counts, f"parity({name})={parity}") == wilson(hits, counts.shots)


#: Each pattern with what it says of an outcome by register.
PARTS: dict[str, Any] = {
    "all=0": lambda bits: "1" not in bits["all"],
    "all=1": lambda bits: "0" not in bits["all"],
    "a=0*": lambda bits: bits["a"][0] == "0",
    "b=1, weight(c)>1": lambda bits: bits["b"] == "1" and bits["c"].count("1") > 1,
    "*** 1 0*": lambda bits: bits["b"] + bits["a"][0] == "10",
    "111***": lambda bits: bits["c"] == "111",
    "parity(a)=0, parity(c)=1": lambda bits: (
        bits["a"].count("1") % 2 == 0 and bits["c"].count("1") % 2 == 1
    ),
}


@given(outcomes, st.lists(st.sampled_from([*PARTS]), min_size=2, max_size=4))
def test_joined_patterns_count_each_outcome_once(numbers: dict[int, int], parts: list[str]) -> None:
    counts = measured(numbers)
    hits = sum(n for bits, n in told(counts) if any(PARTS[part](bits) for part in parts))
    joined = " | ".join(parts)
    assert probability(counts, joined) == wilson(hits, counts.shots)
    assert probability(counts, joined.replace(" | ", "|")) == wilson(hits, counts.shots)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("weight(d)=1", "'d' is no register of classical bits; there are a, b, c, and all"),
        ("weight(b)=2", r"'weight\(b\)=2' never holds: the weight of b\[1\] is 0 to 1"),
        ("parity(a)=2", "a parity is 0 or 1; write parity\\(a\\)=0 for an even number"),
        ("parity(a)<1", "a parity is 0 or 1"),
        ("weight=1", "write for example weight\\(all\\)=1"),
        ("all=0 |", "a pattern is missing beside |"),
        ("all=0 | a=0, a=1", "asks bit 0 to be both 0 and 1"),
    ],
)
def test_a_pattern_that_never_fits_is_told(pattern: str, problem: str) -> None:
    with pytest.raises(NotationError, match=problem):
        probability(measured({0: 1}), pattern)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("weight", r"did you mean weight\(all\)\?"),
        ("weight()", r"did you mean weight\(all\)\?"),
        ("weight(a, b)", r"did you mean weight\(a\) \+ weight\(b\)\?"),
        ("weight(d)", "'d' is no register"),
    ],
)
def test_a_weight_of_nothing_is_told(text: str, problem: str) -> None:
    with pytest.raises(NotationError, match=problem):
        parse_observable(text, 6, ABC)


MANIFEST = """\
qbatch: 1
name: m
circuits: {a: {qasm: "OPENQASM 2.0; qreg q[2]; creg a[2]; measure q -> a;"}}
backends: {s: {provider: local}}
analysis: {probabilities: {p: PATTERN}}
"""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("P(00) + P(11)", "00 | 11"),
        ("all=0 or all=1", "all=0 | all=1"),
        ("weight = 2", "weight(all)= 2"),
        ("a.weight >= 2", "weight(a) >= 2"),
        ("hamming weight(a) = 1", "weight(a)= 1"),
        ("parity(a) = odd", "parity(a) = 1"),
    ],
)
def test_what_is_written_elsewhere_is_told_as_it_is_written_here(written: str, meant: str) -> None:
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(MANIFEST.replace("PATTERN", f'"{written}"'))
    assert f'did you mean "{meant}"?' in str(caught.value.exceptions[0])
    expand(parse_manifest(MANIFEST.replace("PATTERN", f'"{meant}"')))


GHZ = """\
qbatch: 1
name: ghz
circuits: {ghz: {template: ghz.qasm.j2}}
backends: {noisy: {provider: local, noise: {readout: 0.1}}}
sweep: {matrix: {n: [1, 2, 3, 9]}, seed: 5}
shots: 4000
analysis:
  observables: {parity: parity(all), ones: weight(all), share: weight(all)/9}
  probabilities: {ends: "all=0 | all=1", near: "weight(all)<=1", odd: "parity(all)=1"}
"""
TEMPLATE = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[{{ n }}];
creg c[{{ n }}];
h q[0];
{% for i in range(n - 1) %}cx q[{{ i }}], q[{{ i + 1 }}];
{% endfor %}measure q -> c;
"""


def test_a_sweep_over_the_size_of_a_ghz_state_asks_for_both_ends_as_one_number(
    tmp_path: Path,
) -> None:
    (tmp_path / "ghz.qasm.j2").write_text(TEMPLATE, "utf-8")
    (tmp_path / "m.yaml").write_text(GHZ, "utf-8")
    points = {point.parameters["n"]: point for point in qbatch.run(tmp_path / "m.yaml")}
    flip, keep = 0.1, 0.9
    for n, point in points.items():
        flat = {text.replace(" ", ""): shots for text, shots in point.counts.to_dict().items()}
        shots = sum(flat.values())
        assert point.estimates["ends"] == wilson(
            sum(m for text, m in flat.items() if len({*text}) == 1), shots
        )
        ends = keep**n + flip**n if n > 1 else 1.0
        near = (keep**n + n * flip * keep ** (n - 1) + flip**n + n * keep * flip ** (n - 1)) / 2
        near = 1.0 if n == 1 else near
        for name, truth in {"ends": ends, "near": near, "ones": n / 2, "share": n / 18}.items():
            found = point.estimates[name]
            assert abs(found.value - truth) <= 4 * max(found.se, 1e-9)
            assert found.low <= found.value <= found.high
        odd = point.estimates["odd"].value
        assert point.estimates["parity"].value == pytest.approx(1 - 2 * odd)
        assert {*point.estimates} == {"parity", "ones", "share", "ends", "near", "odd"}
        assert sqrt(odd * (1 - odd) / shots) == pytest.approx(point.estimates["odd"].se)


def test_repeats_are_compared_by_joined_patterns_too() -> None:
    analysis = parse_manifest(MANIFEST.replace("PATTERN", '"all=0 | all=1"')).analysis
    counts = Counts.from_dict((("a", 2),), {"00": 5, "11": 7, "01": 3})
    assert shot_values(counts, analysis)["p"] == {0.0: 3, 1.0: 12}
