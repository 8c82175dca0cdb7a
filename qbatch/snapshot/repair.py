"""A damaged run folder looked through, and mended where that is safe: for `qbatch doctor`.

The mended snapshot is a new file, made of every row that is whole and of what `mending` decides
about the others, and looked through itself before it takes its place. The damaged files stay beside
it under another name.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from qbatch.errors import QbatchError, SnapshotError
from qbatch.snapshot import database, ledger
from qbatch.snapshot.examine import examine
from qbatch.snapshot.faults import translated
from qbatch.snapshot.lock import Note, RunLock, read_note
from qbatch.snapshot.mending import MENDED, Mending, mend
from qbatch.snapshot.registration import note_numbers
from qbatch.snapshot.salvage import (
    Table,
    copy_together,
    key_of,
    open_copy,
    read_tables,
    whole_rows,
)
from qbatch.snapshot.schema import crc_of
from qbatch.snapshot.trust import RULES

_SCRATCH = ".mending-"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What can be done about a damaged snapshot.

    Attributes:
        told: What comes of mending it, a sentence each.
        refused: Why it cannot be mended; empty where it can.
    """

    told: Sequence[str]
    refused: Sequence[str]


@dataclass(frozen=True, slots=True)
class Repaired:
    """A mended snapshot.

    Attributes:
        told: What came of it, a sentence each.
        kept: The damaged files, under their new names.
    """

    told: Sequence[str]
    kept: Sequence[Path]


def diagnose(folder: Path) -> Diagnosis:
    """Say what `repair` would do; nothing is changed.

    Raises:
        SnapshotError: The folder or the disk does not let it look.
    """
    note = read_note(folder)
    if note.journal == "mending":
        return Diagnosis(("mending was cut off, and has only to be finished",), ())
    with _salvaged(folder, note, scratch=None) as (copy, mending):
        if not mending.refused:
            _write(copy, mending, note)
            mending.refused += _look_through(copy.parent)
        return Diagnosis(tuple(mending.told), tuple(mending.refused))


def repair(folder: Path) -> Repaired:
    """Mend the snapshot of `folder`, or finish that where it was cut off.

    Raises:
        RunLockedError: A runner holds it.
        SnapshotError: It cannot be mended; the message says why. Nothing was changed.
    """
    path = folder / database.NAME
    lock = RunLock(folder)
    try:
        for left in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        is_begun = lock.found.journal == "mending"
        told = ["mending that was cut off is finished"] if is_begun else _make(folder, lock)
        with translated(path):
            kept = _exchange(path)
        lock.mark("closed")
    finally:
        lock.release()
    return Repaired(told, kept)


def _make(folder: Path, lock: RunLock) -> list[str]:
    """Put the mended snapshot beside the damaged one; say what comes of it."""
    path = folder / database.NAME
    with _salvaged(folder, lock.found, scratch=folder) as (copy, mending), translated(path):
        if not mending.refused:
            _write(copy, mending, lock.found)
            mending.refused += _look_through(copy.parent)
        if mending.refused:
            raise SnapshotError(f"{path}: not mended: {'; '.join(mending.refused)}")
        (copy.parent / database.NAME).replace(_mended(path))
        database.sync_folder(folder)
    lock.mark("mending")
    return mending.told


@contextmanager
def _salvaged(folder: Path, note: Note, *, scratch: Path | None) -> Iterator[tuple[Path, Mending]]:
    """Read what is left, in a folder in `scratch` that is gone afterwards."""
    path = folder / database.NAME
    if not path.exists():
        raise SnapshotError(f"{path}: it is missing; restore the folder from a copy")
    with ExitStack() as stack:
        stack.enter_context(translated(path))
        place = tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=scratch)
        copy = Path(stack.enter_context(place)) / "damaged.db"
        is_doubtful = copy_together(path, copy)
        db = stack.enter_context(closing(open_copy(copy)))
        tables = read_tables(db, is_doubtful=is_doubtful)
        mending = mend(
            tables,
            _backends(tables),
            lost_steps=_lost_steps(tables, note),
            now=time.time(),
        )
        yield copy, mending


