"""Theory that names fitted parameters: its error, what it leaves of χ², and checks of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, norm

import qbatch
from qbatch.across import Across
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.report.judging import Judging
from qbatch.result import Verdict
from tests.across.made import TURNED, across_of, manifest_of, ones

XS = [0, 1, 2, 3, 4, 6, 8, 11, 15, 20]
FIT = {"t": {"model": "exponential", "x": "x", "y": "p", "where": {"backend": "one"}}}
CURVE = "t.a*exp(-x/t.tau) + t.c"
Z = norm.ppf(0.975)


def true(x: float) -> float:
    return 0.05 + 0.85 * math.exp(-x / 5)


def drawn(
    formula: str = CURVE,
    fits: dict[str, Any] | None = None,
    seed: int = 1,
    shots: int = 1000,
    **more: Any,
) -> Across:
    """Two backends of one decay, the first of which is fitted."""
    generator = np.random.default_rng(seed)
    counts = {
        (backend, x): ones(int(generator.binomial(shots, true(x))), shots)
        for backend in ("one", "two")
        for x in XS
    }
    analysis = {"probabilities": {"p": "1"}, "fits": fits or FIT, "expected": {"p": formula}}
    manifest = manifest_of(analysis, {"backend": ["one", "two"], "x": XS}, **more)
    return across_of(manifest, counts)


def test_points_that_were_not_fitted_have_the_fits_error_in_common() -> None:
    """χ² = r' V⁻¹ r, V the points' own variances and what the covariance makes of the curve."""
    found = drawn()
    (fitted,), (_, other) = found.fits, found.expected
    solution = fitted.solution
    assert solution is not None
    a, tau = (solution.values[name] for name in ("a", "tau"))
    xs = np.array(XS, dtype=float)
    decay = np.exp(-xs / tau)
    by_name = {"a": decay, "tau": a * decay * xs / tau**2, "c": np.ones_like(xs)}
    slopes = np.stack([by_name[name] for name in solution.free], axis=1)
    common = slopes @ np.array(solution.covariance) @ slopes.T
    residuals = np.array([one.value for one in other.residuals])
    halves = [
        one.estimate.value - one.estimate.low
        if one.value > 0
        else one.estimate.high - one.estimate.value
        for one in other.residuals
    ]
    own = np.array(halves) / Z
    squares = residuals @ np.linalg.solve(np.diag(own**2) + common, residuals)
    assert other.chi_squared == pytest.approx(squares, rel=1e-3)
    assert other.freedom == len(XS)
    errors = [one.expected_se for one in other.residuals]
    assert errors == pytest.approx(np.sqrt(np.diag(common)), rel=1e-3)
    pulls = [one.pull for one in other.residuals]
    assert pulls == pytest.approx(residuals / np.hypot(own, errors), rel=1e-3)
    assert other.chi_squared < sum(float(pull) ** 2 for pull in residuals / own)


def test_points_that_were_fitted_lose_a_degree_of_freedom_for_each_parameter() -> None:
    found = drawn()
    (fitted,), (one, _) = found.fits, found.expected
    assert fitted.solution is not None
    assert one.freedom == fitted.solution.dof == len(XS) - 3
    assert one.chi_squared == pytest.approx(fitted.solution.chi2, rel=0.2)
    part = drawn("0.9*exp(-x/t.tau) + 0.05").expected[0]
    assert part.freedom == len(XS) - 1


def test_theory_of_an_undecided_fit_is_none() -> None:
    flat = {(backend, x): ones(500, 1000) for backend in ("one", "two") for x in XS}
    analysis = {"probabilities": {"p": "1"}, "fits": FIT, "expected": {"p": CURVE}}
    found = across_of(manifest_of(analysis, {"backend": ["one", "two"], "x": XS}), flat)
    assert [one.left_out for one in found.expected] == [len(XS)] * 2
    assert all("t is undecided: " in one.reason for one in found.expected)


def test_checks_are_judged_with_the_error_of_the_fit() -> None:
    claims = ["p == expected", "p > expected - 0.1", "p >= expected"]
    found = drawn(checks=[{"that": claim, "where": {"backend": "two"}} for claim in claims])
    run: Any = type("Run", (), {"manifest": found.points.manifest})()
    judging = Judging(run)
    judging._points = found.points
    judging.finish()
    same, above, least = judging.results
    assert (same.verdict, above.verdict) == (Verdict.PASS, Verdict.PASS)
    assert same.numbers.total() == len(XS)
    assert least.verdict is Verdict.UNDECIDED
    _, other = found.expected
    told = {one.point: one for one in other.residuals}
    for one in same.judgements:
        residual = told[one.name]
        assert one.estimate is not None
        width = math.hypot(
            residual.estimate.high - residual.estimate.value, Z * residual.expected_se
        )
        assert one.estimate.high - one.estimate.value == pytest.approx(width, rel=1e-6)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("exp(-x/t.nothing)", "names 't.nothing', which is none of"),
        ("exp(-x/D)", "names 'D', a derived number"),
    ],
)
def test_what_theory_cannot_be_of_is_refused(formula: str, said: str) -> None:
    analysis = {
        "probabilities": {"p": "1"},
        "fits": FIT,
        "derived": {"D": "p[x=0, backend=one]"},
        "expected": {"p": formula},
    }
    with pytest.raises(SourceErrors) as caught:
        manifest_of(analysis, {"backend": ["one", "two"], "x": XS})
    assert "analysis.expected.p" in str(caught.value)
    assert said in str(caught.value)


RUN = (
    TURNED
    + """\
analysis:
  probabilities: {p: "1", q: "0"}
  fits: {s: {formula: m - a*cos(w*x), x: x, y: p, start: {m: 0.5, a: 0.5, w: 1}}}
  expected: {q: 1 - s.m + s.a*cos(s.w*x)}
checks: [{that: q == expected}]
report: {formats: [], plots: [{x: x, y: q}]}
"""
)


def test_reports_draw_it_and_tell_how_far_points_are_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(RUN)
    qbatch.run(path)
    assert main(["check", str(path)]) == 0
    capsys.readouterr()
    assert main(["export", str(path), "-f", "html"]) == 0
    page = capsys.readouterr().out
    assert "what theory says, 1 - s.m + s.a*cos(s.w*x)" in page
    assert " / 6" in page  # nine points less three parameters


@pytest.mark.slow
def test_p_values_of_true_theory_are_even() -> None:
    """Of points that were fitted, and of points that were not, both with theory that is true."""
    found = [drawn(seed=seed).expected for seed in range(400)]
    for backend in (0, 1):
        values = [agreements[backend].p_value for agreements in found]
        assert kstest(values, "uniform").pvalue > 1e-3
