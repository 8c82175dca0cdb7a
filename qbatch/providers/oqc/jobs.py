"""The tasks of an OQC account, over all of its QPUs.

``GET {qpu}/tasks`` is known from OQC's own client alone: no page describes it, its rows are read
as a task's record is, and OQC may drop it. A task is asked about at its QPU, which its id does not
tell: each is asked. Nothing removes or renames a task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from qbatch.errors import Misspoke, Refused
from qbatch.providers.kit.instants import to_the_second
from qbatch.providers.kit.untrusted import fit, identifier, record, records, redacted, word
from qbatch.providers.listing import (
    Claim,
    Deed,
    JobAtCloud,
    JobInFull,
    Page,
    Wanted,
    page_of,
    state_of,
)
from qbatch.providers.oqc.replies import WORDS, expect, url_of
from qbatch.providers.oqc.service import Service

#: Tags that the driver gives: run, composite job and generation, point.
TAG = re.compile(r"qbatch/(.+?)/[0-9a-f]{12}\.(\d+)/([0-9a-f]{12})(?:/(.*))?", re.DOTALL)

#: So a service answers that has no such list.
NO_LIST = (404, 405, 410, 501)


class Jobs:
    """See `qbatch.providers.listing.JobsAtCloud`. A tag is sifted by its beginning, or by
    that of the person's own part of it.

    Args:
        service: The driver's.
    """

    sifts = frozenset({"tag"})
    lacks: Mapping[Deed, str] = {
        Deed.DELETE: "OQC has no call that removes a task",
        Deed.RENAME: "tasks have no names at OQC",
        Deed.TAG: "a task keeps the tag that it was sent with",
    }

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list_jobs(self, wanted: Wanted) -> Page:
        found: dict[str, JobAtCloud] = {}
        for qpu in await self._service.qpus():
            url, qpu_id = url_of(qpu), str(qpu["id"])
            reply = await self._service.send("GET", f"{url}/tasks")
            if reply.status in NO_LIST:
                raise Refused(
                    f"oqc: {qpu_id} shows no list of its tasks ({reply.status}); OQC describes "
                    "none. A task whose id is known can be had with --show ID"
                )
            expect(reply)
            rows = reply.json()
            if not isinstance(rows, list):
                raise Misspoke(f"oqc: no list of tasks: {reply.excerpt()}")
            jobs = [self._row(row, _id_of(row)) for row in records(rows)]
            found |= {job.id: job for job in jobs}
        fitting = [job for job in found.values() if _bears(job, wanted.tag)]
        newest_first = sorted(fitting, key=lambda job: job.created_at, reverse=True)
        return page_of(newest_first, wanted, "oqc")

    async def find_job(self, job_id: str) -> JobAtCloud | None:
        found = await self._find(job_id)
        return None if found is None else self._row(found[1], job_id)

    async def show_job(self, job_id: str) -> JobInFull | None:
        found = await self._find(job_id)
        if found is None:
            return None
        _, task = found
        compiled = record(task.get("execution_metadata")).get("optimized_circuit")
        results = task.get("results")
        told = () if results is None else (json.dumps(redacted(results), ensure_ascii=False),)
        circuit = fit(compiled) if isinstance(compiled, str) else ""
        return JobInFull(self._row(task, job_id), circuit, told)

    async def cancel_job(self, job_id: str) -> JobAtCloud | None:
        found = await self._find(job_id)
        if found is None:
            return None
        url, _ = found
        expect(
            await self._service.send("POST", f"{url}/tasks/cancel_many", json={"tasks": [job_id]})
        )
        return await self.find_job(job_id)

    async def _find(self, job_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Find a task: its QPU's URL, and its record."""
        for qpu in await self._service.qpus():
            url = url_of(qpu)
            reply = await self._service.send("GET", f"{url}/tasks/{job_id}/all_info")
            if reply.status != 404:
                expect(reply)
                return url, reply.object()
        return None

    def _row(self, row: Mapping[str, Any], job_id: str) -> JobAtCloud:
        """Read a task's record, whose facts may stand within its ``metadata``."""
        facts = {**record(row.get("metadata")), **row}
        status, tag = word(facts.get("status")), word(facts.get("tag"))
        found = TAG.fullmatch(tag)
        return JobAtCloud(
            id=job_id,
            status=status,
            state=state_of(WORDS, status),
            target=word(facts.get("qpu_id")),
            tags=tuple(filter(None, (tag, found[4] if found else None))),
            created_at=to_the_second(facts.get("created_at")),
            claim=Claim(found[1], found[3], int(found[2])) if found else None,
            raw=record(redacted(dict(row))),
        )


def _id_of(row: Mapping[str, Any]) -> str:
    found = identifier(row.get("id")) or identifier(row.get("task_id"))
    if found is None:
        raise Misspoke("oqc: a task in the list has no id")
    return found


def _bears(job: JobAtCloud, tag: str) -> bool:
    return not tag or any(each.startswith(tag) for each in job.tags)
