"""What `doctor --repair` does about each kind of damaged row: one test for each rule."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from test_snapshot_store import complete, key_of, move, points

from qbatch.errors import SnapshotError
from qbatch.job import ID_LOST, CompositeJob, JobState
from qbatch.purchase import CompositeEvent
from qbatch.result import Counts
from qbatch.snapshot import Entry, JobRow, NewResult, PointResult, Run, Snapshot
from qbatch.snapshot.doubles import Double, read_doubles
from qbatch.snapshot.recovery.repair import diagnose, repair

MANIFEST = """\
qbatch: 1
name: mended
circuits: {bell: bell.qasm}
backends: {sim: {provider: local}%s}
"""
CLOUD = ", cloud: {provider: oqc}"

JOB = "UPDATE jobs SET status = 'other' WHERE ordinal = 1"
POINT = "UPDATE points SET shots = 7 WHERE ordinal = 1"
RESULT = "UPDATE results SET facts = 'other' WHERE ordinal = 1"
INTENT = "UPDATE intents SET key = 'other'"
COMPOSITE = "UPDATE composites SET backend = 'other'"
PUT_BACK = (
    "UPDATE jobs SET state = 'created', composite = NULL, provider_job_id = NULL,"
    " submitted_at = NULL, updated_at = 0.0, crc = 0 WHERE ordinal = 1"
)
LATEST_MOVE = "UPDATE events SET note = 'other' WHERE seq = (SELECT max(seq) FROM events)"
FIRST_STEP = "UPDATE events SET note = 'other' WHERE seq = 1"


def begin(folder: Path, *, backend: str = "sim", clouds: str = "") -> Snapshot:
    """Two points on a backend."""
    snapshot = Snapshot(folder)
    snapshot.set_meta(
        run_id="r1",
        name="mended",
        manifest=MANIFEST % clouds,
        manifest_path="mended.yaml",
        manifest_folder="/",
        overrides="[]",
    )
    snapshot.register(
        [replace(point, backend=backend) for point in points(1, 2)], setting_of=lambda key: key * 9
    )
    return snapshot


def send(snapshot: Snapshot, *states: JobState, **changes: object) -> JobRow:
    """Send the first point to the cloud, for a price; return its row."""
    (row,) = snapshot.jobs_of([key_of(1)])
    composite = CompositeJob("c1", "cloud", (key_of(1),), row.job.generation, {})
    with snapshot.transaction():
        ordinal = snapshot.add_composite(composite, [row.ordinal])
        snapshot.save_intent(ordinal, "key", b"body")
        snapshot.reserve(
            [Entry(row.ordinal, row.job.generation, "cloud", "EUR", 3.0, "quote", 4.0)], ordinal
        )
    for state in (JobState.SUBMITTING, *states):
        row = replace(row, composite=ordinal, submitted_at=5.0, job=row.job.moved_to(state))
    row = replace(row, job=replace(row.job, provider_job_id="p1", **changes))  # type: ignore[arg-type]
    with snapshot.transaction():
        snapshot.save_jobs([row])
        if row.job.state is JobState.COMPLETED:
            counts = Counts.from_dict([("c", 2)], {"00": 100})
            snapshot.save_result(row.ordinal, NewResult(counts.pack(), {}))
    return row


#: By what a composite job comes to a stage from its being sent.
TO: Mapping[str, Sequence[CompositeEvent]] = {
    "submitting": (),
    "submitted": (CompositeEvent.ANSWERED,),
    "releasing": (CompositeEvent.ENDED,),
    "closed": (CompositeEvent.ENDED, CompositeEvent.RELEASED),
}


def at_cloud(folder: Path, *states: JobState, stage: str = "", **changes: object) -> None:
    """A run of which the first point was sent to the cloud, and came to a state."""
    with begin(folder, backend="cloud", clouds=CLOUD) as snapshot:
        row = send(snapshot, *states, **changes)
        if stage:
            assert row.composite is not None
            with snapshot.transaction():
                snapshot.happens(row.composite, *TO[stage])


def done_here(folder: Path) -> None:
    """A run whose first point was computed on this machine."""
    with begin(folder) as snapshot:
        complete(snapshot, 1)


def damage(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "snapshot.db")) as db, db:
        for statement in statements:
            assert db.execute(statement).rowcount


def told(folder: Path) -> Sequence[str]:
    """Mend it; return what that told, which is what was told before."""
    foretold = diagnose(folder).told
    mended = repair(folder).told
    assert list(foretold) == list(mended)
    return mended


def refused(folder: Path) -> str:
    """Return why it is not mended, as was told before, and that nothing was changed."""
    before = (folder / "snapshot.db").read_bytes()
    with pytest.raises(SnapshotError, match="not mended") as caught:
        repair(folder)
    assert (folder / "snapshot.db").read_bytes() == before
    assert str(caught.value).endswith(f"not mended: {'; '.join(diagnose(folder).refused)}")
    return str(caught.value)


def first(folder: Path) -> PointResult:
    with Run(folder) as run:
        return next(point for each in (run, run.removed()) for point in each)


# -- results ------------------------------------------------------------------------------------


def test_a_result_of_this_machine_is_computed_again(tmp_path: Path) -> None:
    done_here(tmp_path)
    damage(tmp_path, RESULT)
    assert told(tmp_path) == ["i=1: its result is damaged: computed again"]
    assert (first(tmp_path).state, first(tmp_path).counts) == (JobState.CREATED, None)


def test_a_bought_result_is_fetched_again(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.COMPLETED, stage="closed")
    damage(tmp_path, RESULT)
    assert told(tmp_path) == ["i=1: its result is damaged: fetched again"]
    assert (first(tmp_path).state, first(tmp_path).job.provider_job_id) == ("submitted", "p1")
    with Snapshot(tmp_path) as snapshot:
        assert [each.stage for each in snapshot.open_composites()] == ["submitted"]


def test_a_bought_result_that_cannot_be_asked_for_is_held(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.COMPLETED, stage="closed")
    damage(tmp_path, RESULT, "DELETE FROM intents")
    assert "i=1: held; its result was damaged; look it up at its provider" in told(tmp_path)
    assert first(tmp_path).state is JobState.HELD


# -- jobs -----------------------------------------------------------------------------------------


def test_a_job_of_this_machine_begins_anew(tmp_path: Path) -> None:
    done_here(tmp_path)
    damage(tmp_path, JOB)
    assert told(tmp_path) == ["i=1: computed again"]
    assert first(tmp_path).state is JobState.CREATED


def test_a_job_that_was_never_sent_is_sent_by_the_next_run(tmp_path: Path) -> None:
    begin(tmp_path, backend="cloud", clouds=CLOUD).close()
    damage(tmp_path, JOB)
    assert told(tmp_path) == ["i=1: it was not sent yet"]
    assert first(tmp_path).state is JobState.CREATED


def test_a_job_that_may_be_at_its_provider_is_asked_for(tmp_path: Path) -> None:
    at_cloud(tmp_path)
    damage(tmp_path, JOB)
    (sentence,) = told(tmp_path)
    assert "the next run asks its provider" in sentence
    assert "and buys it if it was never taken" in sentence
    assert held_as(tmp_path) == ""
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.open_composites()[0].intent == ("key", b"body")


@pytest.mark.parametrize(
    "states", [(JobState.SUBMITTED,), (JobState.RUNNING,), (JobState.RUNNING, JobState.HELD)]
)
def test_a_job_that_was_at_its_provider_is_asked_for_and_not_bought_again(
    states: tuple[JobState, ...], tmp_path: Path
) -> None:
    with begin(tmp_path, backend="cloud", clouds=CLOUD) as snapshot:
        row = send(snapshot)
        for state in states:
            row = replace(row, job=row.job.moved_to(state))
            with snapshot.transaction():
                snapshot.save_jobs([row])
    damage(tmp_path, JOB)
    (sentence,) = told(tmp_path)
    assert "the next run asks its provider" in sentence
    assert "does not buy it again" in sentence
    assert held_as(tmp_path) == ID_LOST


@pytest.mark.parametrize("stage", ["submitting", "submitted"])
def test_where_moves_are_lost_a_job_may_have_been_at_its_provider(
    stage: str, tmp_path: Path
) -> None:
    at_cloud(tmp_path, stage=stage)
    damage(tmp_path, JOB, FIRST_STEP)
    assert "does not buy it again" in told(tmp_path)[0]
    assert held_as(tmp_path) == ID_LOST


def test_an_earlier_attempt_at_its_provider_says_nothing_of_the_latest(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED, JobState.FAILED, stage="closed")
    with Snapshot(tmp_path) as snapshot:
        snapshot.retry([key_of(1)])
        send(snapshot)
    damage(tmp_path, JOB)
    assert "and buys it if it was never taken" in told(tmp_path)[0]
    assert held_as(tmp_path) == ""


@pytest.mark.parametrize("is_sent_again", [False, True])
def test_a_mended_run_knows_that_it_lost_moves(is_sent_again: bool, tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.FAILED if is_sent_again else JobState.HELD)
    damage(tmp_path, FIRST_STEP)
    assert told(tmp_path) == ["moves of jobs: 1 damaged, left out"]
    if is_sent_again:
        with Snapshot(tmp_path) as snapshot:
            snapshot.retry([key_of(1)])
            send(snapshot)
    damage(tmp_path, JOB)
    repair(tmp_path)
    assert held_as(tmp_path) == ("" if is_sent_again else ID_LOST)


def held_as(folder: Path) -> str:
    """The status of the first point's job, which is held."""
    job = first(folder).job
    assert (job.state, job.provider_job_id) == (JobState.HELD, None)
    return job.status


