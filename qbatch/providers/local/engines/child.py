"""A worker as its parent sees it in the system: known, killed, and waited for."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import IO, Protocol

from qbatch.providers.local.engines.command import Command, arguments


class Child(Protocol):
    """A process that was asked for."""

    @property
    def pid(self) -> int | None:
        """Its process id; None: it has not begun."""
        ...

    @property
    def environ(self) -> Mapping[str, str] | None:
        """Environment variables that it waits for; None: it has its own."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether it is no more."""
        ...

    async def wait_known(self) -> None:
        """Wait until its process id is known; it has begun."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """Make it end now; one that has ended by itself keeps its own reason."""
        ...

    def wait(self) -> tuple[int, bytes]:
        """Wait until it has ended.

        Returns:
            Its exit code, as `subprocess` tells it, and the last words of whatever started it.
        """
        ...


class Spawned:
    """A process of its own interpreter.

    Args:
        command: What it runs.
        inbox, outbox: File descriptors of what it reads and writes.
        stderr: Where its last words go.
    """

    environ = None

    def __init__(self, command: Command, inbox: int, outbox: int, stderr: IO[bytes]) -> None:
        self._popen = subprocess.Popen(
            arguments(command),
            stdin=inbox,
            stdout=outbox,
            stderr=stderr,
            env=command.environ,
            process_group=0,  # a terminal's Ctrl-C is for the parent
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    async def wait_known(self) -> None:
        """It is known from the beginning."""

    def terminate(self) -> None:
        self._popen.terminate()

    def kill(self) -> None:
        self._popen.poll()
        self._popen.kill()

    def wait(self) -> tuple[int, bytes]:
        return self._popen.wait(), b""
