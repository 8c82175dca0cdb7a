"""A sweep over a turned bit whose numbers are to reach an accuracy, and what a folder has of it."""

from __future__ import annotations

from pathlib import Path

from qbatch.accuracy.kept import Kept, read_rounds
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Manifest
from qbatch.snapshot import Run

WAVE = """
qbatch: 1
name: rounds
circuits:
  wave:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[2] q;
      bit[2] c;
      rx(theta) q[0];
      ry(0.4) q[1];
      c = measure q;
backends: {at: {provider: local}}
sweep: {matrix: {theta: THETAS}, seed: 7}
shots: SHOTS
analysis: {observables: {z: Z0, e: EE}, probabilities: {p: "1*"}}
"""


def manifest_of(thetas: list[float], shots: object, e: str = "Z0 + 0.5 Z1") -> Manifest:
    text = WAVE.replace("THETAS", str(thetas)).replace("SHOTS", str(shots)).replace("EE", e)
    return parse_manifest(text)


def accuracy(of: str = "z", **keys: object) -> str:
    found = {"target_se": 0.03, "min": 100, "max": 3000} | keys
    told = ", ".join(f"{key}: {value}" for key, value in found.items() if value is not None)
    return f"{{{told}, of: {of}}}"


def kept_in(folder: Path) -> list[Kept]:
    with Run(folder) as found:
        return read_rounds(found.meta)


def shots_in(folder: Path) -> list[int]:
    with Run(folder) as found:
        return [point.counts.shots if point.counts else 0 for point in found]
