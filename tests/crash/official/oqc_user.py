"""A careful user of OQC's official client; see `users`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import users

os.environ.setdefault("OQC_SDK_MAX_TRANSPORT_RETRIES", "1")

import asyncio
from typing import Any

import httpx
from compiler_config.config import CompilerConfig, QuantumResultsFormat
from oqc_qcaas_sdk import OqcSdk

QPU = "qpu:uk:1:12345"


def user(place: Path) -> None:
    asyncio.run(work(place))


async def work(place: Path) -> None:
    """Submit and save, one by one; what was saved is loaded and only waited for."""
    config = CompilerConfig(
        repeats=users.SHOTS, results_format=QuantumResultsFormat().binary_count()
    )
    token = os.environ["OQC_AUTHENTICATION_TOKEN"]
    async with OqcSdk(
        url=os.environ["QBATCH_OQC_URL"], default_qpu_id=QPU, authentication_token=token
    ) as sdk:
        jobs = []
        for name in users.NAMES:
            saved = place / f"{name}.json"
            if saved.exists():
                job = sdk.load(saved)
            else:
                job = sdk.create_job(program=users.PROGRAM, config=config)
                job.tag = name
                await job.submit()
                job.raise_for_status()
                job.save(saved)
            jobs.append((name, job))
        for name, job in jobs:
            await job.wait(timeout_s=20)
            job.raise_for_status()
            (place / f"{name}.counts").write_text(json.dumps(job.result.data["c"]))


def watch(boundary: users.Boundary) -> None:
    """Call `boundary` four times in each exchange, as qbatch's own fuse is."""
    traced = ("http11.send_request_body.complete", "http11.receive_response_headers.complete")
    send = httpx.AsyncClient.send

    async def trace(event: str, info: Any) -> None:
        if event in traced:
            boundary()

    async def watched(self: Any, request: httpx.Request, **more: Any) -> httpx.Response:
        boundary()
        request.extensions = {**request.extensions, "trace": trace}
        response = await send(self, request, **more)
        await response.aread()
        boundary()
        return response

    httpx.AsyncClient.send = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    users.prove(user, watch, "oqc", {"method": "POST", "path": "*/tasks/submit"})
