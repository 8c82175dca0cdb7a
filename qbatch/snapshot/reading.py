"""What the runner's own view and a reader's view of a snapshot share."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qbatch.job import JobState
from qbatch.snapshot.faults import damaged, translated


@contextmanager
def checked(path: Path) -> Iterator[None]:
    """Turn what reading a damaged row raises into a `SnapshotError`.

    `schema.Mismatch`, an unknown state, broken JSON and a short id are all ValueErrors.
    """
    try:
        yield
    except (ValueError, zlib.error, json.JSONDecodeError) as error:
        raise damaged(path, str(error)) from error


def check_number_of_points(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a snapshot with fewer rows than were written.

    Raises:
        SnapshotError: Points or jobs are missing.
    """
    with translated(path):
        expected = db.execute("SELECT value FROM meta WHERE key = 'points'").fetchone()
        found = db.execute("SELECT count(*) FROM jobs").fetchone()
    if expected is None or expected[0] != str(found[0]):
        wanted = "?" if expected is None else expected[0]
        raise damaged(path, f"{found[0]} of {wanted} jobs are left")


def counts_by_state(db: sqlite3.Connection, path: Path) -> dict[JobState, int]:
    """Points of the plan in each state; states without points are left out."""
    with translated(path):
        rows = db.execute(
            "SELECT state, count(*) FROM points JOIN jobs USING (ordinal) "
            "WHERE position IS NOT NULL GROUP BY state"
        ).fetchall()
    with checked(path):
        return {JobState(state): number for state, number in rows}
