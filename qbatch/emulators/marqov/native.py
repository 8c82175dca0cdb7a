"""Native submissions (``marqov.public-submission/v1``) of the emulated Marqov: the closed body.

Only Python comes this way, and the emulator executes none. By our own convention ``kwargs`` of an
input that hold ``program``, an OpenQASM text, and ``shots`` say what the source is to do: sample it
and return ``{"counts": …}``. Whatever else is admitted ends as ``failed``. A job is charged 0.11
USD, which is our choice too; funding must cover its cap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from qbatch.emulators.marqov.access import Caller, Rejected, invalid, is_uuid, text_of, whole_of
from qbatch.emulators.marqov.scripts import MOST_SHOTS, Scripts, is_openqasm

SUBMISSION = "marqov.public-submission/v1"
RECEIPT = "marqov.funded-admission-receipt/v1"
RESULT = "marqov.managed-result/v1"
DISPLAY = "marqov.task-display/v1"

#: What a job is charged, USD.
PRICE = 0.11
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


@dataclass(frozen=True)
class Submission:
    """A native body that was found good.

    Attributes:
        name: A saved script's, or what the first line of an inline source says as a comment.
        program: OpenQASM to sample; "": the emulator does not run it.
    """

    name: str
    source_sha256: str
    input_sha256: str
    cap_cents: int
    program: str
    shots: int


def read(asked: Mapping[str, Any], key: str, caller: Caller, scripts: Scripts) -> Submission:
    """Check a native body whole, and its key.

    Raises:
        Rejected: Anything is missing, unknown, or out of range.
    """
    unknown = sorted(set(asked) - _KEYS - {"source_sha256"})
    missing = sorted(_KEYS - set(asked))
    if unknown or missing:
        raise invalid(f"unknown keys: {unknown}; missing keys: {missing}")
    if not is_uuid(key):
        raise invalid("Idempotency-Key must be a UUID")
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
    text = _input(asked)
    program, shots = _to_sample(json.loads(text)["kwargs"])
    input_digest = sha256(text.encode()).hexdigest()
    return Submission(name, digest, input_digest, asked["cap_cents"], program, shots)


def _to_sample(kwargs: Mapping[str, Any]) -> tuple[str, int]:
    """Return the program and the shots that an input names, or "" and 0; see the module's head."""
    program, shots = kwargs.get("program"), kwargs.get("shots")
    if not isinstance(program, str) or not is_openqasm(program):
        return "", 0
    if isinstance(shots, bool) or not isinstance(shots, int) or not 1 <= shots <= MOST_SHOTS:
        return "", 0
    return program, shots


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
        first = content.partition("\n")[0]
        return first.removeprefix("#").strip() if first.startswith("#") else "native", content
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


def receipt(job_id: str, submission_id: str, submission: Submission) -> dict[str, Any]:
    """Return the receipt: exactly these keys."""
    return {
        "protocol_version": RECEIPT,
        "job_id": job_id,
        "submission_id": submission_id,
        "source_sha256": submission.source_sha256,
        "input_sha256": submission.input_sha256,
    }


def result(value: Mapping[str, Any], artifact_id: str, team: str) -> dict[str, Any]:
    """Return the managed result of a workflow with one output."""
    data = json.dumps(value).encode()
    digest = sha256(data).hexdigest()
    artifact = {
        "artifact_id": artifact_id,
        "team_id": team,
        "schema": "python-value/v1",
        "sha256": digest,
        "size_bytes": len(data),
    }
    display = {
        "protocol_version": DISPLAY,
        "result_sha256": digest,
        "state": "available",
        "value": value,
    }
    output = {"task_key": "task_0001", "port": "result", "artifact": artifact, "display": display}
    return {"protocol_version": RESULT, "outputs": [output]}
