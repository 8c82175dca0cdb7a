"""The JSON files in which OQC's own client saves jobs, schema version 1: read and written.

* UTF-8, indented by two, keys in the order of the models here, no line feed at the end: a file
  that the client saved is written again byte for byte.
* A file is one job or a composite of jobs. ``history`` holds every output, oldest first; the
  latest stands once more as ``result`` or ``error``.
* ``config_json`` is text in OQC's tagged JSON (`qbatch.providers.oqc.config.encode_config`). Three
  prefixes of its type names mean the same; a flag stands as a number.
* ``received`` without an offset is local time.
* The client knows no EXPIRED and no UNKNOWN in a file, and refuses task ids that are no UUIDs.

Rule: text to values and back, nothing of runs or snapshots.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError

from qbatch.errors import Place, SourceError
from qbatch.frozen import dataclass
from qbatch.job import JobError
from qbatch.providers.oqc.config import MITIGATION, TKET, encode_config
from qbatch.providers.oqc.options import Options, asks_for_counts

#: What the service runs when a configuration names no number of shots, or there is none.
DEFAULT_SHOTS = 1000

#: Prefixes of ``compiler_config.config``'s type names in old files.
_ALIASES = ("scc.compiler.config.", "qat.purr.compiler.config.")


class _Output(BaseModel):
    qpu_id: str | None = None
    task_id: UUID | None = None
    program: str | None = None
    received: datetime | None = None
    config_json: str | None = None
    config_type: str | None = None
    timings: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class SavedResult(_Output):
    """What a task gave: register -> {bitstring, leftmost character bit 0 -> count}."""

    kind: Literal["result"] = "result"
    data: dict[str, Any] = Field(default_factory=dict)


class SavedError(_Output):
    """Why there is none; the code is the service's, an HTTP status, or -1."""

    kind: Literal["error"] = "error"
    error_code: int | None = None
    error_message: str | None = None

    @property
    def told(self) -> JobError:
        """In our words."""
        return JobError(self.error_message or "no reason given", self.error_code)


