"""Sessions and their jobs, as they live by the clock.

Rules: a session's end is found when somebody looks, from what has happened since the last look, and
never lies before that look. A job's state is asked for only after its session has been looked at.
Whatever ends a session cancels the jobs in it that have not ended by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

from qbatch.emulators.clouds import World
from qbatch.emulators.faults import NOTHING, JobFault
from qbatch.emulators.jobs import Device, Job, Stage
from qbatch.emulators.scaleway.access import NAME
from qbatch.emulators.scaleway.bookings import Booking, Bookings
from qbatch.emulators.scaleway.physics import failure_of
from qbatch.emulators.scaleway.platforms import HOUR_S, Platform
from qbatch.emulators.simulation import Sample

WORDS = {
    Stage.QUEUED: "waiting",
    Stage.RUNNING: "running",
    Stage.COMPLETED: "completed",
    Stage.FAILED: "error",
    Stage.EXPIRED: "error",
    Stage.CANCELLED: "cancelled",
}


@dataclass(eq=False, kw_only=True)
class Session:
    """A session; instants in seconds of the clock.

    Attributes:
        starts_s: When it is, or will be, running.
        accepted: Jobs it ever took, deleted ones too.
        ended_s: When it stopped to take and run jobs; None while it has not been seen to.
    """

    world: World
    bookings: Bookings
    id: str
    project_id: str
    platform: Platform
    device: Device
    name: str
    max_duration_s: float
    max_idle_s: float
    created_s: float
    starts_s: float
    deduplication_id: str = ""
    tags: list[str] = field(default_factory=list)
    model_id: str | None = None
    parameters: str | None = None
    booking: Booking | None = None
    effects: JobFault = NOTHING
    jobs: list[Execution] = field(default_factory=list)
    accepted: int = 0
    updated_s: float = 0.0
    ended_s: float | None = None

    def __post_init__(self) -> None:
        self._open: list[Execution] = []
        self._quiet_s = self.starts_s
        self._seen_s = self.updated_s = self.created_s
        self._next_look_s = -inf

    def switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    @property
    def status(self) -> str:
        self.settle()
        now_s = self.world.clock.now_s()
        if self.effects.word is not None and now_s - self.created_s < self.effects.for_s:
            return self.effects.word
        if self.ended_s is None:
            return "starting" if now_s < self.starts_s else "running"
        stopping_s = float(self.switch("stopping_s", 1.0))
        return "stopping" if now_s < self.ended_s + stopping_s else "stopped"

    @property
    def is_live(self) -> bool:
        """Starting or running: it takes jobs."""
        self.settle()
        return self.ended_s is None

    @property
    def unfinished(self) -> int:
        """How many of its jobs have not ended."""
        self.settle()
        return sum(not job.stage.is_final for job in self._open)

    # -- its end ---------------------------------------------------------------------------------

    def settle(self) -> None:
        """Find out whether it has ended by now, and end it then."""
        if self.ended_s is not None:
            return
        now_s = self.world.clock.now_s()
        evicted_s = inf
        if self.booking is None:
            evicted_s = self.bookings.eviction_s(self.platform, self.created_s)
        if now_s >= min(self._next_look_s, evicted_s):
            hard_s, idle_s = self._hard_end_s(), self._idle_end_s()
            end_s = max(self._seen_s, min(hard_s, idle_s, evicted_s))
            if end_s <= now_s:
                self.stop(end_s)
                return
            self._let_go()
            soon_s = idle_s if idle_s < inf else now_s + self.max_idle_s
            self._next_look_s = min(hard_s, soon_s)
        self._seen_s = now_s

    def stop(self, at_s: float) -> None:
        self.ended_s = self.updated_s = at_s
        for job in self._open:
            job.cut(at_s)
        self._open = []

    def _hard_end_s(self) -> float:
        slot_s = inf if self.booking is None else self.booking.finished_s
        return min(
            self.starts_s + self.max_duration_s,
            self.created_s + self.effects.ends_after_s,
            slot_s,
        )

    def _idle_end_s(self) -> float:
        """Return when it has been idle for long enough, inf while a job keeps it busy."""
        waiting_counts = self.switch("idle_counts_waiting", True)
        quiet_s = self._quiet_s
        begins = [(job.accepted_s if waiting_counts else job.begins_s, job) for job in self._open]
        for begins_s, job in sorted(begins, key=lambda one: one[0]):
            if begins_s - quiet_s > self.max_idle_s:
                break
            quiet_s = max(quiet_s, job.ended_s)
        return quiet_s + self.max_idle_s

    def _let_go(self) -> None:
        """Forget jobs that have ended, but for the moment of the last end."""
        ends = [job.ended_s for job in self._open]
        self._quiet_s = max([self._quiet_s, *(end_s for end_s in ends if end_s < inf)])
        self._open = [job for job, end_s in zip(self._open, ends, strict=True) if end_s == inf]

    def change(
        self, *, max_duration_s: float | None = None, max_idle_s: float | None = None
    ) -> None:
        """Change its limits from now on; what has ended stays so."""
        self.settle()
        if max_duration_s is not None:
            self.max_duration_s = max_duration_s
        if max_idle_s is not None:
            self.max_idle_s = max_idle_s
        self.updated_s = self.world.clock.now_s()
        self._next_look_s = -inf

    # -- its jobs --------------------------------------------------------------------------------

    def add(self, job: Execution) -> None:
        self.jobs.append(job)
        self._open.append(job)
        self.accepted += 1

    def cost(self) -> float:
        """Return what it has cost so far, EUR, apart from prices of its jobs."""
        self.settle()
        per_hour = self.platform.per_hour or 0.0
        if self.booking is not None:
            slot_s = self.booking.finished_s - self.booking.started_s
            return per_hour * slot_s / HOUR_S if self.booking.is_taken else 0.0
        if not self.platform.is_hourly:
            return 0.0
        ended_s = self.world.clock.now_s() if self.ended_s is None else self.ended_s
        used_s, step_s = max(0.0, ended_s - self.starts_s), self.switch("billing_step_s", 0)
        return per_hour * (ceil(used_s / step_s) * step_s if step_s else used_s) / HOUR_S

    @property
    def is_paid_by_time(self) -> bool:
        return self.platform.is_hourly or self.booking is not None


@dataclass(eq=False, kw_only=True)
class Execution(Job):
    """A job of a session, which may run several programs.

    Attributes:
        samples: The shots of each program, in order; none for a job that cannot run.
        namesakes: Name -> how many jobs were made with it.
        circuits: How many programs it has.
        changed_s: When its name or tags were last changed.
        is_legacy: It brought its circuit itself, and gets its result without a wrapper.
    """

    session: Session
    namesakes: Counter[str]
    samples: Sequence[Sample] = ()
    tags: list[str] | None = None
    model_id: str | None = None
    parameters: str | None = None
    circuit: dict[str, str | None] = field(default_factory=dict)
    memory: bool = False
    is_legacy: bool = False
    circuits: int = 0
    changed_s: float = 0.0
    is_cancel_asked: bool = False
    is_deleted: bool = False

    def __post_init__(self) -> None:
        self._unfinished_s = -inf

    def limit(self, run_s: float) -> None:
        """Let it fail if it would run longer than `run_s` seconds."""
        if self.end_s - self.start_s > run_s and not self.refusal:
            self.end_s = self.start_s + run_s
            self.refusal = "max_duration is exceeded"

    @property
    def begins_s(self) -> float:
        return self.start_s + self.effects.wait_s

    @property
    def due_s(self) -> float:
        """When it is to end, if nothing comes between and the simulation is done."""
        return self.begins_s if self.effects.expires else self.end_s + self.effects.wait_s

    @property
    def ended_s(self) -> float:
        """When it ended, its session's end aside; inf while it has not."""
        if self.cancelled_s is not None:
            return self.cancelled_s
        now_s = self.clock.now_s()
        if now_s < self.due_s or not self._is_simulated:
            self._unfinished_s = now_s
            return inf
        return max(self.due_s, self._unfinished_s)

    @property
    def stage(self) -> Stage:
        self.session.settle()
        return super().stage

    @property
    def _is_simulated(self) -> bool:
        if self.refusal or self.effects.fail:
            return True
        return all(sample.is_done for sample in self.samples)

    @property
    def failure(self) -> str:
        if self.effects.fail or self.refusal:
            return self.effects.fail or self.refusal
        return next(filter(None, map(failure_of, self.samples)), "")

    @property
    def status(self) -> str:
        """The service's word."""
        stage = self.stage
        if self.odd_word is not None:
            return self.odd_word
        if self.cancelled_s is not None and stage is Stage.CANCELLED:
            cancelling_s = float(self.session.switch("cancelling_s", 0.5))
            if self.clock.now_s() < self.cancelled_s + cancelling_s:
                return "cancelling"
        if self.is_cancel_asked and not stage.is_final:
            return "cancelling"
        return WORDS[stage]

    def cancel(self) -> bool:
        """Stop it, unless it has ended, or runs and such jobs are left to finish."""
        stage = self.stage
        if stage is Stage.RUNNING and self.session.switch("cancel_running", "stop") == "finish":
            self.is_cancel_asked = True
            return False
        return super().cancel()

    def cut(self, at_s: float) -> None:
        """End it with its session, unless it has ended by then."""
        if self.ended_s > at_s:
            self.cancelled_s = at_s

    # -- what it costs -----------------------------------------------------------------------------

    def cost(self) -> float:
        """Return EUR: its own price, or its share of the session's cost so far."""
        stage, session = self.stage, self.session
        if session.is_paid_by_time:
            return round(session.cost() / session.accepted, 9)
        if stage is Stage.FAILED and not session.switch("bill_failed", True):
            return 0.0
        if stage is Stage.CANCELLED:
            rule = session.switch("bill_cancelled", "started")
            never_began = self.cancelled_s is not None and self.cancelled_s < self.begins_s
            if rule == "none" or (rule == "started" and never_began):
                return 0.0
        return self.price

    def ledger_entry(self) -> dict[str, Any]:
        """Return the entry; ``same_name`` says how many jobs were made with its name."""
        return super().ledger_entry() | {
            "price": self.cost(),
            "session": self.session.id,
            "deduplication_id": self.session.deduplication_id,
            "same_name": self.namesakes[self.key],
        }
