"""Derived numbers made of fitted parameters: by the fit's covariance, against closed answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import qbatch
from qbatch.across import Across, AcrossNumber, Points
from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.report.judging import judge_run
from qbatch.result import Verdict
from tests.across.made import MANIFEST, TURNED, across_of, manifest_of, ones

XS = [1, 2, 3, 4, 6, 8, 11, 15, 20]
DECAY = {"t": {"model": "exponential", "x": "x", "y": "p"}}
LINE = {"f": {"model": "line", "x": "x", "y": "p"}}
Z = norm.ppf(0.975)


def decayed(x: float, tau: float) -> float:
    return 0.05 + 0.85 * math.exp(-x / tau)


def falling(x: float, tau: float) -> float:
    return 0.9 - x / (6 * tau)


def made(
    derived: dict[str, Any],
    fits: dict[str, Any],
    chance: Callable[[float, float], float] = decayed,
    shots: int = 1000,
) -> Across:
    """Two backends, whose p falls in 5 and in 8, about as a curve does."""
    counts = {
        (backend, x): ones(round(shots * chance(x, tau)), shots)
        for backend, tau in (("one", 5), ("two", 8))
        for x in XS
    }
    analysis = {"probabilities": {"p": "1"}, "fits": fits, "derived": derived}
    return across_of(manifest_of(analysis, {"backend": ["one", "two"], "x": XS}), counts)


def only(across: Across) -> AcrossNumber:
    (number,) = across.derived
    assert number.estimate is not None, number.reason
    return number


def test_a_ratio_of_two_fits_has_the_error_of_independent_ones() -> None:
    found = made({"r": "t.tau[backend=two] / t.tau[backend=one]"}, DECAY)
    number = only(found)
    estimate = number.estimate
    first, second = (one.parameters["tau"] for one in found.fits)
    assert estimate is not None
    assert estimate.value == pytest.approx(second.value / first.value)
    assert estimate.value == pytest.approx(8 / 5, rel=0.01)
    relative = math.hypot(first.se / first.value, second.se / second.value)
    assert estimate.se == pytest.approx(estimate.value * relative, rel=0.05)
    assert len(number.points) == 2 * len(XS)


def test_a_parameter_has_a_value_for_each_group_and_its_own_interval() -> None:
    found = made({"a": "t.tau", "b": "2*a", "c": "max(a, over=backend)"}, DECAY)
    told = {(one.name, one.label): one.estimate for one in found.derived}
    for fitted in found.fits:
        fit = fitted.parameters["tau"]
        for name, factor in (("a", 1), ("b", 2)):
            estimate = told[name, fitted.label]
            assert estimate is not None
            ends = factor * fit.low, factor * fit.high
            assert (estimate.low, estimate.high) == pytest.approx(ends)
    longest = told["c", ""]
    assert longest is not None
    assert longest.value == found.fits[1].parameters["tau"].value


def test_parameters_of_one_fit_depend_by_its_covariance() -> None:
    """The line's value at 4 has the error of the drawn band, which no sum of parts has."""
    found = made({"at": "f.b + 4*f.a", "by": "f.b * exp(f.a / f.b * 4)"}, LINE, falling)
    told = {(one.name, one.label): one.estimate for one in found.derived}
    for fitted in found.fits:
        at, by, solution = told["at", fitted.label], told["by", fitted.label], fitted.solution
        assert at is not None
        assert by is not None
        assert solution is not None
        a, b = fitted.parameters["a"], fitted.parameters["b"]
        (low,), (high,) = solution.band(np.array([4.0]))
        assert at.value == pytest.approx(solution.at(np.array([4.0]))[0])
        assert 2 * Z * at.se == pytest.approx(high - low, rel=1e-6)
        assert at.high - at.low == pytest.approx(high - low, rel=0.05)
        assert at.se < 0.9 * math.hypot(4 * a.se, b.se)
        slopes = np.array(_slopes(a.value, b.value))
        variance = slopes @ np.array(solution.covariance) @ slopes
        assert by.se == pytest.approx(math.sqrt(variance), rel=0.05)


def _slopes(a: float, b: float) -> tuple[float, float]:
    """Of b exp(4 a / b), by a and by b"""
    grown = math.exp(4 * a / b)
    return 4 * grown, grown * (1 - 4 * a / b)


