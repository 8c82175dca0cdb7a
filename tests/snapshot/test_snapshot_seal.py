"""The seal of a run folder: what was looked through is not again, until it changes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_snapshot_store import complete, key_of, points, send

from qbatch.errors import SnapshotError
from qbatch.job import JobState
from qbatch.snapshot import Registered, Run, Snapshot, StoredPoint
from qbatch.snapshot.comparing import Digest, Identity
from qbatch.snapshot.database import is_sealed
from qbatch.snapshot.lock import read_note

DB = "snapshot.db"


def identities(*planned: StoredPoint) -> Iterator[Identity]:
    for p in planned:
        yield bytes.fromhex(p.id), p.name, p.circuit, p.backend, p.shots, p.setting


def register(snapshot: Snapshot, *planned: StoredPoint) -> Registered:
    return snapshot.register(
        iter(planned), setting_of=lambda key: "{}", identities=lambda: identities(*planned)
    )


def has_seal(folder: Path) -> bool:
    return is_sealed(folder / DB, read_note(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of three points, two of them completed, one sent."""
    with Snapshot(tmp_path / "run") as snapshot:
        register(snapshot, *points(1, 2, 3))
        send(snapshot, 1)
        complete(snapshot, 2)
        complete(snapshot, 3)
    return tmp_path / "run"


def take_up(folder: Path) -> None:
    """What a run that finds nothing to do looks at."""
    with Snapshot(folder) as snapshot:
        register(snapshot, *points(1, 2, 3))
        snapshot.open_composites()


def test_a_folder_is_sealed_by_its_maker_and_by_who_leaves_it_as_it_was(folder: Path) -> None:
    assert has_seal(folder)
    take_up(folder)
    assert has_seal(folder)


def test_no_byte_changes_under_a_seal(folder: Path) -> None:
    good = (folder / DB).read_bytes()
    for at in range(0, len(good), 311):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        (folder / DB).write_bytes(bytes(bad))
        assert not has_seal(folder), at
    (folder / DB).write_bytes(good)
    assert has_seal(folder)


def test_a_folder_that_was_cut_off_is_not_sealed(folder: Path) -> None:
    with Snapshot(folder) as snapshot:
        snapshot.set_meta(name="other")
        shutil.copytree(folder, folder.with_name("cut-off"))
    assert not has_seal(folder.with_name("cut-off"))


def test_a_seal_does_not_hide_that_the_steps_after_it_are_gone(folder: Path) -> None:
    gone = folder.with_name("gone")
    with Snapshot(folder) as snapshot:
        snapshot.set_meta(name="other")
        shutil.copytree(folder, gone, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    assert has_seal(gone)  # byte for byte what the holder before left
    with pytest.raises(SnapshotError, match="it held the last"):
        Snapshot(gone)


def test_what_another_program_wrote_meanwhile_is_not_sealed(folder: Path) -> None:
    """A purchase that it took away is missed by who comes next."""
    with Snapshot(folder) as snapshot:
        with closing(sqlite3.connect(folder / DB)) as db, db:
            db.execute("DELETE FROM events WHERE job = 2")
        snapshot.set_meta(name="other")
    assert not has_seal(folder)
    with pytest.raises(SnapshotError, match="moves of jobs are missing"):
        take_up(folder)


@pytest.fixture
def spoilt(folder: Path) -> Path:
    """The page of its jobs is put back as it was before: whole rows, each with its check value."""
    with closing(sqlite3.connect(folder / DB)) as db, db:
        done, crc = "created", "0"
        db.execute(
            f"UPDATE jobs SET state = '{done}', generation = 1, composite = NULL, status = '',"
            f" submitted_at = NULL, updated_at = 0.0, crc = {crc} WHERE ordinal = 2"
        )
    return folder


def test_who_opens_a_spoilt_folder_for_something_else_does_not_seal_it(spoilt: Path) -> None:
    assert not has_seal(spoilt)
    with Snapshot(spoilt) as snapshot:
        snapshot.set_meta(name="other")
    assert not has_seal(spoilt)
    with pytest.raises(SnapshotError, match="moves of jobs are missing"):
        take_up(spoilt)
    assert not has_seal(spoilt)


def test_what_lost_its_seal_gets_one_when_it_was_looked_through(folder: Path) -> None:
    with closing(sqlite3.connect(folder / DB)) as db, db:
        db.execute("PRAGMA user_version = 4")
        db.execute("VACUUM")
    assert not has_seal(folder)
    with Snapshot(folder) as snapshot:
        snapshot.open_composites()
    assert not has_seal(folder)  # its points were not compared with a plan
    take_up(folder)
    assert has_seal(folder)


OTHERS: tuple[dict[str, Any], ...] = (
    {"id": key_of(9)},
    {"name": "i=4"},
    {"circuit": "ghz"},
    {"backend": "ideal"},
    {"shots": 101},
    {"setting": "t"},
)


@pytest.mark.parametrize("change", OTHERS, ids=lambda change: next(iter(change)))
def test_a_plan_that_changed_in_anything_is_seen_under_a_seal(
    folder: Path, change: dict[str, Any]
) -> None:
    one, two, three = points(1, 2, 3)
    planned = one, two, replace(three, **change)
    with Snapshot(folder) as snapshot:
        found = register(snapshot, *planned)
    assert (found.planned, found.added) == (3, "id" in change)
    with Run(folder) as run:
        told = [(p.id, p.name, p.circuit, p.backend, p.shots, p.setting) for p in run]
    assert told == [(p.id, p.name, p.circuit, p.backend, p.shots, p.setting) for p in planned]


@pytest.mark.parametrize("wanted", [(1, 2), (1, 3, 2), (1, 2, 3, 4), (), (2, 3)])
def test_other_points_or_another_order_are_seen_under_a_seal(
    folder: Path, wanted: tuple[int, ...]
) -> None:
    for _ in range(2):
        with Snapshot(folder) as snapshot:
            found = register(snapshot, *points(*wanted))
        assert found.planned == len(wanted)
        with Run(folder) as run:
            assert [p.name for p in run] == [f"i={n}" for n in wanted]
    assert has_seal(folder)


def test_what_was_forgotten_is_planned_anew_under_a_seal(folder: Path) -> None:
    with Snapshot(folder) as snapshot:
        snapshot.forget([key_of(2)])
    assert has_seal(folder)
    with Snapshot(folder) as snapshot:
        assert register(snapshot, *points(1, 2, 3)).added == 1
        assert snapshot.counts_by_state()[JobState.CREATED] == 1


def test_digests_tell_points_apart_wherever_their_texts_are_cut() -> None:
    def digest(*told: Identity) -> str:
        made = Digest()
        made.add(told)
        return made.text

    one = (b"a", "bc", "d", "e", 1, "")
    others = [
        (b"ab", "c", "d", "e", 1, ""),
        (b"a", "b", "cd", "e", 1, ""),
        (b"a", "bc", "d", "", 1, "e"),
    ]
    assert len({digest(one), digest(one, one), digest(), *map(digest, others)}) == 6
