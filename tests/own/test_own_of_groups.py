"""Own analyses of groups of points: called once for each group, told wherever numbers are."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

import qbatch
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.plan import expand_file

MANIFEST = """\
qbatch: 1
name: groups
circuits:
  c:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input float x; qubit q; bit b;
      ry(x) q; b = measure q;
backends: {quiet: {provider: local}, noisy: {provider: local, noise: {readout: 0.2}}}
shots: 2000
sweep: {matrix: {backend: [quiet, noisy], x: {linspace: [0, 2*pi, 9]}}, repeat: 2, seed: 5}
analysis:
  probabilities: {p: "1"}
  own:
    swing: {python: "analysis.py:swing", over: x, numbers: [height, middle], with: {turns: 1}}
    whole: {python: "analysis.py:count", over: x, by: [], where: {backend: quiet}}
  derived:
    kept: height[backend=noisy] / height[backend=quiet]
checks:
  - {that: height > 0.45, where: {backend: quiet}}
  - {that: height < 0.35, where: {backend: noisy}}
  - {that: kept == 0.6}
report: {formats: [md, html, csv], units: {height: V}}
"""
CODE = """\
from math import cos, pi, sqrt


def swing(points, turns):
    some = [p for p in points if p.parameters["x"] < 6]  # 2*pi is 0 again
    shares = [p.counts.to_dict().get("1", 0) / p.counts.shots for p in some]
    n = len(some)
    waves = [cos(turns * p.parameters["x"]) for p in some]
    height = -2 / n * sum(s * w for s, w in zip(shares, waves))
    error = sqrt(sum(s * (1 - s) / p.counts.shots for s, p in zip(shares, some)))
    return {"height": (height, 2 / n * error), "middle": (sum(shares) / n, error / n)}


def count(points):
    if any(p.parameters["backend"] != "quiet" for p in points):
        raise ValueError("a stranger is among them")
    return len(points), 0
"""


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest whose code nobody has allowed yet."""
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "analysis.py").write_text(CODE, "utf-8")
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST, "utf-8")
    return path


def test_a_function_is_called_with_each_group_and_its_numbers_stand_everywhere(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(manifest), "--yes", "--trust"]) == 0
    assert "height" in capsys.readouterr().out
    folder = manifest.parent / "runs" / "groups"
    with qbatch.open_run(folder) as done:
        found = {(each.name, each.label): each for each in done.across()}
        height = found["height", "backend=quiet"]
        assert height.estimate is not None
        turned = [(p, p.parameters["x"]) for p in done if p.backend == "quiet"]
        some = [(p.counts.to_dict().get("1", 0) / 2000, math.cos(x)) for p, x in turned if x < 6]
        by_hand = np.polyfit([wave for _, wave in some], [share for share, _ in some], 1)[0]
        assert height.estimate.value == pytest.approx(-by_hand)
        assert height.estimate.low == pytest.approx(
            height.estimate.value - 1.959964 * height.estimate.se
        )
        assert len(height.points) == 18
        assert found["whole", ""].estimate.value == 18
        kept = found["kept", ""].estimate
        assert kept.low < 0.6 < kept.high
        # heights of different points are independent: a ratio's relative errors add up squared
        other = found["height", "backend=noisy"].estimate
        relative = math.hypot(other.se / other.value, height.estimate.se / height.estimate.value)
        assert kept.se == pytest.approx(kept.value * relative, rel=0.05)
    report = (folder / "report.md").read_text("utf-8")
    assert "height (V)" in report
    assert "`analysis.py:swing over x`" in report
    assert main(["export", str(folder), "--format", "json"]) == 0
    across = json.loads(capsys.readouterr().out)["across"]
    assert [each["value"] for each in across if each["name"] == "whole"] == [18]
    assert main(["export", str(folder), "--format", "across"]) == 0
    rows = [*csv.DictReader(capsys.readouterr().out.splitlines())]
    assert [(r["number"], r["group"], r["unit"]) for r in rows[1:3]] == [
        ("height", "backend=quiet", "V"),
        ("middle", "backend=quiet", ""),
    ]
    assert float(rows[1]["value"]) == height.estimate.value
    assert main(["check", str(folder)]) == 0


def test_numbers_wait_until_all_points_of_their_group_are_measured(manifest: Path) -> None:
    main(["run", str(manifest), "--yes", "--trust", "-k", "backend=noisy or x<1"])
    with qbatch.open_run(manifest.parent / "runs" / "groups") as done:
        found = {(each.name, each.label): each for each in done.across()}
    assert found["height", "backend=noisy"].estimate is not None
    waiting = found["height", "backend=quiet"]
    assert waiting.estimate is None
    assert "is not measured (created); " in waiting.reason
    assert waiting.reason.endswith("11 more")
    assert found["kept", ""].estimate is None


def test_what_a_function_raises_is_told_with_its_place_and_is_no_number(manifest: Path) -> None:
    manifest.write_text(MANIFEST.replace(", where: {backend: quiet}}\n", "}\n", 1), "utf-8")
    main(["run", str(manifest), "--yes", "--trust"])
    with qbatch.open_run(manifest.parent / "runs" / "groups") as done:
        (whole,) = [each for each in done.across() if each.name == "whole"]
    assert whole.estimate is None
    assert "analysis.py:16: " in whole.reason
    assert "a stranger is among them" in whole.reason


def test_a_strangers_function_of_groups_does_not_run(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(manifest), "--yes"]) == 6
    assert "analysis 'swing' runs code from analysis.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (
            "over: x, numbers",
            "over: z, numbers",
            "m.yaml:14:48: analysis.own.swing.over: 'z' is no",
        ),
        ("over: x, by: []", "by: []", "chooses among groups of points; write over: AXIS, too"),
        ("by: [], where: {backend: quiet}", "where: {backend: loud}", "loud"),
        ("> 0.45, where: {backend: quiet}", "> 0.45, where: {x: 0}", "height is not of one x"),
        ('p: "1"', 'height: "1"', "'height' names two numbers"),
        ("py:count", "py:nothing", "nothing"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(manifest: Path, was: str, now: str, said: str) -> None:
    assert MANIFEST.count(was) == 1
    manifest.write_text(MANIFEST.replace(was, now), "utf-8")
    with pytest.raises(SourceErrors) as caught:
        expand_file(manifest, trust=True)
    assert said in "\n".join(map(str, caught.value.exceptions))


def test_a_function_of_groups_changes_no_numbers_that_are_kept(tmp_path: Path) -> None:
    from qbatch.snapshot.estimates import analysis_key

    (tmp_path / "analysis.py").write_text(CODE, "utf-8")
    plain = MANIFEST[: MANIFEST.index("  own:")] + "report: {formats: [md]}\n"
    whole, without = (parse_manifest(t, folder=tmp_path) for t in (MANIFEST, plain))
    assert analysis_key(whole.analysis) == analysis_key(without.analysis)
