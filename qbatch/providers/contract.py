"""What a provider is to the rest of qbatch: one `Driver` per backend of a manifest.

Rules: a driver never sleeps, loops or retries, and never touches the snapshot; each method is one
short conversation. Time, retries, pacing, budgets and durability belong to the executor. The order
of calls on one composite job is always

    prepare* -> [intend -> (durable) -> submit] -> poll* -> fetch -> release

and after a crash or a lost answer `locate` before anything else. Emulators share no code with this
package.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from qbatch.job import CompositeJob
from qbatch.providers.answers import Answer
from qbatch.providers.kit.permission import CredentialRule, Permission, read_permission
from qbatch.shots import Bounds

if TYPE_CHECKING:
    import httpx

    from qbatch.circuit import Circuit
    from qbatch.manifest.paths import SettingValues
    from qbatch.result import Counts


def _nobody(batch: Batch, text: str) -> None:
    del batch, text


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All of the world outside that a driver may see: a rehearsal replaces it whole.

    Attributes:
        environ: Environment variables, for URLs and credentials.
        transport: Where HTTP requests go; None: the network.
        run_id: Random per run folder; part of every key we choose at a cloud, so that two runs of
            one manifest never take each other's jobs for their own.
        run_folder: Where the run is kept; None: nowhere yet, to plan alone.
        is_virtual: The clock is virtual: work must be done inline, never in threads or processes.
        folder: The manifest's, from which files that a backend names are read.
        now: The calendar; UTC, seconds since 1970.
        permission: What the person lets manifests do with credentials.
        rule: Where this backend's credential may go, for its wire; `open_driver` makes it.
        tell: Told, in the cloud's words, what was done for a composite job inside one call
            (uploaded, quoted). What the executor sees for itself is not told here.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    transport: httpx.AsyncBaseTransport | None = None
    run_id: str = ""
    run_folder: Path | None = None
    is_virtual: bool = False
    folder: Path = field(default_factory=Path)
    now: Callable[[], float] = time.time
    permission: Permission = field(default_factory=Permission)
    rule: CredentialRule = field(default_factory=CredentialRule)
    tell: Callable[[Batch, str], None] = _nobody

    @classmethod
    def of_this_process(cls, *, is_trusted: bool = False) -> Surroundings:
        """Return what drivers see where nothing is replaced.

        Args:
            is_trusted: The manifest may send credentials wherever it says, by https.

        Raises:
            SourceError: The person's configuration is wrong.
        """
        permission = read_permission(os.environ, is_trusted=is_trusted)
        return cls(environ=os.environ, permission=permission)


@dataclass(frozen=True, slots=True)
class Order:
    """All a driver needs to know to run one point.

    Attributes:
        id: The point's id.
        name: Readable, unique within the run: ``backend=noisy,shots=1000#2``.
        circuit: With its free parameters.
        parameters: A value for each of `circuit.facts.parameters`.
        shots: 1 or more.
        seed: 0 <= seed < 2**63, derived from the root seed and the point's id.
        settings: What the point changes of its backend. A driver need not look: it was opened with
            the backend so changed, and is given no orders of other settings.
        start: Of the point's sample these are shots [start, start + shots).
    """

    id: str
    name: str
    circuit: Circuit
    parameters: Mapping[str, float]
    shots: int
    seed: int
    settings: SettingValues = ()
    start: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """A composite job together with what its children order, same length and order.

    Attributes:
        provider_job_ids: The provider's id of each child, once `submit` or `locate` told it;
            empty before.
    """

    composite: CompositeJob
    orders: tuple[Order, ...]
    provider_job_ids: tuple[str | None, ...] = ()

    @property
    def ids(self) -> Sequence[str | None]:
        """The provider's id of each child; None where it is not known."""
        return self.provider_job_ids or [None] * len(self.orders)

    @property
    def only_id(self) -> str:
        """The provider's id of the one child that there is, once it was taken."""
        (job_id,) = self.provider_job_ids
        assert job_id is not None, "the executor asks only about jobs that were taken"
        return job_id


