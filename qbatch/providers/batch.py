"""What goes into a driver, and what comes out: orders, what is prepared, sent and fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.job import CompositeJob

if TYPE_CHECKING:
    from qbatch.circuit import Circuit
    from qbatch.manifest.paths import SettingValues
    from qbatch.result import Counts


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
class Prepared:
    """What `prepare` has reached; every answer's `memo` is durable before the next call.

    Attributes:
        memo: Replaces the composite job's memo. The executor adds "account" to it.
        ready: True: `intend` and `submit` may follow. False: call `prepare` again.
        again_s: Pause before that, seconds.
        quotes: Job id -> firm price in the target's unit, where the provider quotes one.
        most: Job id -> the most that it can be billed, where its price is an estimate.
        least: The most that any composite job here can be billed comes to this at least, however
            small it is: where a budget leaves less, no part of it is tried.
    """

    memo: Mapping[str, Any]
    ready: bool = True
    again_s: float = 0.0
    quotes: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    least: float = 0.0


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
