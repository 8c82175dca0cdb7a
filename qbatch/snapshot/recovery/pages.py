"""One file made of a damaged snapshot and its ``-wal`` or ``-journal`` file, page by page.

SQLite leaves out all of a ``-wal`` file from the first frame on whose checksum does not match; here
the frames behind it are taken too, since the rows in them have CRCs. Each frame is a page with its
number, and a checksum that goes on from the one before. So it is known which frame is damaged; and
since a checksum can be undone, what its head was where only the head is.

Rules: the damaged files are only read. A page whose place is not certain is left out, and that is
told: what it should have replaced is out of date, and its rows match their CRCs all the same.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, NamedTuple

from qbatch.errors import SnapshotError
from qbatch.frozen import dataclass
from qbatch.snapshot import database
from qbatch.snapshot.schema import PAGE_BYTES

#: Bytes of a ``-wal`` file's own head, of a frame's, and of a frame.
_HEADER, _HEAD = 32, 24
_FRAME = _HEAD + PAGE_BYTES

#: First bytes of a ``-wal`` file whose checksums are of big-endian numbers.
_BIG_ENDIAN = bytes.fromhex("377f0683")

#: Frames of this file looked at for its salts; behind its last one old ones may follow.
_NEXT = 3

#: Where a snapshot says which of its pages are free.
_FREE_PAGES = slice(32, 40)

_Sum = tuple[int, int]


class Frame(NamedTuple):
    """A page of a step.

    Attributes:
        number: Of the page, from 1.
        after: Pages of the snapshot, where a step ends here; else 0.
        page: Its bytes.
    """

    number: int
    after: int
    page: bytes


@dataclass(frozen=True, slots=True)
class Frames:
    """What could be read of a ``-wal`` file.

    Attributes:
        whole_steps: Up to the last whole step, in their order.
        is_doubtful: Some page is left out because nobody can tell which it is.
    """

    whole_steps: list[Frame]
    is_doubtful: bool


def make_one_file(path: Path, target: Path) -> bool:
    """Copy a snapshot with what its ``-wal`` or ``-journal`` file says, up to the last whole step.

    Returns:
        Whether any of its pages may be out of date.

    Raises:
        OSError: There is no snapshot, or no room.
    """
    is_undone = _copy_undone(path, target)
    journal = database.journal_of(path)
    data = journal.read_bytes() if journal.exists() else b""
    frames = read_frames(data, target.stat().st_size // PAGE_BYTES)
    with target.open("r+b") as file:
        for frame in frames.whole_steps:
            file.seek((frame.number - 1) * PAGE_BYTES)
            file.write(frame.page)
        if frames.whole_steps:
            file.truncate(frames.whole_steps[-1].after * PAGE_BYTES)
        _mend_schema(file)
    return frames.is_doubtful or not is_undone


def _copy_undone(path: Path, target: Path) -> bool:
    """Copy a snapshot, and undo the step it was cut off in as the next writer would.

    The ``-journal`` file first: where a reader undoes the step meanwhile, it is undone once more.

    Returns:
        Whether it is certain that nothing is left of such a step.
    """
    undo = database.undo_of(target)
    if database.is_cut_off(path):
        shutil.copyfile(database.undo_of(path), undo)
    shutil.copyfile(path, target)
    if not undo.exists():
        return True
    with suppress(sqlite3.Error, SnapshotError):  # what is left when it is undone may be damaged
        database.undo_cut_off(target)
    is_undone = not undo.exists()
    undo.unlink(missing_ok=True)
    return is_undone


def _mend_schema(file: IO[bytes]) -> None:
    """Put the pages right that say which tables there are: they are the same in all snapshots."""
    fresh, pages = _fresh_schema()
    num_pages = file.seek(0, 2) // PAGE_BYTES
    file.seek(0)
    head = file.read(_FREE_PAGES.stop)
    free = head[_FREE_PAGES] if head[:16] == fresh[0][:16] else b""
    counts = struct.pack(">I", num_pages) + free.ljust(8, b"\0")
    for number in pages:
        file.seek((number - 1) * PAGE_BYTES)
        file.write(fresh[number - 1])
    file.seek(0)
    file.write(fresh[0][:28] + counts + fresh[0][_FREE_PAGES.stop :])


def _fresh_schema() -> tuple[list[bytes], list[int]]:
    """Return the pages of a snapshot without rows, and the numbers of those about tables.

    The first, about tables too, is not among them: in it, what grows with a file stands as well.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        database.make_tables(db)
        roots = {row[0] for row in db.execute("SELECT rootpage FROM sqlite_schema")}
        data = db.serialize()
    pages = [data[at : at + PAGE_BYTES] for at in range(0, len(data), PAGE_BYTES)]
    return pages, sorted(set(range(2, len(pages) + 1)) - roots)


