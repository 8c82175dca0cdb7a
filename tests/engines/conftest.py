"""Lets the tests of this folder import what stands beside them, and starts what they need."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster import Cluster, missing
from sweeps import Commands, write_sweep


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Slurm of its own; where none is installed CI fails, and others are told."""
    if names := missing():
        told = f"there is no {', '.join(names)} here; install slurmctld, slurmd, slurm-client"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        one = Cluster(Path(folder))
        try:
            one.start()
            yield one
        finally:
            one.stop()


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of what workers of this machine count."""
    folder = tmp_path_factory.mktemp("here")
    write_sweep(folder, processes={"workers": 2})
    commands = Commands(folder, os.environ)
    commands("run", "sweep.yaml", "--yes")
    return commands.hash()
