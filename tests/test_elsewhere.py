"""Without what only POSIX has, as on Windows: a sweep runs, and two runners are kept apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MANIFEST = """\
qbatch: 1
name: turn
circuits:
  turn:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit q;
      bit c;
      rx(theta) q;
      c = measure q;
backends: {sim: {provider: local}}
sweep: {matrix: {theta: [0, 3.141592653589793]}}
shots: 100
analysis: {observables: {z: Z0}}
checks:
  - {that: z == 1, where: {theta: 0}}
"""

#: Holds the lock of the run folder until its input ends.
HOLDER = """\
import sys
from pathlib import Path
from qbatch.snapshot.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""

ELSEWHERE = {**os.environ, "PYTHONPATH": str(Path(__file__).parent / "elsewhere")}


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "qbatch", "run", "turn.yaml", "--check"]
    return subprocess.run(
        command, cwd=folder, env=ELSEWHERE, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_a_sweep_runs_and_two_runners_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "turn.yaml").write_text(MANIFEST, "utf-8")
    first = run(tmp_path)
    assert first.returncode == 0, first.stderr
    assert "2 of 2 points done" in first.stdout
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "runs/turn")]
    with subprocess.Popen(
        command, env=ELSEWHERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        second = run(tmp_path)
        holder.communicate("")
    assert f"another qbatch run holds this folder: process {holder.pid} on" in second.stderr
    assert run(tmp_path).returncode == 0
