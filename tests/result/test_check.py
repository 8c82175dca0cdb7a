"""Checks are judged on the interval: pass, fail, or not decided yet."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.result import (
    Estimate,
    NotationError,
    Verdict,
    explain,
    judge,
    margin,
    parse_check,
    parse_number,
    wilson,
)

AROUND_HALF = Estimate(0.5, 0.05, 0.4, 0.6)


@pytest.mark.parametrize(
    ("that", "verdict"),
    [
        ("p >= 0.3", "pass"),
        ("p >= 0.4", "pass"),
        ("p > 0.4", "undecided"),
        ("p >= 0.5", "undecided"),
        ("p >= 0.6", "undecided"),
        ("p > 0.6", "fail"),
        ("p >= 0.7", "fail"),
        ("p <= 0.6", "pass"),
        ("p < 0.6", "undecided"),
        ("p < 0.4", "fail"),
        ("p <= 0.3", "fail"),
        ("0.3 <= p", "pass"),
        ("0.3 <= p <= 0.7", "pass"),
        ("0.45 <= p <= 0.7", "undecided"),
        ("0.45 < p < 0.3", "fail"),
        ("0.7 > p > 0.3", "pass"),
        ("p == 0.6", "pass"),
        ("p == 0.61", "fail"),
        ("p != 0.6", "undecided"),
        ("p != 0.61", "pass"),
        ("abs(p) < 0.7", "pass"),
        ("p ≥ 1/4", "pass"),
        ("p <= sqrt(2)/2", "pass"),
    ],
)
def test_a_claim_is_judged_on_the_interval(that: str, verdict: str) -> None:
    check = parse_check(that)
    assert judge(check, AROUND_HALF) == Verdict(verdict)
    assert "[0.4, 0.6]" in explain(check, AROUND_HALF)


def test_equality_to_one_holds_for_an_ideal_circuit() -> None:
    assert judge(parse_check("p == 1"), wilson(100, 100)) is Verdict.PASS
    assert judge(parse_check("p >= 1"), wilson(100, 100)) is Verdict.UNDECIDED


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))
def test_absolute_values_are_judged_as_a_scan_of_the_interval_would(
    first: float, second: float, bound: float
) -> None:
    low, high = sorted((first, second))
    within = [abs(low + (high - low) * i / 50) for i in range(51)]
    verdict = judge(parse_check(f"abs(x) < {bound}"), Estimate(low, 0.1, low, high))
    if verdict is Verdict.PASS:
        assert max(within) < bound
    elif verdict is Verdict.FAIL:
        assert min(within) >= bound - 1e-9


@given(
    st.sampled_from(["x >= {}", "x < {}", "x == {}", "x != {}", "abs(x) <= {}", "{} <= x <= 0.7"]),
    st.integers(-8, 8),
    st.integers(-8, 8),
    st.integers(0, 8),
)
def test_the_margin_of_a_claim_has_the_sign_of_its_verdict(
    that: str, number: int, low: int, width: int
) -> None:
    check = parse_check(that.format(number / 8))
    estimate = Estimate(low / 8, 0.1, low / 8, (low + width) / 8)
    away, verdict = margin(check, estimate), judge(check, estimate)
    if away > 0:
        assert verdict is Verdict.PASS
    elif away < 0:
        assert verdict is not Verdict.PASS


def test_the_margin_of_a_claim_is_the_way_to_its_nearest_limit() -> None:
    assert margin(parse_check("x >= 0.25"), AROUND_HALF) == pytest.approx(0.15)
    assert margin(parse_check("0.25 <= x <= 0.625"), AROUND_HALF) == pytest.approx(0.025)
    assert margin(parse_check("x == 0.5"), AROUND_HALF) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("that", "told"),
    [
        ("0.45 <= p <= 0.7", "0.45 lies in and 0.7 lies above [0.4, 0.6]; more shots"),
        ("0.7 <= p <= 0.8", "0.7 and 0.8 lie above [0.4, 0.6]"),
        ("abs(p) <= 0.3", "-0.3 and 0.3 lie below [0.4, 0.6]"),
        ("0.5 <= abs(p) <= 1", "-1 and -0.5 lie below and 0.5 lies in and 1 lies above"),
    ],
)
def test_a_claim_of_two_sides_cites_both(that: str, told: str) -> None:
    """P43."""
    assert explain(parse_check(that), AROUND_HALF).startswith(told)


@given(st.floats(-1, 1), st.floats(0, 0.5))
def test_opposite_claims_are_never_both_true(number: float, width: float) -> None:
    estimate = Estimate(0.0, 0.1, -width, width)
    verdicts = {op: judge(parse_check(f"x {op} {number!r}"), estimate) for op in (">=", "<", "==")}
    assert not (verdicts[">="] is Verdict.PASS and verdicts["<"] is Verdict.PASS)
    assert (verdicts[">="] is Verdict.PASS) == (verdicts["<"] is Verdict.FAIL)


@pytest.mark.parametrize(
    ("that", "problem"),
    [
        ("zz", "is no check"),
        ("zz >= ", "column 6: '' is no number"),
        ("zz >= zz", "column 7: 'zz' is no number"),
        ("zy >= 1", "'zy' is not analysed .*did you mean 'zz'"),
        ("zz => 1", "column 4: '=>' compares nothing; write >="),
        ("0 =< zz", "column 3: '=<' compares nothing; write <="),
        ("zz + p00 > 1", "'zz \\+ p00' is no name"),
        ("1 < 2", "is no name"),
        (" >= 2", "a name is missing"),
        ("0 < zz < 1 < 2", "is no check"),
        ("zz >= 2*", "'2\\*' is no number"),
        ("zz >= __import__('os')", "column 7: .* is no number"),
        ("zz >= 9**9**9", "has a power that is too large"),
        ("zz >= (-1)**0.5", "takes a root of a negative number"),
        ("zz >= 1e999", "is too large for a number"),
    ],
)
def test_a_check_that_cannot_be_read_says_where(that: str, problem: str) -> None:
    with pytest.raises(NotationError, match=problem):
        parse_check(that, names={"zz", "p00"})


def test_numbers_may_use_the_manifests_variables() -> None:
    check = parse_check("s >= bound", variables={"bound": 2.5})
    assert (check.name, check.conditions) == ("s", ((">=", 2.5),))
    assert parse_number("-2*sqrt(2)") == -2 * math.sqrt(2)


def test_a_claim_is_judged_on_the_interval_for_judging_not_on_the_one_told() -> None:
    """S4."""
    estimate = Estimate(0.5, 0.05, 0.4, 0.6, judged_low=0.3, judged_high=0.7)
    verdicts = [judge(parse_check(f"p {claim}"), estimate) for claim in (">= 0.35", "<= 0.8")]
    assert verdicts == [Verdict.UNDECIDED, Verdict.PASS]
    assert "[0.3, 0.7]" in explain(parse_check("p >= 0.35"), estimate)


def test_a_reason_cites_both_sides_and_digits_that_tell_the_ends_apart() -> None:
    said = explain(parse_check("0.45 <= p <= 0.7"), AROUND_HALF)
    assert said == "0.45 lies in and 0.7 lies above [0.4, 0.6]; more shots would narrow it"
    both = explain(parse_check("0.45 <= p <= 0.55"), AROUND_HALF)
    assert both.startswith("0.45 and 0.55 lie in [0.4, 0.6]")
    near = explain(parse_check("m >= 5.88"), Estimate(5.9, 0.01, 5.87996, 5.92))
    assert near.startswith("5.88 lies in [5.87996, 5.92]")


@pytest.mark.parametrize("scale", [1e-300, 1e-13, 1e-6, 1.0, 1e6, 1e300])
@pytest.mark.parametrize(
    ("that", "verdict"),
    [
        ("p >= 0.3", Verdict.PASS),
        ("p >= 0.4", Verdict.PASS),
        ("p <= 0.3", Verdict.FAIL),
        ("p >= 0.7", Verdict.FAIL),
        ("p == 0.7", Verdict.FAIL),
        ("p == 0.6", Verdict.PASS),
        ("p != 0.7", Verdict.PASS),
        ("p == 0", Verdict.FAIL),
        ("p < 0.5", Verdict.UNDECIDED),
    ],
)
def test_a_verdict_is_the_same_in_all_units(scale: float, that: str, verdict: Verdict) -> None:
    estimate = Estimate(0.5 * scale, 0.05 * scale, 0.4 * scale, 0.6 * scale)
    assert judge(parse_check(f"{that} * {scale!r}"), estimate) is verdict
