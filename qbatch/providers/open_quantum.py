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
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import trio
from pydantic import BaseModel, ConfigDict, Field

from qbatch.circuit import program_text
from qbatch.errors import CredentialsError, Misspoke, Refused, Unavailable
from qbatch.job import JobState
from qbatch.manifest.models import Backend, Transpile
from qbatch.providers import (
    Batch,
    Fetched,
    Found,
    Intent,
    Located,
    Order,
    Prepared,
    Price,
    Surroundings,
    Target,
    Unknown,
    Update,
)
from qbatch.providers.credentials import Secret, read_pointer
from qbatch.providers.wire import Reply, Wire
from qbatch.result import Counts

T = TypeVar("T")

#: What a job is for, where nothing is said: "other".
ANY_SUBCATEGORY = "oth:oth"

#: Active jobs per organization, as documented.
MOST_ACTIVE = 10

#: Looks for a job whose creation was not confirmed, and the pause between two, seconds.
LOOKS, LOOK_AGAIN_S = 5, 12.0

#: A token is renewed this long before it ends, seconds.
LEEWAY_S = 30.0

#: Open Quantum's word, in lower case -> ours. A word not here is never taken for an end.
STATES = {
    "created": JobState.SUBMITTED,
    "pending": JobState.SUBMITTED,
    "queued": JobState.SUBMITTED,
    "running": JobState.RUNNING,
    "completed": JobState.COMPLETED,
    "failed": JobState.FAILED,
    "canceled": JobState.CANCELLED,
    "cancelled": JobState.CANCELLED,
}

#: The platform's names of operations that programs are written in -> Qiskit's.
ONE_QUBIT = {
    "x": "x", "y": "y", "z": "z", "h": "h", "s": "s", "si": "sdg", "t": "t", "ti": "tdg",
    "rx": "rx", "ry": "ry", "rz": "rz",
}  # fmt: skip
TWO_QUBITS = {"cnot": "cx", "cx": "cx", "cz": "cz"}

PLANS = {
    "public": "072f7eb6-574b-4bae-aafa-d3399c4abe7a",
    "private": "f83fd52f-c691-470f-9521-26b81c4e53bd",
}
PRIORITIES = {
    "standard": "0f7b91a3-d1bf-46fb-af9c-55b77fa72bed",
    "priority": "4ea2b9de-2d20-46d4-b1b5-0b71537a584f",
    "instant": "74cebc3d-14d8-455d-900e-daedc1566384",
}


