"""Scenarios of the official OQC client, run inside its own environment."""

from __future__ import annotations

import os

import fence

os.environ.setdefault("OQC_SDK_MAX_TRANSPORT_RETRIES", "1")

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from compiler_config.config import CompilerConfig, QuantumResultsFormat, Tket
from oqc_qcaas_sdk import CompositeJob, Job, OqcSdk
from oqc_qcaas_sdk.dataarray_utils import Endianness

URL = os.environ["QBATCH_OQC_URL"]
TOKEN = os.environ["OQC_AUTHENTICATION_TOKEN"]
SIMULATOR, TOSHIKO = "qpu:uk:2:d865b5a184", "qpu:jp:3:673b1ad43c"
HEAD = 'OPENQASM 2.0; include "qelib1.inc"; '
BELL = HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
ASYMMETRIC = (
    HEAD + "qreg q[3]; creg a[1]; creg b[2]; x q[0]; ry(1.0) q[2];"
    "measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];"
)


def connect(**more: Any) -> OqcSdk:
    more.setdefault("authentication_token", TOKEN)
    return OqcSdk(url=URL, default_qpu_id=SIMULATOR, **more)


def states(job: Any) -> list[str]:
    return [one.state.name for one in getattr(job, "jobs", [job])]


async def life() -> Any:
    """Two circuits in one composite: counts, arrays, patterns, snapshot."""
    async with connect() as sdk:
        assert sdk._client.is_client_initialized
        job = sdk.create_job(program=[ASYMMETRIC, BELL], fetch_diagnostics=True)
        outputs = await job.execute(timeout_s=60)
        job.save("batch.json")
        again = sdk.load("batch.json")
        again.save("again.json")
        with open("batch.json") as one, open("again.json") as two:  # noqa: PTH123
            same = one.read() == two.read()
        bell = outputs.all()[1]
        little = bell.to_counts_dataarray("c", Endianness.LITTLE)
        return {
            "asymmetric": outputs.all()[0].data,
            "bell": bell.data,
            "like": bell.to_counts_dataarray("c").values.tolist(),
            "little": [str(one) for one in little.coords["bitstring"].values],
            "metrics": bell.metrics,
            "timings": sorted(bell.timings),
            "tag": bell.metadata["tag"],
            "snapshot_is_stable": same,
            "loaded": repr(again),
        }


async def information() -> Any:
    async with connect() as sdk:
        window = await sdk.get_next_window(TOSHIKO)
        return {
            "qpus": [one["id"] for one in await sdk.list_qpus()],
            "features": await sdk.get_features(TOSHIKO),
            "calibration": (await sdk.get_calibration(TOSHIKO, "2026-01-02"))["date"],
            "status": await sdk.get_system_status(TOSHIKO),
            "statuses": len(await sdk.get_system_status()),
            "window": window.isoformat() if window else None,
            "no_window": await sdk.get_next_window(SIMULATOR),
        }


async def configured() -> Any:
    """A compiler configuration as the official library writes it."""
    config = CompilerConfig(
        repeats=321, results_format=QuantumResultsFormat().binary_count(), optimizations=Tket()
    )
    async with connect() as sdk:
        (output,) = (await sdk.create_job(program=BELL, config=config).execute()).all()
        return output.data


async def login() -> Any:
    """Which credentials open the service."""
    wrong = {"authentication_token": None, "email": os.environ["OQC_EMAIL"], "password": "guess"}
    good = wrong | {"password": os.environ["OQC_PASSWORD"]}
    found = {}
    ways = {"wrong token": {"authentication_token": "no"}, "wrong password": wrong, "good": good}
    for name, credentials in ways.items():
        async with connect(**credentials) as sdk:
            found[name] = sdk._client.is_client_initialized
            if found[name]:
                outputs = await sdk.create_job(program=BELL).execute()
                found["counts"] = sum(outputs.one.data["c"].values())
    return found


async def many() -> Any:
    """Two hundred and fifty jobs: several chunks of ids and submissions."""
    async with connect() as sdk:
        jobs = [
            Job(program=BELL, qpu_id=SIMULATOR, tag=f"point-{at}", _client=sdk) for at in range(250)
        ]
        outputs = await CompositeJob(jobs).execute(timeout_s=100)
        return [sum(one.data["c"].values()) for one in outputs.all()]


async def cancelling() -> Any:
    async with connect() as sdk:
        job = sdk.create_job(program=[BELL, BELL])
        for one in job.jobs:
            await one.submit()
        await job.cancel()
        await asyncio.gather(*[one.refresh() for one in job.jobs])
        return states(job)


async def failing() -> Any:
    """What cannot run, and what cannot be sent."""
    greedy = CompilerConfig(repeats=100_001, results_format=QuantumResultsFormat().binary_count())
    async with connect() as sdk:
        broken = (await sdk.create_job(program=HEAD + "boo q;").execute()).one
        shots = (await sdk.create_job(program=BELL, config=greedy).execute()).one
        try:
            await sdk.create_job(program=BELL + " " * 131_072).execute()
            oversize = "sent"
        except ValueError:
            oversize = "refused"
        return {
            "broken": [broken.error_code, broken.error_message],
            "shots": shots.error_message,
            "oversize": oversize,
        }


async def weather() -> Any:
    """Run one job under whatever faults are in force; say how the client saw it end."""
    async with connect() as sdk:
        job = sdk.create_job(program=[BELL, BELL])
        try:
            outputs = await job.execute(timeout_s=2)
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            return {"raised": type(error).__name__, "states": states(job)}
        codes = [getattr(one, "error_code", 0) for one in outputs.all()]
        return {"codes": codes, "states": states(job), "blocked": sorted(set(fence.BLOCKED))}


SCENARIOS: dict[str, Callable[[], Awaitable[Any]]] = {
    "life": life,
    "information": information,
    "configured": configured,
    "login": login,
    "many": many,
    "cancelling": cancelling,
    "failing": failing,
    "weather": weather,
}

if __name__ == "__main__":
    fence.main({name: lambda one=one: asyncio.run(one()) for name, one in SCENARIOS.items()})
