"""Chunks given out to an engine, until each has an answer or is given up.

Rules: a chunk whose worker ended or hung is given out once more, each evolution by itself, before
its jobs fail; one that was lost with its machine is given out again as it is, some times.
"""

from __future__ import annotations

from collections.abc import Callable

from qbatch.frozen import dataclass
from qbatch.providers.local.engines.contract import Broken, Engine, Task
from qbatch.providers.local.work import Answer, Chunk, alone, without

#: So often a chunk may be lost with its machine before its jobs fail.
MOST_LOST = 8


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of chunks.

    Attributes:
        started: A chunk begins to be computed.
        computed: It was.
        failed: It will not be, and why.
    """

    started: Callable[[Chunk], None]
    computed: Callable[[Chunk, Answer], None]
    failed: Callable[[Chunk, str], None]


class GivenOut:
    """Chunks on their way at one engine.

    Args:
        engine: It has begun.
        deadline_s: See `Task`.
        told: Who is told.
    """

    def __init__(self, engine: Engine, deadline_s: float, told: Told) -> None:
        self._engine = engine
        self._deadline_s = deadline_s
        self._told = told
        self._tasks: set[Task] = set()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def put(self, chunk: Chunk) -> None:
        """Give out a chunk."""
        self._engine.put(self._task(chunk))

    def stop(self, job_ids: frozenset[str]) -> None:
        """Take jobs out: what computes them ends, and begins again with what is left."""
        for task in [*self._tasks]:
            if job_ids.intersection(task.chunk.job_ids):
                self._engine.drop(task)
                self._tasks.discard(task)
                if (rest := without(task.chunk, job_ids)) is not None:
                    self._engine.put(self._task(rest), first=True)

    async def leave(self) -> None:
        """Stop all of it, and leave the engine."""
        for task in [*self._tasks]:
            self._engine.drop(task)
        self._tasks.clear()
        await self._engine.leave()

    def _task(self, chunk: Chunk, *, again: str = "", lost: int = 0) -> Task:
        """Make a task of a chunk; `again` says why its first worker gave no answer."""

        def finished(outcome: Answer | Broken) -> None:
            if task not in self._tasks:  # it was dropped, or told of before
                return
            self._tasks.discard(task)
            if isinstance(outcome, Answer):
                self._told.computed(chunk, outcome)
            elif outcome.is_passing and lost < MOST_LOST:
                self._engine.put(self._task(chunk, again=again, lost=lost + 1), first=True)
            elif again:
                self._told.failed(chunk, f"{outcome.cause}; before that: {again}")
            else:
                for part in reversed([*alone(chunk)]):
                    self._engine.put(self._task(part, again=outcome.cause), first=True)

        task = Task(chunk, self._deadline_s, lambda: self._told.started(chunk), finished)
        self._tasks.add(task)
        return task
