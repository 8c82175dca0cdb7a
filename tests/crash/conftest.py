"""One fast world for each worker, started when the first test asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.crash.world import SlowWorld, World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with World(num_places=8) as world:
        yield world


@pytest.fixture(scope="session")
def slow_world() -> Iterator[SlowWorld]:
    """Real time, and real command lines."""
    with SlowWorld(num_places=10) as world:
        yield world
