"""P13: patterns and observables by register, which fit circuits of any width."""

from __future__ import annotations

from fnmatch import fnmatchcase
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.result import (
    Counts,
    NotationError,
    expectation_value,
    parse_observable,
    probability,
    wilson,
)


@st.composite
def measured(draw: Any) -> tuple[Counts, dict[str, str], list[tuple[dict[str, str], int]]]:
    """Counts; register -> letters; and each outcome by register, its bitstring, with its shots."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    registers = [(f"r{n}", size) for n, size in enumerate(sizes)]
    numbers = draw(
        st.dictionaries(st.integers(0, 2 ** sum(sizes) - 1), st.integers(1, 50), min_size=1)
    )
    counts = Counts.from_ints(registers, list(numbers), list(numbers.values()))
    asked = draw(st.lists(st.sampled_from(registers), min_size=1, unique=True))
    letters = {
        name: draw(st.sampled_from("01*") | st.text("01*", min_size=size, max_size=size))
        for name, size in asked
    }
    names = [name for name, _ in reversed(registers)]
    told = [
        (dict(zip(names, key.split(" "), strict=True)), n) for key, n in counts.to_dict().items()
    ]
    return counts, letters, told


def as_glob(letters: str, size: int) -> str:
    return (letters * size if len(letters) == 1 else letters).replace("*", "?")


@given(measured())
def test_a_pattern_by_register_matches_as_a_glob_of_its_bits_does(found: Any) -> None:
    counts, letters, told = found
    sizes = dict(counts.registers)
    hits = sum(
        n
        for outcome, n in told
        if all(
            fnmatchcase(outcome[name], as_glob(word, sizes[name])) for name, word in letters.items()
        )
    )
    text = ", ".join(f"{name}={word}" for name, word in letters.items())
    assert probability(counts, text) == wilson(hits, counts.shots)


@given(measured(), st.sampled_from("01"))
def test_all_means_every_bit(found: Any, letter: str) -> None:
    counts, _, told = found
    hits = sum(n for outcome, n in told if {*"".join(outcome.values())} == {letter})
    assert probability(counts, f"all={letter}") == wilson(hits, counts.shots)


@given(measured(), st.data())
def test_z_of_a_register_and_parities_are_what_the_bitstrings_say(found: Any, data: Any) -> None:
    counts, _, told = found
    name, size = data.draw(st.sampled_from(counts.registers))
    bit = data.draw(st.integers(0, size - 1))

    def mean(text: str) -> float:
        observable = parse_observable(text, counts.num_bits, counts.registers)
        return expectation_value(counts, observable).value

    def expected(worth: Any) -> float:
        return sum(n * worth(outcome) for outcome, n in told) / counts.shots

    def sign(bits: str) -> int:
        return prod(-1 if one == "1" else 1 for one in bits)

    z = expected(lambda outcome: sign(outcome[name][::-1][bit]))
    parity = expected(lambda outcome: sign(outcome[name]))
    whole = expected(lambda outcome: sign("".join(outcome.values())))
    assert mean(f"Z({name}[{bit}])") == pytest.approx(z)
    assert mean(f"(1 + parity({name}))/2") == pytest.approx((1 + parity) / 2)
    assert mean(f"2 parity(all) - 0.5 Z({name}[{bit}])") == pytest.approx(2 * whole - z / 2)


AB = (("a", 2), ("b", 1))


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("c=0", "'c' is no register of classical bits; there are a, b"),
        ("a=010", "write one 0, 1 or \\* for each bit of a\\[2\\], or one for all 2"),
        ("a=", "write one 0, 1 or"),
        ("a=01, all=1", "asks bit 1 to be both 0 and 1"),
    ],
)
def test_a_register_that_is_none_or_too_short_is_told(pattern: str, problem: str) -> None:
    counts = Counts.from_ints(AB, [0], [1])
    with pytest.raises(NotationError, match=problem):
        probability(counts, pattern)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Z(c[0])", "'c' is no register of classical bits; there are a, b"),
        ("Z(a[2])", "a has the bits 0 to 1"),
        ("Z(b[1])", "b has the bits 0 alone"),
        ("X(a[0])", "counts tell Z and I only"),
        ("parity(aa)", "did you mean 'a'"),
    ],
)
def test_an_observable_of_bits_that_are_not_there_is_told(text: str, problem: str) -> None:
    with pytest.raises(NotationError, match=problem):
        parse_observable(text, 3, AB)


MANIFEST = """\
qbatch: 1
name: m
circuits: {a: a.qasm}
backends: {s: {provider: local}}
analysis: {probabilities: {p: PATTERN}}
"""


def test_a_pattern_may_be_written_as_a_map() -> None:
    made = parse_manifest(MANIFEST.replace("PATTERN", '{a: "0*", b: "1"}'))
    assert made.analysis.probabilities == {"p": "a=0*, b=1"}
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(MANIFEST.replace("PATTERN", "{a: 01}"))
    assert "write 0, 1 and * in quotes" in str(caught.value.exceptions[0])
    with pytest.raises(SourceErrors) as caught:
        parse_manifest(MANIFEST.replace("PATTERN", "all 0"))
    assert 'as in "all=0"' in str(caught.value.exceptions[0])
