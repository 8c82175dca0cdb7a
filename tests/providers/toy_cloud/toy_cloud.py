"""Toy Cloud: ``POST /jobs`` takes a program under a name of ours, ``GET /jobs`` lists all of them.

Its list is complete at once, so a job that is not in it was never taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qbatch.circuit import program_text
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Batch,
    Fetched,
    Intent,
    Order,
    Prepared,
    Price,
    Surroundings,
    Target,
    answers,
)
from qbatch.providers.kit.accounts import named, owner
from qbatch.providers.kit.credentials import address, read_environment
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.tally import read_tally
from qbatch.providers.kit.wire import Reply, open_wire

VENDOR = Vendor(("toy.example",), ("QBATCH_TOY_CLOUD_URL",), ("TOY_CLOUD_TOKEN",))
WORDS: answers.Words = {"queued": answers.Taken, "done": answers.Done, "broken": answers.Failed}

#: Errors of ``POST /jobs`` that are told before anything is done.
NOT_BOUGHT = {400: ("bad_program",)}


class Options(BaseModel):
    """``options`` of a Toy Cloud backend.

    Attributes:
        machine: Which of its machines runs the jobs.
        priority: From 1, which waits longest, to 9.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    machine: Literal["tin", "wood"] = "tin"
    priority: int = Field(default=1, ge=1, le=9)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> ToyCloud:
    """Open a backend of a manifest."""
    return ToyCloud(backend, surroundings)


class ToyCloud:
    """A `Driver` whose composite jobs are of one job each."""

    is_local = False

    def __init__(self, backend: Backend, around: Surroundings) -> None:
        self._options = Options.model_validate(dict(backend.options))
        self._url = address(backend.url or around.environ["QBATCH_TOY_CLOUD_URL"])
        self._token = read_environment(["TOY_CLOUD_TOKEN"], around.environ)
        self._run_id = around.run_id
        self._wire = open_wire("toy-cloud", around)

    async def _ask(self, method: str, path: str, content: bytes | None = None) -> Reply:
        bearer = {"authorization": f"Bearer {self._wire.reveal(self._token)}"}
        return await self._wire.send(method, f"{self._url}/{path}", content=content, headers=bearer)

    async def _jobs(self) -> Mapping[str, Mapping[str, Any]]:
        reply = await self._ask("GET", "jobs")
        if not reply.is_success:
            raise reply.failure()
        return reply.object()

    async def describe(self) -> Target:
        name, price = (
            f"toy:{self._options.machine}",
            Price("credits", per_job=1.0, source="its page"),
        )
        return Target(name, 4, in_flight=8, poll_s=(0.05, 0.5), price=price)

    def account(self) -> str:
        return named(self._url, owner(self._token, self._run_id))

    def check(self, order: Order, target: Target) -> str | None:
        width = order.circuit.facts.num_qubits
        return f"{width} qubits are more than 4" if width > (target.num_qubits or width) else None

    async def prepare(self, batch: Batch) -> Prepared:
        key = f"{batch.composite.id[:16]}-{batch.composite.generation}"
        return Prepared({"name": f"qbatch-{self._run_id}-{key}"})

    def intend(self, batch: Batch) -> Intent:
        (order,), name = batch.orders, batch.composite.memo["name"]
        program = program_text(order.circuit, order.parameters, "2.0", register="c")
        body = self._options.model_dump() | {"name": name, "program": program}
        return Intent(name, json.dumps(body | {"shots": order.shots}).encode())

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        reply = await self._ask("POST", "jobs", intent.body)
        if not reply.is_success:
            told = reply.object()
            raise refusal(reply, str(told.get("code", "")), str(told.get("words", "")), NOT_BOUGHT)
        return [answers.Taken(batch.orders[0].id, "queued", intent.key)]

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        key, job = batch.orders[0].id, (await self._jobs()).get(intent.key)
        return [answers.NotTaken(key) if job is None else self._news(key, intent.key, job)]

    def _news(self, key: str, name: str, job: Mapping[str, Any]) -> Answer:
        status = str(job.get("status", ""))
        return WORDS.get(status, answers.Strange)(
            key, status, name, error=str(job.get("words", ""))
        )

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        jobs = await self._jobs()
        names = {batch.composite.memo["name"]: batch.orders[0].id for batch in batches}
        return [self._news(key, name, jobs[name]) for name, key in names.items() if name in jobs]

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        (order,), job = batch.orders, (await self._jobs())[batch.composite.memo["name"]]
        counts = read_tally("toy-cloud", order, job["counts"], leftmost_is_bit_0=False)
        return [Fetched(order.id, counts, cost=float(job["credits"]))]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        return []

    async def release(self, batch: Batch) -> Mapping[str, float]:
        return {}

    async def aclose(self) -> None:
        await self._wire.aclose()
