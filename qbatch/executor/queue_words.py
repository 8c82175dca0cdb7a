"""Why jobs wait in a provider's queue, in its own words, where it says more than that they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qbatch.job import Job, JobState


class QueueWords:
    """The words with a reason of one backend's jobs: "PENDING (Resources)".

    >>> str(QueueWords())
    ''
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, jobs: Iterable[Job], by: int = 1) -> None:
        """So many more wait as each of these says; negative: fewer."""
        for job in jobs:
            if job.state is JobState.SUBMITTED and job.status.endswith(")"):
                self._counts[job.status] += by

    def __str__(self) -> str:
        return ", ".join(sorted(word for word, number in self._counts.items() if number > 0))
