"""A backend as its provider describes it: its limits, its prices, and how it may be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Literal

from qbatch.frozen import dataclass
from qbatch.shots import Bounds


@dataclass(frozen=True, slots=True)
class Price:
    """A cost model as data, so that a plan can print its formula and where it comes from.

    The price of one job is ``max(minimum, per_job + per_shot * shots)`` plus, where a provider
    bills by the composite job, ``per_composite``. With `quoted`, the provider names the price of
    each job only when it is prepared (`Prepared.quotes`): still before anything is spent.

    Attributes:
        certainty: Whether the bill will be that, about that, or at most that; "unknown": its
            provider tells no price, which is never taken for free.
    """

    unit: str = ""
    per_job: float = 0.0
    per_shot: float = 0.0
    per_composite: float = 0.0
    minimum: float = 0.0
    source: str = "free"
    quoted: bool = False
    certainty: Literal["exact", "about", "at most", "unknown"] = "exact"

    @classmethod
    def untold(cls, unit: str, source: str) -> Price:
        """Return the price of a target whose provider should tell one, and does not.

        Args:
            unit: What it bills in.
            source: What does not tell it.
        """
        return cls(unit=unit, source=source, certainty="unknown")

    @property
    def is_told(self) -> bool:
        """Its provider tells it, now or as a quote for each job."""
        return self.certainty != "unknown"

    @property
    def is_free(self) -> bool:
        return self.is_told and not (self.quoted or self.is_formula)

    @property
    def is_formula(self) -> bool:
        """What a job costs can be computed from it."""
        return bool(self.per_job or self.per_shot or self.per_composite or self.minimum)

    def of_job(self, shots: int) -> float:
        """Price of one job of `shots` in `unit`."""
        return max(self.minimum, self.per_job + self.per_shot * shots)

    def of_composite(self, shots: Iterable[int]) -> float:
        """Price of one composite job, of the shots of its jobs."""
        return self.per_composite + sum(map(self.of_job, shots))


@dataclass(frozen=True, slots=True)
class Quote:
    """One of the ways in which a job can be bought, where its provider offers several.

    Attributes:
        title: As the provider calls it: "Public Plan, Standard Queue".
        price: In the target's unit.
        is_chosen: The backend's options choose it.
    """

    title: str
    price: float
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that an option of a backend may have, as its cloud lists it.

    Attributes:
        value: As it is written in a manifest.
        name: What the cloud calls it.
        group: Under which heading the cloud lists it; "" where there are none.
    """

    value: str
    name: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` submissions (counted in `of`) in any `window_s` seconds."""

    calls: int
    window_s: float
    of: str = "jobs"

    def __str__(self) -> str:
        """In words.

        >>> str(Rate(10, 60.0)), str(Rate(3, 10.0, "calls"))
        ('10 jobs a minute', '3 calls in 10 s')
        """
        spans = {60.0: "a minute", 3600.0: "an hour", 86_400.0: "a day"}
        return f"{self.calls} {self.of} {spans.get(self.window_s) or f'in {self.window_s:g} s'}"


@dataclass(frozen=True, slots=True)
class Cap:
    """What ends a composite job before its time.

    Attributes:
        amount: What it may use, in the unit of the target's price.
        said_by: Where that is set: ``options.timeout_secs``.
    """

    amount: float
    said_by: str


@dataclass(frozen=True, slots=True)
class Target:
    """A backend as its provider describes it now. None means: no limit known.

    Attributes:
        name: The resolved target, as it goes into the lock file ("aer:automatic", "qpu:uk:2:…").
        max_shots: Of one job; a point of more is cut into several.
        min_shots: Of one job.
        one_number_of_shots: Whether all jobs of a composite job must take as many shots.
        max_jobs: Children in one composite job.
        max_bytes: Size of one composite job as sent.
        job_bytes: What each job adds to that beside its program, about.
        in_flight: Composite jobs this target takes at once.
        cap: What a composite job may use, where a person set that.
        poll_s: Shortest and longest pause between two polls, seconds; (0, 0) when `poll` itself
            waits for news.
        soonest_s: How soon after news, or after jobs were sent, it may be asked where those before
            were over as soon, seconds; None: after the shortest pause.
        keeps: Whether something is kept there for a composite job (a session, a lane, objects, a
            bill that comes last) until `Driver.release`; where not, it is over with its last job.
        state: The provider's word where it takes no jobs: "reserved", "paused". "": offline.
        queue_depth: Jobs that wait there, where its cloud tells.
        queue_s: How long a job waits there, by its cloud's word, seconds; None: it does not tell.
        next_window_at: UTC instant (ISO 8601) when an offline QPU next takes jobs.
        pack_by: "circuit" when a composite job may hold (or profits from) one circuit text only.
        seconds_per_job: What a job takes beside its shots, for the plan's estimate; None: unknown.
        seconds_per_shot: Added for each shot.
        tier: The group its provider lists it in, in the provider's words; "" where there are none.
        is_emulated: An emulator stands in for the cloud: what it bills is no money.
        takes: What composite jobs take of machines that are shared and not billed here, in words:
            "batch jobs of 4 cpus for 2h each, on account q123"; "" for nothing.
        remark: What a person should know before it is used; "" for nothing.
        facts: Calibration and what else the provider said, JSON, for the snapshot and the report.
    """

    name: str
    num_qubits: int | None = None
    max_shots: int | None = None
    min_shots: int = 1
    one_number_of_shots: bool = False
    max_jobs: int = 1
    max_bytes: int | None = None
    job_bytes: int = 256
    in_flight: int = 1
    cap: Cap | None = None
    rates: tuple[Rate, ...] = ()
    poll_s: tuple[float, float] = (1.0, 10.0)
    soonest_s: float | None = None
    keeps: bool = True
    price: Price = Price()
    online: bool = True
    state: str = ""
    queue_depth: int | None = None
    queue_s: float | None = None
    next_window_at: str | None = None
    pack_by: Literal["any", "circuit"] = "any"
    seconds_per_job: float | None = None
    seconds_per_shot: float = 0.0
    tier: str = ""
    is_emulated: bool = False
    takes: str = ""
    remark: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def standing(self) -> str:
        """Whether it takes jobs, in a word."""
        return "online" if self.online else self.state or "offline"

    @property
    def bounds(self) -> Bounds:
        """How many shots one job may take."""
        return Bounds(self.min_shots, self.max_shots)
