"""A product of Z over a few outcomes is estimated as over many, whose worth stands in an array."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qbatch.result import Counts, expectation_value
from qbatch.result.few import FEW
from qbatch.result.observable import parse_observable

BITS = 70
outcomes = st.dictionaries(
    st.integers(0, 2**BITS - 1), st.integers(1, 10**6), min_size=1, max_size=FEW
)
products = st.sets(st.integers(0, BITS - 1), min_size=1, max_size=5)
coefficients = st.sampled_from(["", "-", "0.5 ", "-3 ", "2 - ", "-1 + 0.25 ", "1e-9 + "])


@given(outcomes, products, coefficients)
@example({0: 3, 1: 5}, {0}, "1e-9 + ")
@example({3: 7}, {0, 1}, "-")
def test_it_is_what_the_array_of_values_says(
    numbers: dict[int, int], bits: set[int], before: str
) -> None:
    layout = (("c", BITS),)
    counts = Counts.from_ints(layout, list(numbers), list(numbers.values()))
    text = before + " ".join(f"Z{bit}" for bit in sorted(bits))
    observable = parse_observable(text, BITS, layout)
    found = expectation_value(counts, observable)
    values = observable.values(counts)
    top = max(observable.bounds)
    successes = int(counts.counts[values == top].sum())
    share = Fraction(successes, counts.shots)
    low, high = map(Fraction, observable.bounds)
    assert found.value == pytest.approx(float(low + share * (high - low)), abs=1e-12)
    assert found.low <= found.value <= found.high


@given(st.integers(1, 500), st.integers(1, 500), coefficients)
def test_few_outcomes_and_many_give_one_estimate(even: int, odd: int, before: str) -> None:
    layout = (("c", 6),)
    observable = parse_observable(f"{before}Z0", 6, layout)
    few = Counts.from_ints(layout, [0, 1], [even * 20, odd * 20])
    many = Counts.from_ints(layout, list(range(40)), [even, odd] * 20)
    assert len(few) <= FEW < len(many)
    assert expectation_value(few, observable) == expectation_value(many, observable)
