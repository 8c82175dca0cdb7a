"""What the tests of this folder share; it lets them import `fake_drivers` under any import mode."""

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def tasks_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trio shuffles tasks that are ready at once: here always in the same way."""
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    monkeypatch.setattr("trio._core._run._r", Random(1))
