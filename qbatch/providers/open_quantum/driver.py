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
* At most 10 active jobs per organization: 409 with type ``JOB_LIMIT_REACHED``. 409 has other
  meanings: only ``type`` tells them apart.
* A QPU takes its supported operations only, one qubit register, and no gate definitions: programs
  are translated to those operations here, which changes no result.
* Counts are flat, bitstring -> count; rightmost character = classical bit 0 over all registers in
  order of declaration; leading zeros may be missing.
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
from functools import partial
from typing import Any
from urllib.parse import quote

from qbatch.circuit import Fit, program_text
from qbatch.errors import CircuitError, Misspoke, Refused, Unavailable, Unfit
from qbatch.manifest.models import Backend, Transpile
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    Intent,
    Missing,
    Order,
    Prepared,
    Price,
    Running,
    Strange,
    Surroundings,
    Taken,
    Target,
    Words,
)
from qbatch.providers.kit.accounts import named
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.bearer import Bearer
from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.foreign import (
    MOST_NAMES,
    amount,
    record,
    records,
    said,
    whole,
    word,
)
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.targets import few, no_target
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.open_quantum.account import (
    CREDENTIAL_VARIABLES,
    URL_VARIABLES,
    find_services,
    open_account,
    read_account,
)
from qbatch.providers.open_quantum.jobs import Jobs
from qbatch.providers.open_quantum.options import ANY_SUBCATEGORY, Options
from qbatch.providers.open_quantum.replies import (
    NOT_BOUGHT,
    choose,
    expect,
    find_basis,
    id_of,
    read_error,
    read_output,
    url_of,
)

VENDOR = Vendor(("openquantum.com",), URL_VARIABLES, CREDENTIAL_VARIABLES)

#: Active jobs per organization, as documented.
MOST_ACTIVE = 10

#: A job whose creation was not confirmed is looked for so long, and so often, seconds.
LAG_S, LOOK_S = 48.0, 12.0

#: Open Quantum's word, in lower case -> ours. A word not here is never taken for an end.
WORDS: Words = {
    "created": Taken,
    "pending": Taken,
    "queued": Taken,
    "running": Running,
    "completed": Done,
    "failed": Failed,
    "canceled": Cancelled,
    "cancelled": Cancelled,
}


