"""A run folder looked through from end to end: every page, every row, every result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qbatch.snapshot import database
from qbatch.snapshot.faults import damaged, translated
from qbatch.snapshot.run import Run


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found whole: points, results, replies kept as sent."""

    points: int
    results: int
    replies: int


def examine(folder: Path) -> Examined:
    """Check SQLite's pages, and the digest of every row and result.

    Raises:
        SnapshotError: Something is damaged; the message says what, and how to mend it.
    """
    path = folder / database.NAME
    connection = database.open_reader(folder)
    try:
        with translated(path):
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    finally:
        connection.close()
    if verdict != "ok":
        raise damaged(path, verdict.replace("\n", " "))
    with Run(folder) as run:
        return _read_all(run)


def _read_all(run: Run) -> Examined:
    points = results = replies = 0
    for each in (run, run.removed()):
        for point in each:
            points += 1
            results += point.counts is not None
            replies += len(run.raw_of(point))
            run.statevector_of(point.point.ordinal)
    return Examined(points, results, replies)
