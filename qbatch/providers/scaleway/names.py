"""What a run's sessions and jobs are called, so that they can be found again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qbatch.providers import Batch, Order
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.scaleway.memo import ScalewayMemo


class Names:
    """The names of one run.

    Args:
        run_id: As in `Surroundings`.
        tags: The person's own.
    """

    def __init__(self, run_id: str, tags: Sequence[str]) -> None:
        self.run = f"qbatch-{run_id}"
        self.tags = ("qbatch", f"run:{run_id}", *tags)

    def key_of(self, batch: Batch) -> str:
        """Name the session uniquely over all runs."""
        composite = batch.composite
        attempt = memo_of(composite, ScalewayMemo).get("attempt", 1)
        return f"{self.run}-{composite.id[:12]}-{composite.generation}.{attempt}"

    def job_name(self, batch: Batch, order: Order) -> str:
        """Name a job within all sessions."""
        return f"{self.key_of(batch)}-{order.id[:16]}"

    def pattern_of(self, batch: Batch, order: Order) -> re.Pattern[str]:
        """Return what a job's name fits that any copy of the run folder gave it."""
        generation, point = batch.composite.generation, order.id[:16]
        return re.compile(rf"{re.escape(self.run)}-[0-9a-f]{{12}}-{generation}\.\d+-{point}")

    def job_tags(self, order: Order) -> list[str]:
        """Return a job's tags: the run's, and its point."""
        return [*self.tags, f"point:{order.id[:12]}"]
