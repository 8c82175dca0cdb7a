"""The everyday commands, each in a Python that takes a warning for an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

#: One after the other, in a folder that begins empty; the second part is how each ends.
COMMANDS = (
    ("--version", 0),
    ("init", 0),
    ("validate bell.yaml", 0),
    ("plan bell.yaml", 0),
    ("run bell.yaml --yes", 0),
    ("run bell.yaml", 0),
    ("status", 0),
    ("show bell.yaml", 0),
    ("report bell.yaml -f md -f html -f csv -f json -f netcdf -f parquet", 0),
    ("figure bell.yaml -n 1 -o f.pdf", 0),
    ("export bell.yaml -f json -o points.json", 0),
    ("check bell.yaml", 0),
    ("diff bell.yaml bell.yaml", 0),
    ("archive bell.yaml -o bell.zip", 0),
    ("verify bell.zip", 0),
    ("run bell.yaml --rehearse --out rehearsed", 0),
    ("config", 0),
    ("doctor", 0),
    ("help extending", 0),
    ("explain backends", 0),
    ("schema -o schema.json", 0),
    ("completion bash", 0),
)


def test_no_everyday_command_warns(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-X", "dev", "-m", "qbatch"]
    environ = {**os.environ, "PYTHONASYNCIODEBUG": "0"}
    for words, code in COMMANDS:
        done = subprocess.run(
            [*command, *words.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=environ,
            check=False,
        )
        told = f"{words}: {done.returncode}\n{done.stderr}"
        assert done.returncode == code, told
        assert "Warning" not in done.stderr, told
        assert "Exception ignored" not in done.stderr, told