# -- the -wal file --------------------------------------------------------------------------------


def read_frames(journal: bytes, num_pages: int) -> Frames:
    """Read a ``-wal`` file.

    Args:
        journal: All of it.
        num_pages: Pages of the snapshot beside it.
    """
    reader = _Reader(journal, num_pages)
    found = [reader.judge(raw) for raw in reader.raw]
    last = max((at for at, frame in enumerate(found) if frame and frame.after), default=-1)
    kept = found[: last + 1]
    return Frames([frame for frame in kept if frame is not None], None in kept)


class _Raw(NamedTuple):
    """A frame as it stands there.

    Attributes:
        seeds: What its checksum may go on from.
        is_whole: Its checksum matches.
    """

    frame: Frame
    has_salts: bool
    seeds: frozenset[_Sum]
    stored: _Sum
    is_whole: bool


class _Reader:
    def __init__(self, journal: bytes, num_pages: int) -> None:
        self._journal = journal
        self._order = ">" if journal[:4] == _BIG_ENDIAN else "<"
        self.raw = list(self._frames())
        known = [raw.frame.after for raw in self.raw if raw.is_whole and raw.frame.after]
        self._fewest_pages = min([num_pages, *known])
        self._most_pages = max(known, default=num_pages + len(self.raw))

    def _frames(self) -> Iterator[_Raw]:
        starts = range(_HEADER, len(self._journal) - _FRAME + 1, _FRAME)
        salts = [self._journal[at + 8 : at + 16] for at in starts]
        ours = max(set(salts[:_NEXT]), key=salts[:_NEXT].count, default=b"")
        seeds = frozenset({self._sum(self._journal[:24], (0, 0)), self._pair(24)})
        for nth, at in enumerate(starts):
            head, page = self._journal[at : at + 8], self._journal[at + _HEAD : at + _FRAME]
            stored = self._pair(at + 16)
            made = {self._sum(page, self._sum(head, seed)) for seed in seeds}
            if stored not in made and ours not in salts[nth : nth + _NEXT]:
                return  # left over from before the file was begun anew
            frame = Frame(*self._pair(at), page)
            yield _Raw(frame, salts[nth] == ours, seeds, stored, stored in made)
            seeds = frozenset(made | {stored})

    def judge(self, raw: _Raw) -> Frame | None:
        """Return a frame as it was written; None: nobody can tell which page it is."""
        if raw.is_whole:
            return raw.frame
        implied = [self._undone(raw.frame.page, seed, raw.stored) for seed in raw.seeds]
        fitting = {frame for frame in implied if self._fits(frame)}
        if self._fits(raw.frame):
            return None if fitting or not raw.has_salts else raw.frame
        return fitting.pop() if len(fitting) == 1 else None

    def _fits(self, frame: Frame) -> bool:
        is_size = frame.after == 0 or self._fewest_pages <= frame.after <= self._most_pages
        return 0 < frame.number <= self._most_pages and is_size

    def _pair(self, at: int) -> _Sum:
        one, other = struct.unpack(">II", self._journal[at : at + 8].ljust(8, b"\0"))
        return one, other

    def _words(self, data: bytes) -> tuple[int, ...]:
        return struct.unpack(f"{self._order}{len(data) // 4}I", data)

    def _sum(self, data: bytes, seed: _Sum) -> _Sum:
        one, other = seed
        words = iter(self._words(data))
        for first, second in zip(words, words, strict=True):
            one = one + first + other & 0xFFFFFFFF
            other = other + second + one & 0xFFFFFFFF
        return one, other

    def _undone(self, page: bytes, seed: _Sum, stored: _Sum) -> Frame:
        """Return the frame whose page has the checksum that is stored."""
        one, other = stored
        words = iter(reversed(self._words(page)))
        for second, first in zip(words, words, strict=True):
            other = other - second - one & 0xFFFFFFFF
            one = one - first - other & 0xFFFFFFFF
        first, second = one - seed[0] - seed[1], other - seed[1] - one
        head = struct.pack(f"{self._order}II", first & 0xFFFFFFFF, second & 0xFFFFFFFF)
        number, after = struct.unpack(">II", head)
        return Frame(number, after, page)