def test_an_error_per_clifford_falls_as_p_rises() -> None:
    """epc = (1 - p) / 2 on one qubit, so epc + p/2 is a half, whatever the shots."""
    rb = {"rb": {"model": "rb", "x": "x", "y": "p", "where": {"backend": "one"}}}
    estimate = only(made({"half": "rb.epc + rb.p / 2"}, rb)).estimate
    assert estimate is not None
    assert (estimate.value, estimate.se) == pytest.approx((0.5, 0), abs=1e-7)


def test_a_fit_and_a_point_of_its_shots_take_the_worst() -> None:
    found = made({"off": "t.c[backend=one] - p[backend=one, x=20]"}, DECAY)
    number, fitted = only(found), found.fits[0].parameters["c"]
    point = next(one for one in found.points if one.axes["x"] == 20).estimates["p"]
    estimate = number.estimate
    assert estimate is not None
    assert estimate.se == pytest.approx(fitted.se + point.se)
    below = fitted.value - fitted.low + point.high - point.value
    assert estimate.value - estimate.low == pytest.approx(below)


def test_a_fit_that_is_undecided_leaves_what_is_made_of_it_undecided() -> None:
    flat = {(backend, x): ones(500, 1000) for backend in ("one", "two") for x in XS}
    analysis = {
        "probabilities": {"p": "1"},
        "fits": DECAY,
        "derived": {"r": "t.tau[backend=two] / t.tau[backend=one]"},
    }
    found = across_of(manifest_of(analysis, {"backend": ["one", "two"], "x": XS}), flat)
    (number,) = found.derived
    assert number.estimate is None
    assert "t.tau at backend=two is undecided: " in number.reason


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("t.nothing / 2", "'t.nothing' is no number of the analysis (p, t.a, t.c, t.tau)"),
        ("t / 2", "'t' is no number of the analysis"),
        ("r / t.tau", "'r' is itself"),
    ],
)
def test_what_no_fit_has_and_what_is_circular_is_refused(formula: str, said: str) -> None:
    analysis = {"probabilities": {"p": "1"}, "fits": DECAY, "derived": {"r": formula}}
    with pytest.raises(SourceErrors) as caught:
        manifest_of(analysis, {"x": XS})
    assert said in str(caught.value)


def test_a_fit_of_a_number_that_is_made_of_it_is_refused_at_its_line() -> None:
    fits = {"t": {"model": "exponential", "x": "x", "y": "r"}}
    analysis = {"probabilities": {"p": "1"}, "fits": fits, "derived": {"r": "t.tau"}}
    with pytest.raises(SourceErrors) as caught:
        manifest_of(analysis, {"x": XS})
    assert "analysis.fits.t.y: 'r' is no number of the analysis" in str(caught.value)


def test_brackets_that_no_fit_has_are_told_by_the_plan() -> None:
    text = MANIFEST + (
        "sweep: {matrix: {x: [1, 2, 3, 4], y: [5]}}\nanalysis: {probabilities: {p: '1'},"
        " fits: {f: {model: line, x: x, y: p, where: {backend: one}}},"
        " derived: {r: 'f.a[backend=two]'}}\n"
    )
    with pytest.raises(SourceErrors) as caught:
        expand(parse_manifest(text, folder=Path("/")))
    assert "f.a[backend=two]: f.a has no axis backend (none)" in str(caught.value)


RUN = (
    TURNED
    + """\
analysis:
  probabilities: {p: "1"}
  fits: {s: {formula: m - a*cos(w*x), x: x, y: p, start: {m: 0.5, a: 0.5, w: 1}}}
  derived: {top: s.m + s.a}
checks: [{that: top <= 1.2}]
report: {formats: []}
"""
)


