"""M10: a process that may open few files says so, and waits for nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MANIFEST = """\
qbatch: 1
name: few
circuits:
  one: {qasm: "OPENQASM 3.0; qubit q; bit c; reset q; c = measure q;"}
backends: {sim: {provider: local}}
shots: 10
"""


def run(folder: Path, limits: str, verb: str = "run") -> subprocess.CompletedProcess[str]:
    command = f'ulimit {limits}; exec "$0" -m qbatch {verb} few.yaml'
    return subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "limit", [16, *(pytest.param(n, marks=pytest.mark.slow) for n in (24, 40)), 63]
)
@pytest.mark.slow
def test_few_open_files_are_told_before_anything_is_begun(tmp_path: Path, limit: int) -> None:
    (tmp_path / "few.yaml").write_text(MANIFEST)
    said = run(tmp_path, f"-n {limit}")
    assert said.returncode == 9
    assert f"may have {limit} files open at once, a run needs 64" in said.stderr
    assert "ulimit -n 1024" in said.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("limits", [pytest.param("-n 64", marks=pytest.mark.slow), "-Sn 16"])
@pytest.mark.slow
def test_enough_is_enough_and_a_soft_limit_is_raised(tmp_path: Path, limits: str) -> None:
    (tmp_path / "few.yaml").write_text(MANIFEST)
    assert run(tmp_path, limits).returncode == 0
