"""What Open Quantum answers, read: quotes, results, errors, identifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import Misspoke, Refused
from qbatch.frozen import dataclass
from qbatch.providers import ENDS, Answer, Cancelled, Done, Failed, Order, Running, Taken, Words
from qbatch.providers.kit.proofs import Proofs
from qbatch.providers.kit.tally import read_tally
from qbatch.providers.kit.untrusted import amount, identifier, needed_id, records, said, word
from qbatch.providers.kit.wire import Reply
from qbatch.result import Counts

#: The platform's names of operations that programs are written in -> Qiskit's.
ONE_QUBIT = {
    "x": "x", "y": "y", "z": "z", "h": "h", "s": "s", "si": "sdg", "t": "t", "ti": "tdg",
    "rx": "rx", "ry": "ry", "rz": "rz",
}  # fmt: skip
TWO_QUBITS = {"cnot": "cx", "cx": "cx", "cz": "cz"}

PLANS = {
    "public": "072f7eb6-574b-4bae-aafa-d3399c4abe7a",
    "private": "f83fd52f-c691-470f-9521-26b81c4e53bd",
}
PRIORITIES = {
    "standard": "0f7b91a3-d1bf-46fb-af9c-55b77fa72bed",
    "priority": "4ea2b9de-2d20-46d4-b1b5-0b71537a584f",
    "instant": "74cebc3d-14d8-455d-900e-daedc1566384",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan and a priority of a quote, and what they cost together, credits."""

    plan_id: str
    priority_id: str
    plan_price: float
    total: float
    title: str


def choose(quoted: Any, plan: str, priority: str) -> tuple[Choice, Sequence[Choice]]:
    """Choose from a quote as the official client does.

    Returns:
        What is chosen, and all that is offered.

    Raises:
        Refused: The quote offers no such pair.
        Misspoke: The quote names no price for a pair, or no ids to choose it by.
    """
    wanted_plan, wanted_priority = _wanted(plan, PLANS), _wanted(priority, PRIORITIES)
    pairs = _pairs(quoted)
    fitting = [
        pair
        for pair in pairs
        if wanted_plan in (None, pair.plan_id) and wanted_priority in (None, pair.priority_id)
    ]
    if not fitting:
        offered = "; ".join(f"{pair.title} at {pair.total:g} credits" for pair in pairs)
        raise Refused(
            f"open-quantum: no quote for plan {plan!r} with priority {priority!r}; "
            f"offered: {offered or 'nothing'}"
        )
    return min(fitting, key=lambda pair: (pair.total, pair.plan_price)), pairs


def _wanted(word: str, known: Mapping[str, str]) -> str | None:
    text = word.strip().lower()
    return None if text in ("", "auto") else known.get(text, word.strip())


def _pairs(quoted: Any) -> list[Choice]:
    return [
        _pair(plan, priority)
        for plan in records(quoted)
        for priority in records(plan.get("queue_priorities"))
    ]


def _pair(plan: Mapping[str, Any], priority: Mapping[str, Any]) -> Choice:
    price, more = amount(plan.get("price")), amount(priority.get("price_increase"))
    ids = identifier(plan.get("execution_plan_id")), identifier(priority.get("queue_priority_id"))
    if price is None or more is None or ids[0] is None or ids[1] is None:
        raise Misspoke(f"open-quantum: a quote without a price or an id: {said(dict(plan), 200)}")
    title = f"{word(plan.get('name')) or 'plan'}, {word(priority.get('name')) or 'priority'}"
    return Choice(ids[0], ids[1], price, price + more, title)


def find_basis(constraints: Mapping[str, Any]) -> tuple[str, ...]:
    """Return Qiskit's names of the gates to write programs in; () where anything goes."""
    named = {word(op.get("name")) for op in records(constraints.get("supported_ops"))}
    known = {**ONE_QUBIT, **TWO_QUBITS}
    return tuple(dict.fromkeys(known[name] for name in known if name in named))


