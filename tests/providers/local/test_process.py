"""A worker process says how it ended: by itself with its last words, or killed."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from qbatch.providers.local.engines.process import Command, EndedError, Process

#: Closes its pipe and ends a while after it, with an exception, as an interpreter that has much to
#: put away does.
ENDS_LATE = """\
import os, time
os.close(1)
time.sleep(0.2)
raise RuntimeError("no module of that name")
"""


def test_a_worker_that_ends_by_itself_is_not_told_as_killed() -> None:
    async def look() -> str:
        process = Process(Command(code=ENDS_LATE))
        with pytest.raises(EndedError):
            await process.receive()
        return await process.end()

    told = trio.run(look)
    assert told == (
        "the worker process ended with exit code 1: RuntimeError: no module of that name"
    )


def test_a_worker_that_is_killed_is_told_as_killed() -> None:
    async def look() -> str:
        process = Process(Command(code="import time; time.sleep(60)"))
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(EndedError):
            await process.receive()
        return await process.end()

    assert "ended by SIGKILL, as the system does when memory runs out" in trio.run(look)