class OpenQuantum:
    """Speaks to one backend class. See `qbatch.providers.Driver` for what each method promises."""

    is_local = False

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self.name = name
        self._wanted = backend.target or ""
        self._options = Options.model_validate(dict(backend.options))
        self._environ = surroundings.environ
        self._run_id = surroundings.run_id
        self._pointer = backend.credentials
        self._services = find_services(backend.url, self._environ)
        self._wire = open_wire("open-quantum", surroundings)
        self._transpile = backend.transpile or Transpile()
        self._basis: tuple[str, ...] = ()
        self._account: Bearer | None = None
        self._organization: str | None = None

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the backend class: state, queue, limits, topology; and the credit balance.

        Raises:
            Refused: No such backend or subcategory (with the nearest codes), or no organization to
                bill.
        """
        row = await self._find_backend()
        if self._options.subcategory != ANY_SUBCATEGORY:
            await self._check_subcategory()
        detail = await self._details(row)
        balance = {"balance": await self._balance()}
        target = self._target(row, detail)
        return replace(target, facts={**target.facts, **balance})

    async def list_targets(self) -> Sequence[Target]:
        """List the backend classes of the platform, each with its limits."""

        async def ask(row: Mapping[str, Any]) -> Target:
            try:
                return self._target(row, await self._details(row))
            except (Refused, Misspoke):
                return self._target(row, {})

        found, failures = await ask_all([partial(ask, row) for row in await self.backends()])
        if failures:
            raise failures[0]
        return found

    def credential_source(self) -> str:
        """Say where the credential comes from.

        Raises:
            CredentialsError: There is none.
        """
        client, token = read_account(self._pointer, self._environ)
        secret = token or (client and client[1])
        assert secret is not None
        return secret.source

    def base_urls(self) -> Sequence[str]:
        services = self._services
        return (services.identity, services.management, services.scheduler)

    def account(self) -> str:
        """Name the organization, which pays and owns whoever of it asks."""
        assert self._organization is not None, "`describe` has found it"
        return named(self._services.scheduler, f"organization {self._organization}")

    async def _details(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"backends/classes/{quote(self._code(row), safe=':')}"
        return (await self._ask("GET", self._sched(path))).object()

    def _target(self, row: Mapping[str, Any], detail: Mapping[str, Any]) -> Target:
        constraints = record(detail.get("constraint_data"))
        limits = record(constraints.get("limits"))
        self._basis = find_basis(constraints)
        status = row.get("status")
        return Target(
            name=self._code(row),
            num_qubits=whole(limits.get("max_qubits_per_job"))
            or whole(constraints.get("n_qubits")),
            min_shots=whole(limits.get("min_shots")) or 1,
            max_shots=whole(limits.get("max_shots")),
            max_jobs=1,
            in_flight=MOST_ACTIVE,
            poll_s=(2.0, 60.0),
            price=Price(unit="credits", quoted=True, source="quoted by the platform for each job"),
            online=row.get("accepting_jobs") is not False and status in (None, "Online"),
            queue_depth=whole(row.get("queue_depth")) or 0,
            facts={
                "constraints": constraints,
                "configuration_schema": detail.get("configuration_schema"),
                "status": status,
            },
        )

    def check(self, order: Order, target: Target) -> str | None:
        facts = order.circuit.facts
        constraints = record(target.facts.get("constraints"))
        features = set(_words(constraints.get("features")))
        if target.num_qubits is not None and facts.num_qubits > target.num_qubits:
            return f"{facts.num_qubits} qubits; {target.name} has {target.num_qubits}"
        dynamic = {"mid_circuit_measure", "dynamic_circuits"}
        if facts.is_dynamic and features and not features & dynamic:
            return f"{target.name} takes no mid-circuit measurement, reset or classical control"
        if facts.num_two_qubit_gates and self._basis and not {"cx", "cz"} & set(self._basis):
            return f"{target.name} has neither cnot nor cz, and no other way is known to qbatch"
        formats = _words(constraints.get("supported_formats")) or ["qasm"]
        if "qasm" not in formats:
            return f"{target.name} takes {', '.join(formats)}, no OpenQASM"
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        """Upload, prepare, and read the quote: all free, all repeatable."""
        memo = batch.composite.memo
        if "plan_id" in memo:
            return Prepared(memo, quotes={batch.orders[0].id: memo["credits"]})
        if "preparation_id" not in memo:
            return Prepared(await self._begin(batch), ready=False, again_s=0.5)
        url = self._sched(f"jobs/prepare/{memo['preparation_id']}")
        reply = await self._send("GET", url)
        if reply.status in (404, 425):  # known to appear late
            return Prepared(memo, ready=False, again_s=2.0)
        expect(reply)
        answer = reply.object()
        if answer.get("status") == "Failed":
            reason = said(answer.get("message")) or "no reason given"
            raise Refused(f"open-quantum: preparation failed: {reason}")
        if answer.get("status") != "Completed":
            return Prepared(memo, ready=False, again_s=2.0)
        choice = choose(
            answer.get("quote"), self._options.execution_plan, self._options.queue_priority
        )
        chosen = {
            "plan_id": choice.plan_id,
            "priority_id": choice.priority_id,
            "credits": choice.total,
            "chosen": choice.title,
        }
        return Prepared({**memo, **chosen}, quotes={batch.orders[0].id: choice.total})

    async def _begin(self, batch: Batch) -> Mapping[str, Any]:
        (order,) = batch.orders
        ticket = (await self._ask("POST", self._sched("jobs/upload"))).object()
        try:
            program = self.program(order).encode()
        except CircuitError as error:
            raise Refused(f"open-quantum: {error}") from error
        put = await self._wire.send("PUT", url_of(ticket, "url"), content=program, is_bare=True)
        if not put.is_success:
            raise put.failure("the upload was not taken")
        name = self._job_name(batch)
        preparation = {
            "organization_id": await self._organization_id(),
            "backend_class_id": self._wanted,
            "name": name,
            "upload_endpoint_id": id_of(ticket),
            "job_subcategory_id": self._options.subcategory,
            "shots": order.shots,
            "configuration_data": {**self._options.configuration, "shots": order.shots},
            "submitted_with": "qbatch",
            "input_format": "qasm",
        }
        answer = (await self._ask("POST", self._sched("jobs/prepare"), json=preparation)).object()
        return {
            "name": name,
            "organization_id": preparation["organization_id"],
            "preparation_id": id_of(answer),
        }

    def program(self, order: Order) -> str:
        """Write the program as it is sent.

        Raises:
            CircuitError: It cannot be translated to the backend's gates.
        """
        fit, values = self._fit(), order.parameters
        return program_text(order.circuit, values, "2.0", register="c", fit=fit)

    def _fit(self) -> Fit | None:
        level, seed = self._transpile.optimization_level, self._transpile.seed or 0
        return Fit(self._basis, optimization_level=level, seed=seed) if self._basis else None

    def intend(self, batch: Batch) -> Intent:
        memo = batch.composite.memo
        body = {
            "job_preparation_id": memo["preparation_id"],
            "execution_plan_id": memo["plan_id"],
            "queue_priority_id": memo["priority_id"],
            "organization_id": memo["organization_id"],
        }
        return Intent(key=memo["name"], body=json.dumps(body, separators=(",", ":")).encode())

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        reply = await self._send("POST", self._sched("jobs"), content=intent.body)
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
        memo = batch.composite.memo
        if any(batch.provider_job_ids):
            return await self.poll([batch])
        named = [row async for row in self._rows(batch) if row.get("name") == intent.key]
        for row in named:
            reply = await self._ask("GET", self._sched(f"jobs/{id_of(row)}"))
            job = reply.object()
            if job.get("job_preparation_id") == memo["preparation_id"]:
                return [self._answer(order, job, reply)]
        advice = (
            f"look for a job named {intent.key} in organization {memo['organization_id']} "
            f"(preparation {memo['preparation_id']}); the job list did not show it for {LAG_S:g} s"
        )
        return [Missing(order.id, error=advice, settle_s=LAG_S, look_s=LOOK_S)]

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look for a job of this name, whichever preparation it came from."""
        (order,), name = batch.orders, batch.composite.memo["name"]
        async with aclosing(self._rows(batch)) as rows:
            async for row in rows:
                if row.get("name") == name:
                    reply = await self._ask("GET", self._sched(f"jobs/{id_of(row)}"))
                    return [self._answer(order, reply.object(), reply)]
        return ()

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Read the organization's job list until all of ours were seen; ask singly for the rest."""
        waiting = {self._job_id(batch): batch for batch in batches}
        updates: list[Answer] = []
        async with aclosing(self._rows(batches[0])) as rows:
            async for row in rows:
                batch = waiting.pop(str(row.get("id")), None)
                if batch is not None:
                    updates.append(await self._news(batch, row))
                if not waiting:
                    break
        for job_id, batch in waiting.items():
            reply = await self._send("GET", self._sched(f"jobs/{job_id}"))
            if reply.status == 404:
                error = f"Open Quantum does not have job {job_id}, or not any more"
                key = batch.orders[0].id
                updates.append(Missing(key, "404 not found", job_id, error=error, settle_s=LAG_S))
                continue
            expect(reply)
            updates.append(self._answer(batch.orders[0], reply.object(), reply))
        return updates

    async def _news(self, batch: Batch, row: Mapping[str, Any]) -> Answer:
        status = word(row.get("status"))
        kind = WORDS.get(status.lower(), Strange)
        used = amount(row.get("credits_used"))
        if kind not in (Failed, Cancelled):
            cost = used if kind is Done else None
            return kind(batch.orders[0].id, status, str(row["id"]), cost=cost)
        reply = await self._ask("GET", self._sched(f"jobs/{row['id']}"))  # it has the reason
        return replace(self._answer(batch.orders[0], reply.object(), reply), cost=used)

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        (order,) = batch.orders
        job = (await self._ask("GET", self._sched(f"jobs/{self._job_id(batch)}"))).object()
        url = url_of(job, "output_data_url")
        reply = await self._wire.send("GET", url, is_bare=True)
        if not reply.is_success:  # presigned URLs end; the next try reads a fresh one
            raise Unavailable(f"open-quantum: {order.name}: the result answered {reply.status}")
        facts = {
            key: job[key]
            for key in ("submitted_at", "transaction_id", "proof")
            if job.get(key) is not None
        }
        facts["chosen"] = batch.composite.memo.get("chosen")
        counts = read_output(reply.object(), order)
        return [Fetched(order.id, counts, raw=reply.kept, facts=facts)]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        job_id = self._job_id(batch)
        reply = await self._send("DELETE", self._sched(f"jobs/{job_id}"))
        if reply.status != 409:  # not cancelable any more: its state says why
            expect(reply)
        reply = await self._ask("GET", self._sched(f"jobs/{job_id}"))
        return [self._answer(batch.orders[0], reply.object(), reply)]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """The platform holds nothing for us once a job has ended."""
        return {}

    async def aclose(self) -> None:
        await self._wire.aclose()

    def jobs_at_cloud(self) -> Jobs:
        """Return the jobs of the organization, whoever made them."""
        read = partial(self._wire.send, "GET", is_bare=True)
        return Jobs(self._send, self._sched, self._organization_id, read, WORDS)

    # -- lists ----------------------------------------------------------------------------------

    async def backends(self) -> Sequence[Mapping[str, Any]]:
        """List all backend classes of the platform."""
        url = f"{self._services.management}/v1/backends/classes"
        return [row async for row in self._pages(url, "backend_classes")]

    async def subcategories(self) -> Sequence[Mapping[str, Any]]:
        """List what jobs can be for: the subcategories of all categories of the platform."""
        found: list[Mapping[str, Any]] = []
        async for category in self._pages(self._sched("jobs/categories"), "categories"):
            path = f"jobs/categories/{quote(id_of(category))}/subcategories"
            found += [row async for row in self._pages(self._sched(path), "categories")]
        return found

    async def _check_subcategory(self) -> None:
        wanted = self._options.subcategory
        rows = await self.subcategories()
        if any(wanted in (row.get("short_code"), row.get("id")) for row in rows):
            return
        codes = [self._code(row) for row in rows]
        raise Unfit(
            f"open-quantum: {wanted!r} is no subcategory; write options: {{subcategory: …}}, "
            f"such as {' or '.join(few(wanted, codes))}"
        )

    async def _find_backend(self) -> Mapping[str, Any]:
        rows = await self.backends()
        for row in rows:
            names = (row.get("short_code"), row.get("id"), row.get("name"))
            if self._wanted and self._wanted in names:
                return row
        codes = [self._code(row) for row in rows]
        raise no_target("open-quantum", self._wanted, codes, noun="backend")

    @staticmethod
    def _code(row: Mapping[str, Any]) -> str:
        return word(row.get("short_code")) or id_of(row)

    async def _organization_id(self) -> str:
        if self._organization is None:
            wanted = self._options.organization or self._environ.get("OPENQUANTUM_ORGANIZATION_ID")
            url = f"{self._services.management}/v1/users/organizations"
            rows = [row async for row in self._pages(url, "organizations")]
            fitting = [row for row in rows if wanted in (None, row.get("id"), row.get("name"))]
            if len(fitting) != 1:
                told = (f"{word(row.get('name'))} ({word(row.get('id'))})" for row in rows)
                names = ", ".join(list(told)[:MOST_NAMES])
                raise Unfit(
                    f"open-quantum: whose credits are spent? write options: {{organization: …}}, "
                    f"one of: {names or 'none, the account belongs to no organization'}"
                )
            self._organization = id_of(fitting[0])
        return self._organization

    async def _balance(self) -> Any:
        organization = await self._organization_id()
        url = f"{self._services.management}/v1/organizations/{organization}/transactions/balance"
        return (await self._ask("GET", url)).object()

    def _rows(self, batch: Batch) -> AsyncGenerator[Mapping[str, Any], None]:
        """Walk the job list of the organization that pays for `batch`."""
        organization = batch.composite.memo["organization_id"]
        return self._pages(self._sched(f"organizations/{organization}/jobs"), "jobs")

    async def _pages(self, url: str, key: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """Walk a list over all its pages."""
        cursor: str | None = None
        for _ in range(10_000):
            params: dict[str, str | int] = {"limit": 50} | ({"cursor": cursor} if cursor else {})
            answer = (await self._ask("GET", url, params=params)).object()
            if not isinstance(answer.get(key), list):
                raise Misspoke(f"open-quantum: GET {url}: no list of {key}: {answer!r:.120}")
            for row in records(answer[key]):
                yield row
            before, cursor = cursor, record(answer.get("pagination")).get("next_cursor")
            if not cursor:
                return
            if not isinstance(cursor, str) or cursor == before:
                break
        raise Misspoke(f"open-quantum: the list {key} has no end")

    # -- requests -------------------------------------------------------------------------------

    def _sched(self, path: str) -> str:
        return f"{self._services.scheduler}/v1/{path}"

    def _job_name(self, batch: Batch) -> str:
        """Name a job uniquely over all runs, so that it can be found again."""
        return f"qbatch-{self._run_id}-{batch.orders[0].id[:16]}-{batch.composite.generation}"

    @staticmethod
    def _job_id(batch: Batch) -> str:
        job_id = batch.provider_job_ids[0]
        assert job_id is not None, "the executor asks only about jobs that were taken"
        return job_id

    def _answer(self, order: Order, job: Mapping[str, Any], reply: Reply) -> Answer:
        status = word(job.get("status"))
        kind = WORDS.get(status.lower(), Strange)
        is_lost = kind in (Failed, Cancelled)
        error = (said(job.get("message")) or "no reason given") if is_lost else ""
        return kind(order.id, status, id_of(job), error=error, raw=reply.kept)

    async def _ask(self, method: str, url: str, **request: Any) -> Reply:
        reply = await self._send(method, url, **request)
        expect(reply)
        return reply

    async def _send(self, method: str, url: str, **request: Any) -> Reply:
        if self._account is None:
            self._account = open_account(self._services, self._pointer, self._environ, self._wire)
        return await self._account.send(lambda token: self._send_as(token, method, url, **request))

    async def _send_as(self, token: Secret, method: str, url: str, **request: Any) -> Reply:
        headers = {"authorization": f"Bearer {self._wire.reveal(token)}"}
        if "content" in request:
            headers["content-type"] = "application/json"
        return await self._wire.send(method, url, headers=headers, **request)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> OpenQuantum:
    """Make the driver of an ``open-quantum`` backend."""
    return OpenQuantum(name, backend, surroundings)


def _words(value: Any) -> list[str]:
    """Return the words of a list; none for anything else."""
    return [told for one in value if (told := word(one))] if isinstance(value, list) else []
