"""Twirling as its user sees it: in `plan`, `run`, `show`, `check`, exports, archives and `diff`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call

MANIFEST = """\
qbatch: 1
name: bell
circuits:
  bell:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      qubit[2] q;
      bit[2] c;
      h q[0];
      cx q[0], q[1];
      c = measure q;
backends:
  noisy: {provider: local, noise: {depolarizing: {two_qubit: 0.05}, readout: 0.04}}
shots: 1600
sweep: {repeat: 2}
analysis:
  observables: {zz: Z0 Z1}
  mitigation: {twirl: {n: 16}, readout: {shots: 20000}}
checks:
  - {that: zz.twirl >= 0.85}
"""


@pytest.fixture
def bell(tmp_path: Path) -> Path:
    path = tmp_path / "bell.yaml"
    path.write_text(MANIFEST, "utf-8")
    return path


@pytest.mark.slow
def test_a_twirled_number_is_told_from_plan_to_archive(qbatch: Call, bell: Path) -> None:
    planned = json.loads(qbatch("plan", bell, "--json").out)
    assert planned["forms"] == 16
    assert planned["settings"] == 2 * 17 + 2
    assert planned["overhead"]["twirl"]["shots"] == 2
    assert "twirl measures 16 forms" in qbatch("plan", bell).out
    assert qbatch("run", bell, "--yes", "--no-report").code == 0
    assert json.loads(qbatch("status", bell, "--json").out)["settings"] == planned["settings"]
    assert "zz.twirl >= 0.85" in qbatch("check", bell).out
    row, _ = csv.DictReader(io.StringIO(qbatch("export", bell, "--format", "csv").out))
    assert row["shots"] == "1600"
    assert abs(float(row["zz.twirl"]) - 0.95) < 5 * float(row["zz.twirl_se"])
    assert abs(float(row["zz"]) - 0.95 * 0.92**2) < 5 * float(row["zz_se"])
    shown = qbatch("show", bell, "bell").out
    assert "of 16 twirled forms" in shown
    assert "twirl=15:" in shown
    archive = bell.parent / "a.zip"
    assert qbatch("archive", bell, "-o", archive).code == 0
    assert "all of it holds" in qbatch("verify", archive).out
    assert qbatch("diff", bell, bell).code == 0
    assert "0 jobs to run" in qbatch("run", bell, "--yes").err


def test_more_forms_buy_only_those_that_are_new(qbatch: Call, bell: Path) -> None:
    assert qbatch("run", bell, "--yes", "--no-report").code == 0
    bell.write_text(bell.read_text("utf-8").replace("n: 16", "n: 32"), "utf-8")
    planned = json.loads(qbatch("plan", bell, "--json").out)
    assert planned["why"] == {"new": 32, "done": 2 * 17 + 2}
    assert planned["left"]["shots"] == 32 * 50
    assert qbatch("run", bell, "--yes", "--no-report").code == 0
    shown = qbatch("show", bell, "bell").out
    assert "zz.twirl" in shown
    assert "twirl=31:" in shown


@pytest.mark.slow
def test_shards_of_twirled_points_are_one_run_as_if_made_at_once(qbatch: Call, bell: Path) -> None:
    """Forms of each copy come from its folder; calibrations, bought with the first, are of both."""
    text = bell.read_text("utf-8").replace("sweep: {repeat: 2}", "sweep: {repeat: 2, seed: 3}")
    bell.write_text(text, "utf-8")
    assert qbatch("run", bell, "--yes", "--no-report").code == 0
    told = [qbatch("export", bell, "--format", each).out for each in ("counts", "csv")]
    for name, which in (("a", "bell"), ("b", "bell#2")):
        assert qbatch("run", bell, "-k", which, "--out", name, "--yes", "--no-report").code == 0
    for name, order in (("ab", ("a", "b")), ("ba", ("b", "a"))):
        assert qbatch("merge", *order, "-o", name).code == 0
        assert "0 jobs to run" in qbatch("run", bell, "--out", name, "--yes").err
        there = [qbatch("export", name, "--format", each).out for each in ("counts", "csv")]
        assert there == told