class Options(BaseModel):
    """``options`` of an Open Quantum backend.

    Attributes:
        organization: Whose credits are spent: an id or a name. None:
            OPENQUANTUM_ORGANIZATION_ID, or the only one the account has.
        execution_plan: auto, public, private, or a plan's id.
        queue_priority: auto, standard, priority, instant, or a priority's id.
        subcategory: "category:subcategory", one of those the platform lists, by code or id.
        configuration: Further keys of ``configuration_data``, checked by the platform.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    organization: str | None = None
    execution_plan: str = "auto"
    queue_priority: str = "auto"
    subcategory: str = ANY_SUBCATEGORY
    configuration: Mapping[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Services:
    """Base URLs, without a trailing slash."""

    identity: str
    management: str
    scheduler: str
    realm: str = "platform"


def find_services(url: str | None, environ: Mapping[str, str]) -> Services:
    """Return where the services are.

    One URL (the manifest's ``url`` or QBATCH_OPEN_QUANTUM_URL) serves all three under the prefixes
    ``/idp``, ``/mgmt`` and ``/sched``; else the vendor's own variables, else the cloud itself.
    """
    realm = environ.get("OPENQUANTUM_KEYCLOAK_REALM", "platform")
    one = url or environ.get("QBATCH_OPEN_QUANTUM_URL")
    if one:
        stem = one.rstrip("/")
        return Services(f"{stem}/idp", f"{stem}/mgmt", f"{stem}/sched", realm)

    def where(variable: str, default: str) -> str:
        return environ.get(variable, default).rstrip("/")

    return Services(
        where("OPENQUANTUM_KEYCLOAK_BASE", "https://id.openquantum.com"),
        where("OPENQUANTUM_MANAGEMENT_URL", "https://management.openquantum.com"),
        where("OPENQUANTUM_SCHEDULER_URL", "https://scheduler.openquantum.com"),
        realm,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan and a priority of a quote, and what they cost together, credits."""

    plan_id: str
    priority_id: str
    plan_price: float
    total: float
    title: str


def choose(quoted: Any, plan: str, priority: str) -> Choice:
    """Choose from a quote as the official client does.

    Raises:
        Refused: The quote offers no such pair.
        Misspoke: The quote names no price for a pair.
    """
    wanted_plan, wanted_priority = _wanted(plan, PLANS), _wanted(priority, PRIORITIES)
    pairs = list(_pairs(quoted))
    fitting = [
        pair
        for pair in pairs
        if wanted_plan in (None, pair.plan_id) and wanted_priority in (None, pair.priority_id)
    ]
    if not fitting:
        offered = "; ".join(f"{pair.title} at {pair.total:g} credits" for pair in pairs)
        raise Refused(
            f"open-quantum: no quote for plan {plan!r} with priority {priority!r}; "
            f"offered: {offered or 'nothing'}"
        )
    return min(fitting, key=lambda pair: (pair.total, pair.plan_price))


def _wanted(word: str, known: Mapping[str, str]) -> str | None:
    text = word.strip().lower()
    return None if text in ("", "auto") else known.get(text, word.strip())


def _pairs(quoted: Any) -> list[Choice]:
    pairs = []
    for plan in quoted if isinstance(quoted, list) else []:
        priorities = plan.get("queue_priorities") if isinstance(plan, dict) else None
        for priority in priorities or []:
            price = _number(plan.get("price"), None)
            more = _number(priority.get("price_increase"), None)
            if price is None or more is None:
                raise Misspoke(f"open-quantum: a quote without a price: {json.dumps(plan):.200}")
            pairs.append(
                Choice(
                    str(plan.get("execution_plan_id", "")),
                    str(priority.get("queue_priority_id", "")),
                    price,
                    price + more,
                    f"{plan.get('name', 'plan')}, {priority.get('name', 'priority')}",
                )
            )
    return pairs


def _number(value: Any, default: T) -> float | T:
    """Return a JSON number as a float, and `default` for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else default


class Account:
    """Who we are at the identity service: a fixed token, or client credentials with renewal."""

    def __init__(
        self, services: Services, pointer: str | None, environ: Mapping[str, str], wire: Wire
    ) -> None:
        self._services = services
        self._wire = wire
        self._lock = trio.Lock()
        self._client, self._fixed = read_account(pointer, environ)
        self._token = self._fixed
        self._ends_at = float("inf") if self._fixed else 0.0

    @property
    def can_renew(self) -> bool:
        return self._fixed is None

    async def token(self, *, instead_of: str | None = None) -> str:
        """Return a token that still lives; never `instead_of`, which the cloud refused."""
        async with self._lock:
            stale = self._token is None or self._token.reveal() == instead_of
            if self.can_renew and (stale or trio.current_time() > self._ends_at - LEEWAY_S):
                await self._renew()
            assert self._token is not None
            return self._token.reveal()

    async def _renew(self) -> None:
        assert self._client is not None
        client_id, secret = self._client
        reply = await self._wire.send(
            "POST",
            f"{self._services.identity}/realms/{self._services.realm}/protocol/openid-connect/token",
            form={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": secret.reveal(),
            },
            deadline_s=20.0,
        )
        if reply.status in (400, 401, 403):
            raise CredentialsError(
                f"open-quantum: the client id and secret from {secret.source} are refused "
                f"({reply.status})"
            )
        if not reply.is_success:
            raise reply.failure("no token")
        answer = reply.object()
        if not isinstance(answer.get("access_token"), str):
            raise Misspoke("open-quantum: the identity service gave no access_token")
        self._token = Secret(answer["access_token"], secret.source)
        self._ends_at = trio.current_time() + _number(answer.get("expires_in"), 300.0)


def read_account(
    pointer: str | None, environ: Mapping[str, str]
) -> tuple[tuple[str, Secret] | None, Secret | None]:
    """Find the account: client id with secret, or a fixed token; the first source that has one.

    A ``credentials:`` pointer may lead to a token or to the JSON of a key file.

    Raises:
        CredentialsError: There is none, or the key file is no key file.
    """
    if pointer is not None:
        found = read_pointer(pointer, environ)
        return (_read_key(found), None) if found.reveal().startswith("{") else (None, found)
    key_file = environ.get("OPENQUANTUM_SDK_KEY")
    if key_file:
        return _read_key(read_pointer(f"file:{Path(key_file)}", environ)), None
    if environ.get("OPENQUANTUM_TOKEN"):
        return None, Secret(environ["OPENQUANTUM_TOKEN"], "env:OPENQUANTUM_TOKEN")
    client_id, secret = (environ.get(f"OPENQUANTUM_CLIENT_{part}") for part in ("ID", "SECRET"))
    if client_id and secret:
        return (client_id, Secret(secret, "env:OPENQUANTUM_CLIENT_SECRET")), None
    raise CredentialsError(
        "open-quantum: no credential: set OPENQUANTUM_CLIENT_ID and OPENQUANTUM_CLIENT_SECRET, "
        "or OPENQUANTUM_SDK_KEY to the path of a key file"
    )


def _read_key(found: Secret) -> tuple[str, Secret]:
    try:
        key = json.loads(found.reveal())
        return str(key["client_id"]), Secret(str(key["client_secret"]), found.source)
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialsError(
            f"open-quantum: {found.source} is no key file (JSON with client_id and client_secret)"
        ) from error


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
        self._wire = Wire("open-quantum", transport=surroundings.transport)
        self._transpile = backend.transpile or Transpile()
        self._basis: tuple[str, ...] = ()
        self._account: Account | None = None
        self._organization: str | None = None
        #: How often `locate` has looked for a job of this name.
        self._looks: dict[str, int] = {}

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
        rows = await self.backends()
        details: dict[int, Mapping[str, Any]] = {}

        async def ask(number: int, row: Mapping[str, Any]) -> None:
            with suppress(Refused, Misspoke):
                details[number] = await self._details(row)

        async with trio.open_nursery() as nursery:
            for number, row in enumerate(rows):
                nursery.start_soon(ask, number, row)
        return [self._target(row, details.get(i, {})) for i, row in enumerate(rows)]

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

    async def _details(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"backends/classes/{quote(self._code(row), safe=':')}"
        return (await self._ask("GET", self._sched(path))).object()

    def _target(self, row: Mapping[str, Any], detail: Mapping[str, Any]) -> Target:
        constraints = detail.get("constraint_data") or {}
        limits = constraints.get("limits") or {}
        self._basis = find_basis(constraints)
        status = row.get("status")
        return Target(
            name=self._code(row),
            num_qubits=limits.get("max_qubits_per_job") or constraints.get("n_qubits"),
            min_shots=limits.get("min_shots") or 1,
            max_shots=limits.get("max_shots"),
            max_jobs=1,
            in_flight=MOST_ACTIVE,
            poll_s=(2.0, 60.0),
            price=Price(unit="credits", quoted=True, source="quoted by the platform for each job"),
            online=row.get("accepting_jobs") is not False and status in (None, "Online"),
            queue_depth=row.get("queue_depth"),
            facts={
                "constraints": constraints,
                "configuration_schema": detail.get("configuration_schema"),
                "status": status,
            },
        )

    def check(self, order: Order, target: Target) -> str | None:
        facts = order.circuit.facts
        constraints = target.facts.get("constraints") or {}
        features = set(constraints.get("features") or ())
        if target.num_qubits is not None and facts.num_qubits > target.num_qubits:
            return f"{facts.num_qubits} qubits; {target.name} has {target.num_qubits}"
        dynamic = {"mid_circuit_measure", "dynamic_circuits"}
        if facts.is_dynamic and features and not features & dynamic:
            return f"{target.name} takes no mid-circuit measurement, reset or classical control"
        if facts.num_two_qubit_gates and self._basis and not {"cx", "cz"} & set(self._basis):
            return f"{target.name} has neither cnot nor cz, and no other way is known to qbatch"
        formats = constraints.get("supported_formats") or ["qasm"]
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
        _expect(reply)
        answer = reply.object()
        if answer.get("status") == "Failed":
            raise Refused(f"open-quantum: preparation failed: {_text(answer.get('message'))}")
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
        program = program_text(
            order.circuit,
            order.parameters,
            "2.0",
            register="c",
            basis=self._basis,
            optimization_level=self._transpile.optimization_level,
            transpile_seed=self._transpile.seed or 0,
        )
        put = await self._wire.send("PUT", _url(ticket, "url"), content=program.encode())
        if not put.is_success:
            raise put.failure("the upload was not taken")
        name = self._job_name(batch)
        preparation = {
            "organization_id": await self._organization_id(),
            "backend_class_id": self._wanted,
            "name": name,
            "upload_endpoint_id": ticket.get("id"),
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
            "preparation_id": _identifier(answer),
        }

    def intend(self, batch: Batch) -> Intent:
        memo = batch.composite.memo
        body = {
            "job_preparation_id": memo["preparation_id"],
            "execution_plan_id": memo["plan_id"],
            "queue_priority_id": memo["priority_id"],
            "organization_id": memo["organization_id"],
        }
        return Intent(key=memo["name"], body=json.dumps(body, separators=(",", ":")).encode())

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Update]:
        reply = await self._send("POST", self._sched("jobs"), content=intent.body)
        kind, words = read_error(reply)
        if reply.status == 409 and kind == "JOB_LIMIT_REACHED":
            raise Unavailable(f"open-quantum: {words}", retry_after_s=15.0, is_full=True)
        if reply.status == 409:  # a conflict may mean: bought before
            raise Unavailable(f"open-quantum: POST /v1/jobs: 409 {kind}: {words}")
        _expect(reply)
        try:
            return [self._update(batch.orders[0], reply.object(), reply)]
        except Misspoke as error:  # taken, but what was taken?
            raise Unavailable(str(error)) from error

    async def locate(self, batch: Batch, intent: Intent) -> Mapping[str, Located]:
        (order,) = batch.orders
        memo = batch.composite.memo
        named = [row async for row in self._rows(batch) if row.get("name") == intent.key]
        for row in named:
            reply = await self._ask("GET", self._sched(f"jobs/{_identifier(row)}"))
            record = reply.object()
            if record.get("job_preparation_id") == memo["preparation_id"]:
                return {order.id: Found(self._update(order, record, reply))}
        looks = self._looks[intent.key] = self._looks.get(intent.key, 0) + 1
        advice = (
            f"look for a job named {intent.key} in organization {memo['organization_id']} "
            f"(preparation {memo['preparation_id']}); {looks} looks at the job list did not show it"
        )
        return {order.id: Unknown(advice, again_s=LOOK_AGAIN_S if looks < LOOKS else None)}

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Update]:
        """Read the organization's job list until all of ours were seen; ask singly for the rest."""
        waiting = {self._job_id(batch): batch for batch in batches}
        updates = []
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
                updates.append(Update(batch.orders[0].id, None, "404 not found", job_id))
                continue
            _expect(reply)
            updates.append(self._update(batch.orders[0], reply.object(), reply))
        return updates

    async def _news(self, batch: Batch, row: Mapping[str, Any]) -> Update:
        state = STATES.get(str(row.get("status", "")).lower())
        if state not in (JobState.FAILED, JobState.CANCELLED):
            return Update(
                batch.orders[0].id,
                state,
                str(row.get("status", "")),
                str(row["id"]),
                cost=_number(row.get("credits_used"), None),
            )
        reply = await self._ask("GET", self._sched(f"jobs/{row['id']}"))  # it has the reason
        return self._update(batch.orders[0], reply.object(), reply)

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        (order,) = batch.orders
        record = (await self._ask("GET", self._sched(f"jobs/{self._job_id(batch)}"))).object()
        url = _url(record, "output_data_url")
        reply = await self._wire.send("GET", url)
        if not reply.is_success:  # presigned URLs end; the next try reads a fresh one
            raise Unavailable(f"open-quantum: {order.name}: the result answered {reply.status}")
        facts = {
            key: record[key]
            for key in ("submitted_at", "transaction_id", "proof")
            if record.get(key) is not None
        }
        facts["chosen"] = batch.composite.memo.get("chosen")
        cost = batch.composite.memo.get("credits")
        counts = read_output(reply.object(), order)
        return [Fetched(order.id, counts, raw=reply.content, facts=facts, cost=cost)]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Update]:
        job_id = self._job_id(batch)
        reply = await self._send("DELETE", self._sched(f"jobs/{job_id}"))
        if reply.status != 409:  # not cancelable any more: its state says why
            _expect(reply)
        reply = await self._ask("GET", self._sched(f"jobs/{job_id}"))
        return [self._update(batch.orders[0], reply.object(), reply)]

    async def release(self, batch: Batch) -> None:
        """The platform holds nothing for us once a job has ended."""

    async def aclose(self) -> None:
        await self._wire.aclose()

    # -- lists ----------------------------------------------------------------------------------

    async def backends(self) -> Sequence[Mapping[str, Any]]:
        """List all backend classes of the platform."""
        url = f"{self._services.management}/v1/backends/classes"
        return [row async for row in self._pages(url, "backend_classes")]

    async def subcategories(self) -> Sequence[Mapping[str, Any]]:
        """List what jobs can be for: the subcategories of all categories of the platform."""
        found: list[Mapping[str, Any]] = []
        async for category in self._pages(self._sched("jobs/categories"), "categories"):
            path = f"jobs/categories/{quote(_identifier(category))}/subcategories"
            found += [row async for row in self._pages(self._sched(path), "categories")]
        return found

    async def _check_subcategory(self) -> None:
        wanted = self._options.subcategory
        rows = await self.subcategories()
        if any(wanted in (row.get("short_code"), row.get("id")) for row in rows):
            return
        codes = [self._code(row) for row in rows]
        near = get_close_matches(wanted, codes, n=3, cutoff=0.4) or codes
        raise Refused(
            f"open-quantum: {wanted!r} is no subcategory; write options: {{subcategory: …}}, "
            f"such as {' or '.join(near)}"
        )

    async def _find_backend(self) -> Mapping[str, Any]:
        rows = await self.backends()
        for row in rows:
            names = (row.get("short_code"), row.get("id"), row.get("name"))
            if self._wanted and self._wanted in names:
                return row
        codes = [self._code(row) for row in rows]
        near = get_close_matches(self._wanted, codes, n=3, cutoff=0.4) or codes
        raise Refused(
            f"open-quantum: {self._wanted or 'no target'!r} is no backend; "
            f"write target: {' or '.join(near)}"
        )

    @staticmethod
    def _code(row: Mapping[str, Any]) -> str:
        return str(row.get("short_code") or row.get("id"))

    async def _organization_id(self) -> str:
        if self._organization is None:
            wanted = self._options.organization or self._environ.get("OPENQUANTUM_ORGANIZATION_ID")
            url = f"{self._services.management}/v1/users/organizations"
            rows = [row async for row in self._pages(url, "organizations")]
            fitting = [row for row in rows if wanted in (None, row.get("id"), row.get("name"))]
            if len(fitting) != 1:
                names = ", ".join(f"{row.get('name')} ({row.get('id')})" for row in rows)
                raise Refused(
                    f"open-quantum: whose credits are spent? write options: {{organization: …}}, "
                    f"one of: {names or 'none, the account belongs to no organization'}"
                )
            self._organization = _identifier(fitting[0])
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
            for row in answer.get(key) or []:
                yield row
            cursor = (answer.get("pagination") or {}).get("next_cursor")
            if not cursor:
                return
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

    def _update(self, order: Order, record: Mapping[str, Any], reply: Reply) -> Update:
        status = str(record.get("status", ""))
        state = STATES.get(status.lower())
        failed = state in (JobState.FAILED, JobState.CANCELLED)
        error = _text(record.get("message")) if failed else ""
        return Update(order.id, state, status, _identifier(record), error=error, raw=reply.content)

    async def _ask(self, method: str, url: str, **request: Any) -> Reply:
        reply = await self._send(method, url, **request)
        _expect(reply)
        return reply

    async def _send(self, method: str, url: str, **request: Any) -> Reply:
        """Send with a token; after a 401 once more with a new one, which repeats nothing."""
        if self._account is None:
            self._account = Account(self._services, self._pointer, self._environ, self._wire)
        token = await self._account.token()
        reply = await self._send_as(token, method, url, **request)
        if reply.status == 401 and self._account.can_renew:
            token = await self._account.token(instead_of=token)
            reply = await self._send_as(token, method, url, **request)
        return reply

    async def _send_as(self, token: str, method: str, url: str, **request: Any) -> Reply:
        headers = {"authorization": f"Bearer {token}"}
        if "content" in request:
            headers["content-type"] = "application/json"
        return await self._wire.send(method, url, headers=headers, **request)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> OpenQuantum:
    """Make the driver of an ``open-quantum`` backend."""
    return OpenQuantum(name, backend, surroundings)


