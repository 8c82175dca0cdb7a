"""Scenarios of the official OQC client around its snapshot files, in its own environment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import fence
from compiler_config.config import CompilerConfig, QuantumResultsFormat, Tket
from oqc_qcaas_sdk import CompositeJob, Job, OqcSdk
from oqc_qcaas_sdk.dataarray_utils import Endianness, results_to_counts_dataarray

FILE = Path(os.environ["SNAPSHOT_FILE"])
SIMULATOR = "qpu:uk:2:d865b5a184"
HEAD = 'OPENQASM 2.0; include "qelib1.inc"; '
BELL = HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
ASYMMETRIC = (
    HEAD + "qreg q[3]; creg a[1]; creg b[2]; x q[0]; ry(1.0) q[2];"
    "measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];"
)


def connect() -> OqcSdk:
    return OqcSdk(
        url=os.environ["QBATCH_OQC_URL"],
        authentication_token=os.environ["OQC_AUTHENTICATION_TOKEN"],
        default_qpu_id=SIMULATOR,
    )


def table(results: list[Any], endianness: Endianness) -> dict[str, list[int]]:
    array = results_to_counts_dataarray(results, "c", endianness)
    labels = [str(one) for one in array.coords["bitstring"].values]
    return dict(zip(labels, array.values.T.tolist(), strict=True))


async def load() -> Any:
    """Load a file, look at all of it, save it again."""
    async with connect() as sdk:
        job = sdk.load(FILE)
        job.save("again.json")
        results = [one.result for one in job.jobs if one.result is not None]
        return {
            "states": [one.state.name for one in job.jobs],
            "tags": [one.tag for one in job.jobs],
            "ids": [str(one.task_id) for one in job.jobs],
            "errors": [one.error.error_code for one in job.jobs if one.error is not None],
            "shots": [one.config.repeats for one in job.jobs if one.config is not None],
            "history": [len(one.history) for one in job.jobs],
            "big": table(results, Endianness.BIG) if results else {},
            "little": table(results, Endianness.LITTLE) if results else {},
            "same": Path("again.json").read_bytes() == FILE.read_bytes(),
        }


async def save() -> Any:
    """Finished, failed, in flight and fresh jobs in one file."""
    config = CompilerConfig(
        repeats=300, results_format=QuantumResultsFormat().binary_count(), optimizations=Tket()
    )
    async with connect() as sdk:
        done = sdk.create_job(
            program=[BELL, BELL, ASYMMETRIC, HEAD + "boo q;"], config=config, fetch_diagnostics=True
        )
        await done.execute(timeout_s=60)
        flying = Job(program=BELL, qpu_id=SIMULATOR, tag="flying", _client=sdk)
        await flying.submit()
        fresh = Job(program=BELL, qpu_id=SIMULATOR, tag="fresh", _client=sdk)
        CompositeJob([*done.jobs, flying, fresh]).save(FILE)
        done.jobs[0].save(FILE.with_name("one.json"))
        return {
            "data": [one.result.data for one in done.jobs if one.result is not None],
            "flying": str(flying.task_id),
        }


async def settle() -> Any:
    """Load a file and execute only what is in flight; nothing may be bought."""
    async with connect() as sdk:
        jobs = [one for one in sdk.load(FILE).jobs if one.state.name in ("SUBMITTED", "RUNNING")]
        outputs = await CompositeJob(jobs).execute(timeout_s=60)
        return [one.data for one in outputs.all()]


SCENARIOS: dict[str, Callable[[], Awaitable[Any]]] = {"load": load, "save": save, "settle": settle}

if __name__ == "__main__":
    fence.main({name: lambda one=one: asyncio.run(one()) for name, one in SCENARIOS.items()})
