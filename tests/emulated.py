"""Emulated clouds as a person serves them: `qbatch emulate` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

#: How many times as fast the time of a hurried qbatch passes.
RATE = 10.0


@contextmanager
def emulating(folder: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """Serve clouds until the end; yield the variables of their env file.

    Args:
        folder: For that file.
        arguments: Of `qbatch emulate`.
    """
    env_file = folder / "clouds.env"
    command = [sys.executable, "-m", "qbatch", "emulate", *arguments, "--env-file", str(env_file)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as emulator:
        try:
            deadline = time.monotonic() + 60
            while not env_file.exists():
                assert emulator.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            lines = env_file.read_text().splitlines()
            yield dict(line.split("=", 1) for line in lines)
        finally:
            emulator.terminate()


@contextmanager
def hurried() -> Iterator[None]:
    """Let the pauses and time-outs of qbatch in this process pass faster by `RATE`.

    For clouds of a process of their own, whose jobs wait for real: time cannot be virtual then.
    """
    in_real_time = trio.run

    def run(work: Any, *given: Any, clock: Any = None, **named: Any) -> Any:
        return in_real_time(work, *given, clock=clock or MockClock(rate=RATE), **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio, "run", run)
        yield
