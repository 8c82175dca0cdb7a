"""A Dask cluster that runs already, as an engine.

Rules: workers are asked for their versions before anything is sent, and each says no for itself
where it joined later. Answers come as arrays. A worker that goes away is Dask's own business; what
a scheduler forgot as it was ended is given out again once it, or its successor, can be reached.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from qbatch.errors import ExtraError, Unavailable, Unfit
from qbatch.providers.local.engines.contract import Broken, Task
from qbatch.providers.local.engines.dask_task import compute
from qbatch.providers.local.engines.frames import (
    FrameError,
    misfit_of,
    pack_work,
    unpack_answers,
    versions,
)

if TYPE_CHECKING:
    from qbatch.providers.local.work import Answer

#: A scheduler that does not answer by then is not there, seconds.
CONNECT_S = 30.0

#: Pause between two looks whether a client still has its scheduler, seconds.
LOOK_S = 2.0

#: For each worker so many chunks are with the scheduler, so that none waits for the next.
AHEAD = 3

#: Asked of every worker, in words that need nothing of ours there; the first on its path counts.
_VERSIONS = (
    "{each.metadata['Name'].lower(): each.version for each in "
    "reversed([*__import__('importlib.metadata').metadata.distributions()]) "
    "if (each.metadata['Name'] or '').lower() in NAMES}"
)


class Dask:
    """See `Engine`.

    Args:
        address: The scheduler's.
    """

    name = "dask"

    def __init__(self, address: str) -> None:
        self.capacity = 1
        self._address = address
        self._client: Any = None
        self._connecting = trio.Lock()
        self._turns = trio.CapacityLimiter(1)
        self._threads = trio.CapacityLimiter(8)
        self._tasks: set[Task] = set()
        self._all_ended = trio.Event()

    async def begin(self) -> None:
        client = await self._connected()
        workers = await self._in_thread(_versions_of, client)
        if not workers:
            raise Unavailable(f"dask: {self._address} has no workers").about("dask")
        for address, theirs in workers.items():
            told = theirs if isinstance(theirs, str) else misfit_of(theirs, versions())
            if told:
                raise Unfit(
                    f"dask: worker {address} does not compute as this machine does: {told}; "
                    "install the same there, or end it"
                ).about("dask")
        self.capacity = len(workers)
        self._turns.total_tokens = AHEAD * len(workers)

    def put(self, task: Task, *, first: bool = False) -> None:
        self._tasks.add(task)
        trio.lowlevel.spawn_system_task(self._perform, task, name="qbatch dask chunk")

    def drop(self, task: Task) -> None:
        task.scope.cancel()

    async def leave(self) -> None:
        for task in self._tasks:
            task.scope.cancel()
        while self._tasks:
            await self._all_ended.wait()
        if self._client is not None:
            await self._in_thread(_close, self._client)

    # -- one chunk -----------------------------------------------------------------------------

    async def _perform(self, task: Task) -> None:
        outcome: Answer | Broken | None = None
        try:
            with task.scope:
                async with self._turns:
                    outcome = await self._compute(task)
        finally:
            self._tasks.discard(task)
            if not self._tasks:
                self._all_ended.set()
                self._all_ended = trio.Event()
        if outcome is not None and not task.scope.cancel_called:
            task.finished(outcome)

    async def _compute(self, task: Task) -> Answer | Broken:
        packed, digest = pack_work([task.chunk])
        try:
            client = await self._connected()
        except Unavailable as error:
            return Broken(str(error), is_passing=True)
        task.started()
        try:
            frame = await self._answer(client, packed, digest)
        except (OSError, RuntimeError) as error:  # the client was closed meanwhile
            return Broken(f"Dask: {error}", is_passing=True)
        if isinstance(frame, Broken):
            return frame
        try:
            (part,) = unpack_answers(frame, digest)
        except FrameError as error:
            return Broken(f"a Dask worker's answer cannot count: {error}")
        return part.answer

    async def _answer(self, client: Any, packed: bytes, digest: str) -> bytes | Broken:
        future = await self._in_thread(_submit, client, packed, digest)
        try:
            await _wait_done(client, future)
            found: bytes | Broken = await self._in_thread(_result_of, future)
            return found
        finally:
            with trio.CancelScope(shield=True):
                await self._in_thread(_forget, future)

    # -- the scheduler -------------------------------------------------------------------------

    async def _connected(self) -> Any:
        """Return a client of the scheduler, a new one where the last one lost it.

        Raises:
            Unavailable: It does not answer.
        """
        async with self._connecting:
            if self._client is None or self._client.status == "closed":
                try:
                    self._client = await self._in_thread(_connect, self._address)
                except (OSError, TimeoutError) as error:
                    told = f"dask: no scheduler at {self._address}: {error}"
                    raise Unavailable(told).about("dask") from error
            return self._client

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        return await trio.to_thread.run_sync(
            partial(function, *args), abandon_on_cancel=True, limiter=self._threads
        )


def _connect(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        told = f"dask: {ExtraError('distributed', 'dask')}"
        raise Unfit(told).about("dask") from error
    make_client: Any = distributed.Client
    return make_client(address, timeout=CONNECT_S, set_as_default=False, name="qbatch")


def _versions_of(client: Any) -> dict[str, dict[str, str] | str]:
    """Return the versions of each worker, or why it does not tell."""
    told = client.run(eval, _VERSIONS.replace("NAMES", repr(tuple(versions()))), on_error="return")
    return {
        address: found if isinstance(found, dict) else f"it failed: {found}"
        for address, found in told.items()
    }


def _submit(client: Any, packed: bytes, digest: str) -> Any:
    return client.submit(compute, packed, digest, versions(), pure=False)


async def _wait_done(client: Any, future: Any) -> None:
    """Wait until a future has come to its end, or its client has."""
    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def tell(_: Any) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    future.add_done_callback(tell)
    while not done.is_set() and client.status != "closed":
        with trio.move_on_after(LOOK_S):
            await done.wait()


def _result_of(future: Any) -> bytes | Broken:
    """Return a finished future's bytes; of what was lost with its scheduler that it passes."""
    if future.status in ("cancelled", "lost", "pending"):
        return Broken("the Dask scheduler forgot it", is_passing=True)
    error = future.exception(timeout=CONNECT_S)
    if error is not None:
        return Broken(f"Dask: {type(error).__name__}: {error}")
    found = future.result(timeout=CONNECT_S)
    return found if isinstance(found, bytes) else Broken("a Dask worker answered with no bytes")


def _forget(future: Any) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # its client may be gone, and it with that
        future.release()


def _close(client: Any) -> None:
    client.close(timeout=2)
