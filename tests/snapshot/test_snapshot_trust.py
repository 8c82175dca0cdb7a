"""The folder: who may use it, and what happens when it is not what was written."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from test_snapshot_store import complete, key_of, move, points, send

from qbatch.errors import RunLockedError, SnapshotError
from qbatch.job import JobState
from qbatch.purchase import CompositeEvent
from qbatch.snapshot import Run, Snapshot, database, find_run_folder, holder_of, open_run, set_aside
from qbatch.snapshot.database import open_writer
from qbatch.snapshot.examine import examine
from qbatch.snapshot.lock import Note

DB = "snapshot.db"


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run folder with three points, two of them completed."""
    folder = tmp_path / "run"
    with Snapshot(folder) as snapshot:
        snapshot.register(points(1, 2, 3))
        complete(snapshot, 1)
        complete(snapshot, 2)
    return folder


def test_a_second_runner_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with Snapshot(tmp_path), pytest.raises(RunLockedError, match=f"process {os.getpid()} on "):
        Snapshot(tmp_path)


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from qbatch.snapshot import Snapshot\n"
        "s = Snapshot(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert f"process {child.pid} on" in (holder_of(tmp_path) or "")
        child.send_signal(signal.SIGKILL)
    assert holder_of(tmp_path) is None
    Snapshot(tmp_path).close()


def test_looking_whether_a_run_goes_on_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    Snapshot(tmp_path).close()
    assert holder_of(tmp_path) is None
    with Snapshot(tmp_path), Run(tmp_path) as run:
        assert run.is_running


def test_a_run_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
        with Run(tmp_path) as run:
            pages = iter(run)
            next(pages)
            complete(snapshot, 2)
            assert run["i=2"].counts is not None


@pytest.mark.parametrize("has_tables", [False, True])
def test_a_run_that_has_only_just_begun_is_not_called_damaged(
    has_tables: bool, tmp_path: Path
) -> None:
    (tmp_path / DB).touch()
    if has_tables:
        open_writer(tmp_path, "full", Note()).close()
    with pytest.raises(SnapshotError, match="no run here yet"):
        Run(tmp_path)
    Snapshot(tmp_path).close()
    with Run(tmp_path) as run:
        assert len(run) == 0


def test_a_newer_snapshot_is_refused_with_both_versions(finished: Path) -> None:
    with sqlite3.connect(finished / DB) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(SnapshotError, match=r"newer qbatch .snapshot version 99; .* up to 4"):
        Snapshot(finished)
    with pytest.raises(SnapshotError, match="newer qbatch"):
        Run(finished)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DB) as db:
        db.execute("CREATE TABLE other(a)")
    db.close()
    with pytest.raises(SnapshotError, match="not written by qbatch"):
        Snapshot(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DB).write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(SnapshotError, match=r"no snapshot, or it is damaged.*--fresh"):
        Snapshot(tmp_path)


@pytest.mark.parametrize("left", [0, 1, 100, 2048, 5000])
def test_a_truncated_snapshot_is_an_error_never_fewer_points(finished: Path, left: int) -> None:
    os.truncate(finished / DB, left)
    with pytest.raises(SnapshotError):
        Snapshot(finished)
    with pytest.raises(SnapshotError), Run(finished) as run:
        assert len(list(run)) == 3


def test_any_flipped_bit_is_an_error_or_changes_nothing(finished: Path) -> None:
    good = (finished / DB).read_bytes()
    truth = _all_of(finished)
    for at in range(64, len(good), 97):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        (finished / DB).write_bytes(bytes(bad))
        try:
            assert _all_of(finished) == truth, at
        except SnapshotError:
            continue


def _all_of(folder: Path) -> list[object]:
    with Run(folder) as run:
        return [
            (p.point, p.job, p.counts.to_dict() if p.counts else None, p.facts, p.submitted_at)
            for p in run
        ]


def test_a_cut_off_run_that_lost_its_journal_is_refused(tmp_path: Path) -> None:
    _cut_off(tmp_path)
    (tmp_path / f"{DB}-wal").unlink()
    for use in (Snapshot, Run):
        with pytest.raises(SnapshotError, match="-wal: it is missing; it held the last 2 steps"):
            use(tmp_path)


def test_a_cut_off_run_goes_on_where_it_was(tmp_path: Path) -> None:
    _cut_off(tmp_path)
    with Run(tmp_path) as run:  # a reader does not take the journal away
        assert run["i=1"].counts is not None
    with Snapshot(tmp_path) as snapshot:
        assert len(snapshot.counts_by_state()) == 2


def torn(folder: Path) -> Iterator[int]:
    """Cut the journal of a run that was cut off shorter and shorter; yield how much is left."""
    _cut_off(folder)
    wal, db = (folder / f"{DB}-wal").read_bytes(), (folder / DB).read_bytes()
    for left in range(len(wal) - 1, max(0, len(wal) - 6000), -331):
        (folder / DB).write_bytes(db)
        (folder / f"{DB}-wal").write_bytes(wal[:left])
        (folder / f"{DB}-shm").unlink(missing_ok=True)
        yield left


