"""A job's run: input document in, results document out. Pure; made for the worker process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from qbatch.emulators.clock import iso
from qbatch.emulators.ibm_direct_access import estimation, sampling, typed
from qbatch.emulators.ibm_direct_access.circuits import Machine, Ready, prepare
from qbatch.emulators.ibm_direct_access.options import option
from qbatch.emulators.ibm_direct_access.payload import Job, read_job
from qbatch.emulators.ibm_direct_access.typed import EXECUTION_ERROR, InputError


@dataclass(frozen=True)
class Task:
    """All a run depends on.

    Attributes:
        timeout_s: Of the machine's time.
        any_options: Unknown options are let through.
        service_form: Results as the service writes them; False: as a local simulator does, without
            time windows and as general pub results.
    """

    program: str
    content: bytes
    machine: Machine
    seed: int
    started_at: datetime
    timeout_s: float
    any_options: bool = False
    service_form: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        document: The results, or empty.
        usage_s: Time of the machine.
        error: Why it failed, or "".
        code: The system's number for that.
        timed_out: It needed more than `Task.timeout_s`.
        notes: (level, text) for the log.
    """

    document: bytes = b""
    usage_s: float = 0.0
    error: str = ""
    code: int = 0
    timed_out: bool = False
    notes: tuple[tuple[str, str], ...] = ()


def execute(task: Task) -> Outcome:
    """Run a job. A wrong input is an outcome, too."""
    from qiskit.exceptions import QiskitError

    try:
        job = read_job(task.program, task.content, any_options=task.any_options)
        pubs = [prepare(f"pubs[{at}]", pub, task.machine) for at, pub in enumerate(job.pubs)]
        notes = tuple(("info", f"{one.where}: shape {one.shape}") for one in pubs)
        if job.usage_s > task.timeout_s:
            return Outcome(usage_s=task.timeout_s, timed_out=True, notes=notes)
        document = _document(task, job, pubs)
    except InputError as error:
        return Outcome(error=str(error), code=error.code)
    except QiskitError as error:
        return Outcome(error=f"cannot execute: {error.message}", code=EXECUTION_ERROR)
    return Outcome(json.dumps(document).encode(), job.usage_s, notes=notes)


def _document(task: Task, job: Job, pubs: Sequence[Ready]) -> dict[str, Any]:
    if task.program == "sampler":
        return _sampler_document(task, job, pubs)
    rng = _generator(task, job, "seed_estimator")
    found = [estimation.estimate(one, task.machine, rng) for one in pubs]
    write = estimation.typed_data if job.support_qiskit else estimation.plain_data
    answers = [(write(one), one.metadata) for one in found]
    return _whole(job, "PubResult", answers, {"version": 2})


def _sampler_document(task: Task, job: Job, pubs: Sequence[Ready]) -> dict[str, Any]:
    rng = _generator(task, job, "simulator.seed_simulator")
    sampling.check_size(pubs)
    found = [sampling.sample(one, task.machine, rng) for one in pubs]
    kind = sampling.measurement_type(job.options)
    write = sampling.typed_data if job.support_qiskit else sampling.plain_data
    answers = [(write(one, kind, rng), {"circuit_metadata": one.metadata}) for one in found]
    metadata: dict[str, Any] = {"version": 2}
    if not task.service_form:
        return _whole(job, "PubResult", answers, metadata)
    if job.support_qiskit:
        stopped_at = task.started_at + timedelta(seconds=job.usage_s)
        shapes, shots = [one.shape for one in found], [one.shots for one in found]
        spans = typed.span(iso(task.started_at), iso(stopped_at), shapes, shots)
        metadata["execution"] = {"execution_spans": spans}
    return _whole(job, "SamplerPubResult", answers, metadata)


def _whole(
    job: Job,
    kind: str,
    answers: Sequence[tuple[dict[str, Any], Mapping[str, Any]]],
    metadata: Mapping[str, Any],
) -> dict[str, Any]:
    """Put pubs together, typed for Qiskit or plain."""
    results = [{"data": data, "metadata": dict(more)} for data, more in answers]
    if not job.support_qiskit:
        return {"results": results, "metadata": dict(metadata)}
    pub_results = [typed.wrapped(kind, one) for one in results]
    value = {"pub_results": pub_results, "metadata": dict(metadata)}
    return typed.wrapped("PrimitiveResult", value)


def _generator(task: Task, job: Job, seed_option: str) -> np.random.Generator:
    seed = option(job.options, seed_option)
    return np.random.default_rng(task.seed if seed is None else seed)
