"""Zipped axes may repeat values, as measured settings do; rows may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from qbatch.plan import expand

MANIFEST = """\
qbatch: 1
name: zipped
circuits:
  flip:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float a;
      input float b;
      qubit[1] q;
      bit[1] c;
      rx(a) q[0];
      rz(b) q[0];
      c = measure q;
backends:
  sim: {provider: local}
sweep:
  zip:
    a: [%s]
    b: [%s]
"""


def test_a_zipped_axis_may_repeat_a_value() -> None:
    plan = expand(parse_manifest(MANIFEST % ("0.1, 0.1, 0.2", "1, 2, 1"), folder=Path("/")))
    assert len({point.id for point in plan.points()}) == plan.num_points == 3


def test_a_repeated_row_is_refused() -> None:
    manifest = parse_manifest(MANIFEST % ("0.1, 0.2, 0.1", "1, 1, 1"), folder=Path("/"))
    with pytest.raises(SourceErrors) as caught:
        expand(manifest)
    assert "has 0.1, 1 twice" in str(caught.value.exceptions[0])
