"""What was bought in a run folder so far, also what is in flight and has no bill yet."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from qbatch.job import FINAL, JobState


@dataclass(frozen=True, slots=True)
class Purchase:
    """One attempt at a point that a provider took or may have taken.

    Attributes:
        job_id: The point's id.
        generation: Of the attempt.
        is_latest: It is the one that the job stands for.
        price: As billed, else as quoted before it was sent; in the backend's unit.
    """

    job_id: str
    backend: str
    generation: int
    is_latest: bool
    price: float


def read_purchases(db: sqlite3.Connection) -> Iterator[Purchase]:
    """Yield every purchase; a failed or cancelled one only where the provider had taken it."""
    quotes = _quotes(db)
    latest = db.execute(
        "SELECT points.id, backend, generation, state, cost, provider_job_id, ordinal, 1"
        " FROM points JOIN jobs USING (ordinal) WHERE composite IS NOT NULL"
    )
    for row in latest.fetchall():
        yield from _purchase(row, quotes)
    earlier = db.execute(
        "SELECT points.id, backend, attempts.generation, attempts.state, attempts.cost,"
        " attempts.provider_job_id, points.ordinal, 0 FROM attempts"
        " JOIN points ON points.ordinal = attempts.job JOIN jobs ON jobs.ordinal = attempts.job"
        " WHERE attempts.generation < jobs.generation"
    )
    for row in earlier.fetchall():
        yield from _purchase(row, quotes)


def _purchase(
    row: tuple[bytes, str, int, str, float | None, str | None, int, int],
    quotes: dict[tuple[int, int], float],
) -> Iterator[Purchase]:
    key, backend, generation, word, cost, provider_job_id, ordinal, is_latest = row
    state = JobState(word)
    was_taken = state is not JobState.CREATED
    if state in FINAL and state is not JobState.COMPLETED:
        was_taken = provider_job_id is not None
    if was_taken:
        price = quotes.get((ordinal, generation), 0.0) if cost is None else cost
        yield Purchase(key.hex(), backend, generation, bool(is_latest), price)


def _quotes(db: sqlite3.Connection) -> dict[tuple[int, int], float]:
    """(Row of a point, generation) -> what its purchase was to cost when it was sent."""
    ids = {key.hex(): ordinal for key, ordinal in db.execute("SELECT id, ordinal FROM points")}
    found: dict[tuple[int, int], float] = {}
    sent = db.execute(
        "SELECT generation, quotes FROM composites WHERE sent_at IS NOT NULL ORDER BY ordinal"
    )
    for generation, text in sent.fetchall():
        for key, price in json.loads(text).items():
            if key in ids:
                found[ids[key], generation] = price
    return found
