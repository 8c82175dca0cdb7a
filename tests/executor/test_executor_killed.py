"""`kill -9` at any moment, then run again: nothing lost, nothing repeated, the same results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DRILL = Path(__file__).parent / "kill_drill.py"


def drilled(place: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(DRILL), place, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_killed_before_or_after_any_commit_nothing_is_lost_bought_twice_or_different(
    tmp_path: Path,
) -> None:
    found = drilled("writes", tmp_path)
    assert found.pop("kills") >= 30
    assert found == {"different": 0, "twice": 0, "bad": 0}


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost_bought_twice_or_different(tmp_path: Path) -> None:
    found = drilled("moments", tmp_path)
    assert found.pop("kills") >= 20
    assert found == {"different": False, "twice": 0, "bad": 0}


def test_the_fuse_kills_the_process_at_the_write_it_names(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from qbatch.snapshot import Snapshot\n"
        "s = Snapshot(Path(sys.argv[1])); s.set_meta(a='1'); s.set_meta(b='2')"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {"QBATCH_KILL_AT_WRITE": "4"},  # the snapshot's own first commit is two
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    from qbatch.snapshot import Snapshot

    with Snapshot(tmp_path) as snapshot:
        assert "a" in snapshot.meta()
        assert "b" not in snapshot.meta()
