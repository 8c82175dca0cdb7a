"""Whether the path of a run folder still leads to the files that are held open.

A folder may be deleted, renamed or replaced while it runs. Its open files go on all the same, and
nobody finds again what is written into them: so what was bought would be bought once more. Before
each step the path is looked at; where it leads elsewhere, nothing is written or bought any more,
and what the open files hold is saved where it can be found.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from qbatch.errors import SnapshotError
from qbatch.snapshot import database
from qbatch.snapshot.faults import translated
from qbatch.snapshot.lock import RunLock

#: What to do about it, whichever it was.
_GO_ON = "Go on there with `--out {}`, or give it its name back"


class Place:
    """Where a run folder was when its files were opened.

    Args:
        folder: The run folder, with its files open.
        lock: Its lock.
    """

    def __init__(self, folder: Path, lock: RunLock) -> None:
        self.folder = folder.absolute()
        self._lock = lock
        path = self.folder / database.NAME
        self._held = {lock.path.name: lock.identity}
        for file in (path, database.journal_of(path)):
            if (found := _identity(file)) is not None:
                self._held[file.name] = found

    def is_kept(self, folder: Path | None = None) -> bool:
        """Whether the folder is still there, or in `folder`, with all that is held open."""
        place = folder or self.folder
        return all(_identity(place / name) == held for name, held in self._held.items())

    def leave(self, db: sqlite3.Connection, steps: int) -> str:
        """Find out where the folder is now, or save what it holds; say which, and what to do.

        Args:
            db: Of the snapshot, outside of any transaction.
            steps: How many it has.
        """
        moved = self._lock.place_now()
        if moved is not None and self.is_kept(moved):
            return (
                f"{self.folder}: it was moved to {moved} while it ran; nothing more was bought. "
                + _GO_ON.format(moved)
            )
        gone = f"{self.folder}: it was deleted or replaced while it ran; nothing more was bought. "
        try:
            saved = self._save(db, steps)
        except SnapshotError as error:
            return f"{gone}What it held could not be saved: {error}"
        return f"{gone}All that it held is saved as {saved}. {_GO_ON.format(saved)}"

    def _save(self, db: sqlite3.Connection, steps: int) -> Path:
        """Copy the snapshot beside the folder; where that cannot be, to where temporary files go.

        Raises:
            SnapshotError: Nor there.
        """
        name = f"{self.folder.name}.saved-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%fZ')}"
        beside, elsewhere = (each / name for each in (self.folder.parent, _temporary()))
        try:
            return _copy(db, beside, steps)
        except SnapshotError:
            return _copy(db, elsewhere, steps)


def _copy(db: sqlite3.Connection, target: Path, steps: int) -> Path:
    """Make a run folder of all that `db` shows."""
    path = target / database.NAME
    with translated(path):
        target.mkdir(parents=True)
        with closing(sqlite3.connect(path)) as copy:
            db.backup(copy)
    lock = RunLock(target)
    try:
        lock.mark_open(steps)
        lock.mark_as_copy()
        lock.mark("closed")
    finally:
        lock.release()
    return target


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others on this machine; None: there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
