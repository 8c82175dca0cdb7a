"""What is left of a damaged snapshot: read from a copy, row by row, each held against its CRC.

Rules: the files themselves are only read. SQLite leaves out all of a ``-wal`` file from the first
frame on that does not match its checksum; here those frames are taken too, since what they bring is
checked by the rows' CRCs, and whether a step is missing by their numbers.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from qbatch.errors import SnapshotError
from qbatch.snapshot import database
from qbatch.snapshot.frames import read_frames
from qbatch.snapshot.schema import PAGE_BYTES
from qbatch.snapshot.trust import RULES, check_large

Row = Sequence[Any]

#: Bytes of the first page by which snapshots differ: whether they have WAL, counters, and what else
#: grows with the file.
_DIFFERS = (18, 19, *range(24, 48), *range(92, 100))

#: A first page of SQLite's that differs in more bytes is not one of ours.
_MOST_STRANGE = 16


@dataclass
class Table:
    """What could be read of a table.

    Attributes:
        rows: Key -> row without what is large; whole ones only.
        damaged: What is wrong with the others, in words.
        keys: Of the others, as they read.
        is_torn: More may be missing: its pages do not hang together.
    """

    rows: dict[Any, Row] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)
    is_torn: bool = False

    @property
    def is_whole(self) -> bool:
        return not (self.damaged or self.is_torn)


def copy_together(path: Path, target: Path) -> bool:
    """Make one file of a snapshot and its ``-wal`` or ``-journal`` file, up to the last whole step.

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
    file.seek(0)
    head = file.read(PAGE_BYTES)
    pairs = enumerate(zip(head, fresh[0], strict=False))
    strange = sum(found != wanted for at, (found, wanted) in pairs if at not in _DIFFERS)
    if strange > _MOST_STRANGE and head[:16] == fresh[0][:16]:
        return  # another program's
    if strange or len(head) < PAGE_BYTES:
        size = file.seek(0, 2)
        file.seek(0)
        file.write(fresh[0][:28] + struct.pack(">III", size // PAGE_BYTES, 0, 0) + fresh[0][40:])
    file.seek(18)
    file.write(b"\1\1")  # the copy is one file, also on a disk that has no WAL
    for number in pages:
        file.seek((number - 1) * PAGE_BYTES)
        file.write(fresh[number - 1])


def _fresh_schema() -> tuple[list[bytes], list[int]]:
    """Return the pages of a snapshot without rows, and the numbers of those about tables.

    The first is left out: in it, what grows with a file stands too.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        database.make_tables(db)
        roots = {row[0] for row in db.execute("SELECT rootpage FROM sqlite_schema")}
        data = db.serialize()
    pages = [data[at : at + PAGE_BYTES] for at in range(0, len(data), PAGE_BYTES)]
    return pages, sorted(set(range(2, len(pages) + 1)) - roots)


def read_tables(db: sqlite3.Connection, *, is_doubtful: bool = False) -> dict[str, Table]:
    """Read every row of every table that is whole, and note where rows may be missing.

    Args:
        db: Of a copy.
        is_doubtful: Any of its pages may be out of date.
    """
    tables = {name: Table() for name in RULES}
    is_whole = _is_sound(db, "quick_check")
    has_torn = not all(_is_sound(db, f"quick_check({name})") for name in RULES)
    # Pages that nothing leads to, and all tables in order: any of them may have lost some.
    is_doubtful = is_doubtful or not (is_whole or has_torn)
    db.execute("PRAGMA writable_schema=ON")
    db.execute("DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    db.execute("PRAGMA writable_schema=RESET")
    for name, table in tables.items():
        table.is_torn = is_doubtful or not _is_sound(db, f"quick_check({name})")
        for row in whole_rows(db, name, table):
            table.rows[key_of(name, row)] = row[: -1 if RULES[name].large else None]
    return tables


def _is_sound(db: sqlite3.Connection, pragma: str) -> bool:
    try:
        return bool(db.execute(f"PRAGMA {pragma}").fetchone()[0] == "ok")
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def key_of(name: str, row: Row) -> Any:
    """What tells a row of a table from the others: a number or a text, or several as a tuple."""
    num_keys = RULES[name].num_keys
    return row[0] if num_keys == 1 else tuple(row[:num_keys])


def whole_rows(db: sqlite3.Connection, name: str, table: Table | None = None) -> Iterator[Row]:
    """Yield each whole row of a table once, with what is large; note the others in `table`."""
    rule, seen = RULES[name], set[Any]()
    for row in _all_rows(db, name, table or Table()):
        key = key_of(name, row)
        try:
            if key in seen:
                continue
            seen.add(key)
            rule.check(row[: -1 if rule.large else None])
            if rule.large:
                check_large(name, row)
        except (ValueError, TypeError) as error:
            if table is not None:
                table.damaged.append(str(error))
                table.keys.append(key)
            continue
        yield row


def _all_rows(db: sqlite3.Connection, name: str, table: Table) -> Iterator[Row]:
    """Yield the rows of a table, from both ends to where its pages are broken."""
    rule = RULES[name]
    columns = rule.columns + (f", {rule.large[0]}" if rule.large else "")
    keys = [column.rpartition(".")[2] for column in rule.columns.split(", ")[: rule.num_keys]]
    backwards = f" ORDER BY {', '.join(f'{key} DESC' for key in keys)}"
    for order in ("", backwards):
        try:
            yield from db.execute(f"SELECT {columns} FROM {name} NOT INDEXED{order}")
        except (sqlite3.Error, UnicodeDecodeError):  # the latter: of the error's own words
            table.is_torn = True
            continue
        return


def open_copy(path: Path) -> sqlite3.Connection:
    """Open what `copy_together` made; texts that are none are read all the same."""
    db = sqlite3.connect(path, isolation_level=None)
    db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return db
