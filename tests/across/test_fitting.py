"""Curves fitted to points, held against closed forms, numpy's polyfit and known parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from scipy.stats import chi2 as chi2_distribution

from qbatch.across.fitting import NoFitError, Solution, data_of, fit
from qbatch.curves import CURVES, Curve, Kind, own_curve
from qbatch.formula import read_formula
from qbatch.result import Estimate, wilson

Z = 1.959963984540054


def gaussian_points(y: list[float], se: list[float]) -> list[Estimate]:
    return [Estimate(v, s, v - Z * s, v + Z * s) for v, s in zip(y, se, strict=True)]


def fitted(
    curve: Curve,
    x: list[float],
    points: list[Estimate],
    shots: int = 1000,
    start: dict[str, float] | None = None,
    fixed: dict[str, float] | None = None,
) -> Solution:
    data = data_of(x, points, [shots] * len(x), Z)
    return fit(curve, data, start=start or {}, fixed=fixed or {}, z=Z)


def weighted_line(
    x: np.ndarray, y: np.ndarray, se: np.ndarray
) -> tuple[float, float, float, float, float]:
    """Slope, offset, their errors and covariance: the closed form of any book on statistics."""
    w = 1 / se**2
    s, sx, sy, sxx, sxy = w.sum(), (w * x).sum(), (w * y).sum(), (w * x**2).sum(), (w * x * y).sum()
    d = s * sxx - sx**2
    return (
        (s * sxy - sx * sy) / d,
        (sxx * sy - sx * sxy) / d,
        math.sqrt(s / d),
        math.sqrt(sxx / d),
        -sx / d,
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 12), st.floats(-3, 3), st.floats(-2, 2))
def test_a_line_is_the_closed_form_of_the_weighted_line(
    seed: int, number: int, a: float, b: float
) -> None:
    rng = np.random.default_rng(seed)
    x, se = np.sort(rng.uniform(-5, 5, number)), rng.uniform(0.05, 0.5, number)
    y = a * x + b + rng.normal(0, se)

    found = fitted(CURVES["line"], x.tolist(), gaussian_points(y.tolist(), se.tolist()))

    slope, offset, se_slope, se_offset, both = weighted_line(x, y, se)
    chi2 = float((((y - slope * x - offset) / se) ** 2).sum())
    assert found.chi2 == pytest.approx(chi2, rel=1e-5, abs=1e-9)
    assert found.p == pytest.approx(chi2_distribution.sf(chi2, number - 2), rel=1e-5, abs=1e-12)
    assert found.values == pytest.approx({"a": slope, "b": offset}, rel=1e-5, abs=1e-5)
    scale = found.scale
    assert found.parameters["a"].se == pytest.approx(scale * se_slope, rel=1e-5)
    assert found.parameters["b"].se == pytest.approx(scale * se_offset, rel=1e-5)
    assert found.covariance[0][1] == pytest.approx(scale**2 * both, rel=1e-4)
    half = (found.parameters["a"].high - found.parameters["a"].low) / 2
    assert half == pytest.approx(Z * scale * se_slope, rel=1e-3)


TRUTHS = {
    "exponential": ({"a": 0.9, "tau": 40e-6, "c": 0.05}, np.linspace(1e-6, 200e-6, 15)),
    "damped_cosine": (
        {"a": 0.45, "tau": 30.0, "f": 0.08, "phi": 0.4, "c": 0.5},
        np.linspace(0, 80, 41),
    ),
    "sinusoid": ({"a": 0.4, "f": 5e6, "phi": -1.0, "c": 0.5}, np.linspace(0, 6e-7, 21)),
    "line": ({"a": 0.005, "b": 0.2}, np.linspace(0, 100, 8)),
    "rb": ({"a": 0.45, "p": 0.98, "b": 0.5}, np.array([1, 2, 4, 8, 16, 32, 64, 128, 256.0])),
    "gaussian": ({"a": 0.6, "x0": 5.003e9, "sigma": 1.1e6, "c": 0.1},
                 np.linspace(4.995e9, 5.01e9, 25)),
    "lorentzian": ({"a": -0.6, "x0": 3.0, "gamma": 1.1, "c": 0.9}, np.linspace(-5, 10, 25)),
}  # fmt: skip


def drawn(name: str, shots: int, seed: int) -> tuple[dict[str, float], np.ndarray, list[Estimate]]:
    true, x = TRUTHS[name]
    share = CURVES[name].formula({**true, "x": x})
    ones = np.random.default_rng(seed).binomial(shots, share)
    return true, x, [wilson(int(k), shots) for k in ones]


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_finds_the_parameters_that_were_put_in(name: str) -> None:
    true, x, points = drawn(name, 4000, 3)
    found = fitted(CURVES[name], x.tolist(), points, 4000)
    for parameter, value in true.items():
        estimate = found.parameters[parameter]
        assert abs(estimate.value - value) < 4.5 * estimate.se, parameter
        assert estimate.low < estimate.value < estimate.high
    assert not found.is_poor


@pytest.mark.parametrize("name", CURVES)
def test_many_shots_give_the_covariance_that_scipy_does(name: str) -> None:
    """An independent least-squares fit, weighted by the true errors, started at the truth."""
    true, x, points = drawn(name, 100_000, 8)
    share = CURVES[name].formula({**true, "x": x})
    names = CURVES[name].names

    def curve(at: np.ndarray, *values: float) -> np.ndarray:
        return CURVES[name].formula({**dict(zip(names, values, strict=True)), "x": at})

    sigma = np.sqrt(share * (1 - share) / 100_000)
    scales = {n: (abs(true[n]) or 1.0) for n in names}
    best, covariance = curve_fit(
        lambda at, *v: curve(at, *(one * scales[n] for one, n in zip(v, names, strict=True))),
        x, [e.value for e in points], [true[n] / scales[n] for n in names],
        sigma=sigma, absolute_sigma=True,
    )  # fmt: skip

    found = fitted(CURVES[name], x.tolist(), points, 100_000)

    errors = np.sqrt(np.diag(covariance)) * [scales[n] for n in names]
    for i, n in enumerate(names):
        estimate = found.parameters[n]
        assert estimate.se == pytest.approx(errors[i], rel=0.03)
        assert abs(estimate.value - best[i] * scales[n]) < 0.1 * errors[i]


def test_a_share_weighs_by_the_fitted_curve_so_that_agreeing_shots_are_no_certainty() -> None:
    """A constant fitted to proportions is all successes over all shots, even where some agree."""
    ones = [0, 2, 1, 0, 3, 1]
    points = [wilson(k, 50) for k in ones]
    found = fitted(own_curve(read_formula("b + 0*x")), [1, 2, 3, 4, 5, 6], points, 50,
                   start={"b": 0.5})  # fmt: skip
    assert found.values["b"] == pytest.approx(sum(ones) / 300, rel=2e-3)
    assert found.parameters["b"].se == pytest.approx(math.sqrt(7 / 300 * 293 / 300 / 300), rel=2e-2)


def test_asymmetric_points_weigh_by_the_side_that_the_curve_is_on() -> None:
    above = [Estimate(0.0, 0.1, -0.1 * Z, 0.4 * Z), Estimate(1.0, 0.1, 1 - 0.1 * Z, 1 + 0.4 * Z)]
    found = fitted(own_curve(read_formula("b + 0*x")), [1, 2], above, start={"b": 0.5})
    # the curve lies above the first (error .4) and below the second (error .1)
    assert found.values["b"] == pytest.approx(1 / 0.1**2 / (1 / 0.1**2 + 1 / 0.4**2), rel=1e-3)


def test_the_interval_of_a_constant_is_wilsons_of_all_shots() -> None:
    """The points say no more than all their shots together (where each expects a shot or more)."""
    for ones in (2, 6, 40, 47):
        points = [wilson(ones, 50)] * 6
        shape = own_curve(read_formula("b + 0*x"))
        b = fitted(shape, [1, 2, 3, 4, 5, 6], points, 50, start={"b": 0.5}).parameters["b"]
        whole = wilson(6 * ones, 300)
        width = whole.high - whole.low
        assert (b.low, b.high) == pytest.approx((whole.low, whole.high), abs=0.01 * width)


def test_an_interval_follows_the_profile_of_the_sum_of_squares() -> None:
    """At its ends the least sum of squares is z² above the best, by the weights there.

    With tau held the curve is linear: numpy's least squares, again until the weights stay.
    """
    true, x, points = drawn("exponential", 300, 5)
    found = fitted(CURVES["exponential"], x.tolist(), points, 300)
    data = data_of(x.tolist(), points, [300] * len(x), Z)
    tau = found.parameters["tau"]
    assert tau.high - tau.value > 1.05 * (tau.value - tau.low), "a decay time is skewed"

    def held(at: float, errors: np.ndarray) -> tuple[np.ndarray, float]:
        columns = np.stack([np.exp(-x / at), np.ones_like(x)], axis=1)
        weighed = columns / errors[:, None]
        ac = np.linalg.lstsq(weighed, data.y / errors)[0]
        rest = data.y / errors - weighed @ ac
        return columns @ ac, float(rest @ rest)

    for end in (tau.low, tau.high):
        errors = data.errors(found.at(x))
        for _ in range(50):
            errors = data.errors(held(end, errors)[0])
        taus = np.linspace(0.8 * tau.low, 1.2 * tau.high, 2001)
        least = min(held(each, errors)[1] for each in taus)
        assert held(end, errors)[1] - least == pytest.approx(Z**2, rel=1e-2)
    assert true["tau"] == 40e-6


def test_a_curve_that_does_not_describe_the_points_is_poor_and_its_errors_are_scaled() -> None:
    x = np.linspace(0, 10, 30)
    se = [0.01] * 30
    bent = gaussian_points((0.1 * x + 0.02 * np.sin(3 * x)).tolist(), se)
    found = fitted(CURVES["line"], x.tolist(), bent)
    assert found.is_poor
    assert found.scale == pytest.approx(math.sqrt(found.chi2 / found.dof))
    slope = weighted_line(x, np.array([e.value for e in bent]), np.array(se))
    assert found.parameters["a"].se == pytest.approx(found.scale * slope[2], rel=1e-5)


def test_a_parameter_that_is_held_is_not_fitted() -> None:
    _, x, points = drawn("rb", 2000, 4)
    free = fitted(CURVES["rb"], x.tolist(), points, 2000)
    held = fitted(CURVES["rb"], x.tolist(), points, 2000, fixed={"b": 0.5})
    assert set(held.parameters) == {"a", "p"}
    assert held.values["b"] == 0.5
    assert held.dof == free.dof + 1
    assert held.parameters["p"].se < free.parameters["p"].se


@pytest.mark.parametrize(
    ("shape", "x", "y", "said"),
    [
        ("exponential", [1, 2], [0.5, 0.4], "2 different x are too few for 3 parameters"),
        ("line", [3, 3, 3], [0.5, 0.4, 0.3], "1 different x are too few for 2 parameters"),
        ("exponential", list(range(1, 9)), [0.5] * 8, "the points say nothing of a"),
        ("rb", list(range(1, 9)), [0.5 + 0.01 * i for i in range(8)], "do not tell a and b apart"),
        (
            "sinusoid",
            list(range(9)),
            [0.5, 0.51, 0.5, 0.5, 0.49, 0.5, 0.5, 0.5, 0.5],
            "any angle|do not bound",
        ),
    ],
)
def test_what_cannot_be_told_is_no_number(
    shape: str, x: list[float], y: list[float], said: str
) -> None:
    with pytest.raises(NoFitError, match=said):
        fitted(CURVES[shape], x, gaussian_points(y, [0.02] * len(y)))


def test_parameters_that_are_not_told_apart_are_no_numbers() -> None:
    shape = own_curve(read_formula("a*b*x"))
    points = gaussian_points([1.0, 2.0, 3.0], [0.1] * 3)
    with pytest.raises(NoFitError, match="do not tell a and b apart: the covariance is singular"):
        fitted(shape, [1, 2, 3], points, start={"a": 1.0, "b": 1.0})


def test_a_formula_without_a_value_is_told_by_its_place_and_not_to_give_a_start_again() -> None:
    shape = own_curve(read_formula("a*sqrt(x - 1)"))
    points = gaussian_points([0.1, 0.2, 0.3], [0.1] * 3)
    with pytest.raises(NoFitError) as caught:
        fitted(shape, [0.25, 0.5, 2], points, start={"a": 1.0})
    said = str(caught.value)
    assert "the formula has no value at x = 0.25 nor at 1 more point from any start" in said
    assert "give another `start`" in said


def test_places_that_lie_close_together_hide_no_frequency() -> None:
    """Of two points as close as can be a step says nothing of how fast a wave may be."""
    rng = np.random.default_rng(4)
    x = np.sort(np.append(rng.uniform(0, 10, 40), [3.0, 3.0 + 1e-9]))
    points = gaussian_points((0.4 * np.cos(2 * np.pi * 1.3 * x + 0.5) + 0.5).tolist(), [0.01] * 42)
    found = fitted(CURVES["sinusoid"], x.tolist(), points)
    assert found.values == pytest.approx({"a": 0.4, "f": 1.3, "phi": 0.5, "c": 0.5}, rel=1e-3)


def test_a_formula_begins_where_it_is_told() -> None:
    x = np.linspace(0, 3, 25)
    points = gaussian_points((0.4 * np.cos(2.3 * x) + 0.5).tolist(), [0.01] * 25)
    shape = own_curve(read_formula("a*cos(w*x) + b"))
    found = fitted(shape, x.tolist(), points, start={"a": 0.3, "w": 2.0, "b": 0.4})
    assert found.values == pytest.approx({"a": 0.4, "w": 2.3, "b": 0.5}, rel=1e-4)


def test_a_fit_that_begins_at_whole_numbers_is_the_one_that_begins_beside_them() -> None:
    x = [0.0, 0.8, 1.6, 2.4]
    curve = own_curve(read_formula("(1 - a*cos(x))/2"))
    points = [wilson(round(1000 * (1 - 0.9 * math.cos(at)) / 2), 1000) for at in x]
    whole, beside = (fitted(curve, x, points, start={"a": a}).parameters["a"] for a in (1, 1.001))
    assert whole.value == pytest.approx(0.9, abs=0.003)
    assert [whole.low, whole.high] == pytest.approx([beside.low, beside.high], rel=1e-3)


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_in_other_units_is_the_same_curve(name: str) -> None:
    """Seconds or microseconds: parameters scale with their dimension, intervals too."""
    _, x, points = drawn(name, 2000, 6)
    factor = 2.0 if name == "rb" else 1e-6  # a number of gates has no unit
    one = fitted(CURVES[name], x.tolist(), points, 2000)
    other = fitted(CURVES[name], (x * factor).tolist(), points, 2000)
    assert other.chi2 == pytest.approx(one.chi2, rel=1e-4)
    for parameter in CURVES[name].parameters:
        if parameter.kind is Kind.SHARE:
            continue
        scale = factor ** (parameter.dimension or (0, 0))[0]
        first, second = one.parameters[parameter.name], other.parameters[parameter.name]
        assert second.low == pytest.approx(first.low * scale, rel=2e-3, abs=1e-3 * first.se * scale)
        assert second.high == pytest.approx(
            first.high * scale, rel=2e-3, abs=1e-3 * first.se * scale
        )


def test_the_band_is_what_drawn_parameters_make_of_the_curve() -> None:
    _, x, points = drawn("line", 4000, 2)
    found = fitted(CURVES["line"], x.tolist(), points, 4000)
    rng = np.random.default_rng(1)
    means = [found.values[n] for n in found.free]
    ab = rng.multivariate_normal(means, np.array(found.covariance), size=40_000)
    at = np.array([0.0, 40.0, 100.0])
    spread = (ab[:, :1] * at + ab[:, 1:]).std(axis=0)
    low, high = found.band(at)
    assert (high - low) / 2 == pytest.approx(Z * spread, rel=0.03)
