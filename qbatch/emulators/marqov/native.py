"""Native submissions (``marqov.public-submission/v1``) of the emulated Marqov: the closed body.

Only Python comes this way, and the emulator executes none: what is admitted ends as ``failed``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from qbatch.emulators.marqov.access import Caller, Rejected, invalid, is_uuid, text_of, whole_of
from qbatch.emulators.marqov.scripts import Scripts

SUBMISSION = "marqov.public-submission/v1"
RECEIPT = "marqov.funded-admission-receipt/v1"
MODELS = ("native_workflow", "single_task")
MOST_BYTES = 2**20
MOST_NESTING = 32

RUNTIMES: list[dict[str, Any]] = [
    {
        "backend": "marqov-sim",
        "programming_model": "native_workflow",
        "min_cap_cents": 11,
        "max_cap_cents": 10_000,
    }
]

_KEYS = {
    "protocol_version",
    "team_id",
    "backend",
    "programming_model",
    "cap_cents",
    "analysis_id",
    "source",
    "input",
}


def read(asked: Mapping[str, Any], caller: Caller, scripts: Scripts) -> Mapping[str, Any]:
    """Check a native body whole; return both digests and a name.

    Raises:
        Rejected: Anything is missing, unknown, or out of range.
    """
    unknown = sorted(set(asked) - _KEYS - {"source_sha256"})
    missing = sorted(_KEYS - set(asked))
    if unknown or missing:
        raise invalid(f"unknown keys: {unknown}; missing keys: {missing}")
    if not is_uuid(asked["team_id"]):
        raise invalid("team_id must be a UUID")
    if asked["team_id"] != caller.team:
        raise Rejected(404, "not_found", "no such team")
    if asked["programming_model"] not in MODELS or asked["analysis_id"] is not None:
        raise invalid(f"programming_model is one of {', '.join(MODELS)}; analysis_id is null")
    _check_runtime(asked)
    name, content = _source(asked["source"], caller, scripts)
    digest = sha256(content.encode()).hexdigest()
    if asked.get("source_sha256") not in (None, digest):
        raise Rejected(409, "analysis_mismatch", "the source is not the one that was meant")
    return {
        "name": name,
        "source_sha256": digest,
        "input_sha256": sha256(_input(asked).encode()).hexdigest(),
    }


def _check_runtime(asked: Mapping[str, Any]) -> None:
    cap = whole_of(asked["cap_cents"], "cap_cents", 1, 10_000)
    for runtime in RUNTIMES:
        wanted = (asked["backend"], asked["programming_model"])
        if wanted == (runtime["backend"], runtime["programming_model"]):
            if cap < runtime["min_cap_cents"]:
                raise invalid(f"cap_cents must be {runtime['min_cap_cents']} or more")
            return
    raise Rejected(422, "backend_unknown", f"{asked['backend']} is no enabled runtime")


def _source(source: Any, caller: Caller, scripts: Scripts) -> tuple[str, str]:
    kind = source.get("kind") if isinstance(source, dict) else None
    if kind == "inline" and set(source) == {"kind", "content"}:
        content = text_of(source, "content", MOST_BYTES)
        if "\0" in content or len(content.encode()) > MOST_BYTES:
            raise invalid("source.content is over 1 MiB or holds NUL")
        return "native", content
    if kind == "script" and set(source) == {"kind", "script_id"}:
        script = scripts.known(source["script_id"], caller)
        return script.name, script.content
    raise invalid("source is {kind: inline, content} or {kind: script, script_id}")


def _input(asked: Mapping[str, Any]) -> str:
    text = text_of(asked, "input", MOST_BYTES)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"input is no JSON text: {error}") from error
    if not isinstance(value, dict) or set(value) != {"entrypoint", "args", "kwargs"}:
        raise invalid("input holds entrypoint, args and kwargs")
    entrypoint = value["entrypoint"]
    if not isinstance(entrypoint, str) or not entrypoint.isidentifier() or len(entrypoint) > 128:
        raise invalid("entrypoint must be an identifier")
    if not isinstance(value["args"], list) or not isinstance(value["kwargs"], dict):
        raise invalid("args must be a list, kwargs an object")
    if _depth(value) > MOST_NESTING:
        raise invalid(f"input is nested deeper than {MOST_NESTING}")
    return text


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def receipt(job_id: str, submission_id: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the receipt: exactly these keys."""
    return {
        "protocol_version": RECEIPT,
        "job_id": job_id,
        "submission_id": submission_id,
        "source_sha256": facts["source_sha256"],
        "input_sha256": facts["input_sha256"],
    }
