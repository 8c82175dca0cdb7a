"""What the snapshot keeps: points, moves, results, in one step each."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qbatch.errors import JobStateError, SelectionError
from qbatch.job import ID_LOST, CompositeJob, JobState
from qbatch.purchase import CompositeEvent, Event, Stage
from qbatch.result import Counts
from qbatch.snapshot import Entry, JobRow, NewResult, Run, Snapshot, StoredPoint


def points(*numbers: int, name: str = "i") -> Iterator[StoredPoint]:
    for n in numbers:
        key = hashlib.sha256(str(n).encode()).hexdigest()
        yield StoredPoint(key, f"{name}={n}", "bell", "sim", 100, 1, (("i", n),), n, "s")


def state_of(snapshot: Snapshot, point_id: str) -> JobState | None:
    pieces = snapshot.pieces_of(point_id)
    return pieces[0][1].job.state if pieces else None


def key_of(n: int) -> str:
    return next(points(n)).id


def move(snapshot: Snapshot, n: int, *states: JobState, **changes: object) -> JobRow:
    (row,) = snapshot.jobs_of([key_of(n)])
    for state in states:
        row = replace(row, job=row.job.moved_to(state))
    row = replace(row, job=replace(row.job, **changes))  # type: ignore[arg-type]
    with snapshot.transaction():
        snapshot.save_jobs([row])
    return row


#: By what a composite job comes to a stage from its being sent.
TO = {"submitted": CompositeEvent.ANSWERED, "closed": CompositeEvent.RELEASED}


def send(snapshot: Snapshot, *ns: int, key: str = "key", stage: Stage = "submitting") -> int:
    """Send points together; return their composite job's row."""
    rows = snapshot.jobs_of([key_of(n) for n in ns])
    with snapshot.transaction():
        composite = CompositeJob(f"c{ns}", "cloud", tuple(map(key_of, ns)))
        ordinal = snapshot.add_composite(composite, [row.ordinal for row in rows])
        snapshot.save_intent(ordinal, key, b"body")
        snapshot.reserve(
            [
                Entry(row.ordinal, row.job.generation, "cloud", "EUR", 3.0, "quote", 4.0)
                for row in rows
            ],
            ordinal,
        )
        snapshot.save_jobs(
            [
                replace(row, job=row.job.moved_to(JobState.SUBMITTING), composite=ordinal)
                for row in rows
            ]
        )
        if stage != "submitting":
            snapshot.happens(ordinal, TO[stage])
    return ordinal


def complete(snapshot: Snapshot, n: int) -> None:
    row = move(snapshot, n, JobState.SUBMITTING)
    row = replace(row, job=row.job.moved_to(JobState.COMPLETED))
    counts = Counts.from_dict([("c", 2)], {"00": 60, "11": 40})
    with snapshot.transaction():
        snapshot.save_jobs([row])
        snapshot.save_result(row.ordinal, NewResult(counts.pack(), {"took_s": 0.5}, raw=b"{}"))


def names(run: Run) -> list[str]:
    return [point.name for point in run]


def test_new_points_begin_as_created(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.register(points(1, 2, 3)).added == 3
        assert snapshot.counts_by_state() == {JobState.CREATED: 3}
        assert state_of(snapshot, key_of(2)) is JobState.CREATED
        assert state_of(snapshot, key_of(9)) is None


def test_registering_the_same_plan_again_changes_nothing(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2, 3))
        before = snapshot._db.total_changes
        assert snapshot.register(points(1, 2, 3)).added == 0
        assert snapshot._db.total_changes - before <= 1


def test_points_keep_their_state_when_the_plan_is_reordered_and_grows(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2, 3))
        complete(snapshot, 3)
        found = snapshot.register(points(3, 4, 1, 2))
        assert (found.planned, found.added, found.removed) == (4, 1, 0)
    with Run(tmp_path) as run:
        assert names(run) == ["i=3", "i=4", "i=1", "i=2"]
        assert run["i=3"].state is JobState.COMPLETED