SavedState = Literal["CREATED", "SUBMITTED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]


class SavedJob(BaseModel):
    """One job as the client saves it."""

    schema_version: str = "1"
    snapshot_kind: Literal["job"] = "job"
    program: str
    qpu_id: str
    config_json: str | None = None
    config_type: str | None = None
    tag: str | None = None
    hybrid_marker: str | None = None
    timings: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    task_id: UUID | None = None
    state: SavedState = "CREATED"
    raise_on_error: bool = False
    fetch_diagnostics: bool = False
    result: SavedResult | None = None
    error: SavedError | None = None
    history: list[Annotated[SavedResult | SavedError, Field(discriminator="kind")]] = Field(
        default_factory=list
    )


class _Composite(BaseModel):
    schema_version: str = "1"
    snapshot_kind: Literal["composite"] = "composite"
    jobs: list[SavedJob] = Field(default_factory=list)


def read_jobs(text: str, file: str) -> list[SavedJob]:
    """Read the jobs of a saved file, one or a composite.

    Args:
        text: Its content.
        file: Its name, for errors.

    Raises:
        SourceError: It is no such file; the text says where it departs.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(Place(file), f"is no JSON: {error}") from error
    kind = data.get("snapshot_kind") if isinstance(data, dict) else None
    if kind not in ("job", "composite"):
        raise SourceError(
            Place(file),
            "is no file of OQC's client: it has no snapshot_kind 'job' or 'composite'; "
            "save one with job.save(FILE)",
        )
    if (version := data.get("schema_version")) != "1":
        raise SourceError(Place(file), f"schema_version: {version!r} is not read; '1' is")
    try:
        if kind == "job":
            return [SavedJob.model_validate(data)]
        return _Composite.model_validate(data).jobs
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SourceError(Place(file), f"{where}: {first['msg']}") from error


def write_jobs(jobs: Sequence[SavedJob]) -> str:
    """Write a composite of `jobs`."""
    return _Composite(jobs=list(jobs)).model_dump_json(indent=2)


# -- compiler configurations ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Config:
    """What a saved configuration asks for, in the words of a manifest.

    Attributes:
        shots: 1 or more.
        options: ``options`` of a backend that asks for the same.
        problem: Why no options can; "" when these do.
    """

    shots: int = DEFAULT_SHOTS
    options: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_config(text: str | None) -> Config:
    """Read a compiler configuration.

    Raises:
        ValueError: It is none.
    """
    if text is None:
        return Config()
    tree = json.loads(text)
    if not isinstance(tree, dict) or "$type" not in tree:
        raise ValueError("a configuration without $type; have its client write it again")
    kind, data = _name(tree), tree.get("$data") or {}
    shots = data.get("repeats") or DEFAULT_SHOTS
    if not isinstance(shots, int) or shots < 1:
        raise ValueError(f"repeats: {shots!r} is no number of shots; write 1 or more")
    if kind not in ("CompilerConfig", "ExperimentalConfig"):
        return Config(shots, problem=f"its {kind} cannot be said in a manifest")
    options = _options(data)
    if rest := _rest(shots, options, data):
        options["config"] = rest
    external = tree.get("$external") or {}
    said = {"noise" if key == "noise_enabled" else key: external[key] for key in external}
    return Config(shots, {**options, **said})


def write_config(shots: int, options: Options) -> tuple[str, str]:
    """Return ``config_json`` and ``config_type`` as the client saves them."""
    text = encode_config(shots, options)
    if not options.external:
        return text, "CompilerConfig"
    tree = json.loads(text)
    for key in ("noise", "bond_dimension", "noise_model"):
        del tree["$data"][key]
    kind = "<class 'oqc_qcaas_sdk.experimental_config.ExperimentalConfig'>"
    saved = {"$type": kind, "$data": tree["$data"], "$external": options.external}
    return json.dumps(saved), "ExperimentalConfig"


def _options(data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that have names of their own, where they are not the default."""
    names = ("passive_reset_time", "repetition_period")
    switches = ("pre_selection", "post_selection", "driven_reset")
    found: dict[str, Any] = {name: data[name] for name in names if data.get(name)}
    found |= {name: True for name in switches if data.get(name)}
    optimizations = data.get("optimizations")
    if isinstance(optimizations, dict) and _name(optimizations) == "Tket":
        level = _value((optimizations.get("$data") or {}).get("tket_optimizations"))
        found |= _named("tket", TKET, level)
    found |= _named("error_mitigation", MITIGATION, _value(data.get("error_mitigation")))
    if _value(data.get("metrics")) == 1:
        found["metrics"] = False
    return found


def _named(option: str, values: Mapping[str, int], value: int | None) -> dict[str, Any]:
    return next(({option: name} for name, known in values.items() if known == value), {})


def _rest(shots: int, options: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `data` that the named options do not make.

    A request for something else than counts is left out: what is bought from here asks for them.
    """
    made = json.loads(encode_config(shots, Options.model_validate(options)))["$data"]
    return {
        key: _renamed(value)
        for key, value in data.items()
        if key != "repeats"
        and (key != "results_format" or asks_for_counts(value))
        and _meaning(json.dumps(value)) != _meaning(json.dumps(made.get(key)))
    }


def _name(tree: Mapping[str, Any]) -> str:
    return str(tree.get("$type", "")).rstrip("'>").rpartition(".")[2]


def _value(tree: Any) -> int | None:
    value = tree.get("$value") if isinstance(tree, dict) else None
    return value if isinstance(value, int) else None


def _meaning(text: str) -> Any:
    """A configuration without what makes no difference: prefixes, defaults left out."""
    return _without_defaults(_renamed(json.loads(text)))


def _renamed(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _renamed(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_renamed(value) for value in tree]
    if isinstance(tree, str):
        for alias in _ALIASES:
            tree = tree.replace(alias, "compiler_config.config.")
    return tree


def _without_defaults(tree: Any) -> Any:
    if isinstance(tree, dict):
        kept = {key: _without_defaults(value) for key, value in tree.items()}
        return {key: value for key, value in kept.items() if value not in (None, False, [])}
    return tree