def test_a_job_with_a_result_is_completed(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.COMPLETED, stage="closed")
    with Snapshot(tmp_path) as snapshot, snapshot.transaction():
        snapshot.bill({(1, 1): 2.5}, "bill")
    damage(tmp_path, JOB)
    assert "completed, as its result says" in told(tmp_path)[0]
    assert (first(tmp_path).state, first(tmp_path).job.cost) == (JobState.COMPLETED, 2.5)


def test_a_job_whose_attempt_failed_is_failed(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.FAILED, stage="closed", error="too hot")
    damage(tmp_path, JOB)
    assert told(tmp_path) == ["i=1: failed, as its attempt says"]
    assert first(tmp_path).job.error == "too hot"


def test_a_job_of_which_nothing_tells_is_looked_up_by_the_person(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED, stage="closed")
    damage(tmp_path, JOB)
    assert told(tmp_path) == ["i=1: held; its row was damaged; look it up at its provider"]
    assert held_as(tmp_path) == ID_LOST


def test_a_job_whose_provider_may_have_let_it_go_is_not_guessed_at(tmp_path: Path) -> None:
    at_cloud(tmp_path, stage="releasing")
    damage(tmp_path, JOB)
    assert "does not buy it again" in told(tmp_path)[0]
    assert held_as(tmp_path) == ID_LOST


