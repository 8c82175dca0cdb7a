"""A manifest of 10,000 lines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Row, in_turn, ms, python

HEAD = """\
qbatch: 1
name: long
circuits:
  ring:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float gamma;
      input float beta;
      qubit[1] q;
      bit[1] c;
      rx(gamma) q[0];
      rz(beta) q[0];
      c = measure q;
backends:
  sim: {provider: local}
sweep:
  zip:
    gamma:
"""


def measure() -> Iterator[Row]:
    lines = 5_000
    text = HEAD + "".join(f"      - {k / 1000}\n" for k in range(lines))
    text += "    beta:\n" + "".join(f"      - {k / 500}\n" for k in range(lines))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.yaml")
        path.write_text(text)
        load = f"import yaml; yaml.load(open({str(path)!r}), Loader=yaml.CSafeLoader)"
        ours, theirs = in_turn(
            python("-m", "qbatch", "validate", str(path), cwd=folder), python("-c", load)
        )
        yield Row(
            "qbatch validate, 10,000 lines, whole command",
            ms(ours),
            "CSafeLoader alone",
            ms(theirs),
            f"{ours / theirs:.2f} x",
            "<= 600 ms",
        )
