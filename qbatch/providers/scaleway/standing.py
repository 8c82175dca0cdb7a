"""Where a job of Scaleway's stands, given its record and the sessions that live."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from qbatch.providers import ENDS, Answer, Cancelled, Failed, GivenBack, Order, Strange
from qbatch.providers.kit.untrusted import redact, said, word
from qbatch.providers.scaleway.moments import read_instant
from qbatch.providers.scaleway.replies import WORDS, id_of

#: So long a job stands unfinished in a session that has ended, until nothing more is told of it.
STRANDED_S = 5.0


def answer_of(order: Order, job: Mapping[str, Any]) -> Answer:
    """Say what a job's record says of it."""
    status = word(job.get("status"))
    kind = WORDS.get(status, Strange)
    is_lost = kind in (Failed, Cancelled)
    error = (said(job.get("progress_message")) or "no reason given") if is_lost else ""
    raw = redact(json.dumps(job, ensure_ascii=False)).encode() if is_lost else b""
    return kind(order.id, status, id_of(job), error=error, raw=raw)


def standing(
    order: Order, job: Mapping[str, Any], live: Collection[str], cost_unbegun: float | None
) -> Answer:
    """Say where a job stands.

    Args:
        order: Ours.
        job: Its record.
        live: Ids of sessions that take and run jobs.
        cost_unbegun: What a job cost that never began; None: not known.
    """
    if job.get("session_id") in live or job.get("status") in ("completed", "error"):
        return answer_of(order, job)
    return _stranded(order, job, cost_unbegun)


def _stranded(order: Order, job: Mapping[str, Any], cost_unbegun: float | None) -> Answer:
    """Its session has ended under it: what never began is given back, the rest has failed.

    It may still be told how it ended: that it is left so is settled by time.
    """
    answer, job_id = answer_of(order, job), id_of(job)
    if isinstance(answer, Strange):
        return answer
    words = answer.error or "its session ended before it did"
    settle_s = 0.0 if isinstance(answer, ENDS) else STRANDED_S
    if read_instant(job.get("started_at")) is None:
        return GivenBack(
            order.id, answer.status, job_id, error=words, cost=cost_unbegun, settle_s=settle_s
        )
    return Failed(order.id, answer.status, job_id, error=words, settle_s=settle_s)


def is_over(job: Mapping[str, Any]) -> bool:
    """Whether nothing more comes of a job."""
    return WORDS.get(word(job.get("status"))) in ENDS
