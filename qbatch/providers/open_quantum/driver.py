"""Open Quantum: one broker for several hardware vendors, one credit balance per organization.

The protocol, as its official clients speak it:

* Three services, each with its own base URL: identity (OAuth2 client credentials in the form
  body), management (organizations, backend list, balance), scheduler (upload, preparation, jobs).
  Object storage is reached by presigned URLs, without the token and without a content type.
* One circuit per job. ``POST /v1/jobs/upload`` -> PUT to the URL -> ``POST /v1/jobs/prepare`` ->
  ``GET /v1/jobs/prepare/{id}`` until Completed, with a quote -> ``POST /v1/jobs``, the one call
  that spends -> list or ``GET /v1/jobs/{id}`` -> ``output_data_url``.
* A quote is a list of plans with priorities; the price is ``price + price_increase``. ``auto``
  takes the lowest total; a tie goes to the lower plan price, then to the first in the quote.
* Jobs belong to an organization, whose every member sees them: it is the account.
* A backend may be Offline or in Maintenance, or Online and take no jobs: that is waited for
  before anything is prepared there. Between preparation and purchase nobody looks again; what the
  platform then answers is not documented, so it is looked for as a lost answer is.
* At most 10 active jobs per organization: 409 with type ``JOB_LIMIT_REACHED``. 409 has other
  meanings: only ``type`` tells them apart.
* A QPU takes its supported operations only, one qubit register, and no gate definitions: programs
  are translated to those operations here, which changes no result.
* Counts are flat, bitstring -> count; rightmost character = classical bit 0 over all registers in
  order of declaration; leading zeros may be missing.
* ``calibration_data_url`` comes with a completed job. What stands there is not documented: any
  JSON is kept as it is, the newest with the target, its digest with each result.
* There is no idempotency key. A lost answer to ``POST /v1/jobs`` is looked up by the job's name,
  which we make unique, and confirmed by its preparation id. Five looks over a minute that find
  nothing prove nothing: the job is held.

Not verified against the live service: the lifetime of a quote and of presigned URLs; the order of
the job list (all pages are read); whether a preparation can be bought twice (never tried); the
name of a preparation's waiting state (every word but Completed and Failed is taken for waiting).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from qbatch.errors import Misspoke, Unavailable
from qbatch.manifest.models import Backend, Transpile
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Choice,
    Failed,
    Fetched,
    Intent,
    Missing,
    Order,
    Prepared,
    Quote,
    Surroundings,
    Target,
    kind_of,
)
from qbatch.providers.kit.accounts import named
from qbatch.providers.kit.cloud import SpeaksToCloud
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.targets import job_is_gone, too_dynamic, too_wide
from qbatch.providers.kit.untrusted import (
    record,
    said,
    word,
)
from qbatch.providers.kit.wire import Reply
from qbatch.providers.open_quantum.account import (
    CREDENTIAL_VARIABLES,
    URL_VARIABLES,
)
from qbatch.providers.open_quantum.backend_class import BackendClass
from qbatch.providers.open_quantum.calibration import read_calibration
from qbatch.providers.open_quantum.jobs import Jobs
from qbatch.providers.open_quantum.memo import BEGUN, QUOTED, OpenQuantumMemo
from qbatch.providers.open_quantum.options import ANY_SUBCATEGORY, Options
from qbatch.providers.open_quantum.platform import Platform
from qbatch.providers.open_quantum.preparations import Preparations
from qbatch.providers.open_quantum.replies import (
    NOT_BOUGHT,
    WORDS,
    code_of,
    cost_of,
    expect,
    id_of,
    read_error,
    read_output,
    url_of,
    words_of,
)

VENDOR = Vendor(("openquantum.com",), URL_VARIABLES, CREDENTIAL_VARIABLES)

#: A job whose creation was not confirmed is looked for so long, and so often, seconds.
LAG_S, LOOK_S = 48.0, 12.0


class OpenQuantum(SpeaksToCloud):
    """Speaks to one backend class. See `qbatch.providers.Driver` for what each method promises."""

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self._options = Options.model_validate(dict(backend.options))
        self._platform = Platform(backend, self._options.organization, surroundings)
        super().__init__(name, self._platform)
        transpile = backend.transpile or Transpile()
        self._backend = BackendClass(self._platform, backend.target or "", transpile)
        self._preparations = Preparations(
            self._platform, self._backend, self._options, surroundings.run_id, surroundings.tell
        )
        #: Jobs that ended, of which the list did not tell the cost yet.
        self._uncharged: set[str] = set()

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the backend class: state, queue, limits, topology; and the credit balance.

        Raises:
            Refused: No such backend or subcategory (with the nearest codes), or no organization to
                bill.
        """
        target = await self._backend.describe()
        if self._options.subcategory != ANY_SUBCATEGORY:
            await self._platform.check_subcategory(self._options.subcategory)
        balance = {"balance": await self._platform.balance()}
        facts = {**target.facts, **balance}
        return replace(target, facts=facts, is_emulated=self.is_emulated)

    async def list_targets(self) -> Sequence[Target]:
        """List the backend classes of the platform, each with its limits."""
        return await self._backend.list_all()

    async def choices(self) -> Mapping[str, Sequence[Choice]]:
        """List what a job can be for."""
        found = [
            Choice(code_of(row), word(row.get("name")), word(category.get("name")))
            for category, rows in await self._platform.categories()
            for row in rows
        ]
        return {"subcategory": found}

    def account(self) -> str:
        """Name the organization, which pays and owns whoever of it asks."""
        organization = self._platform.organization
        assert organization is not None, "`describe` has found it"
        return named(self._platform.services.scheduler, f"organization {organization}")

    def check(self, order: Order, target: Target) -> str | None:
        facts = order.circuit.facts
        constraints = record(target.facts.get("constraints"))
        basis = set(self._backend.basis)
        features = set(words_of(constraints.get("features")))
        if (problem := too_wide(order, target)) is not None:
            return problem
        dynamic = {"mid_circuit_measure", "dynamic_circuits"}
        if features and not features & dynamic and (problem := too_dynamic(order, target)):
            return problem
        if facts.has_delay:
            return "programs go to Open Quantum as OpenQASM 2, which has no delay"
        if facts.num_two_qubit_gates and basis and not {"cx", "cz"} & basis:
            return f"{target.name} has neither cnot nor cz, and no other way is known to qbatch"
        formats = words_of(constraints.get("supported_formats")) or ["qasm"]
        if "qasm" not in formats:
            return f"{target.name} takes {', '.join(formats)}, no OpenQASM"
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        """Upload, prepare, and read the quote: all free, all repeatable."""
        memo = memo_of(batch.composite, OpenQuantumMemo)
        if "preparation_id" not in memo and not self._backend.code:
            await self.describe()
        return await self._preparations.prepare(batch)

    def quotes(self, batch: Batch) -> Sequence[Quote]:
        memo = memo_of(batch.composite, OpenQuantumMemo)
        return [Quote(*each) for each in memo.get("offers", ())]

    def program(self, order: Order) -> str:
        """Write the program as it is sent.

        Raises:
            CircuitError: It cannot be translated to the backend's gates.
        """
        return self._backend.program(order)

    def intend(self, batch: Batch) -> Intent:
        memo = memo_of(batch.composite, OpenQuantumMemo, *QUOTED)
        body = {
            "job_preparation_id": memo["preparation_id"],
            "execution_plan_id": memo["plan_id"],
            "queue_priority_id": memo["priority_id"],
            "organization_id": memo["organization_id"],
        }
        return Intent(key=memo["name"], body=json.dumps(body, separators=(",", ":")).encode())

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        reply = await self._platform.send("POST", "jobs", content=intent.body)
        kind, words = read_error(reply)
        if reply.status == 409 and kind == "JOB_LIMIT_REACHED":
            raise Unavailable(f"open-quantum: {words}", retry_after_s=15.0, is_full=True)
        if not reply.is_success:
            raise refusal(reply, kind, ": ".join(filter(None, (kind, words))), NOT_BOUGHT)
        try:
            return [self._answer(batch.orders[0], reply.object(), reply)]
        except Misspoke as error:  # taken, but what was taken?
            raise Unavailable(str(error)) from error

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        (order,) = batch.orders
        if any(batch.provider_job_ids):
            return await self.poll([batch])
        memo = memo_of(batch.composite, OpenQuantumMemo, *BEGUN)
        named = [row async for row in self._rows(batch) if row.get("name") == intent.key]
        for row in named:
            reply = await self._platform.ask("GET", f"jobs/{id_of(row)}")
            job = reply.object()
            if job.get("job_preparation_id") == memo["preparation_id"]:
                return [self._answer(order, job, reply, row)]
        advice = (
            f"look for a job named {intent.key} in organization {memo['organization_id']} "
            f"(preparation {memo['preparation_id']}); the job list did not show it for {LAG_S:g} s"
        )
        return [Missing(order.id, error=advice, settle_s=LAG_S, look_s=LOOK_S)]

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look for a job of this name, whichever preparation it came from."""
        (order,) = batch.orders
        name = memo_of(batch.composite, OpenQuantumMemo, "name")["name"]
        async with aclosing(self._rows(batch)) as rows:
            async for row in rows:
                if row.get("name") == name:
                    reply = await self._platform.ask("GET", f"jobs/{id_of(row)}")
                    return [self._answer(order, reply.object(), reply, row)]
        return ()

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Read the organization's job list until all of ours were seen; ask singly for the rest."""
        waiting = {batch.only_id: batch for batch in batches}
        updates: list[Answer] = []
        async with aclosing(self._rows(batches[0])) as rows:
            async for row in rows:
                batch = waiting.pop(str(row.get("id")), None)
                if batch is not None:
                    updates.append(await self._news(batch, row))
                if not waiting:
                    break
        for job_id, batch in waiting.items():
            reply = await self._platform.send("GET", f"jobs/{job_id}")
            if reply.status == 404:
                gone = job_is_gone(batch.orders[0], "Open Quantum", job_id, settle_s=LAG_S)
                updates.append(gone)
                continue
            expect(reply)
            updates.append(self._answer(batch.orders[0], reply.object(), reply))
        return updates

    async def _news(self, batch: Batch, row: Mapping[str, Any]) -> Answer:
        status = word(row.get("status"))
        kind = kind_of(WORDS, status)
        if kind not in (Failed, Cancelled):
            return kind(batch.orders[0].id, status, str(row["id"]), cost=cost_of(row, kind))
        reply = await self._platform.ask("GET", f"jobs/{row['id']}")  # it has the reason
        return self._answer(batch.orders[0], reply.object(), reply, row)

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        (order,) = batch.orders
        job = (await self._platform.ask("GET", f"jobs/{batch.only_id}")).object()
        url = url_of(job, "output_data_url")
        reply = await self._platform.wire.send("GET", url, is_bare=True)
        if not reply.is_success:  # presigned URLs end; the next try reads a fresh one
            raise Unavailable(f"open-quantum: {order.name}: the result answered {reply.status}")
        facts = {
            key: job[key]
            for key in ("submitted_at", "transaction_id", "proof")
            if job.get(key) is not None
        }
        facts["chosen"] = memo_of(batch.composite, OpenQuantumMemo).get("chosen")
        counts = read_output(reply.object(), order)
        calibration, told = await read_calibration(self._platform.wire, job, self._backend.wanted)
        return [
            Fetched(order.id, counts, raw=reply.kept, facts=facts | told, calibration=calibration)
        ]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        job_id = batch.only_id
        reply = await self._platform.send("DELETE", f"jobs/{job_id}")
        if reply.status != 409:  # not cancelable any more: its state says why
            expect(reply)
        return await self.poll([batch])  # the list alone tells what a job cost

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """Ask what a job cost that ended without a word on it; else there is nothing to do."""
        job_id = next(iter(batch.provider_job_ids), None)
        if job_id is None or job_id not in self._uncharged:
            return {}
        self._uncharged.discard(job_id)
        async with aclosing(self._rows(batch)) as rows:
            async for row in rows:
                kind = kind_of(WORDS, word(row.get("status")))
                if row.get("id") == job_id and (cost := cost_of(row, kind)) is not None:
                    return {batch.orders[0].id: cost}
        return {}

    def jobs_at_cloud(self) -> Jobs:
        """Return the jobs of the organization, whoever made them."""
        return Jobs(self._platform, WORDS)

    # -- jobs -----------------------------------------------------------------------------------

    def _rows(self, batch: Batch) -> AsyncGenerator[Mapping[str, Any], None]:
        """Walk the job list of the organization that pays for `batch`."""
        memo = memo_of(batch.composite, OpenQuantumMemo, "organization_id")
        return self._platform.jobs(memo["organization_id"])

    def _answer(
        self,
        order: Order,
        job: Mapping[str, Any],
        reply: Reply,
        row: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Say what a job's record says; its row of the list, if at hand, says what it cost."""
        status = word(job.get("status"))
        kind = kind_of(WORDS, status)
        is_lost = kind in (Failed, Cancelled)
        error = (said(job.get("message")) or "no reason given") if is_lost else ""
        cost = cost_of(row or {}, kind)
        if is_lost and cost is None:
            self._uncharged.add(id_of(job))
        return kind(order.id, status, id_of(job), error=error, cost=cost, raw=reply.kept)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> OpenQuantum:
    """Make the driver of an ``open-quantum`` backend."""
    return OpenQuantum(name, backend, surroundings)