@pytest.mark.slow
@pytest.mark.parametrize("changed", [0, 999, 1_000, 1_700, 2_499])
@pytest.mark.parametrize("is_told", [False, True])
def test_a_long_plan_takes_in_one_that_came_anywhere(
    tmp_path: Path, changed: int, is_told: bool
) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(*range(1, 2_501)))
    with Snapshot(tmp_path) as snapshot:
        wanted = [*range(1, changed + 1), 9_999, *range(changed + 1, 2_501)]
        told = (
            (bytes.fromhex(p.id), p.name, p.circuit, p.backend, p.shots, "")
            for p in points(*wanted)
        )
        found = snapshot.register(points(*wanted), identities=(lambda: told) if is_told else None)
    assert (found.planned, found.added, found.removed) == (2_501, 1, 0)
    with Run(tmp_path) as run:
        assert names(run) == [f"i={n}" for n in wanted]


def test_points_no_longer_planned_are_kept_apart_and_come_back_with_their_results(
    tmp_path: Path,
) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2, 3))
        complete(snapshot, 2)
        assert snapshot.register(points(1, 3)).removed == 1
        with Run(tmp_path) as run:
            assert names(run) == ["i=1", "i=3"]
            assert [point.name for point in run.removed()] == ["i=2"]
        snapshot.register(points(1, 2, 3))
        assert snapshot.counts_by_state()[JobState.COMPLETED] == 1


def test_a_renamed_point_keeps_its_result(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        complete(snapshot, 1)
        snapshot.register(points(1, name="j"))
    with Run(tmp_path) as run:
        assert run["j=1"].counts is not None


def test_what_points_share_is_kept_once(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2), setting_of=lambda key: f'{{"circuit":"text of {key}"}}')
        assert snapshot.setting("s") == '{"circuit":"text of s"}'
    with Run(tmp_path) as run:
        assert run.circuit_of(run["i=2"]) == "text of s"


