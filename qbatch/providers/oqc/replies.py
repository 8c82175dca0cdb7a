"""OQC's answers, read: QPUs with prices and features, windows, errors.

Rules: fields may be missing or null; what cannot be understood of a price is no price of 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.errors import Misspoke
from qbatch.job import JobError
from qbatch.providers import Cancelled, Done, Failed, Price, Running, Taken, Target, Words
from qbatch.providers.kit.untrusted import decode, number, record, said, whole, word
from qbatch.providers.kit.wire import Reply

#: Body of one submission, bytes; the service refuses 131,072 and its own client cuts here.
MAX_BYTES = 100_000

#: Of which a task takes about this much beside its program: configuration, ids, tag.
JOB_BYTES = 1_500

#: Its own client asks about a task as soon as it is sent, and 0.2 s after that; ours does where the
#: tasks before were over by then.
SOONEST_S = 0.01

#: OQC's word -> ours. A word not here is never taken for an end.
WORDS: Words = {
    "created": Taken,
    "submitted": Taken,
    "queued": Taken,
    "running": Running,
    "in_progress": Running,
    "completed": Done,
    "succeeded": Done,
    "done": Done,
    "failed": Failed,
    "error": Failed,
    "expired": Failed,
    "cancelled": Cancelled,
    "canceled": Cancelled,
}


def expect(reply: Reply) -> None:
    """Raise unless the reply is OQC's only success, 200."""
    if reply.status != 200:
        raise reply.failure(read_error(reply))


def read_error(reply: Reply) -> str:
    """Return an error body's words; "" for any other body."""
    try:
        return said(record(reply.object().get("response")).get("errors"))
    except Misspoke:
        return ""


def task_error(task: Mapping[str, Any]) -> str:
    """Say why a task failed, with OQC's code."""
    error = record(task.get("task_error"))
    told, code = said(error.get("error_message")), said(error.get("error_code"))
    return str(JobError(told or "no reason given", code or None))


def read_features(value: Any) -> Mapping[str, Any]:
    """Read a feature set: JSON text inside a string, or an object."""
    if isinstance(value, str):
        try:
            value = decode(value)
        except ValueError:
            return {}
    return record(value)


def read_facts(qpu: Mapping[str, Any]) -> dict[str, Any]:
    """Read what else is told of a QPU: its record, and its features decoded."""
    kept = {key: value for key, value in qpu.items() if key not in ("url", "feature_set")}
    return {"record": kept, "features": dict(read_features(qpu.get("feature_set")))}


def read_target(qpu: Mapping[str, Any], window_at: str | None, facts: Mapping[str, Any]) -> Target:
    """Read what a QPU is and takes."""
    features = read_features(qpu.get("feature_set"))
    return Target(
        name=str(qpu["id"]),
        num_qubits=whole(features.get("qubit_count")),
        max_shots=whole(features.get("Maximum Shots")),
        max_jobs=1_000,
        max_bytes=MAX_BYTES,
        job_bytes=JOB_BYTES,
        in_flight=256,
        poll_s=(0.2, 10.0),
        soonest_s=SOONEST_S,
        keeps=False,
        price=read_price(qpu),
        online=bool(qpu.get("active")),
        next_window_at=window_at,
        facts=facts,
    )


def url_of(qpu: Mapping[str, Any]) -> str:
    """Return where a QPU's tasks live."""
    url = qpu.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Misspoke(f"oqc: QPU {qpu['id']} has no url")
    return url.rstrip("/")


def read_window(reply: Reply) -> str | None:
    """Read when the QPU next takes tasks; None: always, or not announced."""
    window = record(record(reply.json()).get("next_window"))
    return word(window.get("starting") or window.get("start_time")) or None


def read_price(qpu: Mapping[str, Any]) -> Price:
    """Read the price; one that is missing, or cannot be understood, is no price of 0."""
    told = {key: qpu.get(key) for key in ("price_per_shot", "price_per_task")}
    if missing := [key for key, value in told.items() if value in (None, "")]:
        return Price.untold("usd", f"GET /admin/qpu tells no {' and no '.join(missing)}")
    prices = {key: number(value) for key, value in told.items()}
    for key, price in prices.items():
        if price is None or price < 0:
            raise Misspoke(f"oqc: QPU {qpu['id']}: {key} is no price: {told[key]!r:.80}")
    per_shot, per_job = (price or 0.0 for price in prices.values())
    if not (per_shot or per_job):
        return Price()
    return Price(unit="usd", per_job=per_job, per_shot=per_shot, source="GET /admin/qpu")
