"""Sweeps that the engines compute, and the command line that runs them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Exact probabilities, and a circuit whose every shot is simulated.
CIRCUITS = """\
circuits:
  exact:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[3] q; bit[3] c;
      ry(theta) q[0]; cx q[0], q[1]; rx(theta) q[2]; cx q[1], q[2];
      c = measure q;
  feedback:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[2] q; bit[1] early; bit[2] late;
      ry(theta) q[0];
      early[0] = measure q[0];
      if (early[0]) { x q[1]; }
      reset q[0];
      ry(2 * theta) q[1];
      late = measure q;
"""

#: A run may take so long, seconds: a busy machine starts many interpreters.
RUN_S = 240.0


def write_sweep(
    folder: Path,
    *,
    points: int = 12,
    jobs: int = 6,
    shots: int = 20_000,
    in_flight: int = 64,
    **engine: Any,
) -> Path:
    """Write a manifest of 2 × `points` points, `jobs` to a composite job."""
    file = folder / "sweep.yaml"
    file.write_text(
        f"qbatch: 1\nname: sweep\n{CIRCUITS}"
        "backends:\n  sim:\n    provider: local\n"
        f"    engine: {json.dumps(engine)}\n    limits: {{jobs: {jobs}, in_flight: {in_flight}}}\n"
        "sweep:\n  matrix:\n    circuit: [exact, feedback]\n"
        f"    theta: {{linspace: [0.1, 3, {points}]}}\n  seed: 11\nshots: {shots}\n"
    )
    return file


class Commands:
    """`qbatch` in a folder, each call a process of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self._environ = {**environ, "QBATCH_STATE_DIR": str(folder / "state")}

    def start(self, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*before, sys.executable, "-m", "qbatch", *arguments],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str, code: int = 0, before: tuple[str, ...] = ()) -> str:
        process = self.start(*arguments, before=before)
        said, _ = process.communicate(timeout=RUN_S)
        assert process.returncode == code, said
        return said

    def states(self) -> dict[str, int]:
        process = self.start("status", "sweep.yaml", "--json")
        said, _ = process.communicate(timeout=RUN_S)
        found: dict[str, int] = json.loads(said)["states"]
        return found

    def hash(self) -> str:
        """Of all counts of all points."""
        self("export", "sweep.yaml", "--format", "counts", "-o", "counts.csv")
        return hashlib.sha256((self.folder / "counts.csv").read_bytes()).hexdigest()


def wait_for(what: Any, within_s: float = RUN_S) -> None:
    """Wait until `what()` is true."""
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
