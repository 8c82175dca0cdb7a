"""Every attempt at a point: one that failed, was cancelled or set aside stays when another is made.

Rule: an attempt is written in the same step as the move that ends it, and never changes. The
attempt that is under way, or that gave the point's result, stands in `jobs` alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.snapshot import rows
from qbatch.snapshot.bought import Bought, bought_by, checked_purchase, purchase_values
from qbatch.snapshot.schema import JobRow

COLUMNS = rows.columns("attempts", rows.Attempt)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One purchase of a point; None in the last four: an earlier version did not keep it.

    Attributes:
        generation: 1 for the first.
        state: Where it ended, or where it is.
        provider_job_id: The provider's id, once known.
        status: The provider's own last word.
        error: Why it failed, was cancelled or is held.
        cost: In `unit`, once known.
        submitted_at: UTC, or None.
        ended_at: UTC; None while it is under way.
        composite: Row of the composite job it was sent in; None also where it was not sent.
        start: So many shots of the point's sample come before those that it bought.
        shots: How many it bought, or was to buy: its point may ask for others now.
        setting: Key of the setting it was bought in, "" when none was kept.
    """

    generation: int
    state: JobState
    provider_job_id: str | None
    status: str
    error: str
    cost: float | None
    unit: str
    submitted_at: datetime | None
    ended_at: datetime | None
    composite: int | None = None
    start: int | None = None
    shots: int | None = None
    setting: str | None = None


def save(db: sqlite3.Connection, ended: Iterable[JobRow], now: float) -> None:
    """Keep how these attempts ended, inside the caller's transaction.

    What one bought stays as it was told first: its point may ask for others since.
    """
    for row in ended:
        keep(db, row, now, _told(db, row) or bought_by(db, row.ordinal, row.composite))


def keep(db: sqlite3.Connection, row: JobRow, now: float, bought: Bought) -> None:
    """Keep how an attempt ended and what it bought, inside the caller's transaction."""
    db.execute(
        f"INSERT OR REPLACE INTO attempts VALUES ({rows.marks(rows.Attempt)})",
        purchase_values(_values(row, now), bought),
    )


def _told(db: sqlite3.Connection, row: JobRow) -> Bought | None:
    """What an attempt bought, as it was told before; None: it was not yet."""
    found = db.execute(
        f"SELECT {COLUMNS} FROM attempts WHERE job = ? AND generation = ?",
        (row.ordinal, row.job.generation),
    ).fetchone()
    return None if found is None else checked_purchase(found, "attempt")[1]


def _values(row: JobRow, now: float) -> tuple[Any, ...]:
    job = row.job
    return (
        row.ordinal,
        job.generation,
        job.state.value,
        job.provider_job_id,
        job.status,
        job.error,
        None if job.cost is None else job.cost + 0.0,  # no -0.0, as in the row of its job
        job.unit,
        None if row.submitted_at is None else float(row.submitted_at),
        float(now),
    )


def read(row: Sequence[Any]) -> Attempt:
    """Read the columns `COLUMNS`.

    Raises:
        Mismatch: The row is damaged.
    """
    checked_purchase(row, "attempt")
    ended = rows.Attempt._make(row)
    return Attempt(
        ended.generation,
        JobState(ended.state),
        ended.provider_job_id,
        ended.status,
        ended.error,
        ended.cost,
        ended.unit,
        instant(ended.submitted_at),
        instant(ended.ended_at),
        ended.composite,
        ended.start,
        ended.shots,
        ended.setting,
    )


def instant(at: float | None) -> datetime | None:
    """Seconds since 1970 as a UTC instant."""
    return None if at is None else datetime.fromtimestamp(at, UTC)
