"""One accepted job on its way through an emulated device: queue, run, end.

Rules: nothing moves by itself; `Job.stage` is computed from the clock and from whether the
simulation is done. Clouds translate stages into their own words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from qbatch.emulators.clock import Clock
from qbatch.emulators.faults import NOTHING, JobFault
from qbatch.emulators.simulation import Sample


class Stage(StrEnum):
    """Where a job is, in nobody's words."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return self not in (Stage.QUEUED, Stage.RUNNING)


@dataclass(frozen=True)
class Queueing:
    """How long jobs wait and run.

    Attributes:
        queue_s: Seconds between acceptance and start.
        run_s: Seconds from start to end; None: a third of `queue_s`, or, with `is_serial`, what
            the device needs for the shots.
        is_serial: A device runs one job at a time, in order; for rehearsals.
    """

    queue_s: float = 0.0
    run_s: float | None = None
    is_serial: bool = False


class Device:
    """A machine's time. Jobs are scheduled once, when they are accepted."""

    def __init__(self, clock: Clock, queueing: Queueing) -> None:
        self._clock = clock
        self._queueing = queueing
        self._free_s = 0.0

    def schedule(
        self, needed_s: float, *, wait_factor: float = 1.0, not_before_s: float = 0.0
    ) -> tuple[float, float]:
        """Return (start, end) in seconds of the clock.

        Args:
            needed_s: What the device would need to run the job, seconds.
            wait_factor: Of the queue, for faster or slower lanes.
            not_before_s: The device is offline until then.
        """
        queueing = self._queueing
        start = max(self._clock.now_s() + queueing.queue_s * wait_factor, not_before_s)
        if queueing.is_serial:
            start = max(start, self._free_s)
            self._free_s = start + needed_s
            return start, self._free_s
        run_s = queueing.queue_s / 3 if queueing.run_s is None else queueing.run_s
        return start, start + run_s


@dataclass(eq=False)
class Job:
    """One job a cloud accepted.

    Attributes:
        key: What the client chose or reserved to recognise it by.
        name: The client's label.
        submissions: How often the client asked for it.
        sample: Its shots; None for a job refused at compile time by the cloud's own rules.
        refusal: Why it fails, when `sample` does not say.
        start_s, end_s: Schedule, seconds of the clock.
    """

    provider: str
    id: str
    key: str
    name: str
    shots: int
    price: float
    unit: str
    clock: Clock
    accepted_s: float
    start_s: float
    end_s: float
    sample: Sample | None = None
    refusal: str = ""
    effects: JobFault = NOTHING
    submissions: int = 1
    cancelled_s: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    _end: Stage | None = None

    @property
    def stage(self) -> Stage:
        if self._end is None:
            stage = self._stage()
            if stage.is_final:
                self._end = stage
            return stage
        return self._end

    def _stage(self) -> Stage:
        now = self.clock.now_s()
        if self.cancelled_s is not None:
            return Stage.CANCELLED
        if now < self.start_s + self.effects.wait_s:
            return Stage.QUEUED
        if self.effects.expires:
            return Stage.EXPIRED
        if now < self.end_s + self.effects.wait_s or not self._is_simulated:
            return Stage.RUNNING
        return Stage.FAILED if self.failure else Stage.COMPLETED

    @property
    def _is_simulated(self) -> bool:
        return bool(self.refusal or self.effects.fail) or self.sample is None or self.sample.is_done

    @property
    def failure(self) -> str:
        """Why it fails, or ""; to be asked once it is simulated."""
        if self.effects.fail or self.refusal or self.sample is None:
            return self.effects.fail or self.refusal
        return self.sample.solution.error

    @property
    def odd_word(self) -> str | None:
        """The unknown state the fault script wants shown now, or None."""
        age_s = self.clock.now_s() - self.accepted_s
        return self.effects.word if age_s < self.effects.for_s else None

    @property
    def is_hidden(self) -> bool:
        """True while the fault script keeps it out of lists."""
        return self.clock.now_s() - self.accepted_s < self.effects.hide_s

    @property
    def has_results(self) -> bool:
        """True when completed and its results have arrived."""
        due_s = self.end_s + self.effects.wait_s + self.effects.lag_s
        return self.stage is Stage.COMPLETED and self.clock.now_s() >= due_s

    @property
    def counts(self) -> dict[int, int]:
        """Outcome -> count of a completed job."""
        assert self.sample is not None
        return self.sample.counts

    def cancel(self) -> bool:
        """Stop it unless it has ended; say whether it was stopped."""
        if self.stage.is_final:
            return False
        self.cancelled_s = self.clock.now_s()
        return True

    def ledger_entry(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "id": self.id,
            "key": self.key,
            "name": self.name,
            "state": str(self.stage),
            "price": self.price,
            "unit": self.unit,
            "submissions": self.submissions,
        }
