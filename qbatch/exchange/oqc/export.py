"""A run as the JSON file that OQC's own client loads: a composite of its points on OQC.

Rules: a program, its configuration and its task id stand as they were sent; counts are in OQC's
order, leftmost character bit 0, in the one register ``c`` that programs are sent with. What the
client saved and `qbatch import` took over is written as it was, but for what has changed since.
A task whose outcome is not known is SUBMITTED: the client then asks for it and buys nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from qbatch.circuit import Circuit, open_circuit, program_text
from qbatch.errors import SelectionError
from qbatch.exchange.oqc.format import (
    SavedError,
    SavedJob,
    SavedResult,
    SavedState,
    write_config,
    write_jobs,
)
from qbatch.job import JobError, JobState
from qbatch.manifest.models import Circuit as CircuitSpec
from qbatch.manifest.paths import settings_of
from qbatch.providers.kit.memo import read_memo
from qbatch.providers.oqc.memo import OqcMemo
from qbatch.providers.oqc.options import Options
from qbatch.snapshot import jobs_of
from qbatch.snapshot.reused import IMPORTED

if TYPE_CHECKING:
    from qbatch.result import Counts
    from qbatch.snapshot import Attempt, PointResult, Run

STATES: Mapping[JobState, SavedState] = {
    JobState.CREATED: "CREATED",
    JobState.SUBMITTING: "SUBMITTED",
    JobState.SUBMITTED: "SUBMITTED",
    JobState.HELD: "SUBMITTED",
    JobState.RUNNING: "RUNNING",
    JobState.COMPLETED: "COMPLETED",
    JobState.FAILED: "FAILED",
    JobState.CANCELLED: "CANCELLED",
}


def oqc_snapshot(run: Run) -> tuple[str, int]:
    """Write the points of `run` that are for OQC.

    Returns:
        The file's content, and how many points of other providers were left out.

    Raises:
        SelectionError: No point is for OQC.
    """
    writer = _Writer(run)
    jobs = [(writer.number_of(point), writer.job(point)) for point in writer.points()]
    if not jobs:
        raise SelectionError(
            f"{run.name}: no point of this run is for OQC, so there is no such file; "
            "choose another format"
        )
    jobs.sort(key=lambda pair: pair[0])  # stable: new points come after those that were imported
    return write_jobs([job for _, job in jobs]), writer.left_out


def other_backends(run: Run) -> frozenset[str]:
    """Return the backends whose points no file of OQC's can hold."""
    backends = run.manifest.backends.items()
    return frozenset(name for name, backend in backends if backend.provider != "oqc")


