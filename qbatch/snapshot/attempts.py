"""Every attempt at a point: a failed or cancelled one is kept when another is made.

Rule: an attempt is written in the same step as the move that ends it, and never changes. The
attempt that is under way, or that gave the point's result, stands in `jobs` alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qbatch.job import JobState
from qbatch.snapshot import rows
from qbatch.snapshot.schema import JobRow, Mismatch, crc_of

COLUMNS = rows.columns("attempts", rows.Attempt)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One purchase of a point.

    Attributes:
        generation: 1 for the first.
        state: Where it ended, or where it is.
        provider_job_id: The provider's id, once known.
        status: The provider's own last word.
        error: Why it failed, was cancelled or is held.
        cost: In `unit`, once known.
        submitted_at: UTC, or None.
        ended_at: UTC; None while it is under way.
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


def save(db: sqlite3.Connection, ended: Iterable[JobRow], now: float) -> None:
    """Keep how these attempts ended, inside the caller's transaction."""
    db.executemany(
        "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_values(row, now) for row in ended],
    )


def _values(row: JobRow, now: float) -> tuple[Any, ...]:
    job = row.job
    values = (
        row.ordinal,
        job.generation,
        job.state.value,
        job.provider_job_id,
        job.status,
        job.error,
        None if job.cost is None else float(job.cost),
        job.unit,
        None if row.submitted_at is None else float(row.submitted_at),
        float(now),
    )
    return (*values, crc_of(values))


def read(row: Sequence[Any]) -> Attempt:
    """Read the columns `COLUMNS`.

    Raises:
        Mismatch: The row is damaged.
    """
    ended = rows.Attempt._make(row)
    if ended.crc != crc_of(ended[:-1]):
        raise Mismatch(f"attempt {ended.generation} of row {ended.job}")
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
    )


def instant(at: float | None) -> datetime | None:
    """Seconds since 1970 as a UTC instant."""
    return None if at is None else datetime.fromtimestamp(at, UTC)
