"""What is proved of a job without its own row, and what is not: damage in more than one place."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from test_snapshot_mending import (
    CLOUD,
    COMPOSITE,
    INTENT,
    JOB,
    POINT,
    RESULT,
    at_cloud,
    begin,
    damage,
    first,
    held_as,
    send,
    told,
)
from test_snapshot_store import complete, key_of, move

from qbatch.job import ID_LOST, CompositeJob, JobState
from qbatch.snapshot import Snapshot
from qbatch.snapshot.recovery.rebuild import Rebuild
from qbatch.snapshot.recovery.repair import repair
from qbatch.snapshot.recovery.tables import Tables, open_copy, read_tables


def tables_of(folder: Path) -> Tables:
    copy = folder / "copy.db"
    shutil.copyfile(folder / "snapshot.db", copy)
    with closing(open_copy(copy)) as db:
        return read_tables(db)


def test_a_whole_run_is_left_as_it_is(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    before, tables = tables_of(tmp_path), tables_of(tmp_path)
    rebuild = Rebuild(tables, {"cloud": False}, now=9.0)
    assert (rebuild.told, rebuild.refused, rebuild.moves) == ([], [], {})
    assert vars(tables) == vars(before)


def test_a_job_in_flight_is_held_where_its_purchase_may_be_older_than_it_was(
    tmp_path: Path,
) -> None:
    at_cloud(tmp_path)
    tables = tables_of(tmp_path)
    tables.composites.is_torn = True
    Rebuild(tables, {"cloud": False}, now=9.0)
    assert (tables.jobs.rows[1].state, tables.jobs.rows[1].status) == ("held", "")
    tables.jobs.rows[1] = tables.jobs.rows[1]._replace(provider_job_id=None)
    Rebuild(tables, {"cloud": False}, now=9.0)
    assert (tables.jobs.rows[1].state, tables.jobs.rows[1].status) == ("held", ID_LOST)


def test_an_attempt_says_nothing_where_a_later_one_may_be_lost(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.FAILED, stage="closed")
    with Snapshot(tmp_path) as snapshot:
        snapshot.retry([key_of(1)])
        send(snapshot, JobState.SUBMITTED)
    damage(tmp_path, JOB, f"{COMPOSITE} WHERE ordinal = 2")
    assert "i=1: held; its row was damaged; look it up at its provider" in told(tmp_path)
    assert held_as(tmp_path) == ID_LOST


def test_where_moves_were_lost_once_a_job_may_have_been_taken_before_it_was_held(
    tmp_path: Path,
) -> None:
    with begin(tmp_path, backend="cloud", clouds=CLOUD) as snapshot:
        row = send(snapshot)
        for state in (JobState.SUBMITTED, JobState.HELD):
            row = replace(row, job=row.job.moved_to(state))
            with snapshot.transaction():
                snapshot.save_jobs([row])
    damage(tmp_path, "UPDATE events SET note = 'other' WHERE state = 'submitted'")
    repair(tmp_path)
    damage(tmp_path, JOB)
    assert "does not buy it again" in told(tmp_path)[0]
    assert held_as(tmp_path) == ID_LOST


def test_a_lost_result_of_a_job_without_an_id_is_not_fetched_under_none(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.COMPLETED, stage="closed")
    damage(tmp_path, JOB)
    repair(tmp_path)  # now its id is lost
    damage(tmp_path, RESULT)
    assert told(tmp_path) == ["i=1: held; its result was damaged; look it up at its provider"]
    assert held_as(tmp_path) == ID_LOST


def test_what_is_begun_anew_keeps_its_earlier_attempts(tmp_path: Path) -> None:
    with begin(tmp_path) as snapshot:
        move(snapshot, 1, JobState.SUBMITTING, JobState.FAILED)
        snapshot.retry([key_of(1)])
        complete(snapshot, 1)
    damage(tmp_path, JOB)
    assert told(tmp_path) == ["i=1: computed again"]
    assert first(tmp_path).job.generation == 2


def prepared(folder: Path) -> None:
    """A run of which both points are about to be sent together."""
    with begin(folder, backend="cloud", clouds=CLOUD) as snapshot, snapshot.transaction():
        composite = CompositeJob("c1", "cloud", (key_of(1), key_of(2)), 3)
        snapshot.add_composite(composite, [1, 2])


def test_what_was_about_to_be_sent_is_sent_as_the_attempt_it_was(tmp_path: Path) -> None:
    prepared(tmp_path)
    damage(tmp_path, JOB)
    assert told(tmp_path) == ["i=1: it was not sent yet"]
    assert (first(tmp_path).state, first(tmp_path).job.generation) == (JobState.CREATED, 3)


def test_what_was_about_to_be_sent_with_a_lost_point_is_packed_anew(tmp_path: Path) -> None:
    prepared(tmp_path)
    damage(tmp_path, POINT)
    assert told(tmp_path) == ["1 point: planned again by the next run"]
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.open_composites() == []


def test_no_intent_waits_for_the_next_composite_job(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.COMPLETED, stage="closed")
    damage(tmp_path, COMPOSITE)
    repair(tmp_path)
    with closing(sqlite3.connect(tmp_path / "snapshot.db")) as db:
        assert db.execute("SELECT * FROM intents").fetchall() == []


def test_a_purchase_that_is_not_known_any_more_is_not_asked_for(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, JOB, INTENT)
    assert "i=1: held; its row was damaged; look it up at its provider" in told(tmp_path)
    assert held_as(tmp_path) == ID_LOST
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.open_composites() == []


def test_what_ran_here_with_a_lost_point_is_computed_again(tmp_path: Path) -> None:
    with begin(tmp_path) as snapshot:
        with snapshot.transaction():
            composite = CompositeJob("c1", "sim", (key_of(1), key_of(2)))
            snapshot.save_intent(snapshot.add_composite(composite, [1, 2]), "key", b"body")
        rows = snapshot.jobs_of([key_of(1), key_of(2)])
        sent = [
            replace(row, composite=1, job=row.job.moved_to(JobState.SUBMITTING)) for row in rows
        ]
        with snapshot.transaction():
            snapshot.save_jobs(sent)
    damage(tmp_path, POINT)
    assert told(tmp_path) == ["1 point: planned again by the next run", "i=2: computed again"]
    assert first(tmp_path).state is JobState.CREATED