@dataclass(frozen=True, slots=True)
class Price:
    """A cost model as data, so that a plan can print its formula and where it comes from.

    The price of one job is ``max(minimum, per_job + per_shot * shots)`` plus, where a provider
    bills by the composite job, ``per_composite``. With `quoted`, the provider names the price of
    each job only when it is prepared (`Prepared.quotes`): still before anything is spent.

    Attributes:
        certainty: Whether the bill will be that, about that, or at most that.
    """

    unit: str = ""
    per_job: float = 0.0
    per_shot: float = 0.0
    per_composite: float = 0.0
    minimum: float = 0.0
    source: str = "free"
    quoted: bool = False
    certainty: Literal["exact", "about", "at most"] = "exact"

    @property
    def is_free(self) -> bool:
        return not (
            self.quoted or self.per_job or self.per_shot or self.per_composite or self.minimum
        )

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
        state: The provider's word where it takes no jobs: "reserved", "paused". "": offline.
        next_window_at: UTC instant (ISO 8601) when an offline QPU next takes jobs.
        pack_by: "circuit" when a composite job may hold (or profits from) one circuit text only.
        seconds_per_job: What a job takes beside its shots, for the plan's estimate; None: unknown.
        seconds_per_shot: Added for each shot.
        tier: The group its provider lists it in, in the provider's words; "" where there are none.
        is_emulated: An emulator stands in for the cloud: what it bills is no money.
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
    price: Price = Price()
    online: bool = True
    state: str = ""
    queue_depth: int | None = None
    next_window_at: str | None = None
    pack_by: Literal["any", "circuit"] = "any"
    seconds_per_job: float | None = None
    seconds_per_shot: float = 0.0
    tier: str = ""
    is_emulated: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def standing(self) -> str:
        """Whether it takes jobs, in a word."""
        return "online" if self.online else self.state or "offline"

    @property
    def bounds(self) -> Bounds:
        """How many shots one job may take."""
        return Bounds(self.min_shots, self.max_shots)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` has reached; every answer's `memo` is durable before the next call.

    Attributes:
        memo: Replaces the composite job's memo. The executor adds "account" to it.
        ready: True: `intend` and `submit` may follow. False: call `prepare` again.
        again_s: Pause before that, seconds.
        quotes: Job id -> firm price in the target's unit, where the provider quotes one.
        most: Job id -> the most that it can be billed, where its price is an estimate.
    """

    memo: Mapping[str, Any]
    ready: bool = True
    again_s: float = 0.0
    quotes: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent, byte for byte; committed with fsync before `submit`.

    Attributes:
        key: The key chosen by us (job id, idempotency key, deduplication id, unique name).
        body: The exact bytes of the call that spends, or a canonical description of them where
            one composite job needs several calls. Never a secret.
    """

    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of one completed job.

    Attributes:
        counts: True counts, our bit order, all registers.
        raw: The reply as received, redacted; b"" where there is none (local).
        facts: JSON: timings, method, engine, versions, calibration id. What a person should read
            stands under "warning": the run prints it once, and the report holds it.
        statevector: Final state, complex, length 2**num_qubits, index bit k = qubit k; or None.
        cost: Billed, in the target's unit, when known.
        log: As in `Answer`.
        calibration: The target's as it was for this job, JSON, where the provider tells it with
            results only. The newest is kept with the target; `facts` may hold its digest.
    """

    job_id: str
    counts: Counts
    raw: bytes = b""
    facts: Mapping[str, Any] = field(default_factory=dict)
    statevector: Any = None
    cost: float | None = None
    log: bytes = b""
    calibration: Any = None


class Driver(Protocol):
    """One backend of a manifest, spoken to. Made by the factory in its provider's module.

    Methods raise `Refused`, `Unavailable` or `Misspoke`, never anything else on purpose.
    """

    #: True when sending twice costs nothing and nothing outlives this process (local): the
    #: executor then needs no fsync before `submit`.
    is_local: bool

    async def describe(self) -> Target:
        """Say what the target is and takes now."""
        ...

    def account(self) -> str:
        """Name whose account this is, readable: where it is, and what identifies it there.

        Asked after `describe`, and makes no call. The same text is the same account: what was
        bought under one is never looked for, or bought again, under another. So it holds what
        stays as a credential is renewed (project, organization, user), where the cloud tells of
        that; never a secret (`kit.accounts`). "" where nothing outlives this process (local).
        """
        ...

    def check(self, order: Order, target: Target) -> str | None:
        """Say why `target` cannot run `order` (too wide, too deep, a gate), or None. Pure, fast."""
        ...

    async def prepare(self, batch: Batch) -> Prepared:
        """Do what costs nothing before submission: upload, allocate ids, ask for a quote.

        `TooLarge`, from here or from `submit`, makes the executor try again with halves;
        `Unavailable` that `is_full` makes it wait until the provider takes jobs again.
        """
        ...

    def intend(self, batch: Batch) -> Intent:
        """Compute key and bytes of the submission from the batch and its memo. Pure."""
        ...

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Send it: the only call that spends. One answer per child.

        A child may come back `Declined` (refused: nothing bought), `NotTaken` (send it later) or
        `Unclear`. A lost answer is raised as `Unavailable` with `unsent` False.
        """
        ...

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Say for each child whether the provider has it. Reads only."""
        ...

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Ask for news of everything in flight with as few calls as the provider allows.

        May wait for the first news where `Target.poll_s` is (0, 0).
        """
        ...

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results of completed children. Repeatable."""
        ...

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        """Ask for these children to be stopped; the answers say what came of it."""
        ...

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """Give back what the provider holds for us, once all results are durable. Repeatable.

        Returns:
            Job id -> what it finally cost, in the target's unit, where only now that is known.
        """
        ...

    async def aclose(self) -> None:
        """Close connections and workers."""
        ...


@runtime_checkable
class Translates(Protocol):
    """What a driver offers that translates circuits to its target's own gates."""

    def program(self, order: Order) -> str:
        """Write the program as it is sent.

        Raises:
            CircuitError: It cannot be translated.
        """
        ...


@runtime_checkable
class Recalls(Protocol):
    """What a driver offers whose cloud shows what was sent under the names that qbatch gives.

    Copies of a run folder give the same names to the same purchases.
    """

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Say which children were sent before, by another copy of the run folder. Reads only.

        The batch is prepared, and not sent from here. One that is there and cannot be followed
        under this batch is HELD, with where a person finds it; one that is not there is left out.
        """
        ...


@runtime_checkable
class Repeats(Protocol):
    """What a driver offers whose cloud takes a purchase once, however often its key is sent."""

    async def repeat(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Send again, word for word, what was sent before, and say what became of it.

        Asked only after `locate` answered `Repeatable`, and only by a run that may buy: what the
        cloud took it answers with, what never reached it it takes now. Money is reserved for it as
        before. Never answered with `NotTaken`; and a refusal of this sending is none of the first.
        """
        ...


@runtime_checkable
class Quotes(Protocol):
    """What a driver offers whose cloud quotes each job, in several ways to buy it.

    Its `prepare` may be called for what is never bought: it costs nothing and leaves nothing that
    anybody has to put away.
    """

    def quotes(self, batch: Batch) -> Sequence[Quote]:
        """Say in what ways a job that is prepared can be bought. Pure: from the batch's memo."""
        ...


@runtime_checkable
class Leaves(Protocol):
    """What a driver offers whose jobs cost by being left."""

    async def leave(self, batches: Sequence[Batch]) -> None:
        """The run ends while these are in flight, and is not detached: stop what costs by that.

        Nothing is lost: what comes of their jobs is told by `locate` and `poll` in the next run.
        """
        ...


class Catalogue(Protocol):
    """What a driver of a cloud may offer beside `Driver`, for `backends`, `auth` and `doctor`.

    A driver without it is used all the same; those verbs then know less about its cloud.
    """

    def credential_source(self) -> str:
        """Say where the credential comes from ("env:OQC_TOKEN"); never its text.

        Raises:
            CredentialsError: There is none; the message names the variables to set.
        """
        ...

    def base_urls(self) -> Sequence[str]:
        """Return where the cloud's services are."""
        ...

    def storage_urls(self) -> Sequence[str]:
        """Return which stores of the person's own it uses, where it uses any."""
        ...

    async def list_targets(self) -> Sequence[Target]:
        """List what the account may run on: a harmless call with the credential.

        Targets are as `Driver.describe` gives them, without what costs further calls.
        """
        ...

    async def choices(self) -> Mapping[str, Sequence[Choice]]:
        """List, for options whose values only the cloud knows: option -> values."""
        ...
