"""M3: a run folder that is deleted, moved or replaced while it is held: nothing more is written."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from test_snapshot_store import complete, key_of, move, points, state_of

from qbatch.errors import SnapshotError
from qbatch.job import JobState
from qbatch.snapshot import Run, Snapshot, database
from qbatch.snapshot.examine import examine

WAL = "snapshot.db-wal"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "three"


@pytest.fixture
def held(folder: Path) -> Iterator[Snapshot]:
    """A run with one result, whose steps are in its journal."""
    snapshot = Snapshot(folder)
    snapshot.register(points(1, 2))
    complete(snapshot, 1)
    yield snapshot
    try:
        snapshot.close()
    except SnapshotError:
        assert snapshot._lost


def refusal(step: Callable[[], object]) -> str:
    with pytest.raises(SnapshotError) as caught:
        step()
    return str(caught.value)


def buy(snapshot: Snapshot) -> Callable[[], object]:
    return lambda: move(snapshot, 2, JobState.SUBMITTING)


def saved_in(said: str) -> Path:
    (place,) = re.findall(r"saved as (\S+)\. Go on there with `--out \1`", said)
    return Path(place)


def is_all_there(folder: Path) -> bool:
    """Whether the one result is there, and a runner can go on."""
    examine(folder)
    with Snapshot(folder) as snapshot, Run(folder) as run:
        assert state_of(snapshot, key_of(2)) is JobState.CREATED
        return [point.counts is not None for point in run] == [True, False]


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def delete_its_parent(folder: Path) -> None:
    shutil.rmtree(folder.parent)


def delete_the_snapshot(folder: Path) -> None:
    (folder / "snapshot.db").unlink()


def delete_the_journal(folder: Path) -> None:
    (folder / WAL).unlink()


def replace(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    with Snapshot(folder) as other:
        other.register(points(1, 2))


def restore_a_copy(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("copy"), folder)


GONE = [
    delete, delete_its_parent, delete_the_snapshot, delete_the_journal, replace, restore_a_copy,
]  # fmt: skip


@pytest.mark.parametrize("lose", GONE)
def test_what_is_deleted_or_replaced_is_saved_beside_it_and_nothing_more_is_written(
    lose: Callable[[Path], None], held: Snapshot, folder: Path
) -> None:
    lose(folder)
    said = refusal(buy(held))
    assert said.startswith(f"{folder}: it was deleted or replaced while it ran")
    assert refusal(buy(held)) == refusal(held.close) == said
    held.close()  # once is enough
    assert saved_in(said).parent == folder.parent
    assert is_all_there(saved_in(said))
    assert len([*folder.parent.glob("*.saved-*")]) == 1


def test_what_is_moved_is_where_it_was_moved_to(
    held: Snapshot, folder: Path, tmp_path: Path
) -> None:
    folder.rename(tmp_path / "moved")
    said = refusal(buy(held))
    assert f"it was moved to {tmp_path / 'moved'} while it ran" in said
    assert f"`--out {tmp_path / 'moved'}`" in said
    assert refusal(held.close) == said
    assert is_all_there(tmp_path / "moved")


def test_what_is_not_found_in_a_lost_folder_is_told_as_that(
    held: Snapshot, folder: Path, tmp_path: Path
) -> None:
    """A reader of the path meets another folder, or none, before the next step is refused."""

    def read() -> None:
        with held:
            Run(folder).close()

    folder.rename(tmp_path / "moved")
    folder.mkdir()
    assert f"`--out {tmp_path / 'moved'}`" in refusal(read)


def test_a_folder_that_is_lost_after_its_last_step_is_told_of_in_the_end(
    held: Snapshot, folder: Path
) -> None:
    delete(folder)
    assert is_all_there(saved_in(refusal(held.close)))


def test_who_leaves_takes_nothing_from_who_runs_in_its_place(
    held: Snapshot, folder: Path, tmp_path: Path
) -> None:
    folder.rename(tmp_path / "moved")
    with Snapshot(folder) as other:
        other.register(points(1, 2))
        move(other, 2, JobState.SUBMITTING)
        journal = (folder / WAL).stat()
        assert journal.st_size
        refusal(held.close)
        assert (folder / WAL).stat().st_ino == journal.st_ino
        complete(other, 1)
    assert examine(folder).results == 1


def test_where_nothing_can_be_saved_beside_it_it_goes_where_temporary_files_are(
    held: Snapshot, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    delete_its_parent(folder)
    folder.parent.write_text("no folder")
    said = refusal(buy(held))
    assert saved_in(said).parent == tmp_path / "tmp"
    assert is_all_there(saved_in(said))


def test_where_nothing_can_be_saved_that_is_said(
    held: Snapshot, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder.parent))
    delete_its_parent(folder)
    folder.parent.write_text("no folder")
    assert "What it held could not be saved: " in refusal(buy(held))


def test_a_path_that_leads_there_by_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "run")
    (tmp_path / "run").mkdir()
    with Snapshot(tmp_path / "link") as held:
        held.register(points(1, 2))
        (tmp_path / "link").unlink()
        (tmp_path / "run").rename(tmp_path / "other")
        (tmp_path / "link").symlink_to(tmp_path / "other")
        move(held, 2, JobState.SUBMITTING)


def test_nothing_is_lost_where_a_disk_has_no_wal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_up(db: sqlite3.Connection, _: str) -> None:
        db.execute("PRAGMA journal_mode=DELETE")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_set_up", set_up)
        held = Snapshot(folder)
    held.register(points(1, 2))
    complete(held, 1)
    delete(folder)
    said = refusal(buy(held))
    assert refusal(held.close) == said
    assert is_all_there(saved_in(said))


def test_a_whole_folder_that_is_copied_elsewhere_goes_on(
    held: Snapshot, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    move(held, 2, JobState.SUBMITTING)
    with closing(sqlite3.connect(folder / "snapshot.db")) as db:
        assert db.execute("SELECT state FROM jobs WHERE ordinal = 2").fetchone() == ("submitting",)
