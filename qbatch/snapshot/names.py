"""Names of a run's points, for a shell that completes them: read alone, and quickly."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from qbatch.snapshot import database
from qbatch.snapshot.faults import translated

_BEGINNING = """
SELECT name FROM points
WHERE position IS NOT NULL AND start = 0 AND substr(name, 1, length(?1)) = ?1
ORDER BY position LIMIT ?2
"""


def names_in(folder: Path, beginning: str, most: int) -> list[str]:
    """Return names of points that begin so, in the order of the plan.

    Args:
        folder: The run folder.
        beginning: Of each name.
        most: So many at most.

    Raises:
        SnapshotError: There is no run, or it cannot be read.
    """
    with translated(folder / database.NAME), closing(database.open_reader(folder)) as db:
        return [name for (name,) in db.execute(_BEGINNING, (beginning, most))]
