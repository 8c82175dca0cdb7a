"""The jobs of an Open Quantum organization, whoever of it made them.

Its list is paged and has no tags; a job's own record has no name, but its preparation's. Jobs are
cancelled until they are handed over; nothing removes or renames them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import Misspoke
from qbatch.providers import Words
from qbatch.providers.kit.instants import to_the_second
from qbatch.providers.kit.untrusted import (
    amount,
    fit,
    identifier,
    record,
    records,
    redacted,
    said,
    word,
)
from qbatch.providers.listing import (
    Claim,
    Deed,
    JobAtCloud,
    JobInFull,
    Page,
    Wanted,
    all_pages,
    state_of,
)
from qbatch.providers.open_quantum.platform import Platform
from qbatch.providers.open_quantum.replies import expect, id_of

#: Names that the driver gives: run, point, generation.
NAME = re.compile(r"qbatch-(.+)-([0-9a-f]{16})-(\d+)")


class Jobs:
    """See `qbatch.providers.listing.JobsAtCloud`.

    Args:
        platform: The driver's.
        words: Of jobs, as the driver reads them.
    """

    sifts: frozenset[str] = frozenset()
    lacks: Mapping[Deed, str] = {
        Deed.DELETE: "Open Quantum has no call that removes a job; --cancel stops it",
        Deed.RENAME: "Open Quantum has no call that renames a job",
        Deed.TAG: "jobs have no tags at Open Quantum",
    }

    def __init__(self, platform: Platform, words: Words) -> None:
        self._platform = platform
        self._words = words

    async def list_jobs(self, wanted: Wanted) -> Page:
        path = f"organizations/{await self._platform.organization_id()}/jobs"
        params: dict[str, str | int] = {"limit": wanted.most}
        params |= {"cursor": wanted.page} if wanted.page else {}
        answer = (await self._platform.ask("GET", path, params=params)).object()
        if not isinstance(answer.get("jobs"), list):
            raise Misspoke(f"open-quantum: no list of jobs: {said(answer, 120)}")
        following = record(answer.get("pagination")).get("next_cursor")
        is_end = not isinstance(following, str) or following == wanted.page
        jobs = tuple(self._row(row, row) for row in records(answer["jobs"]))
        return Page(jobs, "" if is_end else str(following))

    async def jobs_of_run(self, run_id: str, since: str) -> Sequence[JobAtCloud]:
        del run_id  # the list cannot be sifted; names tell
        return await all_pages(self, Wanted(most=100), since)

    async def find_job(self, job_id: str) -> JobAtCloud | None:
        row = await self._record(f"jobs/{job_id}")
        return None if row is None else await self._named(row)

    async def _named(self, row: Mapping[str, Any]) -> JobAtCloud:
        """Read a record together with its preparation, which has the name."""
        prepared_as = identifier(row.get("job_preparation_id"))
        prepared = await self._record(f"jobs/prepare/{prepared_as}") if prepared_as else None
        return self._row(row, prepared or {})

    async def show_job(self, job_id: str) -> JobInFull | None:
        row = await self._record(f"jobs/{job_id}")
        if row is None:
            return None
        job = await self._named(row)
        circuit = await self._text(row.get("input_data_url"))
        result = await self._text(row.get("output_data_url"))
        return JobInFull(job, circuit, (result,) if result else ())

    async def cancel_job(self, job_id: str) -> JobAtCloud | None:
        reply = await self._platform.send("DELETE", f"jobs/{job_id}")
        if reply.status == 404:
            return None
        if reply.status != 409:  # it cannot be cancelled any more: its state says why
            expect(reply)
        row = await self._record(f"jobs/{job_id}")
        return None if row is None else self._row(row, {})

    async def _record(self, path: str) -> Mapping[str, Any] | None:
        reply = await self._platform.send("GET", path)
        if reply.status == 404:
            return None
        expect(reply)
        return reply.object()

    async def _text(self, url: Any) -> str:
        """Read what a presigned URL leads to; "" where there is none, or nothing any more."""
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            return ""
        reply = await self._platform.wire.send("GET", url, is_bare=True)
        return fit(reply.kept.decode("utf-8", "replace")) if reply.is_success else ""

    def _row(self, row: Mapping[str, Any], named: Mapping[str, Any]) -> JobAtCloud:
        """Read a row, or a record together with what names it."""
        status, name = word(row.get("status")), word(named.get("name"))
        target = word(row.get("backend_name")) or word(named.get("backend_class_id"))
        found = NAME.fullmatch(name)
        return JobAtCloud(
            id=id_of(row),
            status=status,
            state=state_of(self._words, status),
            name=name,
            target=target,
            created_at=to_the_second(row.get("submitted_at")),
            cost=amount(row.get("credits_used")),
            unit="credits",
            claim=Claim(found[1], found[2], int(found[3])) if found else None,
            raw=record(redacted(dict(row))),
        )
