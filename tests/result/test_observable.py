"""An observable is worth on each outcome what its text says, and its mistakes are pointed at."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.result import Counts, NotationError, expectation_value, parse_observable

NUM_BITS = 5
terms = st.lists(
    st.tuples(
        st.integers(-40, 40).map(lambda n: n / 8),
        st.lists(st.tuples(st.sampled_from("ZI"), st.integers(0, NUM_BITS - 1)), max_size=4),
    ),
    min_size=1,
    max_size=5,
)
outcomes = st.dictionaries(st.integers(0, 2**NUM_BITS - 1), st.integers(1, 99), min_size=1)


def written(drawn: list[tuple[float, list[tuple[str, int]]]]) -> str:
    words = []
    for coefficient, product in drawn:
        sign = "-" if coefficient < 0 else "+"
        words.append(f"{sign} {abs(coefficient)} " + " ".join(f"{p}{bit}" for p, bit in product))
    return " ".join(words)


@given(terms, outcomes)
def test_an_expectation_value_is_what_summing_by_hand_gives(
    drawn: list[tuple[float, list[tuple[str, int]]]], numbers: dict[int, int]
) -> None:
    counts = Counts.from_ints((("c", NUM_BITS),), list(numbers), list(numbers.values()))
    shots, value, square = sum(numbers.values()), 0.0, 0.0
    for outcome, n in numbers.items():
        worth = sum(
            c * math.prod(1 - 2 * (outcome >> bit & 1) for p, bit in product if p == "Z")
            for c, product in drawn
        )
        value, square = value + n * worth / shots, square + n * worth**2 / shots
    observable = parse_observable(written(drawn), NUM_BITS)
    estimate = expectation_value(counts, observable)
    assert estimate.value == pytest.approx(value)
    assert estimate.se == pytest.approx(math.sqrt(max(0, square - value**2) / shots), abs=1e-7)
    low, high = observable.bounds
    assert low <= estimate.low <= estimate.value <= estimate.high <= high
    assert estimate.low < estimate.high or not observable.terms


@pytest.mark.parametrize(
    ("text", "constant", "products"),
    [
        ("Z0 Z1", 0, {(0, 1): 1}),
        ("Z0Z1", 0, {(0, 1): 1}),
        ("3 - 0.5 Z0 Z1 - 0.5 Z1 Z2", 3, {(0, 1): -0.5, (1, 2): -0.5}),
        ("0.5*Z0", 0, {(0,): 0.5}),
        ("-Z2", 0, {(2,): -1}),
        ("1/4 Z1*Z0 + 1e-1 I0", 0.1, {(0, 1): 0.25}),
        ("Z0 Z0 + Z1 - Z1", 1, {}),
        ("−2 Z_3", 0, {(3,): -2}),
        ("Z0/2", 0, {(0,): 0.5}),
        ("Z0 Z1 / 4 + 1/2 Z3", 0, {(0, 1): 0.25, (3,): 0.5}),
        ("(Z0 + Z1)/2", 0, {(0,): 0.5, (1,): 0.5}),
        ("2*(Z0 - Z1)", 0, {(0,): 2, (1,): -2}),
        ("1 - 2(Z0 - (Z1 - 3))", -5, {(0,): -2, (1,): 2}),
        ("(1 + Z0)(1 - Z1)/4", 0.25, {(0,): 0.25, (1,): -0.25, (0, 1): -0.25}),
        ("(Z0 + Z1)(Z0 + Z1)", 2, {(0, 1): 2}),
        ("-(Z0)", 0, {(0,): -1}),
        ("Z0 (Z1)", 0, {(0, 1): 1}),
        ("Z0/sqrt(2*2) + pi/pi", 1, {(0,): 0.5}),
        ("Z0/(1/2)/4", 0, {(0,): 0.5}),
    ],
)
def test_what_is_written_is_read(
    text: str, constant: float, products: dict[tuple[int, ...], float]
) -> None:
    """S8: `Z0/2` was refused."""
    observable = parse_observable(text, 4)
    assert observable.constant == pytest.approx(constant)
    assert {bits: c for c, bits in observable.terms} == products


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("", 1, "an observable is missing"),
        ("Z0 +", 5, "something must follow"),
        ("Z0 Z", 4, "needs the number of a classical bit"),
        ("Z0 X1", 4, "rotate the qubit"),
        ("z0", 1, "did you mean Z0"),
        ("Z0 + 2 Z1 3", 11, "needs + or - before"),
        ("Z0 - - Z1", 6, "a term is missing"),
        ("Z0 ^ 2", 4, "'^' is not understood"),
        ("(Z0 + Z1", 1, "never closed"),
        ("Z0 + Z1)", 8, "closes nothing"),
        ("Z0 ()", 5, "something must follow"),
        ("Z0/Z1", 4, "only numbers divide"),
        ("Z0/(1 - 1)", 4, "divides by zero"),
        ("Z0 / / 2", 6, "a factor is missing"),
        ("2 * -Z0", 5, "a factor is missing"),
        ("(Z0) 3", 6, "needs + or - before"),
        ("sqrt 2 Z0", 1, "needs parentheses"),
        ("sqrt(Z0)", 5, "sqrt takes numbers only"),
        ("sqrt(1 - 2) Z0", 1, "no real number"),
        ("1e999 Z0", 1, "not finite"),
        ("1e308 Z0 + 1e308 Z1", 1, "not finite"),
        ("1e200*1e200 Z0 - 1e200*1e200 Z0", 1, "not finite"),
        ("50 % Z0", 4, "'%' is not understood"),
        ("Z0 * * Z1", 6, "a factor is missing"),
        ("1/0 Z0", 3, "divides by zero"),
        ("ZZI", 1, "write Z1 Z2"),
        ("Z0 + IZ", 6, "write Z0"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, column: int, problem: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse_observable(text, 4)
    assert caught.value.column == column
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1 - Z(c)", "'Z(c)' is not understood; did you mean Z(c[0]), one bit, or parity(c),"),
        ("parity(c, d)", "did you mean parity(c) parity(d)?"),
        ("parity()", "did you mean parity(all)?"),
        ("Z[2]", "did you mean Z2?"),
        ("Z(2)", "did you mean Z2?"),
        ("2 c[1]", "did you mean Z(c[1])?"),
        ("Zc[1]", "did you mean Z(c[1])?"),
        ("c1", "did you mean Z(c[1])?"),
    ],
)
def test_what_is_written_elsewhere_is_told_as_it_is_written_here(text: str, meant: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse_observable(text, 4, (("c", 3), ("d", 1)))
    assert meant in caught.value.problem


@pytest.mark.parametrize(
    "text",
    [
        "(1 + Z0)" * 30 + "(1 + Z1)(1 + Z2)(1 + Z3)(1 + Z4)" * 2000,
        "(" * 60 + "Z0" + ")" * 60,
        "".join(f"(1 + Z{i})" for i in range(40)),
        "Z0 + " * 30_000,
    ],
)
def test_what_would_take_long_to_multiply_out_ends_in_a_limit(text: str) -> None:
    with pytest.raises(NotationError, match=r"multiplied out|nested deeper|too many"):
        parse_observable(text, 40)


def test_a_bit_beyond_the_circuit_names_the_registers() -> None:
    with pytest.raises(NotationError, match=r"'Z3': .* 0 to 2 \(a has 0 to 1, b has 2\)"):
        parse_observable("Z0 Z3", 3, (("a", 2), ("b", 1)))


def test_a_single_product_has_wilsons_interval_mapped_to_plus_minus_one() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 45, "11": 45, "01": 10})
    estimate = expectation_value(counts, parse_observable("Z0 Z1", 2))
    z, p, n = 1.959964, 0.9, 100
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert estimate.value == pytest.approx(0.8)
    assert estimate.se == pytest.approx(math.sqrt((1 - 0.8**2) / 100))
    assert (estimate.low, estimate.high) == pytest.approx(
        (2 * (middle - half) - 1, 2 * (middle + half) - 1), abs=1e-6
    )


def test_correlated_terms_are_not_taken_for_independent() -> None:
    counts = Counts.from_dict((("c", 2),), {"01": 50, "10": 50})
    estimate = expectation_value(counts, parse_observable("Z0 + Z1", 2))
    assert (estimate.value, estimate.se) == (0, 0)
    assert estimate.low < 0 < estimate.high


def test_a_hundred_agreeing_shots_do_not_prove_certainty() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 50, "11": 50})
    estimate = expectation_value(counts, parse_observable("Z0 Z1", 2))
    assert (estimate.value, estimate.se, estimate.high) == (1, 0, 1)
    assert 0.9 < estimate.low < 0.95


def test_without_shots_there_is_no_estimate() -> None:
    counts = Counts.from_dict((("c", 1),), {})
    with pytest.raises(ValueError, match="no shots"):
        expectation_value(counts, parse_observable("Z0", 1))


@pytest.mark.parametrize("scale", ["1e-300", "1e-9", "1e9", "1e300"])
def test_estimates_scale_with_their_coefficients(scale: str) -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 45, "11": 43, "01": 10, "10": 2})
    for text in ("Z0 + 2 Z1", "Z0 Z1"):
        plain = expectation_value(counts, parse_observable(text, 2))
        scaled = expectation_value(counts, parse_observable(f"({text})*{scale}", 2))
        for name in ("value", "se", "low", "high", "judged_low", "judged_high"):
            expected = getattr(plain, name) * float(scale)
            assert getattr(scaled, name) == pytest.approx(expected, rel=1e-6, abs=0)


def test_adding_a_constant_moves_an_interval_and_changes_nothing_else() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 45, "11": 43, "01": 10, "10": 2})
    plain = expectation_value(counts, parse_observable("Z0 + 2 Z1", 2))
    moved = expectation_value(counts, parse_observable("(Z0 + 2 Z1) + 7", 2))
    assert moved.se == pytest.approx(plain.se)
    assert (moved.low, moved.high) == pytest.approx((plain.low + 7, plain.high + 7))
    turned = expectation_value(counts, parse_observable("-(Z0 + 2 Z1)", 2))
    assert (turned.low, turned.high) == pytest.approx((-plain.high, -plain.low))
    assert turned.judged == pytest.approx((-plain.judged[1], -plain.judged[0]))


def test_a_circuit_without_classical_bits_is_told_so() -> None:
    """P30: it said "classical bits 0 to -1"."""
    with pytest.raises(NotationError, match="the circuit has no classical bits"):
        parse_observable("Z0", 0)


@pytest.mark.parametrize(
    "text",
    [
        "0.1 Z0 + 0.2 Z0 - 0.3 Z0",
        "0.1 + 0.2 - 0.3",
        "(0.1 + 0.2 - 0.3)(Z0 + 1e9 Z1)",
        "sqrt(2)*sqrt(2) Z0 - 2 Z0",
        "(0.1 Z0 + 0.3)(Z0 + 1) - 0.1 - 0.4 Z0 - 0.3",
    ],
)
def test_what_cancels_leaves_nothing_behind(text: str) -> None:
    observable = parse_observable(text, 2)
    assert (observable.constant, observable.terms) == (0.0, ())


def test_what_is_small_beside_other_terms_stays() -> None:
    assert parse_observable("1e9 Z0 + 1e-9 Z1 - 1e-300", 2).terms == ((1e9, (0,)), (1e-9, (1,)))
