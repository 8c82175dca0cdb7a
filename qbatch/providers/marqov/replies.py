"""Marqov's answers, read: results in their bit order, errors of both generations, prices.

Rules: nothing is guessed against what an answer says; what does not fit its order is `Misspoke`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.errors import Misspoke
from qbatch.providers import (
    Cancelled,
    Done,
    Failed,
    Order,
    Price,
    Rate,
    Running,
    Taken,
    Target,
    Words,
)
from qbatch.providers.kit.proofs import Proofs
from qbatch.providers.kit.tally import read_tally
from qbatch.providers.kit.untrusted import amount, identifier, record, said, whole
from qbatch.providers.kit.wire import Reply
from qbatch.result import Counts

#: Per user, and per team.
RATES = (Rate(10, 60.0), Rate(100, 86_400.0))

MOST_SHOTS = 100_000

#: Marqov's word -> ours. A word not here is never taken for an end.
WORDS: Words = {
    "pending": Taken,
    "running": Running,
    "cancelling": Running,
    "completed": Done,
    "failed": Failed,
    "dispatch_failed": Failed,
    "cancelled": Cancelled,
}


def read_result(result: Any, order: Order) -> tuple[Counts, dict[str, Any]]:
    """Turn Marqov's counts into ours.

    Args:
        result: ``{"counts": {"001": 52}, "metadata": …}``.
        order: Its circuit says how many bits in which registers.

    Returns:
        Counts; and as facts the metadata without the state, and the bit order that was read with.

    Raises:
        Misspoke: Not counts, wrong width, an unknown bit order, or they do not add up to the shots.
    """
    counted = record(result).get("counts")
    if not isinstance(counted, dict) or not counted:
        raise Misspoke(f"marqov: {order.name}: completed without counts: {result!r:.120}")
    is_first, bit_order = _bit_order(result)
    counts = read_tally("marqov", order, counted, leftmost_is_bit_0=is_first, is_padded=True)
    metadata = {k: v for k, v in _metadata(result).items() if k != "state_vector"}
    return counts, {"bit_order": bit_order, **({"metadata": metadata} if metadata else {})}


def _bit_order(result: Mapping[str, Any]) -> tuple[bool, str]:
    """Tell whether bit 0 stands leftmost, and in what words; never guessed against the metadata."""
    metadata = _metadata(result)
    inner = record(metadata.get("reproducibility"))
    order = metadata.get("bit_order") or inner.get("bit_order")
    if order is None:
        return True, "qubit_0_first (assumed)"
    if order not in ("qubit_0_first", "qubit_0_last"):
        raise Misspoke(f"marqov: unknown bit order {order!r:.80}", raw=said(result))
    return order == "qubit_0_first", str(order)


def _metadata(result: Mapping[str, Any]) -> Mapping[str, Any]:
    return record(result.get("metadata"))


def read_state(result: Mapping[str, Any], order: Order) -> Any:
    """Return the final state in our order (index bit k = qubit k), or None where none came.

    Its index is read like a key of the counts.

    Raises:
        Misspoke: It is no list of [real, imaginary] of the right length.
    """
    import numpy as np

    rows, num_qubits = _metadata(result).get("state_vector"), order.circuit.facts.num_qubits
    if rows is None:
        return None
    try:
        parts = np.asarray(rows, dtype=float)
    except (ValueError, TypeError, OverflowError) as error:
        raise Misspoke(f"marqov: {order.name}: the state vector is no numbers") from error
    if parts.shape != (2**num_qubits, 2) or not np.isfinite(parts).all():
        raise Misspoke(f"marqov: {order.name}: a state vector of shape {parts.shape}")
    state = parts[:, 0] + 1j * parts[:, 1]
    if not _bit_order(result)[0]:
        return state
    axes = tuple(reversed(range(num_qubits)))
    return state.reshape((2,) * num_qubits).transpose(axes).reshape(-1)


#: What stands for a code where the error is a text alone.
FLAT = "a text alone"

#: Errors of ``POST /api/jobs/submit`` that are told before anything is done, by the codes of the
#: newer error body. The older body has no codes, and proves nothing but that the budget is used up:
#: the documentation says of 402 that no job was made.
NOT_BOUGHT: Proofs = {
    400: ("validation_error",),
    402: ("spend_limit_exceeded", FLAT),
    403: ("permission_denied", "api_key_not_supported"),
    404: ("not_found",),
    409: ("analysis_mismatch",),
    422: (
        "validation_error", "analysis_required", "backend_unknown", "backend_retired",
        "execution_unavailable", "script_required",
    ),
}  # fmt: skip


def read_error(reply: Reply) -> tuple[str, str]:
    """Return an error body's code and words, of either generation; what stands beside is kept.

    The code is `FLAT` where the error is a text, "" where there is none.
    """
    if reply.is_success:
        return "", ""
    try:
        body = reply.object()
    except Misspoke:
        return "", ""
    error = body.pop("error", None)
    code = ""
    if isinstance(error, dict):
        code, error = said(error.get("code")), error.get("message")
    words = ": ".join(part for part in (code, said(error)) if part)
    code = code or (FLAT if words else "")
    beside = said(body, 300) if body else ""
    return code, " ".join(part for part in (words, beside) if part)


def expect(reply: Reply) -> None:
    """Raise unless the reply is a success."""
    if not reply.is_success:
        raise reply.failure(read_error(reply)[1])


def id_in(reply: Reply, key: str) -> str:
    """Return the id under `key`.

    Raises:
        Misspoke: There is none.
    """
    value = identifier(reply.object().get(key))
    if value is None:
        raise Misspoke(
            f"marqov: {reply.asked}: answered {reply.status} without {key}",
            raw=reply.excerpt(2_000),
        )
    return value


def read_reason(job: Mapping[str, Any]) -> str:
    """Return why a job failed: at most its result says so."""
    return said(record(job.get("result")).get("error")) or "no reason given"


def read_checks(answer: Mapping[str, Any]) -> str:
    """Return what an analysis objected to."""
    return said(answer.get("checks"), 300) or "no reason given"


def read_target(backend: Mapping[str, Any]) -> Target:
    """Read an entry of the catalogue."""

    def first(*keys: str) -> int | None:
        return next((one for key in keys if (one := whole(backend.get(key)))), None)

    return Target(
        name=str(backend["slug"]),
        num_qubits=first("maxQubits", "qubitCount"),
        max_shots=min(first("maxShots") or MOST_SHOTS, MOST_SHOTS),
        max_jobs=1,
        in_flight=RATES[1].calls,
        rates=RATES,
        poll_s=(1.0, 15.0),
        price=read_price(backend),
        online=backend.get("isAvailable") is not False
        and backend.get("status") in (None, "online"),
        queue_s=amount(backend.get("queueTimeSeconds")),
        tier=_tier(backend),
        facts=dict(backend),
    )


def _tier(backend: Mapping[str, Any]) -> str:
    """Return the tier in which the platform's own form lists a backend.

    The catalogue tells no tier; its provider and kind do, in words that were seen nowhere live. A
    simulator of neither house is run by Amazon.
    """
    if backend.get("deviceType") == "qpu":
        return "Quantum Hardware"
    words = f"{backend.get('provider')} {backend['slug']}".lower()
    if "brilliance" in words or words.split()[-1].startswith("qb-"):
        return "Quantum Brilliance"
    is_ours = "marqov" in words or backend["slug"] == "local"
    return "Marqov Simulators" if is_ours else "Cloud Simulators"


def read_price(backend: Mapping[str, Any]) -> Price:
    """Read the price; one that is not told in full is quoted by the analysis, never free."""
    pricing = record(backend.get("pricing"))
    fee, per_shot, minimum = (
        amount(pricing.get(key)) for key in ("taskFee", "perShot", "minimumCost")
    )
    if fee is None or per_shot is None or minimum is None:
        return Price(unit="usd", quoted=True, source="the analysis of each script")
    if not (fee or per_shot or minimum):
        return Price(source="GET /api/backends")
    return Price(
        unit="usd", per_job=fee, per_shot=per_shot, minimum=minimum, source="GET /api/backends"
    )
