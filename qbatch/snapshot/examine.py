"""A run folder looked through from end to end: every page, every row, every result."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from qbatch.frozen import dataclass
from qbatch.snapshot import database
from qbatch.snapshot.faults import translated
from qbatch.snapshot.points import jobs_of
from qbatch.snapshot.reading import checked
from qbatch.snapshot.run import Run
from qbatch.snapshot.trust import LINKS, RULES, STAGES, check_large, check_link, checked_rows


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found whole: points, results, replies kept as sent."""

    points: int
    results: int
    replies: int


def examine(folder: Path) -> Examined:
    """Check SQLite's pages and indexes, and the digest of every row and result.

    Raises:
        SnapshotError: Something is damaged; the message says what, and how to mend it.
    """
    path = folder / database.NAME
    with closing(database.open_reader(folder)) as db, translated(path), checked(path):
        database.check_by(db, path, "integrity_check")
        numbers = {name: sum(1 for _ in checked_rows(db, name)) for name in RULES}
        check_link(db, STAGES)
        for name, rule in RULES.items():
            check_link(db, LINKS.get(name))
            if rule.large is not None:
                for row in db.execute(f"SELECT {rule.all_columns} FROM {name}"):
                    check_large(name, row)
    with Run(folder) as run:
        run.ledger()
        jobs = jobs_of(point for each in (run, run.removed()) for point in each)
        results = sum(job.counts is not None for job in jobs)
    return Examined(numbers["points"], results, numbers["raw"])
