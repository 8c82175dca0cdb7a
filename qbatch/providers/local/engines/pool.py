"""Warm worker processes, shared by all local backends of one trio run.

Rules: chunks go to workers in the order given, one at a time each; workers are started when there
is enough to do for them, never more than asked for, and all end with the last driver. Memory is
shared out: what would not fit beside what runs waits. A worker that ends or hangs is replaced when
next needed; what becomes of its chunk is decided by whoever gave it.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass

import trio

from qbatch.providers.local.engines.command import CHILD, Command
from qbatch.providers.local.engines.contract import Broken, Task
from qbatch.providers.local.engines.forked import may_fork
from qbatch.providers.local.engines.process import EndedError, Process
from qbatch.providers.local.work import Answer, to_frame

#: A further worker starts once those there are have so much to do, seconds: it takes as long to
#: load what it needs.
WORTH_A_WORKER_S = 1.0

#: The same where it is forked: it takes as long to read and prepare the circuits of the others.
WORTH_A_FORK_S = 0.25

#: A worker that is not ready by then will never be.
START_UP_S = 120.0


@dataclass(slots=True, eq=False)
class Share:
    """One driver's share.

    Attributes:
        workers: How many it may keep busy.
        memory: Bytes that all that runs may take when a chunk of its starts.
        running: How many it keeps busy.
    """

    workers: int
    memory: float = math.inf
    running: int = 0


class Pool:
    """Workers of one trio run; see `join`.

    Args:
        command: What a worker runs.
    """

    def __init__(self, command: Command = CHILD) -> None:
        self._command = command
        self._worth_s = WORTH_A_FORK_S if may_fork(command) else WORTH_A_WORKER_S
        self._share_of: dict[Task, Share] = {}
        self._queue: deque[Task] = deque()
        self._shares: set[Share] = set()
        #: How many workers a share may keep busy -> how many such shares.
        self._allowed: Counter[int] = Counter()
        self._workers: dict[trio.CancelScope, Process | None] = {}
        self._pending_s = 0.0
        self._running = 0
        self._taken = 0
        self._news = trio.Event()
        self._all_ended = trio.Event()

    # -- for drivers -------------------------------------------------------------------------------

    def enter(self, share: Share) -> None:
        """Take part; the first worker starts now, while the rest of the plan is made."""
        self._shares.add(share)
        self._allowed[share.workers] += 1
        if not self._workers:
            self._hire()

    async def leave(self, share: Share) -> None:
        """Take part no more; with the last one, all workers end."""
        self._shares.remove(share)
        self._allowed -= Counter((share.workers,))
        if self._shares:
            return
        for scope in self._workers:
            scope.cancel()
        while self._workers:
            await self._all_ended.wait()

    def put(self, task: Task, share: Share, *, first: bool = False) -> None:
        """Queue a task of a share, `first`: before all others."""
        self._share_of[task] = share
        if first:
            self._queue.appendleft(task)
        else:
            self._queue.append(task)
        self._pending_s += task.chunk.seconds
        self._tell()
        self._hire_if_worth_it()

    def drop(self, task: Task) -> None:
        """Forget a task; the worker that runs it ends."""
        if task in self._queue:
            self._queue.remove(task)
            self._share_of.pop(task)
            self._pending_s -= task.chunk.seconds
        task.scope.cancel()

    @property
    def pids(self) -> list[int]:
        """Process ids of running workers."""
        there = (process for process in self._workers.values() if process is not None)
        pids = (process.pid for process in there if not process.has_ended)
        return [pid for pid in pids if pid is not None]

    # -- workers -----------------------------------------------------------------------------------

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    def _hire_if_worth_it(self) -> None:
        most = max(self._allowed, default=0)
        hired = len(self._workers)
        busy = self._running + len(self._queue) > hired
        if hired < most and busy and self._pending_s > hired * self._worth_s:
            self._hire()

    def _hire(self) -> None:
        scope = trio.CancelScope()
        self._workers[scope] = None
        trio.lowlevel.spawn_system_task(self._serve, scope, name="qbatch local worker")

    async def _serve(self, scope: trio.CancelScope) -> None:
        try:
            with scope:
                self._workers[scope] = Process(self._command)
                while True:
                    await self._perform(scope, await self._next())
        finally:
            process = self._workers.pop(scope)
            if process is not None:
                await process.end()
            if not self._workers:
                self._all_ended.set()
                self._all_ended = trio.Event()

    async def _next(self) -> Task:
        while True:
            for task in self._queue:
                if self._may_start(task):
                    self._queue.remove(task)
                    return task
            await self._news.wait()

    def _may_start(self, task: Task) -> bool:
        share = self._share_of[task]
        if share.running >= share.workers:
            return False
        return self._running == 0 or self._taken + task.chunk.memory <= share.memory

    async def _perform(self, scope: trio.CancelScope, task: Task) -> None:
        share, chunk = self._share_of.pop(task), task.chunk
        share.running += 1
        self._running += 1
        self._taken += chunk.memory
        outcome: Answer | Broken | None = None
        try:
            with task.scope:
                outcome = await self._compute(scope, task)
        finally:
            share.running -= 1
            self._running -= 1
            self._taken -= chunk.memory
            self._pending_s -= chunk.seconds
            self._tell()
        if outcome is not None and not task.scope.cancel_called:
            task.finished(outcome)

    async def _compute(self, scope: trio.CancelScope, task: Task) -> Answer | Broken:
        process = self._workers[scope]
        if process is not None and process.has_ended:
            await self._dismiss(scope)
            process = None
        process = self._workers[scope] = process or Process(self._command)
        within_s = START_UP_S
        try:
            with trio.fail_after(within_s):
                await process.wait_ready()
            task.started()
            within_s = task.deadline_s
            with trio.fail_after(within_s):
                await process.send(to_frame(task.chunk))
                answer: Answer = await process.receive()
        except EndedError:
            return Broken(await self._dismiss(scope))
        except trio.TooSlowError:
            await self._dismiss(scope)
            return Broken(f"the worker process gave no answer within {within_s:g} s")
        except trio.Cancelled:
            await self._dismiss(scope)
            raise
        return answer

    async def _dismiss(self, scope: trio.CancelScope) -> str:
        """End a worker that owes an answer; the next chunk gets a fresh one."""
        process, self._workers[scope] = self._workers[scope], None
        return await process.end() if process else ""


#: What workers run -> this trio run's pool of such.
_current: trio.lowlevel.RunVar[dict[Command, Pool]] = trio.lowlevel.RunVar("qbatch local workers")


def join(share: Share, command: Command = CHILD) -> Pool:
    """Return this trio run's pool, entered with `share`; made where there is none yet."""
    pools = _current.get(None) or {}  # type: ignore[arg-type]
    _current.set(pools)
    pool = pools.setdefault(command, Pool(command))
    pool.enter(share)
    return pool


class Processes:
    """Workers of this machine as an engine; see `Engine`.

    Args:
        workers: Chunks that may be computed at once.
        memory: Bytes that all that runs may take when a chunk starts.
        command: What a worker is.
    """

    name = "processes"

    def __init__(self, workers: int, memory: float = math.inf, command: Command = CHILD) -> None:
        self.capacity = workers
        self._share = Share(workers, memory)
        self._pool = join(self._share, command)

    @property
    def pids(self) -> list[int]:
        """Process ids of running workers."""
        return self._pool.pids

    async def begin(self) -> None:
        """The first worker starts as the pool is joined."""

    def put(self, task: Task, *, first: bool = False) -> None:
        self._pool.put(task, self._share, first=first)

    def drop(self, task: Task) -> None:
        self._pool.drop(task)

    async def leave(self) -> None:
        await self._pool.leave(self._share)
