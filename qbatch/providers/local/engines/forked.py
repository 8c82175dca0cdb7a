"""Workers forked by a process that has loaded what they need; see `fork_server`.

Rules: Linux only. One such process is kept as long as this one lives, and starts the workers of all
its runs; one that has ended is replaced. What libraries read from the environment as they are
loaded must be as it was, or another takes its place; every other variable is each worker's own.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, cached_property
from typing import IO

import trio

from qbatch.providers.local.engines.command import Command, arguments
from qbatch.providers.local.engines.fork_server import COMMAND, NUMBER
from qbatch.providers.local.engines.worker import COMMAND as OF_A_WORKER

#: Variables of these names are read as libraries, or Python, are loaded.
READ_EARLY = ("OMP_", "GOMP_", "KMP_", "OPENBLAS_", "MKL_", "QISKIT_", "LD_", "PYTHON", "MALLOC_")

_LAST_WORDS = 4000


@cache
def _is_possible() -> bool:
    """Whether this system knows descriptors of processes."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def may_fork(command: Command) -> bool:
    """Whether workers of this kind can be forked."""
    return command.code == OF_A_WORKER and not command.before and _is_possible()


class _Server:
    """A process that forks workers, as seen from here."""

    def __init__(self, command: Command) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `end`)
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._popen = subprocess.Popen(
                arguments(replace(command, code=COMMAND), str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                env=command.environ,
                pass_fds=[theirs.fileno()],
                process_group=0,  # a terminal's Ctrl-C is for the parent
            )
        self._is_open = True

    @property
    def is_there(self) -> bool:
        """Whether it can be asked."""
        return self._is_open and self._popen.poll() is None

    def ask(self, descriptors: Sequence[int]) -> None:
        """Ask for a worker.

        Raises:
            BrokenPipeError: It is no more.
        """
        socket.send_fds(self._link, [b"w"], descriptors)

    def leave(self) -> None:
        """Ask no more: it ends with its last worker."""
        self._popen.poll()  # one that ended since is no more in the system's list
        self._link.close()
        self._is_open = False

    def end(self) -> None:
        """End it and its workers."""
        self.leave()
        self._popen.kill()
        _ = self.last_words

    @cached_property
    def last_words(self) -> tuple[int, bytes]:
        """Return how it ended, and what it said then; it closed what it was asked for."""
        code = self._popen.wait()
        with self._stderr as said:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _LAST_WORDS))
            return code, said.read()


class _Servers:
    """Those of this process; a fork of it has none.

    Attributes:
        pid: Whose they are.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._all: list[_Server] = []
        self._key: object = None

    def ask(self, command: Command, descriptors: Sequence[int]) -> _Server:
        """Ask the one that forks such workers, and return it; it is started where there is none."""
        early = {n: v for n, v in command.environ.items() if n.startswith(READ_EARLY)}
        key = command, tuple(sys.path), tuple(sorted(early.items()))
        with self._lock:
            if key == self._key and self._all[-1].is_there:
                with suppress(BrokenPipeError):  # it ended just now
                    self._all[-1].ask(descriptors)
                    return self._all[-1]
            for other in self._all:
                other.leave()
            self._all.append(_Server(command))
            self._key = key
            with suppress(BrokenPipeError):  # it could not begin: those pipes are closed
                self._all[-1].ask(descriptors)
            return self._all[-1]

    def end(self) -> None:
        """End all, as this process ends."""
        if self.pid == os.getpid():
            for each in self._all:
                each.end()


#: The last are of this process, those before it of processes that it was forked from.
_servers = [_Servers()]


def _ask(command: Command, descriptors: Sequence[int]) -> _Server:
    if _servers[-1].pid != os.getpid():
        _servers.append(_Servers())
    return _servers[-1].ask(command, descriptors)


@atexit.register
def _end_all() -> None:
    _servers[-1].end()


class Forked:
    """A worker that was asked for.

    Args:
        command: What it is; `may_fork` holds for it.
        inbox, outbox: File descriptors of what it reads and writes.
        stderr: Where its last words go.
    """

    def __init__(self, command: Command, inbox: int, outbox: int, stderr: IO[bytes]) -> None:
        self.environ: Mapping[str, str] = command.environ
        self._process: int | None = None
        self._pid: int | None = None
        #: It will not begin: nobody is there to fork it.
        self._is_lost = False
        self._status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._status.setblocking(False)
        folder = os.open(".", os.O_PATH)
        try:
            with theirs:
                told = (inbox, outbox, stderr.fileno(), folder, theirs.fileno())
                self._server = _ask(command, told)
        finally:
            os.close(folder)

    @property
    def pid(self) -> int | None:
        if self._pid is None:
            self._look()
        return self._pid

    def _look(self) -> None:
        try:
            told, found, _, _ = socket.recv_fds(self._status, NUMBER.size, 1)
        except BlockingIOError:
            return
        self._is_lost = not told
        if found:
            (self._process,) = found
            (self._pid,) = NUMBER.unpack(told)

    @property
    def has_ended(self) -> bool:
        return self._is_lost if self.pid is None else self._is_over()

    def _is_over(self) -> bool:
        assert self._process is not None
        watched = select.poll()
        watched.register(self._process, select.POLLIN)
        return bool(watched.poll(0))

    async def wait_known(self) -> None:
        if self.pid is None:
            await trio.lowlevel.wait_readable(self._status)
            self._look()

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """As `Child`; one that has not begun will find its pipes closed."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.pid is not None and not self._is_over():
            assert self._process is not None
            try:
                signal.pidfd_send_signal(self._process, number)
            except ProcessLookupError:
                return  # meanwhile

    def wait(self) -> tuple[int, bytes]:
        try:
            if self.pid is None:
                return self._server.last_words if self._is_lost else (0, b"")
            self._status.setblocking(True)
            if told := self._status.recv(NUMBER.size):
                code: int = NUMBER.unpack(told)[0]
                return code, b""
            return -signal.SIGKILL, b""  # with the one that forked it
        finally:
            self._status.close()
            if self._process is not None:
                os.close(self._process)
                self._process = None
