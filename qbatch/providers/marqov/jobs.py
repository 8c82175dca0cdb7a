"""Jobs at Marqov, as far as an API key may ask about them: one by one, by their ids.

The platform's pages name no call that lists jobs, and an API key cannot cancel; a person can do
both in the browser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from qbatch.providers.kit.instants import to_the_second
from qbatch.providers.kit.untrusted import (
    amount,
    needed_id,
    record,
    redacted,
    word,
)
from qbatch.providers.listing import Deed, JobAtCloud, JobInFull, state_of
from qbatch.providers.marqov.replies import WORDS, expect
from qbatch.providers.marqov.service import Service


class Jobs:
    """See `qbatch.providers.listing.JobsAtCloud`.

    Args:
        service: The driver's.
    """

    sifts: frozenset[str] = frozenset()
    lacks: Mapping[Deed, str] = {
        Deed.LIST: "Marqov documents no list of jobs; these are those that run folders here know",
        Deed.DELETE: "Marqov documents no call that removes a job",
        Deed.RENAME: "jobs have no names at Marqov",
        Deed.TAG: "jobs have no tags at Marqov",
    }

    def __init__(self, service: Service) -> None:
        self._service = service

    async def find_job(self, job_id: str) -> JobAtCloud | None:
        found = await self.show_job(job_id)
        return None if found is None else found.job

    async def show_job(self, job_id: str) -> JobInFull | None:
        reply = await self._service.send("GET", f"jobs/{job_id}/status")
        if reply.status == 404:
            return None
        expect(reply)
        row = reply.object()
        result = row.get("result")
        told = json.dumps(redacted(result), ensure_ascii=False) if result is not None else ""
        return JobInFull(read_job(row), results=(told,) if told else ())

    async def cancel_job(self, job_id: str) -> JobAtCloud | None:
        key = str(uuid5(NAMESPACE_URL, f"qbatch/jobs/{job_id}/cancel"))
        reply = await self._service.cancel(job_id, key)
        if reply.status == 404:
            return None
        if reply.status != 409:  # too late: its state says how it ended
            expect(reply)
        return await self.find_job(job_id)


def read_job(row: Mapping[str, Any]) -> JobAtCloud:
    """Read a status answer; its price is an estimate of the platform's."""
    status = word(row.get("status"))
    return JobAtCloud(
        id=needed_id(row, "marqov", "a job"),
        status=status,
        state=state_of(WORDS, status),
        target=word(row.get("backend")),
        created_at=to_the_second(row.get("created_at")),
        cost=amount(row.get("estimated_cost_usd")),
        unit="usd",
        raw=record(redacted(dict(row))),
    )
