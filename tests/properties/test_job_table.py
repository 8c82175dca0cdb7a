"""Jobs moved in any order, by clouds, by a person and by accidents: the table holds, on disk too.

The model is a `Job` per point and what its earlier attempts came to; the snapshot is what is
tested, read through its writer, through a reader beside it, after it was closed, and after it was
cut off in the middle.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from qbatch.errors import JobStateError, SelectionError
from qbatch.job import FINAL, IN_FLIGHT, MOVES, CompositeJob, Job, JobState
from qbatch.purchase import CompositeEvent, Event
from qbatch.result import Counts
from qbatch.snapshot import JobRow, NewResult, Run, StoredPoint
from qbatch.snapshot.put_aside import PutAside
from qbatch.snapshot.reused import Reused
from qbatch.snapshot.setting_aside import SettingAside
from tests.proving import patiently

KEYS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(3)]
POINTS = st.sampled_from(KEYS)
STATES = st.sampled_from(list(JobState))

#: What a person may decide about a held job, and what only happens to it.
SAID = st.sampled_from(
    [
        Event.ADOPTED,
        Event.GIVEN_UP,
        Event.RESUBMITTED,
        Event.BOUGHT_AGAIN,
        Event.SAME_ACCOUNT,
    ]
)
EVENTS = st.sampled_from(list(Event))

JOB_IDS = st.text("abc", min_size=1, max_size=3)

#: What a cloud says beside the state.
NEWS = st.fixed_dictionaries(
    {
        "status": st.text(max_size=5),
        "error": st.text(max_size=5),
        "provider_job_id": st.none() | JOB_IDS,
        "cost": st.none() | st.floats(0, 10),
    }
)

COUNTS = Counts.from_dict([("c", 1)], {"0": 60, "1": 40})

#: Left by failing to get a result; only another attempt leads on from there.
ENDED = (JobState.FAILED, JobState.CANCELLED)


class Accident(Exception):
    """Something goes wrong in the middle of a step."""


class JobTable(RuleBasedStateMachine):
    """A run folder and what should be in it.

    Attributes:
        jobs: Point -> its job.
        ended: Point -> generation -> the job as that attempt left it.
        bought: Point -> generations that were on their way to a cloud, in order.
        aside: What was set aside, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="qbatch-table-"))
        self.folders = iter(self.root / str(n) for n in range(1_000))
        self.folder = next(self.folders)
        self.snapshot = SettingAside(self.folder, durability="normal")
        self.snapshot.register(_points())
        self.jobs = {key: Job(key) for key in KEYS}
        self.ended: dict[str, dict[int, Job]] = {key: {} for key in KEYS}
        self.bought: dict[str, list[int]] = {key: [] for key in KEYS}
        self.aside: list[PutAside] = []

    def teardown(self) -> None:
        self.snapshot.close()
        shutil.rmtree(self.root)

    def _row(self, key: str) -> JobRow:
        (row,) = self.snapshot.jobs_of([key])
        return row

    def _save(self, *jobs: Job) -> None:
        """Write jobs in one step, as the executor does, and expect them."""
        with self.snapshot.transaction():
            self._write(*jobs)
        for job in jobs:
            self._expect(job)

    def _write(self, *jobs: Job) -> None:
        rows = [self._sent(self._row(job.id), job) for job in jobs]
        self.snapshot.save_jobs(rows)
        for row in rows:
            if row.job.state is JobState.COMPLETED:
                self.snapshot.save_result(row.ordinal, NewResult(COUNTS.pack(), {}))

    def _sent(self, row: JobRow, job: Job) -> JobRow:
        """The row of a job where it is now; in a composite job of its own once it is sent."""
        if job.state is JobState.SUBMITTING is not row.job.state:
            sent = CompositeJob(f"{job.id[:8]} {job.generation}", "cloud", (job.id,))
            composite = self.snapshot.add_composite(sent, [row.ordinal])
            self.snapshot.save_intent(composite, sent.id, b"body")
            row = replace(row, composite=composite)
        return replace(row, job=job)

    @contextmanager
    def _undone(self, error: type[Exception]) -> Iterator[None]:
        """A step that ends with an error, and so did not take place."""
        with pytest.raises(error), self.snapshot.transaction():
            yield

    def _expect(self, job: Job) -> None:
        old, self.jobs[job.id] = self.jobs[job.id], job
        if job.state in ENDED:
            self.ended[job.id][job.generation] = job
        if job.state is JobState.SUBMITTING is not old.state:
            self.bought[job.id].append(job.generation)

    # -- what clouds and the executor do ------------------------------------------------------

    @rule(key=POINTS, state=STATES, news=NEWS)
    def news(self, key: str, state: JobState, news: dict[str, Any]) -> None:
        """Any news of any job, the impossible included."""
        job = self.jobs[key]
        if state is not job.state and state not in MOVES[job.state]:
            with pytest.raises(JobStateError, match=f"from {job.state} to {state}"):
                self._save(job.moved_to(state, **news))
        elif state is job.state or state in moved_by_news(job.state):
            self._save(job.moved_to(state, **news))

    @rule(key=POINTS, turns=st.lists(st.integers(0, 9), min_size=1, max_size=4), news=NEWS)
    def moves(self, key: str, turns: list[int], news: dict[str, Any]) -> None:
        """One move after the other, each of them possible."""
        for turn in turns:
            job = self.jobs[key]
            if states := moved_by_news(job.state):
                self._save(job.moved_to(states[turn % len(states)], **news))

    @rule(key=POINTS)
    def in_doubt(self, key: str) -> None:
        """Whether the cloud took it, or still has it, nobody can tell."""
        if self.jobs[key].state is JobState.CREATED:
            self._save(self.jobs[key].moved_to(JobState.SUBMITTING))
        if JobState.HELD in MOVES[self.jobs[key].state]:
            self._save(self.jobs[key].moved_to(JobState.HELD, error="in doubt"))

    @rule(key=POINTS)
    def given_back(self, key: str) -> None:
        """The cloud has it no more: it is to be bought under another key."""
        job = self.jobs[key]
        if job.state in (JobState.SUBMITTED, JobState.RUNNING):
            anew = {"provider_job_id": None, "status": "", "generation": job.generation + 1}
            self._save(job.moved_to(JobState.CREATED, **anew))

    @rule(first=POINTS, second=POINTS, news=NEWS)
    def a_step_fails_halfway(self, first: str, second: str, news: dict[str, Any]) -> None:
        moved = [
            self.jobs[key].moved_to(min(MOVES[self.jobs[key].state]), **news)
            for key in dict.fromkeys((first, second))
            if MOVES[self.jobs[key].state]
        ]
        with self._undone(Accident):
            self._write(*moved)
            raise Accident

    @rule(first=POINTS, second=POINTS)
    def a_step_has_an_impossible_move(self, first: str, second: str) -> None:
        """What stands before the move in the step is undone with it."""
        possible, done = MOVES[self.jobs[first].state], self.jobs[second]
        if possible and done.state is JobState.COMPLETED:
            with self._undone(JobStateError):
                self._write(self.jobs[first].moved_to(min(possible)))
                self._write(done.moved_to(JobState.FAILED))

    # -- what a person does -------------------------------------------------------------------

    @rule(keys=st.lists(POINTS, unique=True))
    def retry(self, keys: list[str]) -> None:
        """Failed and cancelled jobs are tried again; others are not touched."""
        chosen = [key for key in keys if self.jobs[key].state in ENDED]
        assert self.snapshot.retry(keys) == len(chosen)
        for key in chosen:
            self._expect(Job(key, generation=self.jobs[key].generation + 1))

    @rule(keys=st.lists(POINTS, unique=True, min_size=1), is_other=st.booleans())
    def set_aside(self, keys: list[str], is_other: bool) -> None:
        """Results that a person has no use for are kept and bought again; other jobs' are not."""
        told = [_aside(self.jobs[key], "x" if is_other else "") for key in keys]
        chosen = [
            each for each in told if self.jobs[each.id].state is JobState.COMPLETED and not is_other
        ]
        assert self.snapshot.set_aside(told) == chosen
        self.aside += chosen
        for job in (self.jobs[each.id] for each in chosen):
            self.ended[job.id][job.generation] = job
            self._expect(Job(job.id, generation=job.generation + 1))

    @rule(data=st.data(), event=SAID | EVENTS, job_id=JOB_IDS)
    def resolve(self, data: st.DataObject, event: Event, job_id: str) -> None:
        """Only what is held is a person's to decide, and only as the table has it."""
        held = [key for key in KEYS if self.jobs[key].state is JobState.HELD]
        key = data.draw(st.sampled_from(held or KEYS))
        job = self.jobs[key]
        changes: dict[str, Any] = {"provider_job_id": job_id, "error": f"by hand: {event.name}"}
        states = {
            Event.ADOPTED: JobState.SUBMITTED,
            Event.GIVEN_UP: JobState.FAILED,
            Event.RESUBMITTED: JobState.CREATED,
            Event.BOUGHT_AGAIN: JobState.CREATED,
        }
        if event not in {*states, Event.SAME_ACCOUNT}:
            with pytest.raises(JobStateError, match=f"{event.name} is no decision of a person"):
                self.snapshot.resolve(key, event, **changes)
        elif job.state is not JobState.HELD:
            with pytest.raises(SelectionError, match=f"is {job.state}, not held"):
                self.snapshot.resolve(key, event, **changes)
        elif event is Event.SAME_ACCOUNT:
            with pytest.raises(SelectionError, match="with which account it was made is not known"):
                self.snapshot.resolve(key, event)
        elif event is Event.ADOPTED and self._is_of_another(key, job_id):
            with pytest.raises(SelectionError, match=f"{job_id} is the job of"):
                self.snapshot.resolve(key, event, **changes)
        elif event in (Event.RESUBMITTED, Event.BOUGHT_AGAIN):
            self.ended[key][job.generation] = job
            after = self.snapshot.resolve(key, event)
            self._expect(Job(key, generation=job.generation + 1))
            assert after == self.jobs[key]
        else:
            after = self.snapshot.resolve(key, event, **changes)
            self._expect(replace(job, state=states[event], **changes))
            assert after == self.jobs[key]

    def _is_of_another(self, key: str, job_id: str) -> bool:
        return any(
            job_id == job.provider_job_id for other, job in self.jobs.items() if other != key
        )

    @rule(keys=st.lists(POINTS, unique=True, min_size=1))
    def forget(self, keys: list[str]) -> None:
        """What may be at a cloud is not forgotten; what is forgotten begins anew."""
        at_clouds = [key for key in keys if self.jobs[key].state in IN_FLIGHT]
        if at_clouds:
            with pytest.raises(SelectionError, match="cancel or resolve it first"):
                self.snapshot.forget(keys)
            return
        rows = {row.ordinal for row in self.snapshot.jobs_of(keys)}
        sent = [one for one in self.snapshot.open_composites() if rows.issuperset(one.children)]
        if sent:
            with pytest.raises(SelectionError, match="sent together with points that are not over"):
                self.snapshot.forget(keys)
        with self.snapshot.transaction():
            for one in sent:
                self.snapshot.happens(one.ordinal, CompositeEvent.RELEASED)
        assert self.snapshot.forget(keys) == len(keys)
        assert self.snapshot.register(_points()).added == len(keys)
        for key in keys:
            self.jobs[key], self.ended[key], self.bought[key] = Job(key), {}, []

    # -- what happens to the process ----------------------------------------------------------

    @rule()
    def close_and_open_again(self) -> None:
        self.snapshot.close()
        self.snapshot = SettingAside(self.folder, durability="normal")

    @rule(key=POINTS, is_inside=st.booleans())
    def the_process_is_killed(self, key: str, is_inside: bool) -> None:
        """What is on the disk at that instant is what the next process finds."""
        after = next(self.folders)
        job = self.jobs[key]
        if is_inside and MOVES[job.state]:
            with self._undone(Accident):
                self._write(job.moved_to(min(MOVES[job.state])))
                shutil.copytree(self.folder, after)
                raise Accident
        else:
            shutil.copytree(self.folder, after)
        self.snapshot.close()
        shutil.rmtree(self.folder)
        self.folder, self.snapshot = after, SettingAside(after, durability="normal")

    # -- what always holds --------------------------------------------------------------------

    @invariant()
    def the_writer_reads_what_was_written(self) -> None:
        assert [row.job for row in self.snapshot.jobs_of(KEYS)] == list(self.jobs.values())
        states = Counter(job.state for job in self.jobs.values())
        assert self.snapshot.counts_by_state() == states

    @invariant()
    def a_reader_reads_the_same_with_every_attempt(self) -> None:
        with Run(self.folder) as run:
            for point in run:
                job = self.jobs[point.id]
                assert point.job == job
                assert (point.counts == COUNTS) == (job.state is JobState.COMPLETED)
                past = {each.generation: each for each in run.attempts_of(point)}
                now = past.pop(job.generation)
                assert (now.state, now.error, now.cost) == (job.state, job.error, job.cost)
                before = {n: one for n, one in self.ended[point.id].items() if n < job.generation}
                assert {n: (one.state, one.error) for n, one in past.items()} == {
                    n: (one.state, one.error) for n, one in before.items()
                }

    @invariant()
    def every_history_goes_by_the_table(self) -> None:
        with Run(self.folder) as run:
            for point in run:
                told = [(state, note) for _, state, note in run.history_of(point)]
                steps = [(JobState.CREATED, ""), *told]
                assert steps[-1][0] is self.jobs[point.id].state
                for (old, _), (new, note) in pairwise(steps):
                    assert new is old or new in MOVES[old]
                    if new is not old and old in FINAL:
                        is_good = old is JobState.COMPLETED
                        assert note == ("set aside: it drifted" if is_good else "retry")

    @invariant()
    def what_is_set_aside_is_kept_with_its_counts(self) -> None:
        with Run(self.folder) as run:
            assert run.put_aside() == self.aside

    @invariant()
    def no_generation_is_skipped_or_bought_twice_after_it_was_taken(self) -> None:
        for key, job in self.jobs.items():
            assert self.bought[key] == sorted(self.bought[key])
            assert job.generation >= max(self.bought[key], default=1)
            assert job.generation <= 1 + len(self.ended[key]) + len(set(self.bought[key]))


def moved_by_news(state: JobState) -> list[JobState]:
    """Where news moves a job; another attempt at what is over or held is a person's to ask for."""
    is_decided = state in FINAL or state is JobState.HELD
    return sorted(MOVES[state] - ({JobState.CREATED} if is_decided else set()))


def _aside(job: Job, other: str) -> PutAside:
    origin = Reused("run", "name", "folder", job.id, 0, f"{job.provider_job_id or ''}{other}")
    return PutAside(job.id, "i", 100, COUNTS.to_dict(), 0.001, origin, "it drifted")


def _points() -> Iterator[StoredPoint]:
    for n, key in enumerate(KEYS):
        yield StoredPoint(key, f"i={n}", "bell", "sim", 100, 1, (("i", n),), n, "s")


TestJobTable = JobTable.TestCase
TestJobTable.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


@pytest.mark.slow
def test_the_table_holds_through_longer_histories() -> None:
    case = type("Longer", (JobTable,), {}).TestCase
    case.settings = settings(max_examples=patiently(40), stateful_step_count=50, deadline=None)
    case("runTest").runTest()
