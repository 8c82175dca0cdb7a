"""What a run tells while it goes on, and what it says in the end: frozen values, cheap to make.

An observer is called in the trio thread for each event and must return soon; an observer that
fails with an `OSError` (a closed terminal) is not called again and never ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from qbatch.errors import ProviderError
from qbatch.executor.waits import Cause, OpenWait, Wait
from qbatch.frozen import dataclass
from qbatch.job import JobState


@dataclass(frozen=True, slots=True)
class Started:
    """The run is about to send its first job.

    Attributes:
        name: The manifest's.
        total: Points to run now, or jobs where several of them buy a point.
        kept: Points of the selection that are completed already.
        added: Points the run folder did not know before.
        removed: Points the folder has and the plan has no more; they are kept.
        resumed: Jobs that were in flight when the last run ended.
        unit: What `total` counts: "point" or "job".
    """

    name: str
    total: int
    kept: int = 0
    added: int = 0
    removed: int = 0
    resumed: int = 0
    unit: str = "point"


@dataclass(frozen=True, slots=True)
class JobMoved:
    """A job's new state is durable.

    Attributes:
        id: The point's id.
        name: The point's readable name.
        error: Why it failed, was cancelled or is held; "" otherwise.
    """

    id: str
    name: str
    backend: str
    state: JobState
    status: str = ""
    error: str = ""
    provider_job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a composite job's life at a cloud is done.

    Attributes:
        job: Its first point's readable name, and how many more it has.
        text: What was done, with the ids that the cloud gave.
        took_s: Seconds since the job's step before; 0 where this call knows of none.
    """

    backend: str
    job: str
    text: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """What holds a backend up changed: told at once, for clouds.

    Attributes:
        waits: What does now, the most telling first; () when nothing does any more.
    """

    backend: str
    waits: tuple[OpenWait, ...]


@dataclass(frozen=True, slots=True)
class BackendProgress:
    """How far one backend is.

    Attributes:
        total: Points to run there.
        in_flight: Jobs that are sent, or are being sent, and not at their ends.
        queued: Of these, those not known to run.
        completed, failed, cancelled, held: Points at their ends, or for a person to decide about.
        spent: What jobs turned out to cost since the run began, in `unit`.
        unit: "" where nothing is billed.
        is_local: It is the simulator of this machine.
        is_emulated: An emulator stands in for the cloud: what is spent is no money.
    """

    total: int
    in_flight: int = 0
    queued: int = 0
    completed: int = 0
    failed: int = 0
    held: int = 0
    spent: float = 0.0
    unit: str = ""
    is_local: bool = False
    cancelled: int = 0
    is_emulated: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the run is; told a few times a second at most.

    Attributes:
        total: What is to be run, in the unit of `Started`.
        done: Of these, completed, failed, cancelled or held by now.
        failed: Of these, failed.
        held: Of these, held.
        in_flight: Composite jobs open now.
        backends: Backend -> how far it is.
        cancelled: Of those done, cancelled.
    """

    total: int
    done: int
    failed: int
    held: int
    in_flight: int
    backends: Mapping[str, BackendProgress] = field(default_factory=dict)
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should read; `backend` is "" where it concerns the whole run."""

    text: str
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """How many shots points want next, that are to reach an accuracy, is durable.

    Attributes:
        round: Its number in the run folder.
        points: Points that want more.
        settled: Points of which it was decided that they want no more.
        shots: That are wanted more, in all.
        short: Points for whose targets the money does not reach.
    """

    round: int
    points: int
    settled: int
    shots: int
    short: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over."""

    summary: Summary


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to.

    Attributes:
        total: Points that were to be run; jobs, where several buy a point or points share one.
        completed: Of these, completed now.
        states: State -> points, over the whole plan, each of its places, at the end.
        removed: Points kept in the folder that the plan has no more.
        out_of_reach: Backend -> why it was given up; its jobs stay where they are.
        at_providers: Backend -> jobs a provider may still hold (submitting, submitted, running).
        stopped: Why the run was stopped before its end; "" when it was not.
        signal: The signal that stopped it, or None.
        over_budget: Backend -> why nothing more was bought there.
        not_agreed: Backend -> what was not bought there, for nobody agreed to it.
        elapsed_s: Seconds, on the run's own clock.
        waits: Backend -> what held it up, the longest first.
        left: Backend -> why it was left before its end; its jobs stay where they are.
        unit: What `total` and `completed` count: "point" or "job".
        untold: Waits, for bounded time, until those who are told of the run (``run: {notify: …}``)
            were, and returns what could not be told; each once.
    """

    total: int = 0
    completed: int = 0
    states: Mapping[JobState, int] = field(default_factory=dict)
    removed: int = 0
    out_of_reach: Mapping[str, ProviderError] = field(default_factory=dict)
    at_providers: Mapping[str, int] = field(default_factory=dict)
    stopped: str = ""
    signal: int | None = None
    over_budget: Mapping[str, str] = field(default_factory=dict)
    not_agreed: Mapping[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0
    waits: Mapping[str, Mapping[Cause, Wait]] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    unit: str = "point"
    untold: Callable[[], list[str]] = field(default=list, compare=False, repr=False)

    @property
    def failed(self) -> int:
        """Points of the plan that failed."""
        return self.states.get(JobState.FAILED, 0)

    @property
    def cancelled(self) -> int:
        """Points of the plan that were cancelled."""
        return self.states.get(JobState.CANCELLED, 0)

    @property
    def held(self) -> int:
        """Points a person must decide about."""
        return self.states.get(JobState.HELD, 0)

    @property
    def pending(self) -> int:
        """Points not yet at an end, those held included."""
        return sum(number for state, number in self.states.items() if not state.is_final)


Event = Started | JobMoved | Step | Waiting | Progress | Warned | Decided | Finished
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer that does nothing."""
