"""One worker process as seen by its parent: started, spoken to, ended, and its last words read.

Rules: forked by a process of its own that has computed nothing (`forked`), else a plain subprocess:
so no script of the person's is imported again, and nothing is forked after Aer has run. What waits
on its pipes waits on trio.
"""

from __future__ import annotations

import os
import pickle
import signal
import tempfile
from typing import Any

import trio

from qbatch.providers.local.engines.child import Child, Spawned
from qbatch.providers.local.engines.command import CHILD, Command
from qbatch.providers.local.engines.forked import Forked, may_fork
from qbatch.providers.local.work import frame_length, to_frame
from qbatch.system import make_pipe

_PIPE_BYTES = 1 << 20
_LAST_WORDS = 4000
#: For a worker that closed its pipe to end, and how often it is looked for, seconds: killed in its
#: last moments it would be told as killed.
_LAST_WORDS_S, _LOOK_S = 5.0, 0.01
#: For a launcher to end its worker, seconds.
_LAUNCHER_S = 5.0


class EndedError(Exception):
    """The process closed its pipe: it has ended, or is about to."""


class Process:
    """A running worker.

    Args:
        command: What it runs.
    """

    def __init__(self, command: Command = CHILD) -> None:
        self._is_launched = bool(command.before)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        theirs, to = make_pipe(_PIPE_BYTES)
        come, their_outbox = make_pipe(_PIPE_BYTES)
        start = Forked if may_fork(command) else Spawned
        try:
            self._child: Child = start(command, theirs, their_outbox, self._stderr)
        finally:
            os.close(theirs)
            os.close(their_outbox)
        self._to = trio.lowlevel.FdStream(to)
        self._from = trio.lowlevel.FdStream(come)
        self._received = bytearray()
        self._ready = self._is_ending = False

    @property
    def pid(self) -> int | None:
        """Its process id; None: it has not begun."""
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is no more."""
        return self._child.has_ended

    async def wait_ready(self) -> None:
        """Wait until it has imported what it needs.

        Raises:
            EndedError: It could not.
        """
        if not self._ready:
            if self._child.environ is not None:
                await self.send(to_frame(self._child.environ))
            await self.receive()
            await self._child.wait_known()
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
                    self._child.terminate()  # which the launcher passes on; it could not a kill
                    await self._wait_closed()
            if self._is_ending:
                with trio.move_on_after(_LAST_WORDS_S):
                    while not self.has_ended:
                        await trio.sleep(_LOOK_S)
            self.kill()
            if self.pid is not None:  # else it has not begun, and ends as it finds its pipes closed
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
        self._child.kill()

    def close(self) -> str:
        """Wait for a process that is ending, and say how it ended."""
        code, told = self._child.wait()
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _LAST_WORDS))
        lines = (told or self._stderr.read()).decode(errors="replace").strip().splitlines()
        self._stderr.close()
        return _cause(code, lines[-1] if lines else "")


def _cause(code: int, last_line: str) -> str:
    told = f": {last_line}" if last_line else ""
    if code >= 0:
        return f"the worker process ended with exit code {code}{told}"
    name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    why = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the worker process was ended by {name}{why}{told}"