class _Writer:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._circuits: dict[str, Circuit] = {}
        self.left_out = 0

    def points(self) -> Iterator[PointResult]:
        """Yield what tasks are of: points, or where several jobs buy one, each part alone."""
        yield from jobs_of(self._planned())
        # What cannot be said in a manifest leaves the plan with the first run of an imported one.
        removed = jobs_of(self._run.removed())
        yield from (part for part in removed if self._kept(part) is not None)

    def _planned(self) -> Iterator[PointResult]:
        others = other_backends(self._run)
        for point in self._run:
            if point.backend not in others:
                yield point
            elif not point.same_as:
                self.left_out += 1

    def number_of(self, point: PointResult) -> float:
        kept = self._kept(point)
        return float("inf") if kept is None else float(kept["number"])

    def _kept(self, point: PointResult) -> dict[str, Any] | None:
        for kind, body in self._run.raw_of(point):
            if kind == IMPORTED:
                found: dict[str, Any] = json.loads(body)
                return found
        return None

    def job(self, point: PointResult) -> SavedJob:
        """One point as the client would have saved it."""
        kept = self._kept(point)
        if kept is not None:
            return self._brought_up_to_date(SavedJob.model_validate(kept["job"]), kept, point)
        return self._with_outputs(self._plain(point), point, self._run.attempts_of(point), "c")

    def _brought_up_to_date(
        self, job: SavedJob, kept: Mapping[str, Any], point: PointResult
    ) -> SavedJob:
        """What was imported, with all that has happened since."""
        if [point.job.generation, point.state.value] == kept["as"]:
            return job
        since = [a for a in self._run.attempts_of(point) if a.generation >= kept["as"][0]]
        registers = point.counts.registers if point.counts is not None else ()
        register = registers[0][0] if len(registers) == 1 else "c"
        return self._with_outputs(job, point, since, register)

    def _plain(self, point: PointResult) -> SavedJob:
        settings = settings_of(point.parameters.items())
        backend = self._run.manifest.backends[point.backend].with_settings(settings)
        config, kind = write_config(
            point.bought or point.shots, Options.model_validate(dict(backend.options))
        )
        target = self._run.targets.get(point.backend, {}).get("name") or backend.target or ""
        return SavedJob(
            program=self._program(point),
            qpu_id=target,
            config_json=config,
            config_type=kind,
            tag=point.name,
        )

    def _program(self, point: PointResult) -> str:
        text = self._run.circuit_of(point) or ""
        if text not in self._circuits:
            spec = CircuitSpec(qasm=text)
            source = open_circuit(point.circuit, spec, folder=self._run.folder)
            self._circuits[text] = source.circuit({})
        values = {
            name: float(value)
            for name, value in point.parameters.items()
            if isinstance(value, int | float)
        }
        return program_text(self._circuits[text], values, "2.0", register="c")

    def _with_outputs(
        self, job: SavedJob, point: PointResult, attempts: list[Attempt], register: str
    ) -> SavedJob:
        """`job` with its state, its latest output and those before it."""
        history = list(job.history)
        error: SavedError | None = None
        result: SavedResult | None = None
        for attempt in attempts:
            error = _error(job, attempt) if attempt.state is JobState.FAILED else None
            if error is not None:
                history.append(error)
        diagnostics = _diagnostics(point.facts)
        if point.counts is not None:
            head = _head(job, attempts[-1])
            result = SavedResult(**head, **diagnostics, data=_data(point.counts, register))
            history.append(result)
        return job.model_copy(
            update={
                "state": STATES[point.state],
                "task_id": _uuid(self._task_id(point)),
                "fetch_diagnostics": job.fetch_diagnostics or any(diagnostics.values()),
                "result": result,
                "error": error,
                "history": history,
                **diagnostics,
            }
        )

    def _task_id(self, point: PointResult) -> str | None:
        """Its id; where the answer to its submission was lost, the id that was to be used."""
        if point.job.provider_job_id is not None or point.state is JobState.CREATED:
            return point.job.provider_job_id
        memo, at = self._run.memo_of(point)
        whose = f"composite job of {point.name} at backend {point.backend!r}"
        ids = read_memo(memo, OqcMemo, whose).get("task_ids", [])
        return ids[at] if at < len(ids) else None


def _head(job: SavedJob, attempt: Attempt) -> dict[str, Any]:
    return {
        "qpu_id": job.qpu_id,
        "task_id": _uuid(attempt.provider_job_id),
        "program": job.program,
        "received": _local(attempt.ended_at),
        "config_json": job.config_json,
        "config_type": job.config_type,
    }


def _error(job: SavedJob, attempt: Attempt) -> SavedError:
    error = JobError.of(attempt.error)
    code = error.code if isinstance(error.code, int) else -1
    return SavedError(**_head(job, attempt), error_code=code, error_message=error.message)


def _diagnostics(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Timings, metrics, metadata: ours have the names that the service's reply has."""
    names = {"timings": "timings", "metrics": "execution_metadata", "metadata": "metadata"}
    found = {ours: facts.get(theirs) for ours, theirs in names.items()}
    return {name: value if isinstance(value, dict) else None for name, value in found.items()}


def _data(counts: Counts, register: str) -> dict[str, dict[str, int]]:
    ordered = (bits.replace(" ", "")[::-1] for bits in counts.bitstrings())
    return {register: dict(zip(ordered, counts.counts.tolist(), strict=True))}


def _local(at: datetime | None) -> datetime | None:
    """An instant as the client notes it: local time without an offset."""
    return None if at is None else at.astimezone().replace(tzinfo=None)


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
