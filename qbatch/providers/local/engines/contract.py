"""What an engine is: chunks of work in, answers out, or what went wrong.

Rules: an engine computes chunks in any order and tells of each once, unless it was dropped; it
never tries one again, which is decided by whoever gave it. All calls are made in one trio run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import trio

    from qbatch.providers.local.work import Answer, Chunk


def _new_scope() -> trio.CancelScope:
    import trio

    return trio.CancelScope()


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer: what computed the chunk ended or hung.

    Attributes:
        cause: Which, in words for a person.
        is_passing: The chunk has nothing to do with it (a node went away), and is given out again
            as it is.
    """

    cause: str
    is_passing: bool = False


@dataclass(slots=True, eq=False)
class Task:
    """A chunk on its way.

    Attributes:
        deadline_s: Seconds of computing after which whoever computes it is taken to hang.
        started: Called when it begins to be computed.
        finished: Called with what came of it, unless it was dropped.
        scope: Cancelled when it is dropped.
    """

    chunk: Chunk
    deadline_s: float
    started: Callable[[], None]
    finished: Callable[[Answer | Broken], None]
    scope: trio.CancelScope = field(default_factory=_new_scope)


class Engine(Protocol):
    """Where chunks are computed.

    Attributes:
        name: In a word, for a person: "processes".
        capacity: Chunks that it computes at once.
    """

    name: str
    capacity: int

    async def begin(self) -> None:
        """Get ready, once, before anything is put.

        Raises:
            ProviderError: It cannot be reached, or is not fit for the work.
        """
        ...

    def put(self, task: Task, *, first: bool = False) -> None:
        """Take a task, `first`: before all others."""
        ...

    def drop(self, task: Task) -> None:
        """Forget a task; what computes it stops."""
        ...

    async def leave(self) -> None:
        """Stop, and give back what was taken for it."""
        ...
