"""The command line called in process, in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qbatch.cli import main

BELL = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""

MANIFEST = """\
qbatch: 1
name: pair
circuits:
  bell: bell.qasm
backends:
  sim: {provider: local}
sweep:
  matrix: {shots: [10, 20, 40]}
  seed: 1
analysis:
  observables: {zz: Z0 Z1, z: Z0}
checks:
  - {that: zz >= 0.5}
"""


@dataclass(frozen=True)
class Said:
    """What a call of qbatch left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Said]


@pytest.fixture
def qbatch(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Call:
    """Call the command line in an empty folder and return what it said."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A small valid manifest with three points, in the current folder of `qbatch`."""
    (tmp_path / "bell.qasm").write_text(BELL)
    path = tmp_path / "pair.yaml"
    path.write_text(MANIFEST)
    return Path("pair.yaml")
