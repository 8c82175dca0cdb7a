"""A damaged run folder looked through, and mended where that is safe: for `qbatch doctor`.

The mended snapshot is a new file, made of every row that is whole and of what `rebuild` concludes
about the others, and looked through itself before it takes its place. The damaged files stay beside
it under another name.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from qbatch.errors import QbatchError, SnapshotError
from qbatch.frozen import dataclass
from qbatch.providers import is_here
from qbatch.snapshot import database, ledger
from qbatch.snapshot.examine import examine
from qbatch.snapshot.faults import translated
from qbatch.snapshot.former import note_bought
from qbatch.snapshot.lock import Note, RunLock, read_note
from qbatch.snapshot.opened import manifest_in
from qbatch.snapshot.reading import told_by
from qbatch.snapshot.recovery.pages import make_one_file
from qbatch.snapshot.recovery.rebuild import MENDED, MOVES_LOST, Rebuild
from qbatch.snapshot.recovery.tables import Tables, key_of, open_copy, read_tables, whole_rows
from qbatch.snapshot.registration import note_numbers
from qbatch.snapshot.schema import FORMER_VIEWS, crc_of
from qbatch.snapshot.trust import RULES

_SCRATCH = ".mending-"

#: A former version whose tables lie elsewhere in the file than those of now.
NOT_MENDED = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes, or came, of mending a snapshot.

    Attributes:
        told: What changes by it, a sentence each.
        refused: Why it cannot be mended; empty where it can.
        kept: The damaged files, under their new names, where it was mended.
    """

    told: Sequence[str] = ()
    refused: Sequence[str] = ()
    kept: Sequence[Path] = ()


def diagnose(folder: Path) -> Verdict:
    """Say what `repair` would do; nothing is changed.

    Raises:
        SnapshotError: The folder or the disk does not let it look.
    """
    note = read_note(folder)
    if note.journal == "mending":
        return Verdict(("mending was cut off, and has only to be finished",))
    with _rebuilt(folder, note, scratch=None) as (_, verdict):
        return verdict


def repair(folder: Path) -> Verdict:
    """Mend the snapshot of `folder`, or finish that where it was cut off.

    Raises:
        RunLockedError: A runner holds it.
        SnapshotError: It cannot be mended; the message says why. Nothing was changed.
    """
    path, lock = folder / database.NAME, RunLock(folder)
    told: Sequence[str] = ("mending that was cut off is finished",)
    try:
        for left in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        if lock.found.journal != "mending":
            with _rebuilt(folder, lock.found, scratch=folder) as (mended, verdict):
                if verdict.refused:
                    raise SnapshotError(f"{path}: not mended: {'; '.join(verdict.refused)}")
                mended.replace(_mended(path))
                database.sync_folder(folder)
            lock.mark("mending")
            told = verdict.told
        with translated(path):
            kept = _exchange(path)
        lock.mark("closed")
    finally:
        lock.release()
    return Verdict(told, kept=kept)


@contextmanager
def _rebuilt(folder: Path, note: Note, *, scratch: Path | None) -> Iterator[tuple[Path, Verdict]]:
    """Make the mended snapshot, in a folder in `scratch` that is gone afterwards."""
    path = folder / database.NAME
    if not path.exists():
        raise SnapshotError(f"{path}: it is missing; restore the folder from a copy")
    version = database.version_in(path)
    if version == NOT_MENDED:
        told = f"damage of a folder of an earlier qbatch (snapshot version {version}) is not mended"
        yield path, Verdict(refused=(told,))
        return
    with translated(path), tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=scratch) as place:
        copy, mended = Path(place) / "damaged.db", Path(place) / database.NAME
        is_doubtful = make_one_file(path, copy)
        with closing(open_copy(copy)) as db:
            tables = read_tables(db, is_doubtful=is_doubtful)
            lost = _num_lost_steps(tables, note)
            rebuild = Rebuild(tables, _backends(tables, folder), lost_steps=lost, now=time.time())
            if not rebuild.refused:
                _write(db, mended, rebuild, note, version)
                rebuild.refused += _look_through(mended.parent)
        yield mended, Verdict(rebuild.told, rebuild.refused)


def _backends(tables: Tables, folder: Path) -> dict[str, bool]:
    """Backend of the manifest -> whether it is this machine; nothing where the manifest is lost."""
    try:
        facts = {key: told_by(fact) for key, fact in tables.meta.rows.items()}
        manifest = manifest_in(facts, folder)
    except QbatchError:
        return {}
    backends = {} if manifest is None else manifest.backends
    return {name: is_here(each) for name, each in backends.items()}


def _num_lost_steps(tables: Tables, note: Note) -> int:
    """How many steps the last holder made that are not there."""
    events = tables.events
    if note.steps is None or not note.is_exact:
        return 0
    if events.is_torn and note.journal == "closed":
        return 0  # all was folded in: it is damage, and they are lost as moves alone
    seen = [key for key in events.damaged if isinstance(key, int)]
    return note.steps - max((*events.rows, *seen), default=0)


def _write(
    old: sqlite3.Connection, target: Path, rebuild: Rebuild, note: Note, version: int
) -> None:
    """Make the mended snapshot; it has more steps than the damaged one had."""
    note_of_step = MENDED if rebuild.tables.events.is_whole else MOVES_LOST
    with closing(database.make_new(target)) as new:
        new.execute("BEGIN IMMEDIATE")
        for name in RULES:
            _write_table(old, new, name, rebuild)
        steps = max(database.num_steps(new), note.steps or 0)
        moves = [(at, job, str(state), MENDED) for job, (state, at) in rebuild.moves.items()]
        for move in [(rebuild.now, None, "", note_of_step), *moves]:
            steps += 1
            row = (steps, *move)
            new.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (*row, crc_of(row)))
        if version in FORMER_VIEWS:
            note_bought(new, version)
        note_numbers(new, has_bases=True)
        ledger.note_number(new)
        new.execute("COMMIT")
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _write_table(
    old: sqlite3.Connection, new: sqlite3.Connection, name: str, rebuild: Rebuild
) -> None:
    """Write the rows that are kept; what is large in them comes from the copy."""
    rule, kept = RULES[name], getattr(rebuild.tables, name).rows
    fields = rule.kind._fields
    found = (row for row in whole_rows(old, name) if key_of(name, row) in kept)
    job = next((fields.index(each) for each in ("job", "point") if each in fields), None)
    marks = ", ".join("?" * len(rule.all_columns.split(", ")))
    new.executemany(
        f"INSERT INTO {name}({rule.all_columns}) VALUES ({marks})",
        (
            row
            for row in (found if rule.large else kept.values())
            if job is None or row[job] not in rebuild.dropped
        ),
    )


def _mended(path: Path) -> Path:
    """Where the mended snapshot is until it takes its place."""
    return path.with_name(f".{path.name}.mended")


def _look_through(scratch: Path) -> list[str]:
    """Say why the mended snapshot may not take the damaged one's place; nothing: it may."""
    try:
        examine(scratch)
    except SnapshotError as error:
        found = str(error).partition(": ")[2].partition(": ")[0]  # no path, and no remedy
        return [f"what is left does not fit together ({found})"]
    return []


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