def read_output(output: Mapping[str, Any], order: Order) -> Counts:
    """Turn the platform's counts into ours.

    Args:
        output: Flat bitstring -> count, or that under ``counts`` or ``measurement_counts``;
            rightmost character = classical bit 0; leading zeros may be missing, spaces may appear.
        order: Its circuit says how many bits in which registers.

    Raises:
        Misspoke: No counts in it, wrong width, or they do not add up to the shots ordered.
    """
    for key in ("counts", "measurement_counts"):
        if isinstance(output.get(key), dict):
            output = output[key]
    return read_tally("open-quantum", order, output, leftmost_is_bit_0=False)


#: Open Quantum's word, in lower case -> ours. A word not here is never taken for an end.
WORDS: Words = {
    "created": Taken,
    "pending": Taken,
    "queued": Taken,
    "running": Running,
    "completed": Done,
    "failed": Failed,
    "canceled": Cancelled,
    "cancelled": Cancelled,
}

#: Errors of ``POST /v1/jobs`` that are told before anything is done, by Open Quantum's types. A
#: ``CONFLICT`` is none: it may mean that the job was bought before.
NOT_BOUGHT: Proofs = {
    400: ("BAD_REQUEST", "VALIDATION_ERROR"),
    402: ("INSUFFICIENT_CREDITS",),
    403: (
        "TERMS_OF_USE_REQUIRED", "EMAIL_VERIFICATION_REQUIRED", "FORBIDDEN",
        "INSUFFICIENT_PERMISSIONS", "ORG_MEMBERSHIP_REQUIRED",
    ),
    404: ("NOT_FOUND",),
    422: ("BAD_REQUEST", "VALIDATION_ERROR"),
}  # fmt: skip


def read_error(reply: Reply) -> tuple[str, str]:
    """Return an error body's machine word and its text; ("", "") where there is none.

    The text ends with the id of the request, which the platform's support asks for.
    """
    if reply.is_success:
        return "", ""
    try:
        body = reply.object()
    except Misspoke:
        return "", ""
    request = f" (request {told})" if (told := said(body.get("error_code"))) else ""
    return word(body.get("type")), f"{said(body.get('message'))}{request}".strip()


def expect(reply: Reply) -> None:
    """Raise what a reply that is no success means."""
    if not reply.is_success:
        kind, words = read_error(reply)
        raise reply.failure(f"{kind}: {words}" if kind else words)


def id_of(row: Mapping[str, Any]) -> str:
    """Return the ``id`` of a record, without which nothing can be done with it."""
    return needed_id(row, "open-quantum")


def code_of(row: Mapping[str, Any]) -> str:
    """Return a row's short code, by which people know it, or its id."""
    return word(row.get("short_code")) or id_of(row)


def closed(row: Mapping[str, Any]) -> str:
    """Say in the platform's words why a backend class takes no jobs now; "": it takes them."""
    status = word(row.get("status")) or "Online"
    if status != "Online":
        return status
    return "Online and accepts no jobs" if row.get("accepting_jobs") is False else ""


def url_of(row: Mapping[str, Any], key: str) -> str:
    """Return a storage URL of a record; never to be kept or shown."""
    value = row.get(key)
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise Misspoke(f"open-quantum: an answer without {key}")
    return value


def cost_of(row: Mapping[str, Any], kind: type[Answer]) -> float | None:
    """Return what a job was charged that ended so; None: not told, or told before its end.

    A row that lags tells what the job was to cost, not what is left of it.
    """
    is_up_to_date = WORDS.get(word(row.get("status")).lower()) is kind
    return amount(row.get("credits_used")) if is_up_to_date and kind in ENDS else None


def words_of(value: Any) -> list[str]:
    """Return the words of a list; none for anything else."""
    return [told for one in value if (told := word(one))] if isinstance(value, list) else []
