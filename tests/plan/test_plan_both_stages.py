"""A wrong manifest's circuits and backends are looked into all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.errors import SourceErrors
from qbatch.plan import expand_file

WRONG = """\
qbatch: 1
name: wrong
circuits:
  bad: bad.qasm
  none: none.qasm
  twice: {file: bad.qasm, qasm: x}
  made: {template: made.qasm.j2, with: {turn: 1}}
backends:
  sim: {provider: local, noise: {readout: 2}}
  odd: {provider: locl}
shots: 0
"""
BAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nhh q[0];\n'


def places_of(path: Path) -> list[str]:
    with pytest.raises(SourceErrors) as caught:
        expand_file(path)
    return [str(error.place).removeprefix(f"{path}:") for error in caught.value.exceptions]


def test_mistakes_of_the_manifest_circuits_and_noise_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "bad.qasm").write_text(BAD)
    (tmp_path / "made.qasm.j2").write_text("OPENQASM 3.0; input float turn; {{ n }}")
    found = places_of(tmp_path / "wrong.yaml")
    assert set(found) == {"5:3", "6:10", "9:34", "10:9", "11:8", "bad.qasm:4:1"}


def test_a_file_that_is_no_yaml_has_its_own_mistake_alone(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("qbatch: 1\ncircuits: [\n")
    assert len(places_of(tmp_path / "wrong.yaml")) == 1