def test_a_run_tells_what_is_made_of_its_fits(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(RUN)
    done = qbatch.run(path)
    (top,) = done.derived()
    assert top.estimate is not None
    assert abs(top.estimate.value - 1) < 4 * top.estimate.se
    (check,) = judge_run(done)
    assert check.verdict is Verdict.PASS


def test_fits_and_own_numbers_of_twirled_points_share_forms(tmp_path: Path) -> None:
    """Two backends measure the same forms, each of which tells anew what the fits differ by."""
    (tmp_path / "m.yaml").write_text(TWIRLED)
    (tmp_path / "own.py").write_text(
        "def own(points):\n    return sum(p.estimates['z'].value for p in points), 0.5\n"
    )
    run = qbatch.run(tmp_path / "m.yaml", out=tmp_path / "s", trust=True)
    found = {one.name: one.estimate for one in run.derived()}
    errors = {
        fitted.name: [
            one.parameters["b" if fitted.name == "t" else "a"].se
            for one in run.fits()
            if one.name == fitted.name
        ]
        for fitted in run.fits()
    }
    raw, twirl, own = (found[name] for name in ("raw", "twirl", "mine"))
    assert raw is not None
    assert twirl is not None
    assert own is not None
    assert raw.se == pytest.approx(math.hypot(*errors["f"]))
    x, y = [1.3, 1.5, 1.8], {backend: _of_forms(run, backend) for backend in ("one", "two")}
    at_0 = {backend: np.polyfit(x, each, 1)[1] for backend, each in y.items()}
    differ = at_0["one"] - at_0["two"]
    assert twirl.se == pytest.approx(differ.std(ddof=1) / 4, rel=0.1)
    assert twirl.se < 0.8 * math.hypot(*errors["t"])
    assert own.se == pytest.approx(1.0)


def test_points_of_the_forms_that_theory_was_fitted_to_are_not_independent_of_it(
    tmp_path: Path,
) -> None:
    """A line of one backend, and points of another: a check takes the worst of both errors."""
    asked = TWIRLED.replace('  own:\n    s: {python: "own.py:own", over: theta}\n', "")
    asked = asked[: asked.index("  derived:")].replace("fits:\n", f"fits:\n{OF_ONE}")
    (tmp_path / "m.yaml").write_text(asked + THEORY)
    run = qbatch.run(tmp_path / "m.yaml", out=tmp_path / "s")
    (check,) = judge_run(run)
    judged = {one.name: one.estimate for several in check.kept.values() for one in several}
    points = Points(run.manifest)
    points.add_all(run)
    (agreement,) = (each for each in Across(points).expected if each.backend == "two")
    assert len(judged) == len(agreement.residuals) == 3
    for one in agreement.residuals:
        wide = judged[one.point]
        assert wide is not None
        arm = one.estimate.value - one.estimate.low
        assert wide.value - wide.low == pytest.approx(arm + 1.96 * one.expected_se, rel=1e-3)


OF_ONE = "    u: {model: line, x: theta, y: z.twirl, where: {backend: one}}\n"

THEORY = """\
  expected: {z.twirl: u.a*theta + u.b}
checks:
  - {that: z.twirl == expected, where: {backend: two}}
"""


def _of_forms(run: qbatch.Run, backend: str) -> np.ndarray:
    """⟨Z0⟩ at each angle, in each form, of the bits as they would be read unflipped."""
    found = np.zeros((3, 16))
    points = [point for point in run if point.backend == backend]
    for row, point in zip(found, points, strict=True):
        for text, counts in point.counts_by_basis.items():
            if text.startswith("twirl="):
                form, flips = text.removeprefix("twirl=").split(":")
                ones = counts.marginal([0]).to_dict().get("1", 0) / counts.shots
                row[int(form)] = (1 - 2 * ones) * (-1) ** int(flips[-1])
    return found


TWIRLED = """\
qbatch: 1
name: twirled
circuits:
  a:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[2] q;
      bit[2] c;
      ry(theta) q[0];
      cx q[0], q[1];
      c = measure q;
backends:
  one: {provider: local, noise: {readout: {p10: 0.01, p01: 0.2}}}
  two: {provider: local, noise: {readout: {p10: 0.01, p01: 0.1}}}
sweep: {matrix: {theta: [1.3, 1.5, 1.8], backend: [one, two]}, seed: 3}
shots: 16000
analysis:
  observables: {z: Z0}
  mitigation: {twirl: {n: 16}}
  fits:
    f: {model: line, x: theta, y: z}
    t: {model: line, x: theta, y: z.twirl}
  own:
    s: {python: "own.py:own", over: theta}
  derived:
    raw: f.a[backend=one] - f.a[backend=two]
    twirl: t.b[backend=one] - t.b[backend=two]
    mine: s[backend=one] - s[backend=two]
"""