def test_a_journal_torn_anywhere_is_never_taken_for_a_shorter_one(tmp_path: Path) -> None:
    for left in torn(tmp_path):
        with pytest.raises(SnapshotError, match=r"-wal: it is damaged or cut short; .* last"):
            Run(tmp_path)
        with pytest.raises(SnapshotError, match="cut short"):
            Snapshot(tmp_path)
        assert (tmp_path / f"{DB}-wal").stat().st_size == left


def test_what_a_power_cut_took_from_a_run_that_is_not_synced_is_done_again(tmp_path: Path) -> None:
    for _ in torn(tmp_path):
        change_note(tmp_path, durability="normal", boot="another")
        with Run(tmp_path) as run:
            assert len(list(run)) == 2
            assert all(p.counts is not None for p in run if p.state == "completed")


def change_note(folder: Path, **changes: str) -> None:
    """Change what the last holder of the lock noted; its number of steps stays."""
    path = folder / "snapshot.lock"
    text = path.read_bytes()
    facts = json.loads(text[:512]) | changes
    path.write_bytes(json.dumps(facts).encode().ljust(511) + b"\n" + text[512:])


def _cut_off(folder: Path) -> None:
    code = (
        "import sys, os; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_snapshot_store import *\n"
        "s = Snapshot(Path(sys.argv[1])); s.register(points(1, 2)); complete(s, 1)\n"
        "os.kill(os.getpid(), 9)"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", code, str(folder), here], check=False)


def test_a_full_disk_is_told_with_path_and_remedy_and_what_was_done_is_kept(
    finished: Path,
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Snapshot(finished) as snapshot:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(SnapshotError, match=r"snapshot\.db: .*then run again"):
                snapshot.register(points(*range(500)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
        complete(snapshot, 3)
        assert snapshot.register(points(*range(500))).added == 497


def test_a_folder_that_cannot_be_made_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SnapshotError, match="file/run: "):
        Snapshot(tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told_and_can_still_be_read(finished: Path) -> None:
    finished.chmod(0o500)
    try:
        with pytest.raises(SnapshotError, match="cannot be"):
            Snapshot(finished)
        with Run(finished) as run:
            assert len(run) == 3
    finally:
        finished.chmod(0o700)


def test_a_folder_without_a_run_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"no run here .* `qbatch run` makes one"):
        open_run(tmp_path)
    with pytest.raises(SnapshotError, match="no such run folder or manifest"):
        open_run(tmp_path / "nowhere")


def test_a_manifest_stands_for_its_run_in_its_project(tmp_path: Path) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(
        "qbatch: 1\nname: mine\ncircuits: {b: b.qasm}\nbackends: {s: {provider: local}}\n"
    )
    assert find_run_folder(manifest) == tmp_path / "runs" / "mine"
    assert find_run_folder(manifest, tmp_path / "out") == tmp_path / "out"
    assert find_run_folder(tmp_path) == tmp_path


def test_a_run_set_aside_is_whole_under_another_name(finished: Path) -> None:
    found = set_aside(finished)
    assert found is not None
    moved, in_flight = found
    assert (in_flight, finished.exists()) == (0, False)
    with Run(moved) as run:
        assert len(run) == 3
    assert set_aside(finished) is None


def test_a_run_that_goes_on_is_not_set_aside(tmp_path: Path) -> None:
    with Snapshot(tmp_path), pytest.raises(RunLockedError):
        set_aside(tmp_path)


def test_a_missing_row_is_an_error_never_one_point_less(finished: Path) -> None:
    with sqlite3.connect(finished / DB) as db:
        db.execute("DELETE FROM jobs WHERE ordinal = 2")
    db.close()
    with pytest.raises(SnapshotError, match="2 of 3 jobs are left"):
        Run(finished)


def test_a_completed_point_without_its_result_is_an_error(finished: Path) -> None:
    with sqlite3.connect(finished / DB) as db:
        db.execute("DELETE FROM results WHERE ordinal = 2")
    db.close()
    with Run(finished) as run, pytest.raises(SnapshotError, match="result row 2 is missing"):
        list(run)


def test_points_are_found_by_name_and_by_the_beginning_of_their_id(finished: Path) -> None:
    with Run(finished) as run:
        assert run["i=2"].id == key_of(2)
        assert run[key_of(2)[:7]].name == "i=2"
        with pytest.raises(Exception, match="no point is called 'i=9'"):
            run["i=9"]


def test_a_job_that_was_put_back_is_not_taken_for_one_to_buy(tmp_path: Path) -> None:
    """A disk that lost a write gives an older page, whole, of before it was bought."""
    table = "SELECT * FROM jobs WHERE ordinal = 1"
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
    with closing(sqlite3.connect(tmp_path / DB)) as db:
        before = db.execute(table).fetchone()
    with Snapshot(tmp_path) as snapshot:
        move(snapshot, 1, JobState.SUBMITTING, JobState.SUBMITTED)
    with closing(sqlite3.connect(tmp_path / DB)) as db:
        db.execute(f"REPLACE INTO jobs VALUES ({', '.join('?' * len(before))})", before)
        db.commit()
    with Snapshot(tmp_path) as snapshot, pytest.raises(SnapshotError, match="moves of jobs"):
        snapshot.open_composites()
    with Run(tmp_path) as run, pytest.raises(SnapshotError, match="moves of jobs"):
        run.counts_by_state()


def test_a_composite_job_that_was_put_back_is_not_taken_for_one_not_sent(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        ordinal = send(snapshot, 1)
        move(snapshot, 1, JobState.SUBMITTED)
        with snapshot.transaction():
            snapshot.happens(ordinal, CompositeEvent.RELEASED)
    with Snapshot(tmp_path) as snapshot, pytest.raises(SnapshotError, match="moves of composite"):
        snapshot.open_composites()
    with pytest.raises(SnapshotError, match="moves of composite"):
        examine(tmp_path)


# -- disks without WAL --------------------------------------------------------------------------

UNDO = f"{DB}-journal"


def cut_off_half_way(folder: Path) -> None:
    """Leave a run of 300 points, one completed, as SIGKILL in the middle of a step does.

    As on a disk without WAL: a part of the step is in the snapshot, and its journal undoes it.
    """
    code = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_snapshot_mending import MANIFEST
from test_snapshot_store import complete, points
from qbatch.snapshot import Snapshot, database

def set_up(connection, durability):
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")

database._set_up = set_up
snapshot = Snapshot(Path(sys.argv[1]))
snapshot.set_meta(run_id="r1", name="n", manifest=MANIFEST % "", manifest_path="n.yaml",
                  manifest_folder="/", overrides="[]")
snapshot.register(points(*range(300)), setting_of=lambda key: key * 9)
complete(snapshot, 0)
snapshot._db.execute("PRAGMA cache_size=1")  # so that pages are written before the end
with snapshot.transaction():
    snapshot._db.execute("UPDATE jobs SET status = hex(zeroblob(99)) WHERE ordinal > 1")
    snapshot._db.execute("DELETE FROM events WHERE seq > 1")
    os.kill(os.getpid(), 9)
"""
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, str(folder), here], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / UNDO).stat().st_size


@pytest.fixture
def half_done(tmp_path: Path) -> Path:
    cut_off_half_way(tmp_path / "run")
    return tmp_path / "run"


def test_a_step_that_was_half_done_is_undone_by_the_next_runner(half_done: Path) -> None:
    with Snapshot(half_done) as snapshot:
        assert snapshot.counts_by_state() == {JobState.COMPLETED: 1, JobState.CREATED: 299}
        complete(snapshot, 1)
    with Run(half_done) as run:
        assert len([point for point in run if point.counts]) == 2


def test_a_step_that_was_half_done_is_undone_by_a_reader(half_done: Path) -> None:
    with Run(half_done) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 1, JobState.CREATED: 299}
        assert {point.job.status for point in run} == {""}
    assert not (half_done / UNDO).exists()


def test_a_run_that_was_cut_off_as_it_was_made_begins_again(tmp_path: Path) -> None:
    cut_off_half_way(tmp_path / "run")
    (tmp_path / "run" / "snapshot.lock").unlink()
    with Snapshot(tmp_path / "run") as snapshot:
        assert len(snapshot.counts_by_state()) == 2


def test_a_half_done_step_in_a_folder_that_cannot_be_written_is_told(
    half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (half_done / DB).read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    for use in (Run, Snapshot):
        with pytest.raises(SnapshotError, match="in the middle of a step and the folder is not"):
            use(half_done)
    assert (half_done / DB).read_bytes() == before


def test_a_reader_that_was_open_as_a_runner_died_is_told_to_open_again(half_done: Path) -> None:
    journal = (half_done / UNDO).read_bytes()
    with Run(half_done) as run:
        (half_done / UNDO).write_bytes(journal)
        with pytest.raises(SnapshotError, match="open it again"):
            len(run)


def test_a_journal_that_was_not_synced_undoes_nothing(finished: Path) -> None:
    (finished / UNDO).write_bytes(bytes(512))
    with Run(finished) as run:
        assert len(run) == 3
    with Snapshot(finished) as snapshot:
        complete(snapshot, 3)


def test_journals_of_two_times_are_damage_and_both_are_kept(half_done: Path) -> None:
    (half_done / f"{DB}-wal").write_bytes(b"of another time")
    for use in (Run, Snapshot):
        with pytest.raises(SnapshotError, match=r"both a -wal and a -journal file.*doctor"):
            use(half_done)
    assert (half_done / f"{DB}-wal").read_bytes() == b"of another time"


def test_a_snapshot_in_the_middle_of_a_commit_is_waited_for_never_read(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.0)
    with closing(sqlite3.connect(finished / DB, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=DELETE")
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SnapshotError, match="another program keeps it locked"):
            Run(finished)
        writer.execute("COMMIT")
    with Run(finished) as run:
        assert len(run) == 3