def _backends(tables: dict[str, Table]) -> dict[str, bool]:
    """Backend of the manifest -> whether it is this machine; nothing where the manifest is lost."""
    from qbatch.manifest import parse_manifest

    facts = {key: row[1] for key, row in tables["meta"].rows.items()}
    try:
        manifest = parse_manifest(
            facts["manifest"],
            file=facts["manifest_path"],
            folder=Path(facts["manifest_folder"]),
            overrides=json.loads(facts["overrides"]),
        )
    except (KeyError, QbatchError):
        return {}
    return {name: each.provider == "local" for name, each in manifest.backends.items()}


def _lost_steps(tables: dict[str, Table], note: Note) -> int:
    """How many steps the last holder made that are not there."""
    events = tables["events"]
    if note.steps is None or not note.is_exact:
        return 0
    if events.is_torn and note.journal == "closed":
        return 0  # all was folded in: it is damage, and they are lost as moves alone
    seen = [key for key in events.keys if isinstance(key, int)]
    return note.steps - max((*events.rows, *seen), default=0)


def _write(copy: Path, mending: Mending, note: Note) -> None:
    """Make the mended snapshot beside the copy; it has more steps than the damaged one had."""
    target = copy.with_name(database.NAME)
    with closing(open_copy(copy)) as old, closing(database.make_new(target)) as new:
        new.execute("BEGIN IMMEDIATE")
        for name, table in mending.tables.items():
            _write_table(old, new, name, table, mending.dropped)
        steps = max(database.num_steps(new), note.steps or 0)
        moves = [
            (at, ordinal, str(state), MENDED)
            for ordinal, (state, at) in mending.moves.items()
            if ordinal not in mending.dropped
        ]
        for move in [(mending.now, None, "", mending.note), *moves]:
            steps += 1
            row = (steps, *move)
            new.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (*row, crc_of(row)))
        note_numbers(new)
        ledger.note_number(new)
        new.execute("COMMIT")
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _write_table(
    old: sqlite3.Connection, new: sqlite3.Connection, name: str, table: Table, dropped: set[int]
) -> None:
    """Write the rows that are kept; what is large in them comes from the copy."""
    rule = RULES[name]
    columns = [each.rpartition(".")[2] for each in rule.columns.split(", ")]
    if rule.large is None:
        rows = iter(table.rows.values())
    else:
        columns.append(rule.large[0])
        rows = (row for row in whole_rows(old, name) if key_of(name, row) in table.rows)
    job = next((columns.index(each) for each in ("job", "point") if each in columns), None)
    kept = (row for row in rows if job is None or row[job] not in dropped)
    marks = ", ".join("?" * len(columns))
    new.executemany(f"INSERT INTO {name}({', '.join(columns)}) VALUES ({marks})", kept)


def _mended(path: Path) -> Path:
    """Where the mended snapshot is until it takes its place."""
    return path.with_name(f".{path.name}.mended")


def _look_through(scratch: Path) -> list[str]:
    """Say why the mended snapshot may not take the damaged one's place; nothing: it may."""
    try:
        examine(scratch)
    except SnapshotError as error:
        return [f"what is left does not fit together ({_told_by(error)})"]
    return []


def _told_by(error: SnapshotError) -> str:
    """What an `examine` found, without the path of a trial file and what to do about it."""
    return str(error).partition(": ")[2].partition(": ")[0]


def _exchange(path: Path) -> list[Path]:
    """Set the damaged files aside and let the mended one take their place; may be repeated.

    Returns:
        What was set aside, now and before.
    """
    if _mended(path).exists():
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        for file in (database.undo_of(path), database.journal_of(path), path):
            if file.exists() and not file.stat().st_size and file != path:
                file.unlink()
            elif file.exists():
                file.replace(file.with_name(f"{file.name}.damaged-{stamp}"))
        _mended(path).replace(path)
        database.sync_folder(path.parent)
    return sorted(path.parent.glob(f"{path.name}*.damaged-*"))
