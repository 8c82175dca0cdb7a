"""Zero-noise extrapolation as its user sees it: in `plan`, `run`, `show`, `check` and exports."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest

from tests.cli.conftest import Call

MANIFEST = """\
qbatch: 1
name: chain
circuits:
  chain:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      qubit[3] q;
      bit[3] c;
      h q[0];
      cx q[0], q[1];
      cx q[1], q[2];
      c = measure q;
backends:
  noisy: {provider: local, noise: {depolarizing: {two_qubit: 0.05}}}
shots: 2000
analysis:
  observables: {zz: Z0 Z2, x: X0 X1 X2}
  mitigation: {zne: {scales: [1, 3, 5], fit: exponential}}
checks:
  - {that: zz.zne == 1}
"""


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    path = tmp_path / "chain.yaml"
    path.write_text(MANIFEST, "utf-8")
    return path


def test_a_number_without_noise_is_told_from_plan_to_export(qbatch: Call, chain: Path) -> None:
    planned = json.loads(qbatch("plan", chain, "--json").out)
    assert planned["settings"] == 6
    assert planned["bases"] == {"chain": [["", "X0 X1 X2"]]}
    assert planned["noise_scales"] == {"chain": [[1, 3, 5]]}
    # a line through values at 1, 3 and 5 is at 0 13/12, 4/12 and -5/12 of them
    assert planned["overhead"]["zne"] == {"shots": 3, "errors": pytest.approx(210**0.5 / 12)}
    assert "zne takes 3 times the shots" in qbatch("plan", chain).out
    assert qbatch("run", chain, "--yes").code == 0
    assert "zz.zne == 1" in qbatch("check", chain).out
    (row,) = csv.DictReader(io.StringIO(qbatch("export", chain, "--format", "csv").out))
    assert abs(float(row["zz.zne"]) - 1) < abs(float(row["zz"]) - 1)
    shown = qbatch("show", chain, "chain").out
    assert "without noise" in shown
    assert "noise_scale=5" in shown
    lines = [line.split() for line in shown.splitlines()]
    assert lines.count(["method", "density_matrix"]) == 1  # what all settings share: once
    assert sum(line[:1] == ["noise_scale=5"] and "[0," in line for line in lines) == 1
    told = json.loads(qbatch("show", chain, "chain", "--json").out)["zne"]["zz.zne"]
    assert told["scales"] == [1, 3, 5]
    assert told["dof"] == 1
    assert told["values"][0] == pytest.approx(float(row["zz"]))
    report = Path("runs/chain/report.md").read_text("utf-8").partition("## Numbers without")[2]
    (cells,) = (line.split("|") for line in report.splitlines() if line.startswith("| zz.zne"))
    assert cells[3].strip() == f"{told['chi2']:.3g} (1)"
    # of one degree of freedom χ² is the square of a normal number
    assert float(cells[4]) == pytest.approx(math.erfc(math.sqrt(told["chi2"] / 2)), rel=0.06)
    assert cells[5].strip().startswith("chain (p = ")


def test_running_again_with_zne_buys_only_what_is_scaled(qbatch: Call, chain: Path) -> None:
    whole = chain.read_text("utf-8")
    chain.write_text(whole.replace("  mitigation:", "  x-off:").replace("zz.zne ==", "zz <="))
    assert qbatch("run", chain, "--yes", "--no-report").code == 0
    chain.write_text(whole, "utf-8")
    planned = json.loads(qbatch("plan", chain, "--json").out)
    assert planned["why"] == {"new": 4, "done": 2}
