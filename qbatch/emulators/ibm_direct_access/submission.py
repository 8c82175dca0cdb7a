"""The body of ``POST /v1/jobs``: a closed schema, every mistake named in one answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from qbatch.emulators.ibm_direct_access.access import Invalid, Problem, Rejected

MAX_BODY_BYTES = 2**20

PROGRAMS = ("sampler", "estimator")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
REGION_TYPES = ("regional", "cross-region", "single-site")

#: What a job may keep objects for.
PARTS = ("input", "results", "logs")

#: Other keys of a storage entry, meant for another kind of storage: key -> what its text must be.
COS_KEYS: Mapping[str, str] = {
    "bucket_crn": r".+",
    "object_name": r".+",
    "region": r"[a-zA-Z-]+",
    "region_type": "|".join(REGION_TYPES),
    "runtime_instance_crn": r".+",
}


@dataclass(frozen=True)
class Wanted:
    """A job as its client asks for it.

    Attributes:
        storage: As sent, to be shown again.
        urls: Part -> its presigned URL.
    """

    id: str
    backend: str
    program_id: str
    timeout_secs: int
    log_level: str
    storage: Mapping[str, Mapping[str, Any]]

    @property
    def urls(self) -> dict[str, str]:
        return {part: entry["presigned_url"] for part, entry in self.storage.items()}


async def read_wanted(request: Request, malformed: int) -> Wanted:
    """Read and check the body; one that breaks the schema is answered with `malformed`.

    Raises:
        Rejected: Too large, not JSON, or not of the schema.
    """
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise Rejected(413, "1337", f"the body has more than {MAX_BODY_BYTES} bytes")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(400, "1337", "the body is not JSON") from error
    problems = [
        Problem("1337", f"{where}: {text}" if where else text, (where or "body", "field"))
        for where, text in _mistakes(asked)
    ]
    if problems:
        raise Invalid(malformed, problems)
    return Wanted(
        asked["id"],
        asked["backend"],
        asked["program_id"],
        asked["timeout_secs"],
        asked.get("log_level", "warning"),
        asked["storage"],
    )


def _mistakes(asked: Any) -> Iterator[tuple[str, str]]:
    """Yield (field, what is wrong)."""
    if not isinstance(asked, dict):
        yield "", "the body is no object"
        return
    needed = ("id", "backend", "program_id", "timeout_secs", "storage")
    yield from _unknown("", asked, {*needed, "log_level"})
    yield from ((key, "is required") for key in needed if key not in asked)
    for key in ("id", "backend", "program_id"):
        if key in asked and not isinstance(asked[key], str):
            yield key, "must be a string"
    if isinstance(asked.get("id"), str) and not 1 <= len(asked["id"]) <= 256:
        yield "id", "must have 1 to 256 characters"
    if isinstance(asked.get("program_id"), str) and asked["program_id"] not in PROGRAMS:
        yield "program_id", f"must be one of {', '.join(PROGRAMS)}"
    timeout = asked.get("timeout_secs", 1)
    if isinstance(timeout, bool) or not isinstance(timeout, int) or timeout < 1:
        yield "timeout_secs", "must be a whole number, 1 or more"
    if asked.get("log_level", "warning") not in LOG_LEVELS:
        yield "log_level", f"must be one of {', '.join(LOG_LEVELS)}"
    if "storage" in asked:
        yield from _storage_mistakes(asked["storage"])


def _storage_mistakes(storage: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(storage, dict):
        yield "storage", "must be an object"
        return
    yield from _unknown("storage", storage, set(PARTS))
    for part in PARTS:
        if part in storage:
            yield from _entry_mistakes(f"storage.{part}", storage[part])


def _entry_mistakes(where: str, entry: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(entry, dict):
        yield where, "must be an object"
        return
    yield from _unknown(where, entry, {"type", "presigned_url", *COS_KEYS})
    if entry.get("type") != "s3_compatible":
        yield f"{where}.type", "must be s3_compatible"
    elif not isinstance(entry.get("presigned_url"), str) or not entry["presigned_url"]:
        yield f"{where}.presigned_url", "is required when type is s3_compatible"
    for key, pattern in COS_KEYS.items():
        if key in entry and not (
            isinstance(entry[key], str) and re.fullmatch(pattern, entry[key], re.DOTALL)
        ):
            yield f"{where}.{key}", "is not valid"


def _unknown(where: str, found: Mapping[str, Any], known: set[str]) -> Iterator[tuple[str, str]]:
    for key in sorted(set(found) - known):
        yield f"{where}.{key}" if where else key, "is not allowed"
