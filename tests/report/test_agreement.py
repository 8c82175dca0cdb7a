"""S5: backends that ran the same settings, and repeats, are said to agree, differ, or neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from qbatch.manifest import parse_manifest
from qbatch.report.agreement import Agreement, Repeats
from qbatch.report.comparing import MAX_VALUES, Comparison
from qbatch.report.rows import Columns
from qbatch.result import Counts

MANIFEST = """\
qbatch: 1
name: flips
circuits: {flip: {qasm: "OPENQASM 3.0; input float x; bit[2] c; qubit[2] q; c = measure q;"}}
backends: {a: {provider: local}, b: {provider: local}, c: {provider: local}}
sweep: {matrix: {x: [0.1, 0.2, 0.3, 0.30000000000000004]}, repeat: 3}
analysis:
"""
ONE = "  observables: {z: Z0}\n"


@dataclass
class Measured:
    backend: str
    counts: Counts
    repeat: int = 1
    circuit: str = "flip"
    parameters: dict[str, Any] = field(default_factory=dict)
    name: str = "x=0.1"
    basis: str = ""
    others: tuple[Measured, ...] = ()

    @property
    def each_setting(self) -> tuple[Measured, ...]:
        return (self, *self.others)

    @property
    def counts_by_basis(self) -> dict[str, Counts]:
        return {each.basis: each.counts for each in self.each_setting}


class Run:
    axes = ("x",)

    def __init__(self, analysis: str) -> None:
        self.manifest = parse_manifest(MANIFEST + analysis, file="flips.yaml", folder=Path("/"))


def agreement(analysis: str = ONE) -> Agreement:
    run = Run(analysis)
    return Agreement(run.manifest, Columns.of(run))  # type: ignore[arg-type]


def repeats(analysis: str = ONE) -> Repeats:
    run = Run(analysis)
    return Repeats(run.manifest, Columns.of(run))  # type: ignore[arg-type]


def coin(ones: int, shots: int) -> Counts:
    return Counts.from_dict((("c", 2),), {"00": shots - ones, "01": ones})


def measure(found: Any, backend: str, ones: int, shots: int, **parameters: float) -> None:
    found.add(Measured(backend, coin(ones, shots), parameters=parameters))


def test_equal_backends_agree() -> None:
    found = agreement()
    for backend, ones in (("a", 510), ("b", 488), ("c", 503)):
        measure(found, backend, ones, 1000)
    (verdict,) = found.verdicts()
    assert (verdict.word, verdict.settings, verdict.differing) == ("agree", 1, 0)


def test_a_backend_apart_is_found_and_named() -> None:
    found = agreement()
    for x in (0.1, 0.2):
        for backend in ("a", "b"):
            measure(found, backend, 700 if (backend, x) == ("b", 0.2) else 500, 1000, x=x)
    (verdict,) = found.verdicts()
    assert (verdict.word, verdict.settings, verdict.differing) == ("differ", 2, 1)
    assert verdict.least_likely.setting == "flip, x=0.2"
    assert verdict.least_likely.told == "a 0.000(32), b -0.400(29)"


def test_settings_that_differ_in_the_last_bit_are_not_mixed() -> None:
    found = agreement()
    for backend in ("a", "b"):
        measure(found, backend, 100, 1000, x=0.3)
        measure(found, backend, 900, 1000, x=0.1 + 0.2)
    (verdict,) = found.verdicts()
    assert (verdict.word, verdict.settings) == ("agree", 2)
    assert verdict.least_likely.setting in ("flip, x=0.3", "flip, x=0.30000000000000004")


def test_shots_that_all_agree_are_no_certainty() -> None:
    found = agreement()
    measure(found, "a", 0, 100)
    measure(found, "b", 1, 1000)
    (verdict,) = found.verdicts()
    assert verdict.word == "agree"
    assert verdict.least_likely.told.startswith("a 1 (all of 100 shots), b 0.99")


def test_shots_of_repeats_are_put_together() -> None:
    apart, together = agreement(), agreement()
    for ones in (40, 60):
        measure(apart, "a", ones, 100)
    measure(together, "a", 100, 200)
    for found in (apart, together):
        measure(found, "b", 5000, 10000)
    assert apart.verdicts() == together.verdicts()


def test_too_few_shots_are_called_that() -> None:
    found = agreement()
    for backend, ones in (("a", 0), ("b", 3)):
        measure(found, backend, ones, 3)
    (verdict,) = found.verdicts()
    assert verdict.word == "too few shots to say"
    assert (verdict.differing, verdict.too_few) == (0, 1)


def test_one_backend_has_nothing_to_agree_with() -> None:
    found = agreement()
    measure(found, "a", 1, 10)
    assert found.verdicts() == []


def test_all_numbers_are_compared_and_corrected_for_together() -> None:
    found = agreement('  observables: {z: Z0, w: Z1}\n  probabilities: {p: "*1"}\n')
    measure(found, "a", 500, 1000)
    measure(found, "b", 565, 1000)  # p = 0.004: below 1 % alone, not among three
    assert [v.word for v in found.verdicts()] == ["agree"] * 3
    alone = agreement()
    measure(alone, "a", 500, 1000)
    measure(alone, "b", 565, 1000)
    assert [v.word for v in alone.verdicts()] == ["differ"]


def test_equal_means_of_unlike_shots_agree() -> None:
    """A Bell pair and two independent coins have the same Z0 + Z1, with unlike variances."""
    found = agreement("  observables: {m: Z0 + Z1}\n")
    bell = Counts.from_dict((("c", 2),), {"00": 250, "11": 250})
    coins = Counts.from_dict((("c", 2),), {"00": 2490, "01": 2510, "10": 2490, "11": 2510})
    found.add(Measured("a", bell))  # type: ignore[arg-type]
    found.add(Measured("b", coins))  # type: ignore[arg-type]
    assert found.verdicts()[0].word == "agree"


def test_a_sum_of_very_many_values_is_compared_in_bounded_memory() -> None:
    bits, random = 12, Random(3)
    terms = " + ".join(f"{2.0**-i} Z{i}" for i in range(bits))
    text = MANIFEST.replace("bit[2]", f"bit[{bits}]") + f"  observables: {{m: {terms}}}\n"
    comparison = Comparison(parse_manifest(text, file="m.yaml", folder=Path("/")).analysis)
    for group, often in (("a", 0.5), ("b", 0.5), ("c", 0.6)):
        shots = [random.randrange(0, 2**bits, 2) + (random.random() < often) for _ in range(3000)]
        counts = Counts.from_ints((("c", bits),), shots, [1] * len(shots))
        comparison.add("s", group, {"": counts})
    (one,) = comparison.judged()
    assert one.is_different
    assert len(set().union(*(shots.values for shots in one.groups.values()))) <= MAX_VALUES
    exact = [shots.total / shots.number for shots in one.groups.values()]
    assert exact[0] == pytest.approx(0.0, abs=0.1)


def test_one_shot_repeats_cannot_drift() -> None:
    found = repeats()
    for repeat in range(1, 11):
        name = "x=0.1" + (f"#{repeat}" if repeat > 1 else "")
        found.add(Measured("a", coin(repeat % 2, 1), repeat, name=name))  # type: ignore[arg-type]
    assert found.note().endswith("There are too few shots to say.")


def test_a_drift_in_any_number_is_found_and_named() -> None:
    found = repeats("  observables: {w: Z1, z: Z0}\n")
    for repeat, ones in ((1, 300), (2, 310), (3, 420)):
        name = "x=0.1" + (f"#{repeat}" if repeat > 1 else "")
        found.add(Measured("a", coin(ones, 1000), repeat, name=name))  # type: ignore[arg-type]
    note = found.note()
    assert "compared by w, z" in note
    assert "1 scatter more than shot noise explains (the least likely, z at x=0.1," in note


def test_outcomes_that_drift_are_found_where_only_a_distance_is_asked_for() -> None:
    found = repeats('  distribution: {target: {"00": 0.5, "11": 0.5}}\n')
    for repeat, zeros in ((1, 500), (2, 700)):
        counts = Counts.from_dict((("c", 2),), {"00": zeros, "11": 1000 - zeros})
        name = "x=0.1" + (f"#{repeat}" if repeat > 1 else "")
        found.add(Measured("a", counts, repeat, name=name))  # type: ignore[arg-type]
    assert "compared by outcomes" in found.note()
    assert "1 scatter more" in found.note()


BASES = "  observables: {xx: X0 X1, z: Z0, e: 0.5 X0 X1 + 0.5 Z0}\n"


def test_numbers_of_another_basis_are_compared_by_the_shots_of_that_basis() -> None:
    """X0 X1 differs, Z0 does not; of a sum over both bases no shot has a value, which is said."""
    between, among = agreement(BASES), repeats(BASES)
    for number, (backend, odd) in enumerate((("a", 100), ("b", 400))):
        rotated = Measured(backend, coin(odd, 1000), basis="X0 X1")
        between.add(Measured(backend, coin(500, 1000), others=(rotated,)))  # type: ignore[arg-type]
        name = "x=0.1" + ("#2" if number else "")
        one = Measured("a", coin(500, 1000), number + 1, name=name, others=(rotated,))
        among.add(one)  # type: ignore[arg-type]
    said = {verdict.number: verdict.word for verdict in between.verdicts()}
    assert said == {"xx": "differ", "z": "agree"}
    (least,) = (one.least_likely.told for one in between.verdicts() if one.number == "xx")
    assert least == "a 0.800(19), b 0.200(31)"  # 1 - 2 * odd / shots, sqrt((1 - value^2) / shots)
    for note in (between.note(), among.note()):
        assert "Not compared: e; shots in several bases tell it together" in note
    assert "compared by xx, z" in among.note()
    assert "1 scatter more than shot noise explains (the least likely, xx at" in among.note()
