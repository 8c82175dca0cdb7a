"""What the objects of a job say to a person who asks about it: its circuits, results and log.

Only what lies in the bucket that is configured here is read, and with the person's own keys to it.
The signed addresses of a job's record open an object for whoever has them: they are never used.
What cannot be had is told with where it lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.errors import Misspoke, ProviderError, Refused
from qbatch.job import JobState
from qbatch.providers.ibm_direct_access.objects import Objects, expect_object
from qbatch.providers.ibm_direct_access.replies import count_registers, read_programs
from qbatch.providers.kit.untrusted import fit, record, redact, redacted, said, word
from qbatch.providers.kit.wire import Reply
from qbatch.providers.listing import JobAtCloud, JobInFull

#: Of an object that is shown.
MOST_BYTES = 64 * 2**20


class Documents:
    """The objects of jobs, whoever made these.

    Args:
        objects: The bucket.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def read(self, job: JobAtCloud, row: Mapping[str, Any]) -> JobInFull:
        """Read what there is of a job.

        Args:
            job: Its record, read.
            row: The same as received, with signed addresses.
        """
        storage, elsewhere = record(row.get("storage")), dict[str, str]()
        found: dict[str, tuple[str, ...]] = {"circuit": (), "result": (), "log": ()}
        ways = (
            ("circuit", "input", _circuits),
            ("result", "results", _results),
            ("log", "logs", _log),
        )
        for what, part, told in ways:
            place = record(storage.get(part))
            try:
                reply = await self._get(place)
                found[what] = told(reply) if reply is not None else ()
            except ProviderError as error:
                elsewhere[what] = f"{where(place)}: {error}"
                continue
            if reply is None and (
                what == "circuit" or (what == "result" and job.state is JobState.COMPLETED)
            ):
                elsewhere[what] = f"{where(place)}: there is nothing any more"
        circuit, log = ("".join(found[what]) for what in ("circuit", "log"))
        return JobInFull(job, circuit, found["result"], log=log, elsewhere=elsewhere)

    async def _get(self, place: Mapping[str, Any]) -> Reply | None:
        """Read an object; None where there is none.

        Raises:
            ProviderError: It cannot be had.
        """
        bucket = self._objects.bucket()
        key = bucket.key_of(str(place.get("presigned_url") or ""))
        if key is None:
            raise Refused(
                f"that is not the bucket {bucket.name} at {bucket.endpoint}; "
                "set the one to which the keys "
                "here belong (options.storage, QRMI_IBM_QS_S3_BUCKET)"
            )
        reply = await self._objects.get(key, max_bytes=MOST_BYTES)
        if reply.status == 404:
            return None
        expect_object(reply)
        return reply


def where(place: Mapping[str, Any]) -> str:
    """Say where an object lies, by what a job's record tells of it; no signature is told."""
    if url := place.get("presigned_url"):
        return said(str(url).partition("?")[0], 1_000)
    told = [word(place.get(key)) for key in ("bucket_crn", "object_name")]
    return " ".join(filter(None, told)) or "a place that its record does not tell"


def _circuits(reply: Reply) -> tuple[str, ...]:
    """Return the programs of a job's input as text."""
    pubs = record(reply.json()).get("pubs")
    if not isinstance(pubs, list):
        return (fit(redact(reply.content.decode("utf-8", "replace"))),)
    return tuple(_program(pub, f"program {at} of {len(pubs)}") for at, pub in enumerate(pubs, 1))


def _program(pub: Any, which: str) -> str:
    parts: Sequence[Any] = pub if isinstance(pub, list) and pub else [pub]
    text = parts[0] if isinstance(parts[0], str) else json.dumps(parts[0], ensure_ascii=False)
    bound = f", with {json.dumps(parts[1])}" if len(parts) > 1 and parts[1] is not None else ""
    shots = f", {said(parts[2])} shots" if len(parts) > 2 and parts[2] is not None else ""
    return f"// {which}{shots}{bound}\n{fit(redact(text)).rstrip()}\n"


def _results(reply: Reply) -> tuple[str, ...]:
    """Return the counts of each program; a document that holds none, as it is."""
    document = reply.json()
    try:
        rows = read_programs(document)
        return tuple(json.dumps(count_registers(row, "it").to_dict()) for row in rows)
    except Misspoke:  # of another program than the sampler, or with shots of another kind
        return (json.dumps(redacted(document), ensure_ascii=False),)


def _log(reply: Reply) -> tuple[str, ...]:
    return (fit(reply.kept.decode("utf-8", "replace")),)
