"""Marqov's answers, read: results in their bit order, errors of both generations, prices.

Rules: nothing is guessed against what an answer says; what does not fit its order is `Misspoke`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from qbatch.errors import Misspoke
from qbatch.job import JobState
from qbatch.providers import Order, Price, Rate, Target
from qbatch.providers.tally import read_tally
from qbatch.providers.wire import Reply
from qbatch.result import Counts

#: Per user, and per team.
RATES = (Rate(10, 60.0), Rate(100, 86_400.0))

MOST_SHOTS = 100_000

#: Marqov's word -> ours. A word not here is never taken for an end.
STATES = {
    "pending": JobState.SUBMITTED,
    "running": JobState.RUNNING,
    "cancelling": JobState.RUNNING,
    "completed": JobState.COMPLETED,
    "failed": JobState.FAILED,
    "dispatch_failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
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
    counted = result.get("counts") if isinstance(result, dict) else None
    if not isinstance(counted, dict) or not counted:
        raise Misspoke(f"marqov: {order.name}: completed without counts: {result!r:.120}")
    is_first, bit_order = _bit_order(result)
    counts = read_tally("marqov", order, counted, leftmost_is_bit_0=is_first, is_padded=True)
    metadata = {k: v for k, v in _metadata(result).items() if k != "state_vector"}
    return counts, {"bit_order": bit_order, **({"metadata": metadata} if metadata else {})}


def _bit_order(result: Mapping[str, Any]) -> tuple[bool, str]:
    """Tell whether bit 0 stands leftmost, and in what words; never guessed against the metadata."""
    metadata = _metadata(result)
    inner = metadata.get("reproducibility")
    said = metadata.get("bit_order") or (
        inner.get("bit_order") if isinstance(inner, dict) else None
    )
    if said is None:
        return True, "qubit_0_first (assumed)"
    if said not in ("qubit_0_first", "qubit_0_last"):
        raise Misspoke(f"marqov: unknown bit order {said!r}", raw=json.dumps(result)[:2_000])
    return said == "qubit_0_first", str(said)


def _metadata(result: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = result.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


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
    except (ValueError, TypeError) as error:
        raise Misspoke(f"marqov: {order.name}: the state vector is no numbers") from error
    if parts.shape != (2**num_qubits, 2) or not np.isfinite(parts).all():
        raise Misspoke(f"marqov: {order.name}: a state vector of shape {parts.shape}")
    state = parts[:, 0] + 1j * parts[:, 1]
    if not _bit_order(result)[0]:
        return state
    axes = tuple(reversed(range(num_qubits)))
    return state.reshape((2,) * num_qubits).transpose(axes).reshape(-1)


def read_error(reply: Reply) -> tuple[str, str]:
    """Return an error body's code and words, of either generation; what stands beside is kept."""
    if reply.is_success:
        return "", ""
    try:
        body = reply.object()
    except Misspoke:
        return "", ""
    error = body.pop("error", None)
    code = ""
    if isinstance(error, dict):
        code, error = str(error.get("code") or ""), error.get("message")
    words = ": ".join(str(part) for part in (code, error) if part)
    beside = json.dumps(body) if body else ""
    return code, " ".join(part for part in (words, beside[:300]) if part)


def expect(reply: Reply) -> None:
    """Raise unless the reply is a success."""
    if not reply.is_success:
        raise reply.failure(read_error(reply)[1])


def identifier(reply: Reply, key: str) -> str:
    """Return the id under `key`.

    Raises:
        Misspoke: There is none.
    """
    value = reply.object().get(key)
    if not isinstance(value, str) or not value:
        raise Misspoke(
            f"marqov: {reply.asked}: answered {reply.status} without {key}",
            raw=reply.excerpt(2_000),
        )
    return value


def read_reason(record: Mapping[str, Any]) -> str:
    """Return why a job failed: at most its result says so."""
    result = record.get("result")
    error = result.get("error") if isinstance(result, dict) else None
    return str(error) if error else "no reason given"


def read_checks(answer: Mapping[str, Any]) -> str:
    """Return what an analysis objected to."""
    checks = answer.get("checks")
    return json.dumps(checks)[:300] if checks else "no reason given"


def read_number(value: Any) -> float | None:
    """Return a JSON number, or None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def read_target(record: Mapping[str, Any]) -> Target:
    """Read an entry of the catalogue."""

    def whole(*keys: str) -> int | None:
        found = (record.get(key) for key in keys)
        return next((one for one in found if isinstance(one, int) and one > 0), None)

    return Target(
        name=str(record.get("slug")),
        num_qubits=whole("maxQubits", "qubitCount"),
        max_shots=min(whole("maxShots") or MOST_SHOTS, MOST_SHOTS),
        max_jobs=1,
        in_flight=RATES[1].calls,
        rates=RATES,
        poll_s=(1.0, 15.0),
        price=read_price(record),
        online=record.get("isAvailable") is not False and record.get("status") in (None, "online"),
        facts=dict(record),
    )


def read_price(record: Mapping[str, Any]) -> Price:
    """Read the price; one that is not told in full is quoted by the analysis, never free."""
    pricing = record.get("pricing")
    keys = ("taskFee", "perShot", "minimumCost")
    fee, per_shot, minimum = (
        read_number(pricing.get(key)) if isinstance(pricing, dict) else None for key in keys
    )
    if fee is None or per_shot is None or minimum is None:
        return Price(unit="usd", quoted=True, source="the analysis of each script")
    if not (fee or per_shot or minimum):
        return Price(source="GET /api/backends")
    return Price(
        unit="usd", per_job=fee, per_shot=per_shot, minimum=minimum, source="GET /api/backends"
    )
