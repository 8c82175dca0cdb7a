"""The steps of each composite job's life at a cloud, told one by one to whoever wants to read them.

Rules: a step is told once it is done, with how long it took: the time since the job's step before.
What a driver does inside one call (an upload, a quote) it tells itself, through its surroundings.
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from qbatch.executor.events import Observer, Step, ignore
from qbatch.job import Job, JobState
from qbatch.providers import Batch

#: Ids named of one step.
MOST_IDS = 3


class Steps:
    """Tells steps.

    Args:
        observer: Told of each.
    """

    def __init__(self, observer: Observer = ignore) -> None:
        self._observer = observer
        #: (backend, composite job) -> when its last step was done.
        self._done_at: dict[tuple[str, str], float] = {}

    def begin(self, batch: Batch) -> None:
        """A composite job's next step begins now."""
        self._done_at[_key(batch)] = trio.current_time()

    def tell(self, batch: Batch, text: str) -> None:
        """A step is done."""
        now = trio.current_time()
        took_s = now - self._done_at.get(_key(batch), now)
        self._done_at[_key(batch)] = now
        more = len(batch.orders) - 1
        name = batch.orders[0].name + (f" and {more} more" if more else "")
        try:
            self._observer(Step(batch.composite.backend, name, text, took_s))
        except OSError:  # a terminal that is gone ends no run
            self._observer = ignore

    def end(self, batch: Batch) -> None:
        """Nothing more comes of a composite job for now."""
        self._done_at.pop(_key(batch), None)


def _key(batch: Batch) -> tuple[str, str]:
    return batch.composite.backend, batch.composite.id


def moves_in_words(moved: Iterable[tuple[Job, Job]], total: int) -> list[str]:
    """Say where children went, those that went together in one sentence.

    Args:
        moved: Each as it was and as it is.
        total: Children of their composite job.
    """
    together: dict[tuple[JobState, str, str], list[str]] = {}
    for before, now in moved:
        if (before.state, before.status) != (now.state, now.status):
            where = (now.state, now.status, now.error)
            together.setdefault(where, []).append(now.provider_job_id or "")
    return [_in_words(*where, ids, total) for where, ids in together.items()]


def _in_words(state: JobState, status: str, error: str, ids: list[str], total: int) -> str:
    of = f"{len(ids)} of {total} " if len(ids) < total else ""
    known = [one for one in dict.fromkeys(ids) if one] if state is JobState.SUBMITTED else []
    cut = ", …" if len(known) > MOST_IDS else ""
    named = f" as {', '.join(known[:MOST_IDS])}{cut}" if known else ""
    said = f" ({status})" if status and status.casefold() != state.value else ""
    return f"{of}{state.value}{named}{said}" + (f": {error}" if error else "")