def find_basis(constraints: Mapping[str, Any]) -> tuple[str, ...]:
    """Return Qiskit's names of the gates to write programs in; () where anything goes."""
    named = {str(op.get("name")) for op in constraints.get("supported_ops") or ()}
    known = {**ONE_QUBIT, **TWO_QUBITS}
    return tuple(dict.fromkeys(known[name] for name in known if name in named))


def read_output(output: Mapping[str, Any], order: Order) -> Counts:
    """Turn the platform's counts into ours.

    Args:
        output: Flat bitstring -> count, or that under ``counts`` or ``measurement_counts``;
            rightmost character = classical bit 0; leading zeros may be missing, spaces may appear.
        order: Its circuit says how many bits in which registers.

    Raises:
        Misspoke: No counts in it, wrong width, or they do not add up to the shots ordered.
    """
    facts = order.circuit.facts
    for key in ("counts", "measurement_counts"):
        if isinstance(output.get(key), dict):
            output = output[key]
    ours: dict[int, int] = {}
    for text, count in output.items():
        bits = text.replace(" ", "")
        is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 0
        if not is_count or not bits or set(bits) - {"0", "1"} or len(bits) > facts.num_bits:
            raise Misspoke(f"open-quantum: {order.name}: {text!r}: {count!r} is no count")
        ours[int(bits, 2)] = ours.get(int(bits, 2), 0) + count
    if sum(ours.values()) != order.shots:
        raise Misspoke(
            f"open-quantum: {order.name}: {order.shots} shots were ordered, "
            f"{sum(ours.values())} came"
        )
    registers = tuple((register.name, register.num_bits) for register in facts.registers)
    return Counts.from_ints(registers, list(ours), list(ours.values()))


def read_error(reply: Reply) -> tuple[str, str]:
    """Return an error body's machine word and its text; ("", "") where there is none."""
    if reply.is_success:
        return "", ""
    try:
        body = reply.object()
    except Misspoke:
        return "", ""
    return str(body.get("type") or ""), _text(body.get("message"))


def _expect(reply: Reply) -> None:
    if not reply.is_success:
        kind, words = read_error(reply)
        raise reply.failure(f"{kind}: {words}" if kind else words)


def _text(message: Any) -> str:
    if isinstance(message, list):
        return "; ".join(str(part) for part in message)
    return str(message) if message else "no reason given"


def _identifier(record: Mapping[str, Any]) -> str:
    value = record.get("id")
    if not isinstance(value, str) or not value:
        raise Misspoke(f"open-quantum: an answer without an id: {json.dumps(record):.200}")
    return value


def _url(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise Misspoke(f"open-quantum: an answer without {key}")
    return value
