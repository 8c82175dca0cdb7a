"""The jobs of an IBM Direct Access user, each of which holds a lane until it is deleted.

The list comes whole. A job has no name and no tags; its id is chosen by who makes it, and is free
again once the job is deleted. Its circuits and results are objects in a bucket: see `documents`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import Misspoke, Refused
from qbatch.providers.ibm_direct_access.documents import Documents
from qbatch.providers.ibm_direct_access.replies import WORDS, expect, read_error, read_usage_s
from qbatch.providers.kit.asking import Send
from qbatch.providers.kit.instants import to_the_second
from qbatch.providers.kit.untrusted import (
    needed_id,
    record,
    records,
    redacted,
    word,
)
from qbatch.providers.listing import (
    Deed,
    JobAtCloud,
    JobInFull,
    Page,
    Wanted,
    all_pages,
    page_of,
    state_of,
)


class Jobs:
    """See `qbatch.providers.listing.JobsAtCloud`.

    Args:
        send: The driver's.
        documents: Of the bucket.
    """

    sifts: frozenset[str] = frozenset()
    lacks: Mapping[Deed, str] = {
        Deed.RENAME: "jobs have no names at IBM Direct Access, only ids",
        Deed.TAG: "jobs have no tags at IBM Direct Access",
    }

    def __init__(self, send: Send, documents: Documents) -> None:
        self._send = send
        self._documents = documents

    async def list_jobs(self, wanted: Wanted) -> Page:
        reply = await self._send("GET", "jobs")
        expect(reply)
        rows = reply.object().get("jobs") or []  # an empty list may be null
        if not isinstance(rows, list):
            raise Misspoke(f"ibm-direct-access: no list of jobs: {reply.excerpt()}")
        newest_first = [read_job(row) for row in reversed(records(rows))]
        return page_of(newest_first, wanted, "ibm-direct-access")

    async def jobs_of_run(self, run_id: str, since: str) -> Sequence[JobAtCloud]:
        del run_id  # ids alone tell
        return await all_pages(self, Wanted(most=1_000), since)

    async def find_job(self, job_id: str) -> JobAtCloud | None:
        row = await self._record(job_id)
        return None if row is None else read_job(row)

    async def show_job(self, job_id: str) -> JobInFull | None:
        row = await self._record(job_id)
        return None if row is None else await self._documents.read(read_job(row), row)

    async def _record(self, job_id: str) -> Mapping[str, Any] | None:
        reply = await self._send("GET", f"jobs/{job_id}")
        if reply.status == 404:
            return None
        expect(reply)
        return reply.object()

    async def cancel_job(self, job_id: str) -> JobAtCloud | None:
        reply = await self._send("POST", f"jobs/{job_id}/cancel")
        if reply.status == 404:
            return None
        if reply.status != 409:  # it has ended already: its state says how
            expect(reply)
        return await self.find_job(job_id)

    async def delete_job(self, job_id: str) -> None:
        reply = await self._send("DELETE", f"jobs/{job_id}")
        if reply.status == 409:
            told = read_error(reply) or "it has not ended"
            raise Refused(f"ibm-direct-access: job {job_id}: {told}; --cancel it first")
        if reply.status != 404:
            expect(reply)

    def is_same(self, job: JobAtCloud, facts: Mapping[str, Any]) -> bool:
        """Tell by when it was made, which the facts of a result keep."""
        told = facts.get("created_time")
        return told is None or told == job.raw.get("created_time")


def read_job(row: Mapping[str, Any]) -> JobAtCloud:
    """Read a job's record."""
    status = word(row.get("status"))
    return JobAtCloud(
        id=needed_id(row, "ibm-direct-access", "a job"),
        status=status,
        state=state_of(WORDS, status),
        target=word(row.get("backend")),
        created_at=to_the_second(row.get("created_time")),
        cost=read_usage_s(row),
        unit="qpu_seconds",
        raw=record(redacted(dict(row))),
    )
