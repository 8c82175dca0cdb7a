"""The jobs of a Scaleway project, whoever made them.

Its list is paged and sifted by session and tags, and by nothing else; jobs are cancelled, renamed
and tagged. By Scaleway's pages jobs are never deleted, though its clients have a call for it.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from qbatch.errors import Misspoke
from qbatch.providers import Cancelled
from qbatch.providers.kit.asking import Send
from qbatch.providers.kit.untrusted import (
    decode,
    fit,
    number,
    record,
    records,
    redacted,
    said,
    word,
)
from qbatch.providers.kit.wire import Reply
from qbatch.providers.listing import (
    Claim,
    Deed,
    JobAtCloud,
    JobInFull,
    Page,
    Wanted,
    all_pages,
    no_page,
    state_of,
)
from qbatch.providers.scaleway.moments import read_instant
from qbatch.providers.scaleway.replies import WORDS, expect, id_of
from qbatch.providers.scaleway.results import ZLIB

#: Names that the driver gives: run, composite job, generation and attempt, point.
NAME = re.compile(r"qbatch-(.+)-[0-9a-f]{12}-(\d+)\.\d+-([0-9a-f]{16})")

#: Of the programs of a model, unpacked, bytes.
MOST_BYTES = 16 * 2**20

#: Where to go on: the page, and how many rows the pages before had.
PAGE = re.compile(r"([1-9]\d{0,8})\.([1-9]\d{0,8})")


class Jobs:
    """See `qbatch.providers.listing.JobsAtCloud`.

    Args:
        send: The driver's.
        project: Returns the project's id.
        read: Returns the text of a row, in it or behind its URL.
    """

    sifts = frozenset({"tag", "session"})
    lacks: Mapping[Deed, str] = {
        Deed.DELETE: "by Scaleway's pages jobs are cancelled and never deleted"
    }

    def __init__(
        self,
        send: Send,
        project: Callable[[], str],
        read: Callable[[Mapping[str, Any]], Awaitable[str | None]],
    ) -> None:
        self._send = send
        self._project = project
        self._read = read

    async def list_jobs(self, wanted: Wanted) -> Page:
        page, size = _place(wanted.page)
        params: dict[str, str | int] = {"order_by": "created_at_desc", "page": page}
        params["page_size"] = size or wanted.most
        params |= {"tags": wanted.tag} if wanted.tag else {}
        if wanted.session:
            params["session_id"] = wanted.session
        else:
            params["project_id"] = self._project()
        answer = (await self._ask("GET", "jobs", params=params)).object()
        if not isinstance(answer.get("jobs"), list):
            raise Misspoke(f"scaleway: GET jobs: no list of jobs: {said(answer, 120)}")
        rows = records(answer["jobs"])
        size = size or len(rows)  # what the service makes of the size that was asked for
        total = number(answer.get("total_count")) or 0.0
        has_more = bool(rows) and (page - 1) * size + len(rows) < total
        return Page(tuple(map(read_job, rows)), f"{page + 1}.{size}" if has_more else "")

    async def jobs_of_run(self, run_id: str, since: str) -> Sequence[JobAtCloud]:
        return await all_pages(self, Wanted(tag=f"run:{run_id}", most=100), since)

    async def find_job(self, job_id: str) -> JobAtCloud | None:
        row = await self._record("GET", f"jobs/{job_id}")
        return None if row is None else read_job(row)

    async def show_job(self, job_id: str) -> JobInFull | None:
        row = await self._record("GET", f"jobs/{job_id}")
        if row is None:
            return None
        params = {"order_by": "created_at_asc", "page": 1, "page_size": 100}
        answer = (await self._ask("GET", f"jobs/{job_id}/results", params=params)).object()
        results = [await self._read(one) for one in records(answer.get("job_results"))]
        return JobInFull(read_job(row), await self._circuit(row), tuple(filter(None, results)))

    async def _circuit(self, row: Mapping[str, Any]) -> str:
        """Read the programs that a job was posted with, or the model that it came as."""
        answer = (await self._ask("GET", f"jobs/{id_of(row)}/circuit")).object()
        if told := answer.get("qiskit_circuit") or answer.get("perceval_circuit"):
            return fit(str(told))
        model_id = word(row.get("model_id"))
        model = await self._record("GET", f"models/{model_id}") if model_id else None
        return read_programs(await self._read(model) or "") if model else ""

    async def cancel_job(self, job_id: str) -> JobAtCloud | None:
        row = await self._record("POST", f"jobs/{job_id}/cancel", json={})
        return None if row is None else read_job(row)

    async def change_job(
        self, job_id: str, *, name: str | None = None, tags: Sequence[str] | None = None
    ) -> JobAtCloud | None:
        change = {"name": name, "tags": None if tags is None else list(tags)}
        told = {key: value for key, value in change.items() if value is not None}
        row = await self._record("PATCH", f"jobs/{job_id}", json=told)
        return None if row is None else read_job(row)

    async def _record(self, method: str, path: str, **request: Any) -> Mapping[str, Any] | None:
        reply = await self._send(method, path, **request)
        if reply.status == 404:
            return None
        expect(reply)
        return reply.object()

    async def _ask(self, method: str, path: str, **request: Any) -> Reply:
        reply = await self._send(method, path, **request)
        expect(reply)
        return reply


def _place(page: str) -> tuple[int, int]:
    """Read where to go on; size 0 is not known yet."""
    if not page:
        return 1, 0
    found = PAGE.fullmatch(page)
    if found is None:
        raise no_page("scaleway", page)
    return int(found[1]), int(found[2])


def read_job(row: Mapping[str, Any]) -> JobAtCloud:
    """Read a job's record, which tells no price."""
    status, name = word(row.get("status")), word(row.get("name"))
    tags = row.get("tags")
    created = read_instant(row.get("created_at"))
    return JobAtCloud(
        id=id_of(row),
        status=status,
        state=state_of(WORDS, status),
        name=name,
        tags=tuple(map(word, tags)) if isinstance(tags, list) else (),
        session=word(row.get("session_id")),
        created_at=""
        if created is None
        else datetime.fromtimestamp(created, UTC).isoformat(timespec="seconds"),
        claim=read_name(name),
        never_began=WORDS.get(status) is Cancelled and read_instant(row.get("started_at")) is None,
        raw=record(redacted(dict(row))),
    )


def read_name(name: str) -> Claim | None:
    """Read a name that the driver gave.

    >>> read_name("qbatch-5f2c-0123456789ab-2.1-00112233445566aa")
    Claim(run_id='5f2c', point='00112233445566aa', generation=2)
    """
    found = NAME.fullmatch(name)
    return Claim(found[1], found[3], int(found[2])) if found else None


def read_programs(payload: str) -> str:
    """Read the programs of a model's payload; what cannot be read is told as it came."""
    try:
        return "\n".join(map(_program, records(record(decode(payload)).get("programs"))))
    except (ValueError, RecursionError, binascii.Error, zlib.error):
        return fit(payload)


def _program(row: Mapping[str, Any]) -> str:
    text = str(row.get("serialization") or "")
    if row.get("compression_format") != ZLIB:
        return fit(text)
    inflating = zlib.decompressobj()
    unpacked = inflating.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
    if not inflating.eof:
        raise ValueError(f"it is cut short, or over {MOST_BYTES} bytes")
    return fit(unpacked.decode())
