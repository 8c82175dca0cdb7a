"""Scaleway's answers, read: platforms with prices, sessions, bookings, errors, instants, durations.

Rules: fields may be missing, null, or written in more than one way; words that are not known are
kept and shown, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.errors import Misspoke
from qbatch.providers import Cancelled, Done, Failed, Price, Running, Taken, Target, Words
from qbatch.providers.kit.proofs import Proofs
from qbatch.providers.kit.untrusted import (
    needed_id,
    number,
    record,
    records,
    said,
    whole,
    word,
)
from qbatch.providers.kit.wire import Reply
from qbatch.providers.scaleway.moments import read_instant

#: Scaleway's word for jobs -> ours. A word not here is never taken for an end.
WORDS: Words = {
    "waiting": Taken,
    "running": Running,
    "cancelling": Running,
    "completed": Done,
    "error": Failed,
    "cancelled": Cancelled,
}

#: Words of sessions that take and run jobs, and of those that will never again.
LIVE, ENDED = ("starting", "running"), ("stopped", "error")

#: Jobs in one session: nothing limits them, but a session is fetched and ended as a whole.
MOST_JOBS, MOST_JOBS_BOOKED = 100, 100_000

#: Sessions at once: where they are free, some; a machine that is paid by the hour, one.
MOST_SESSIONS = 4

#: Platforms of these kinds run no gates.
NO_GATES = ("photonic", "neutral_atom")

#: Software of simulators that reads OpenQASM 2 only.
OLD_OPENQASM = ("qsim", "cudaq", "qperfect")


def read_error(reply: Reply) -> str:
    """Return an error body's words, with what stands beside them; "" for any other body."""
    body = {} if reply.is_success else _body(reply)
    parts = [said(body.get(key)) for key in ("type", "message")]
    details = records(body.get("details"))
    parts += [" ".join(filter(None, map(said, one.values()))) for one in details]
    keys = ("precondition", "help_message", "resource", "current_state", "reason")
    parts += [f"{key} {told}" for key in keys if (told := said(body.get(key)))]
    return ": ".join(filter(None, parts))


#: Errors of ``POST /jobs`` that are told before anything is done, by Scaleway's types of errors.
NOT_BOUGHT: Proofs = {
    400: ("invalid_arguments",),
    403: ("permissions_denied", "quotas_exceeded"),
}


def read_type(reply: Reply) -> str:
    """Return an error body's type; "" for any other body."""
    return word(_body(reply).get("type"))


def names_model(reply: Reply) -> bool:
    """Whether an error body says that it is about a model."""
    return _body(reply).get("resource") == "model"


def _body(reply: Reply) -> Mapping[str, Any]:
    """Decode an error body; {} for what is no JSON object."""
    try:
        return reply.object()
    except Misspoke:
        return {}


def expect(reply: Reply) -> None:
    """Raise unless the reply is a success."""
    if not reply.is_success:
        raise reply.failure(read_error(reply))


def id_of(row: Mapping[str, Any]) -> str:
    """Return the ``id`` of a record, without which nothing can be done with it."""
    return needed_id(row, "scaleway")


#: Of a simulator whose sessions are paid by time, circuits and shots may have no price.
NONE = (0.0, "")


def read_money(value: Any) -> tuple[float, str] | None:
    """Read an amount and its currency, in lower case; None where none is told.

    Raises:
        Misspoke: It is neither: what cannot be understood is no price of 0.

    >>> read_money({"currency_code": "EUR", "units": 1, "nanos": 250000000})
    (1.25, 'eur')
    """
    if value in (None, {}):
        return None
    units, nanos = (number(record(value).get(key) or 0) for key in ("units", "nanos"))
    currency = record(value).get("currency_code") or ""
    if units is None or nanos is None or not isinstance(currency, str):
        raise Misspoke(f"scaleway: no price: {said(value, 80)}")
    found = round(units + nanos * 1e-9, 9)
    if not isinstance(value, dict) or found < 0:
        raise Misspoke(f"scaleway: no price: {said(value, 80)}")
    return found, said(currency, 20).lower()


def is_hourly(platform: Mapping[str, Any]) -> bool:
    """Whether the time of a session is paid for, rather than its circuits and shots.

    A simulator whose price is not told may cost something: its sessions are kept short.
    """
    money = read_money(platform.get("price_per_hour"))
    return platform.get("type") != "qpu" and (money is None or money[0] > 0)


def read_price(platform: Mapping[str, Any], longest_s: float, booked_s: float = 0.0) -> Price:
    """Read what running costs.

    Args:
        platform: The record.
        longest_s: The longest that a session of ours is kept, seconds.
        booked_s: Length of the slot that is booked, seconds; 0: none is.
    """
    hourly = read_money(platform.get("price_per_hour"))
    if hourly is None and (booked_s or platform.get("type") != "qpu"):
        return Price.untold("eur", "GET /platforms tells no price_per_hour")
    per_hour, unit = hourly or (0.0, "")
    if is_hourly(platform) or (booked_s and per_hour):
        seconds = booked_s or longest_s
        return Price(
            unit=unit or "eur",
            per_composite=per_hour * seconds / 3600,
            source=f"{per_hour:g} {unit} an hour, for sessions of {seconds / 60:g} min at most",
            certainty="exact" if booked_s else "at most",
        )
    circuit, shot = (read_money(platform.get(f"price_per_{what}")) for what in ("circuit", "shot"))
    if platform.get("type") == "qpu" and (circuit is None or shot is None):
        missing = "price_per_circuit" if circuit is None else "price_per_shot"
        return Price.untold("eur", f"GET /platforms tells no {missing}")
    (per_circuit, unit_of_circuit), (per_shot, unit_of_shot) = circuit or NONE, shot or NONE
    if not (per_circuit or per_shot):
        return Price(source="GET /platforms")
    unit = unit_of_circuit or unit_of_shot or "eur"
    return Price(unit=unit, per_job=per_circuit, per_shot=per_shot, source="GET /platforms")


def read_target(
    platform: Mapping[str, Any], price: Price, window_at: str | None, *, is_booked: bool = False
) -> Target:
    """Read what a platform is and takes; a booked slot is one session's."""
    availability = platform.get("availability")
    return Target(
        name=str(platform["name"]),
        num_qubits=whole(platform.get("max_qubit_count")),
        max_shots=whole(platform.get("max_shot_count")),
        max_jobs=MOST_JOBS_BOOKED if is_booked else MOST_JOBS,
        in_flight=1 if is_booked or is_hourly(platform) else MOST_SESSIONS,
        poll_s=(2.0, 15.0),
        price=price,
        online=availability in (None, "available", "scarce"),
        next_window_at=window_at,
        facts=dict(platform),
    )


def session_cost(
    session: Mapping[str, Any], platform: Mapping[str, Any], now_s: float
) -> float | None:
    """Return what a session cost, in the platform's currency; None while it has not ended.

    Args:
        session: The record.
        platform: The record, with a price per hour.
        now_s: UTC, seconds since 1970; for a session whose end is not told.
    """
    if session.get("status") not in ENDED:
        return None
    began_s = read_instant(session.get("started_at"))
    if began_s is None:  # it never ran
        return 0.0
    ended_s = read_instant(session.get("terminated_at")) or now_s
    per_hour, _ = read_money(platform.get("price_per_hour")) or NONE
    return per_hour * max(0.0, ended_s - began_s) / 3600
