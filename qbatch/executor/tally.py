"""How far a run is, as a whole and for each backend: counted move by move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from qbatch.executor.events import BackendProgress
from qbatch.job import Job, JobState
from qbatch.purchase import AT_WORK

#: What tells that the provider does something about a job; what is refused and sent again does not.
_COMES_ON = frozenset(JobState) - {JobState.CREATED, JobState.SUBMITTING}


@dataclass
class Tally:
    """How far the run, or one of its backends, is.

    Attributes:
        total: Points to run.
        completed: Of these, so far.
        failed, cancelled: The same.
        held: Ids of those that a person must decide about.
        at_work: State -> jobs that a provider has, or is being sent.
        spent: What jobs turned out to cost since the run began.
        unit: Of that; "" where nothing is billed.
        is_local: It is that of the simulator of this machine.
        is_emulated: An emulator stands in for the cloud.
    """

    total: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    held: set[str] = field(default_factory=set)
    at_work: Counter[JobState] = field(default_factory=Counter)
    spent: float = 0.0
    unit: str = ""
    is_local: bool = False
    is_emulated: bool = False

    def enter(self, jobs: Iterable[Job]) -> None:
        """Take in jobs of the last run, as they are."""
        self.at_work.update(job.state for job in jobs if job.state in AT_WORK)

    def count(self, before: Job, job: Job) -> bool:
        """Take in a move; return whether the provider did something about the job."""
        if job.cost is not None:
            self.note_cost(before, job)
        state, was = job.state, before.state
        if state is JobState.HELD:
            self.held.add(job.id)
        elif self.held:
            self.held.discard(job.id)
        if state is was:
            return False
        if was in AT_WORK:
            self.at_work[was] -= 1
        if state in AT_WORK:
            self.at_work[state] += 1
        if state is JobState.COMPLETED:
            self.completed += 1
        elif state is JobState.CANCELLED:
            self.cancelled += 1
        elif state is JobState.FAILED:
            self.failed += 1
        return state in _COMES_ON

    def note_cost(self, before: Job, job: Job) -> None:
        """Take in what a job turned out to cost."""
        if job.cost is not None and job.unit:
            is_same = before.generation == job.generation
            known = before.cost if before.cost is not None and is_same else 0.0
            self.spent, self.unit = self.spent + job.cost - known, job.unit

    def progress(self) -> BackendProgress:
        """Say how far it is."""
        return BackendProgress(
            self.total,
            sum(self.at_work.values()),
            self.at_work[JobState.SUBMITTED],
            self.completed,
            self.failed,
            len(self.held),
            self.spent,
            self.unit,
            self.is_local,
            self.cancelled,
            self.is_emulated,
        )