def test_a_job_row_that_is_out_of_date_is_a_lost_one(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, PUT_BACK)
    assert "the next run asks its provider" in told(tmp_path)[0]
    assert held_as(tmp_path) == ID_LOST


def test_a_job_row_that_is_older_than_its_sending_is_a_lost_one(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, PUT_BACK, LATEST_MOVE)
    assert "does not buy it again" in told(tmp_path)[0]
    assert held_as(tmp_path) == ID_LOST


@pytest.mark.parametrize("later_s", [0.0, 1.0])
def test_a_job_row_that_may_be_older_than_a_move_that_is_left_is_a_lost_one(
    later_s: float, tmp_path: Path
) -> None:
    with begin(tmp_path, backend="cloud", clouds=CLOUD) as snapshot:
        snapshot.now = lambda: 2e9
        row = send(snapshot)
        before = snapshot._row("SELECT * FROM jobs WHERE ordinal = 1", ())
        snapshot.now = lambda: 2e9 + later_s
        with snapshot.transaction():
            snapshot.save_jobs([replace(row, job=row.job.moved_to(JobState.SUBMITTED))])
    with closing(sqlite3.connect(tmp_path / "snapshot.db")) as db, db:
        db.execute(f"REPLACE INTO jobs VALUES ({', '.join('?' * len(before))})", before)
    damage(tmp_path, FIRST_STEP)
    assert "does not buy it again" in told(tmp_path)[0]
    assert held_as(tmp_path) == ID_LOST


