"""Names of a run's points: read alone, and quickly, for a shell that completes them; compared."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

from qbatch.snapshot import database
from qbatch.snapshot.faults import translated

#: What is said of an axis in a name, without a repeat's number behind it.
_SAID = re.compile(r"(?<==)[^,#]+")

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


def with_plain_numbers(name: str) -> str:
    """Write each number of a name in one way.

    >>> with_plain_numbers("backend=sim,t=1.0#2")
    'backend=sim,t=1#2'
    """
    return _SAID.sub(_plain, name)


def _plain(said: re.Match[str]) -> str:
    try:
        return format(float(said[0]), ".17g")
    except ValueError:
        return said[0]
