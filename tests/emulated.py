"""Emulated clouds as a person serves them: `qbatch emulate` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