def test_a_completed_job_is_never_older_than_a_move_of_the_same_time(tmp_path: Path) -> None:
    with begin(tmp_path) as snapshot:
        snapshot.now = lambda: 2e9
        complete(snapshot, 1)
    damage(tmp_path, LATEST_MOVE)
    assert told(tmp_path) == ["moves of jobs: 1 damaged, left out"]
    assert first(tmp_path).counts is not None


# -- points -------------------------------------------------------------------------------------


def test_a_point_that_cost_nothing_is_planned_again(tmp_path: Path) -> None:
    done_here(tmp_path)
    damage(tmp_path, POINT)
    assert told(tmp_path) == ["1 point: planned again by the next run"]
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.register(points(1, 2)).added == 1


def test_a_point_that_was_sent_is_never_planned_again(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, POINT)
    assert "point row 1: it is damaged, and may have been bought" in refused(tmp_path)


def test_a_setting_is_written_again(tmp_path: Path) -> None:
    done_here(tmp_path)
    damage(tmp_path, "UPDATE settings SET body = x'00'")
    assert told(tmp_path) == ["circuits and settings of points: the next run writes them again"]
    assert first(tmp_path).setting == ""


def test_a_setting_that_no_run_writes_again_is_needed_to_fetch(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    with Snapshot(tmp_path) as snapshot:
        snapshot.register([])
    damage(tmp_path, "UPDATE settings SET body = x'00'")
    assert "i=1: held; how it was sent is damaged" in told(tmp_path)[1]
    assert held_for_the_person(tmp_path)


# -- purchases ----------------------------------------------------------------------------------


def test_where_the_ledger_is_damaged_nobody_can_tell_what_was_bought(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, "UPDATE ledger SET reserved = 0.5")
    assert "the ledger: entries are damaged" in refused(tmp_path)


def test_entries_that_are_gone_from_the_ledger_are_missed(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, "DELETE FROM ledger", "UPDATE jobs SET status = 'x' WHERE ordinal = 2")
    assert "the ledger: entries are damaged" in refused(tmp_path)


def test_where_attempts_are_damaged_nobody_can_tell_what_was_bought(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.FAILED, stage="closed")
    damage(tmp_path, "UPDATE attempts SET error = 'other'")
    assert "earlier attempts: entries are damaged" in refused(tmp_path)


@pytest.mark.parametrize("states", [(), (JobState.SUBMITTED,), (JobState.RUNNING,)])
@pytest.mark.parametrize("lost", [INTENT, COMPOSITE])
def test_what_cannot_be_asked_for_any_more_is_held(
    lost: str, states: tuple[JobState, ...], tmp_path: Path
) -> None:
    at_cloud(tmp_path, *states)
    damage(tmp_path, lost)
    assert "restore the folder from a copy" in told(tmp_path)[0]
    assert held_for_the_person(tmp_path)


def held_for_the_person(folder: Path) -> bool:
    """Whether the first point is held under the id that it had, and no run asks about it."""
    with Snapshot(folder) as snapshot:
        is_asked = bool(snapshot.open_composites())
    job = first(folder).job
    return (job.state, job.provider_job_id, is_asked) == (JobState.HELD, "p1", False)


def test_a_held_job_is_held_under_its_own_reason(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.HELD, error="nobody knows")
    damage(tmp_path, INTENT)
    assert "i=1" not in " ".join(told(tmp_path))
    assert first(tmp_path).job.error == "nobody knows"


def test_an_intent_of_what_is_over_is_left_out(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.COMPLETED, stage="closed")
    damage(tmp_path, INTENT)
    assert told(tmp_path) == [
        "records of composite jobs that are over: what is damaged is left out"
    ]
    assert first(tmp_path).state is JobState.COMPLETED


# -- the run as a whole ---------------------------------------------------------------------------


def test_facts_that_each_run_writes_are_left_out(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, "UPDATE meta SET value = 'other' WHERE key = 'name'")
    assert told(tmp_path) == ["name of the run: the next run writes them again"]


def test_doubles_that_are_damaged_are_left_out_and_seen_again(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    double = Double("j7", "b", ("p",), "waiting", False, "", 0.34, "eur", "by formula")
    with Snapshot(tmp_path) as snapshot, snapshot.transaction():
        snapshot.note_doubles([double])
    with Run(tmp_path) as run:
        assert read_doubles(run.meta) == {"j7": double}
    damage(tmp_path, "UPDATE meta SET value = '[]' WHERE key = 'doubles'")
    assert told(tmp_path) == ["doubles of the run: the next run writes them again"]


def test_a_part_of_the_manifest_is_no_manifest(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.COMPLETED, stage="closed")
    damage(tmp_path, "UPDATE meta SET value = '/x' WHERE key = 'manifest_folder'")
    repair(tmp_path)
    with Run(tmp_path) as run, pytest.raises(SnapshotError, match="`qbatch run` with the manifest"):
        assert run.manifest


def test_the_runs_id_is_needed_to_know_its_purchases(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, "UPDATE meta SET value = 'other' WHERE key = 'run_id'")
    assert "its id, by which purchases are known" in refused(tmp_path)


def test_steps_that_are_missing_are_computed_again_here(tmp_path: Path) -> None:
    done_here(tmp_path)
    damage(tmp_path, "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    assert "the last step is missing: what is missing cost nothing" in told(tmp_path)[0]
    assert first(tmp_path).state is JobState.CREATED


def test_steps_that_are_missing_may_have_bought_something(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    damage(tmp_path, "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    assert "something may have been bought in them" in refused(tmp_path)


def test_a_lost_move_is_only_history(tmp_path: Path) -> None:
    done_here(tmp_path)
    damage(tmp_path, "UPDATE events SET note = 'other' WHERE seq = 2")
    assert told(tmp_path) == ["moves of jobs: 1 damaged, left out"]
    assert first(tmp_path).counts is not None


@pytest.mark.parametrize("seq", [2, 3], ids=["an earlier one", "the latest"])
def test_a_job_stays_where_it_is_when_one_of_its_moves_is_lost(seq: int, tmp_path: Path) -> None:
    with begin(tmp_path) as snapshot:
        since = snapshot._steps
        complete(snapshot, 1)
    before = first(tmp_path)
    damage(tmp_path, f"UPDATE events SET note = 'other' WHERE seq = {since + seq - 1}")
    assert told(tmp_path) == ["moves of jobs: 1 damaged, left out"]
    after = first(tmp_path)
    assert (after.job, after.completed_at) == (before.job, before.completed_at)
    with Run(tmp_path) as run:
        assert run.history_of(after)[-1][1] == "completed"


def test_a_job_at_its_provider_stays_there_when_its_latest_move_is_lost(tmp_path: Path) -> None:
    at_cloud(tmp_path, JobState.SUBMITTED)
    before = first(tmp_path).job
    damage(tmp_path, LATEST_MOVE)
    assert told(tmp_path) == ["moves of jobs: 1 damaged, left out"]
    assert first(tmp_path).job == before


def test_a_mended_snapshot_that_does_not_fit_together_is_not_put_in_place(tmp_path: Path) -> None:
    with begin(tmp_path, backend="cloud", clouds=CLOUD) as snapshot:
        move(snapshot, 1, JobState.SUBMITTING, JobState.FAILED)
    damage(tmp_path, "DELETE FROM attempts", JOB.replace("= 1", "= 2"))
    assert "what is left does not fit together (attempts at points are missing)" in refused(
        tmp_path
    )
    assert not [path for path in tmp_path.iterdir() if "mend" in path.name]
