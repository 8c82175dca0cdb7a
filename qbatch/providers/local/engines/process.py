"""One worker process as seen by its parent: started, spoken to, ended, and its last words read.

Rules: a plain subprocess, so that no script of the person's is imported again and nothing is forked
after Aer has run. The interpreter is started from the trio thread itself, in which the system then
sees the worker's parent; what waits on its pipes waits on trio.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import trio

from qbatch.providers.local.engines.worker import COMMAND, ENVIRONMENT
from qbatch.providers.local.work import THREADS, frame_length

_PIPE_BYTES = 1 << 20
_LAST_WORDS = 4000
#: For a worker that closed its pipe to end, and how often it is looked for, seconds: killed in its
#: last moments it would be told as killed.
_LAST_WORDS_S, _LOOK_S = 5.0, 0.01
#: For a launcher to end its worker, seconds.
_LAUNCHER_S = 5.0


@dataclass(frozen=True, slots=True)
class Command:
    """What a worker is.

    Attributes:
        code: What Python runs; see `worker.COMMAND`.
        before: What is put before the interpreter: a launcher and its arguments, under which the
            worker is no child of this process.
        threads: That it may use where they change no bit of what it computes.
    """

    code: str = COMMAND
    before: tuple[str, ...] = ()
    threads: int = 1

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables of the worker."""
        threads = {name: str(self.threads) for name in ("OMP_NUM_THREADS", THREADS)}
        return {**os.environ, **ENVIRONMENT, **threads}


#: A child of this process.
CHILD = Command()


class EndedError(Exception):
    """The process closed its pipe: it has ended, or is about to."""


class Process:
    """A running worker.

    Args:
        command: What it runs.
    """

    def __init__(self, command: Command = CHILD) -> None:
        self._is_launched = bool(command.before)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `end`)
        self._popen = subprocess.Popen(
            _arguments(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=command.environ,
            bufsize=0,
            pipesize=_PIPE_BYTES,
            process_group=0,  # a terminal's Ctrl-C is for the parent
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._to = trio.lowlevel.FdStream(os.dup(self._popen.stdin.fileno()))
        self._from = trio.lowlevel.FdStream(os.dup(self._popen.stdout.fileno()))
        self._popen.stdin.close()
        self._popen.stdout.close()
        self._received = bytearray()
        self._ready = self._is_ending = False

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is no more."""
        return self._popen.poll() is not None

    async def wait_ready(self) -> None:
        """Wait until it has imported what it needs.

        Raises:
            EndedError: It could not.
        """
        if not self._ready:
            await self.receive()
            self._ready = True

    async def send(self, frame: bytes) -> None:
        """Write a frame.

        Raises:
            EndedError: Nobody reads it.
        """
        try:
            await self._to.send_all(frame)
        except trio.BrokenResourceError as error:
            self._is_ending = True
            raise EndedError from error

    async def receive(self) -> Any:
        """Read a frame and unpickle it.

        Raises:
            EndedError: The pipe was closed before its end.
        """
        await self._read(8)
        length = frame_length(bytes(self._received[:8]))
        await self._read(8 + length)
        value = pickle.loads(memoryview(self._received)[8 : 8 + length])
        self._received = bytearray()
        return value

    async def _read(self, count: int) -> None:
        while len(self._received) < count:
            some = await self._from.receive_some(_PIPE_BYTES)
            if not some:
                self._is_ending = True
                raise EndedError
            self._received += some

    async def end(self) -> str:
        """Kill it unless it has ended by itself, and say how it ended."""
        with trio.CancelScope(shield=True):
            if self._is_launched:
                with trio.move_on_after(_LAUNCHER_S):
                    self._popen.terminate()  # which the launcher passes on; it could not a kill
                    await self._wait_closed()
            if self._is_ending:
                with trio.move_on_after(_LAST_WORDS_S):
                    while not self.has_ended:
                        await trio.sleep(_LOOK_S)
            self.kill()
            await self._wait_closed()
            await self._from.aclose()
            await self._to.aclose()
        return self.close()

    async def _wait_closed(self) -> None:
        """Wait for the pipe, which closes when all its memory has been given back."""
        while await self._from.receive_some(_PIPE_BYTES):
            pass

    def kill(self) -> None:
        """Make it end now; a process that has ended by itself keeps its own reason."""
        self._popen.poll()
        self._popen.kill()

    def close(self) -> str:
        """Wait for a process that is ending, and say how it ended."""
        code = self._popen.wait()
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _LAST_WORDS))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        self._stderr.close()
        return _cause(code, lines[-1] if lines else "")


def _arguments(command: Command) -> Sequence[str]:
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100  ("" is the current folder)
    # Files have one name, whatever the locale.
    names = ["-X", "utf8"] if sys.getfilesystemencoding() == "utf-8" else []
    parent = 0 if command.before else os.getpid()
    told = [json.dumps(paths), str(parent)]
    return [*command.before, sys.executable, "-P", *names, "-c", command.code, *told]


def _cause(code: int, last_line: str) -> str:
    told = f": {last_line}" if last_line else ""
    if code >= 0:
        return f"the worker process ended with exit code {code}{told}"
    name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    why = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the worker process was ended by {name}{why}{told}"
