"""Chunks computed in this process, at once and blocking.

For virtual clocks: a clock that jumps to the next deadline whenever nobody runs must not jump while
a worker computes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbatch.providers.local.engines.contract import Task


class Inline:
    """See `Engine`."""

    name = "inline"
    capacity = 1

    async def begin(self) -> None:
        """Nothing has to begin."""

    def put(self, task: Task, *, first: bool = False) -> None:
        """Compute a task."""
        from qbatch.providers.local.engine import simulate  # for which a plan need not wait

        task.started()
        task.finished(simulate(task.chunk))

    def drop(self, task: Task) -> None:
        """Nothing is ever under way."""

    async def leave(self) -> None:
        """Nothing has to end."""
