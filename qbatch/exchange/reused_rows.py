"""What a run has from other runs, job by job, as its format in `exports` has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from qbatch.report.reused import Borrows
from qbatch.snapshot.from_runs import shots_from_others
from qbatch.snapshot.reused import REUSED

#: Of the format ``reused``.
REUSED_COLUMNS = (
    *("id", "point", "backend", "shots", "run", "name", "folder", "user", "host", "account"),
    *("provider_job_id", "sent_at", "completed_at", "cost", "unit"),
)


def reused_jobs(run: Any) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each job that comes from another run."""
    if REUSED not in run.meta:
        return
    for point in run.all_points():
        for _, _, it, shots in shots_from_others(point):
            head = (point.id, point.name, point.backend, shots, it.run, it.name, it.folder)
            times = map(_instant, (it.sent_at, it.completed_at))
            who = (it.user, it.host, it.account, it.provider_job_id)
            yield (*head, *who, *times, it.cost, it.unit)


def reused_facts(run: Any) -> dict[str, list[dict[str, Any]]]:
    """What comes from each other run, and what of them is kept and not counted, as JSON."""
    if not isinstance(run, Borrows):
        return {}
    found = {
        "reused": [each.facts() for each in run.reused()],
        "put_aside": [each.facts() for each in run.put_aside()],
    }
    return {name: each for name, each in found.items() if each}


def _instant(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
