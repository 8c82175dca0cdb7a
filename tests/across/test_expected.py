"""What theory says beside what was measured: pulls and χ², checks, what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

import qbatch
from qbatch.across.expected import Agreement, Residual, agreement_facts, pull
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.plan import expand
from qbatch.report.across import theory_rows
from qbatch.result import Estimate
from tests.across.made import across_of, manifest_of, ones

MANIFEST = """\
qbatch: 1
name: theory
circuits:
  c:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c;
      ry(theta) q; c = measure q;
backends: {ideal: {provider: local}, noisy: {provider: local, noise: {readout: 0.2}}}
sweep:
  matrix: {backend: [ideal, noisy], theta: {linspace: [0, pi, 9]}}
  seed: 3
shots: 500
analysis:
  observables: {z: Z0}
  expected: {z: cos(theta)}
checks:
  - {that: z == expected, where: {backend: ideal}}
  - {that: z < expected + 0.1}
  - {that: z == expected, where: {backend: noisy, theta: 0}}
report: {formats: [md, html], plots: [{x: theta, y: z, color: backend}]}
"""


def test_a_pull_is_told_in_standard_errors_and_their_squares_add_up() -> None:
    """With many shots: (p - expected)/√(p(1 - p)/n), and scipy's χ² distribution."""
    numbers, shots = (250_500, 499_000, 747_000), 1_000_000
    counts = {(x,): ones(number, shots) for x, number in enumerate(numbers, start=1)}
    analysis = {"probabilities": {"p": "1"}, "expected": {"p": "x/4"}}
    (found,) = across_of(manifest_of(analysis, {"x": [1, 2, 3]}), counts).expected
    shares = [number / shots for number in numbers]
    wanted = [(p - x / 4) / math.sqrt(p * (1 - p) / shots) for x, p in enumerate(shares, start=1)]
    assert [one.pull for one in found.residuals] == pytest.approx(wanted, rel=2e-3)
    assert found.chi_squared == pytest.approx(sum(one**2 for one in wanted), rel=4e-3)
    assert found.p_value == pytest.approx(chi2.sf(found.chi_squared, 3))
    assert found.worst is not None
    assert "x=3" in found.worst.point


def test_shots_that_all_agree_leave_a_width_to_theory() -> None:
    analysis = {"probabilities": {"p": "1"}, "expected": {"p": 0.01}}
    (found,) = across_of(manifest_of(analysis, {"x": [1]}), {(1,): ones(0, 100)}).expected
    assert found.residuals[0].pull is not None
    assert -2 < found.residuals[0].pull < 0
    (gone,) = across_of(manifest_of(analysis, {"x": [1]}), {(1,): ones(100, 100)}).expected
    assert gone.residuals[0].pull is not None
    assert gone.residuals[0].pull > 10


@pytest.mark.parametrize(("number", "theory", "away"), [(400, 1.05, -0.05), (0, -0.05, 0.05)])
def test_theory_where_no_value_can_be_leaves_a_finite_pull(
    number: int, theory: float, away: float
) -> None:
    """All shots agree: Wilson's interval has z²/(n + z²) on one side and nothing on the other."""
    analysis = {"probabilities": {"p": "1"}, "expected": {"p": theory}}
    (found,) = across_of(manifest_of(analysis, {"x": [1]}), {(1,): ones(number, 400)}).expected
    z = 1.959963984540054
    wanted = z * away / (z**2 / (400 + z**2))
    assert found.residuals[0].pull == pytest.approx(wanted, rel=1e-6)
    assert found.chi_squared == pytest.approx(wanted**2, rel=1e-6)
    assert json.loads(json.dumps(agreement_facts(found), allow_nan=False))["p"] < 1e-9


def test_a_number_without_an_error_is_told_and_left_out_of_chi_squared() -> None:
    sure = Estimate(2.0, 0.0, 2.0, 2.0)
    assert (pull(sure, 2.0, 2.0), pull(sure, 2.5, 2.0)) == (0.0, None)
    residuals = [Residual("a", 2.0, sure, 0.0), Residual("b", 2.5, sure, None)]
    found = Agreement("p", "one", "x", residuals, 0, 0, 0.0, 1, 1.0)
    assert (found.without_error, found.worst) == (1, residuals[0])
    assert agreement_facts(found)["points"][1]["pull"] is None
    (row,) = theory_rows(SimpleNamespace(expected=[found]), {})  # type: ignore[arg-type]
    assert row[3] == "2 (1 without an error, left out of χ²)"


