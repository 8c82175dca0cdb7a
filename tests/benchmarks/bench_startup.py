"""How long a person waits before anything happens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Row, in_turn, ms, python

MANIFEST = """\
qbatch: 1
name: fifty-lines
circuits:
  bell:
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
  ideal: {provider: local}
  noisy:
    provider: local
    noise: {depolarizing: {one_qubit: 0.001, two_qubit: 0.01}, readout: 0.02}
sweep:
  matrix:
    backend: [ideal, noisy]
    theta: {linspace: [0, pi, 9]}
    shots: [100, 1000, 10000]
  exclude:
    - {backend: noisy, theta: 0}
  overrides:
    - {where: {backend: ideal}, set: {shots: 2000}}
  repeat: 3
  seed: 7
analysis:
  observables: {zz: Z0 Z1}
  probabilities: {p00: "00", any1: "1*"}
report:
  formats: [md, html]
  plots:
    - {x: theta, y: zz, color: backend, band: ci}
""".replace(
    "    - {where: {backend: ideal}, set: {shots: 2000}}\n",
    "    - {where: {backend: noisy, shots: 100}, set: {shots: 200}}\n",
)


def measure() -> Iterator[Row]:
    bare = python("-c", "import click")
    for flag in ("--help", "--version"):
        ours, theirs = in_turn(python("-m", "qbatch", flag), bare, rounds=9)
        yield Row(
            f"qbatch {flag}",
            ms(ours),
            "import click",
            ms(theirs),
            f"{ours / theirs:.2f} x",
            "<= 1.5 x",
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.yaml")
        path.write_text(MANIFEST)
        models = python("-c", "import click, yaml, pydantic, qbatch.manifest.models")
        for verb, most in (("validate", 220), ("plan", 270)):
            ours, theirs = in_turn(
                python("-m", "qbatch", verb, str(path), cwd=folder), models, rounds=9
            )
            yield Row(
                f"qbatch {verb}, 50 lines, circuits seen before",
                ms(ours),
                "import click, yaml, pydantic; build the models",
                ms(theirs),
                f"{ours / theirs:.2f} x",
                f"<= 1.5 x, <= {most} ms",
            )