def test_a_result_is_read_as_it_was_stored(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        complete(snapshot, 1)
    with Run(tmp_path) as run:
        point = run["i=1"]
        assert point.counts is not None
        assert point.counts.to_dict() == {"00": 60, "11": 40}
        assert point.facts == {"took_s": 0.5}
        assert run.raw_of(point) == [("result", b"{}")]
        assert [state for _, state, _ in run.history_of(point)] == [
            JobState.SUBMITTING,
            JobState.COMPLETED,
        ]


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        (row,) = snapshot.jobs_of([key_of(1)])
        moved = replace(row, job=row.job.moved_to(JobState.SUBMITTING))
        with contextlib.suppress(ZeroDivisionError), snapshot.transaction():
            snapshot.save_jobs([moved])
            raise ZeroDivisionError
        assert state_of(snapshot, key_of(1)) is JobState.CREATED


def test_a_composite_job_comes_back_with_memo_and_intent_until_it_is_closed(tmp_path: Path) -> None:
    with Snapshot(tmp_path, now=lambda: 50.0) as snapshot:
        snapshot.register(points(1, 2))
        rows = snapshot.jobs_of([key_of(1), key_of(2)])
        composite = CompositeJob("c1", "sim", (key_of(1), key_of(2)), 1, {"session": "x"})
        with snapshot.transaction():
            ordinal = snapshot.add_composite(composite, [row.ordinal for row in rows])
            snapshot.save_intent(ordinal, "key", b"\x00body")
        (found,) = snapshot.open_composites()
        assert (found.stage, found.memo, found.intent) == (
            "submitting",
            {"session": "x"},
            ("key", b"\x00body"),
        )
        assert [point.id for point, _ in snapshot.rows_at(found.children)] == [key_of(1), key_of(2)]
        assert snapshot.sent_since("sim", 49.0) == [(50.0, 2)]
        with snapshot.transaction():
            snapshot.happens(ordinal, CompositeEvent.RELEASED)
        assert snapshot.open_composites() == []


def test_failed_and_cancelled_jobs_can_be_retried_as_a_new_generation(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
        move(snapshot, 1, JobState.FAILED, error="cold")
        assert snapshot.retry([key_of(1), key_of(2)]) == 1
        (row,) = snapshot.jobs_of([key_of(1)])
        assert (row.job.state, row.job.generation, row.job.error) == (JobState.CREATED, 2, "")


def test_a_forgotten_point_leaves_no_trace(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
        complete(snapshot, 1)
        assert snapshot.forget([key_of(1)]) == 1
        assert state_of(snapshot, key_of(1)) is None
        assert snapshot.register(points(1, 2)).added == 1
    with Run(tmp_path) as run:
        assert run["i=1"].state is JobState.CREATED
        assert run.history_of(run["i=1"]) == []


def test_a_job_at_a_provider_cannot_be_forgotten(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        move(snapshot, 1, JobState.SUBMITTING, JobState.SUBMITTED)
        with pytest.raises(SelectionError, match="submitted: cancel or resolve"):
            snapshot.forget([key_of(1)])


def test_only_held_jobs_can_be_resolved(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        with pytest.raises(SelectionError, match="created, not held"):
            snapshot.resolve(key_of(1), Event.RESUBMITTED)
        send(snapshot, 1)
        move(snapshot, 1, JobState.HELD)
        resolved = snapshot.resolve(key_of(1), Event.ADOPTED, provider_job_id="c7")
        assert resolved.provider_job_id == "c7"


def test_a_job_that_is_another_points_is_not_adopted(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2, 3))
        send(snapshot, 1, 3, key="one for both")
        send(snapshot, 2)
        move(snapshot, 1, JobState.HELD)
        move(snapshot, 2, JobState.SUBMITTED, provider_job_id="c7")
        move(snapshot, 3, JobState.SUBMITTED, provider_job_id="c9")
        for taken, owner in (("c7", "i=2"), ("c9", "i=3")):
            with pytest.raises(SelectionError, match=f"{taken} is the job of {owner}"):
                snapshot.resolve(key_of(1), Event.ADOPTED, provider_job_id=taken)
        move(snapshot, 3, provider_job_id="one for both")
        snapshot.resolve(key_of(1), Event.ADOPTED, provider_job_id="one for both")


def test_an_adopted_job_is_asked_for_though_its_composite_job_was_over(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
        ordinal = send(snapshot, 1, stage="closed")
        move(snapshot, 1, JobState.HELD)
        snapshot.resolve(key_of(1), Event.ADOPTED, provider_job_id="c7")
        assert [stored.ordinal for stored in snapshot.open_composites()] == [ordinal]
        move(snapshot, 2, JobState.SUBMITTING, JobState.HELD)
        with pytest.raises(SelectionError, match="cannot be adopted"):
            snapshot.resolve(key_of(2), Event.ADOPTED, provider_job_id="c8")


def test_what_a_person_says_was_not_bought_costs_nothing(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        send(snapshot, 1)
        move(snapshot, 1, JobState.HELD)
        assert [entry.counted for entry in snapshot.ledger()] == [4.0]
        snapshot.resolve(key_of(1), Event.RESUBMITTED)
        (entry,) = snapshot.ledger()
    assert (entry.counted, entry.billed_by) == (0.0, "not bought, says a person")


def test_a_point_is_not_forgotten_while_others_wait_that_were_sent_with_it(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
        ordinal = send(snapshot, 1, 2)
        move(snapshot, 1, JobState.FAILED, error="too hot")
        move(snapshot, 2, JobState.HELD)
        with pytest.raises(SelectionError, match="was sent together with points that are not over"):
            snapshot.forget([key_of(1)])
        snapshot.resolve(key_of(2), Event.GIVEN_UP, error="given up")
        with snapshot.transaction():
            snapshot.happens(ordinal, CompositeEvent.RELEASED)
        assert snapshot.forget([key_of(1)]) == 1


def test_what_was_only_prepared_is_closed_when_a_point_in_it_is_forgotten(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
        with snapshot.transaction():
            composite = CompositeJob("c1", "cloud", (key_of(1), key_of(2)))
            snapshot.add_composite(composite, [1, 2])
        assert snapshot.forget([key_of(1)]) == 1
        assert snapshot.open_composites() == []


@pytest.mark.parametrize("size", [10, 5_000])
def test_a_step_writes_as_much_in_a_large_run_as_in_a_small_one(tmp_path: Path, size: int) -> None:
    with Snapshot(tmp_path, durability="normal") as snapshot:
        snapshot.register(points(*range(size)))
        rows = snapshot.jobs_of(key_of(n * 7919 % size) for n in range(100))
        wal = tmp_path / "snapshot.db-wal"
        for row in rows:
            with snapshot.transaction():
                snapshot.save_jobs([replace(row, job=row.job.moved_to(JobState.SUBMITTING))])
        assert wal.stat().st_size / len(rows) <= 8_000


def test_attempts_that_failed_are_kept_with_what_they_cost(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        move(snapshot, 1, JobState.SUBMITTING, JobState.SUBMITTED, provider_job_id="a")
        move(snapshot, 1, JobState.FAILED, error="too hot", cost=2.0, unit="usd")
        snapshot.retry([key_of(1)])
        move(snapshot, 1, JobState.SUBMITTING, JobState.SUBMITTED, cost=3.0, unit="usd")
    with Run(tmp_path) as run:
        first, second = run.attempts_of(run["i=1"])
        assert (first.generation, first.provider_job_id, first.error) == (1, "a", "too hot")
        assert first.ended_at is not None
        assert (second.generation, second.state, second.ended_at) == (2, JobState.SUBMITTED, None)
        assert run.spent() == {"usd": 5.0}


def test_a_failed_attempt_is_told_once_while_it_is_the_last(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        move(snapshot, 1, JobState.FAILED, error="no", cost=2.0, unit="usd")
    with Run(tmp_path) as run:
        assert [attempt.error for attempt in run.attempts_of(run["i=1"])] == ["no"]
        assert run.spent() == {"usd": 2.0}


def test_a_held_attempt_that_is_given_up_is_kept(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        move(snapshot, 1, JobState.SUBMITTING, JobState.HELD, provider_job_id="a", error="lost")
        snapshot.resolve(key_of(1), Event.RESUBMITTED)
    with Run(tmp_path) as run:
        first, second = run.attempts_of(run["i=1"])
        assert (first.state, first.provider_job_id) == (JobState.HELD, "a")
        assert second.generation == 2


def test_an_attempt_that_is_told_again_keeps_what_it_was_to_buy(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        move(snapshot, 1, JobState.SUBMITTING, JobState.FAILED, error="no")
        snapshot.register(replace(point, shots=700) for point in points(1))
        move(snapshot, 1, error="no, for want of credit")
    with Run(tmp_path) as run:
        (ended,) = run.attempts_of(run["i=1"])
        assert (ended.shots, ended.error) == (100, "no, for want of credit")
        assert run["i=1"].shots == 700


def test_a_forgotten_point_takes_its_attempts_along(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1, 2))
        move(snapshot, 1, JobState.FAILED, error="no")
        snapshot.forget([key_of(1)])
        snapshot.register(points(1, 2))
    with Run(tmp_path) as run:
        assert [attempt.error for attempt in run.attempts_of(run["i=1"])] == [""]


def test_no_entry_takes_the_place_of_one_that_is_billed(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        ordinal = send(snapshot, 1)
        anew = Entry(1, 1, "cloud", "EUR", 9.0, "quote", 9.0)
        with snapshot.transaction():
            snapshot.bill({(1, 1): 0.0}, "not bought")
            snapshot.reserve([anew], ordinal)
            snapshot.bill({(1, 1): 2.0}, "the cloud")
        with pytest.raises(JobStateError, match="billed with 2 EUR"), snapshot.transaction():
            snapshot.reserve([anew], ordinal)
        assert [each.billed for each in snapshot.ledger()] == [2.0]


@pytest.mark.parametrize(
    "known",
    [
        {"provider_job_id": "a"},  # not there any more, or late
        {"cost": 3.0, "unit": "usd"},
        {"status": ID_LOST},
    ],
)
def test_what_was_taken_counts_twice_where_a_person_buys_it_again(
    known: dict[str, object], tmp_path: Path
) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(points(1))
        send(snapshot, 1)
        move(snapshot, 1, JobState.HELD, error="its result cannot be read", **known)
        if "cost" in known:
            with snapshot.transaction():
                snapshot.bill({(1, 1): 3.0}, "told by the provider")
        before = snapshot.ledger()
        assert snapshot.resolve(key_of(1), Event.RESUBMITTED).generation == 2
        assert snapshot.ledger() == before
        send(snapshot, 1)
        first = 3.0 if "cost" in known else 4.0
        assert [entry.counted for entry in snapshot.ledger()] == [first, 4.0]
        assert [entry.refunded for entry in snapshot.ledger()] == [0.0, 0.0]


def test_a_fact_is_read_as_all_of_them_are(tmp_path: Path) -> None:
    with Snapshot(tmp_path) as snapshot:
        snapshot.set_meta(name="a", manifest_path=str(tmp_path / "m.yaml"))
        meta = snapshot.meta()
        assert {key: snapshot.fact(key) for key in (*meta, "none")} == {**meta, "none": None}
        assert meta["manifest_path"] == str(tmp_path / "m.yaml")
