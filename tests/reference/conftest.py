"""Lets the tests of this folder import their neighbours under any import mode of pytest."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that an earlier run found out is taken for granted."""
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "cache"))