def test_true_theory_has_p_values_that_are_spread_evenly() -> None:
    generator = np.random.default_rng(5)
    analysis = {"probabilities": {"p": "1"}, "expected": {"p": "x/10"}}
    manifest = manifest_of(analysis, {"x": list(range(1, 10))})
    found = []
    for _ in range(200):
        counts = {(x,): ones(int(generator.binomial(400, x / 10)), 400) for x in range(1, 10)}
        (agreement,) = across_of(manifest, counts).expected
        found.append(agreement.p_value)
    below = [np.mean(np.array(found) < p) for p in (0.05, 0.25, 0.5, 0.75)]
    assert below == pytest.approx([0.05, 0.25, 0.5, 0.75], abs=0.11)


def test_points_without_the_axis_or_not_measured_are_counted_not_compared() -> None:
    analysis = {"probabilities": {"p": "1"}, "expected": {"p": "1/x"}}
    manifest = manifest_of(analysis, {"x": [0, 1, 2]})
    (found,) = across_of(manifest, {(0,): ones(1, 9), (2,): ones(5, 9)}).expected
    assert (len(found.residuals), found.left_out, found.waiting) == (1, 1, 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("theory") / "theory.yaml"
    path.write_text(MANIFEST)
    qbatch.run(path)
    return qbatch.open_run(path)


def test_checks_compare_with_what_theory_says_at_each_point(
    run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from qbatch.report import judge_run

    ideal, above, noisy = judge_run(run)
    assert (ideal.verdict, ideal.numbers.total()) == ("pass", 9)
    assert noisy.verdict == "fail"
    assert "1 lies above" in noisy.judgements[0].reason
    assert above.verdict == "fail"  # readout errors pull the noisy one to 0 where z is below 0
    assert {one.name.split(",")[0] for one in above.kept["fail"]} == {"backend=noisy"}  # type: ignore[index]
    assert main(["check", str(run.folder)]) == 5


@pytest.mark.slow
def test_reports_files_and_figures_show_theory(run: Any, tmp_path: Path) -> None:
    assert main(["report", str(run.folder)]) == 0
    text = (run.folder / "report.md").read_text()
    assert "## What theory says" in text
    assert "Dotted: what theory says, cos(theta)." in text
    assert "do not agree" in text
    assert 'id="theory"' in (run.folder / "report.html").read_text()
    assert main(["export", str(run.folder), "-o", str(tmp_path / "all.json")]) == 0
    ideal, noisy = json.loads((tmp_path / "all.json").read_text())["expected"]
    assert (ideal["backend"], ideal["freedom"]) == ("ideal", 9)
    assert ideal["p"] > 0.001
    assert noisy["p"] < 1e-9
    assert noisy["points"][0]["expected"] == 1.0


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"p": "cos(thta)"}, "names 'thta'"),
        ({"p": "y*x2"}, "names 'x2'"),
        ({"p": "cos(backend)"}, "'backend', which holds no numbers"),
        ({"q": "x"}, "'q' is no observable or probability"),
        ({"tvd": "x"}, "is a distance"),
        ({"p": "cosh(x)"}, "calls cosh"),
        ({"p": "1/0"}, "'1/0' divides by zero"),
        ({"p": "x/(2 - 2)"}, "divides by zero"),
        ({"p": "x/none"}, "divides by zero"),
        ({"p": "x % 0"}, "divides by zero"),
        ({"p": "x + sqrt(1 - 2)"}, "without a finite real value, sqrt(-1)"),
        ({"p": "x*log(none)"}, "without a finite real value, log(0)"),
        ({"p": "10**200*10**200*x"}, "without a finite real value"),
        ({"p": "x +"}, "is no number and no arithmetic"),
        ({"p": "options.method"}, "which has 'automatic', no number"),
    ],
)
def test_theory_that_means_nothing_is_refused_at_its_line(expected: Any, said: str) -> None:
    distance = {"target": {"0": 1.0}}
    analysis = {"probabilities": {"p": "1"}, "distribution": distance, "expected": expected}
    matrix = {"x": [0, 1], "y": [0], "options.method": ["automatic", "statevector"]}
    with pytest.raises(SourceErrors) as caught:
        expand(manifest_of(analysis, matrix, vars={"none": 0}))
    told = str(caught.value.exceptions[0])
    assert said in told
    assert "analysis.expected" in told


def test_a_check_of_a_number_without_theory_is_refused() -> None:
    analysis = {"probabilities": {"p": "1", "q": "0"}, "expected": {"p": "x"}}
    with pytest.raises(SourceErrors) as caught:
        manifest_of(analysis, {"x": [0, 1]}, checks=[{"that": "q == expected"}])
    assert "theory says nothing of q; write analysis: {expected: {q: …}}" in str(
        caught.value.exceptions[0]
    )


def test_settings_are_axes_of_theory_too() -> None:
    from qbatch.manifest.expected import read_theory

    theory = read_theory("(1 - 2*noise.readout)**2 * k", {"k": 2})
    assert theory.axes == ("noise.readout",)
    assert theory.at_point({"noise.readout": 0.25}) == pytest.approx(0.5)
    assert theory.at_point({"noise.readout": "much"}) is None
