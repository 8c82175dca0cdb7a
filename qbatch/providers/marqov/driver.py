"""Marqov: one platform for free simulators, Amazon Braket and Azure hardware, billed in USD.

The protocol, as its official client speaks it:

* ``Authorization: Bearer <key>``; the key belongs to one team, which pays. Nothing tells
  which: an account is a digest of the key, and a renewed key counts as another account until a
  person says that it is the same one.
* One circuit per job, as a saved script: upload -> execution options (its SHA-256) -> analyse (the
  cost) -> ``POST /api/jobs/submit``, the one call that spends -> ``GET /api/jobs/{id}/status``,
  which may be held back up to 22 s by ``wait`` and brings the counts itself.
* Every POST carries an ``Idempotency-Key``. Whether the platform obeys it for scripts is not
  promised, and nothing lists jobs or finds them by key: a lost answer stays unknown, and the job is
  held. Ours is a UUIDv5 of run id, job and generation. Only where the price is zero, or with
  ``on_unknown: resend``, the same bytes go out once more with the same key.
* ``options.native``: the path that is promised to admit once under a key, see `native`: there a
  lost answer is found by sending the same again. It is a person's choice, never ours: the client
  too has no default for the team that pays and the cap, and a cap is charged where scripts run
  free. The cap is the job's price, "at most"; money is reserved for all of it.
* Ten submissions a minute per user and a hundred a day per team: 429 with ``Retry-After``. Spending
  beyond a budget: 402. Errors are ``{"error": {"code", "message"}}`` or, older,
  ``{"error": text}``.
* The price is ``max(minimumCost, taskFee + perShot * shots)``.
* An API key cannot cancel (403); a person can, in the browser.
* Counts: leftmost character = bit 0, unless the result's metadata say otherwise.

Not verified against the live service: anything at all. By the vendor's own words not certain are
de-duplication by key, what 402, ``checks`` and noise models hold, and the name of the bit order in
results; ``extract_state_vector`` is the name in its own simulators. With ``temporal`` (durable) the
platform may repeat, and bill, a task by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from qbatch.circuit import program_text
from qbatch.errors import Misspoke, Refused, Unavailable, Unfit
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    Intent,
    Missing,
    NotTaken,
    Order,
    Prepared,
    Repeatable,
    Surroundings,
    Taken,
    Target,
    Unclear,
    kind_of,
)
from qbatch.providers.kit.accounts import named, owner
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.credentials import Secret, find_address, read_environment, read_pointer
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.shared_rates import SharedRates
from qbatch.providers.kit.targets import no_target, too_wide
from qbatch.providers.kit.untrusted import amount, is_word, record, word
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.marqov import native
from qbatch.providers.marqov.jobs import Jobs
from qbatch.providers.marqov.options import MOST_INLINE, Options
from qbatch.providers.marqov.replies import (
    NOT_BOUGHT,
    RATES,
    WORDS,
    expect,
    id_in,
    read_checks,
    read_error,
    read_price,
    read_reason,
    read_result,
    read_state,
    read_target,
)
from qbatch.state import state_folder

BASE_URL = "https://app.marqov.ai"
URL_VARIABLES = ("QBATCH_MARQOV_URL", "MARQOV_PLATFORM_URL")
KEY_VARIABLES = ("MARQOV_PLATFORM_KEY",)
VENDOR = Vendor(("marqov.ai",), URL_VARIABLES, KEY_VARIABLES)

#: How long one status answer may be held back, seconds.
WAIT_S = 20

#: Marqov's names of execution modes.
MODES = {"direct": "direct", "durable": "temporal", "temporal": "temporal"}


class Marqov:
    """Speaks to one backend. See `qbatch.providers.Driver` for what each method promises."""

    is_local = False

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self.name = name
        self._wanted = backend.target or ""
        self._options = Options.model_validate(dict(backend.options))
        self._environ = surroundings.environ
        self._run_id = surroundings.run_id
        self._is_virtual = surroundings.is_virtual
        self._now = surroundings.now
        self._pointer = backend.credentials
        self._base = base_url(backend.url, self._environ)
        self._wire = open_wire("marqov", surroundings)
        self._key: Secret | None = None
        self._record: Mapping[str, Any] | None = None
        #: Status answers of completed jobs, until `fetch` takes them.
        self._finished: dict[str, Reply] = {}

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the backend's entry of the catalogue: state, width, prices.

        Raises:
            Refused: No such backend (with the nearest names), or it is retired.
        """
        self._record = await self._find_backend()
        target = replace(read_target(self._record), is_emulated=self._wire.is_emulated)
        if self._options.native is None:
            return target
        team = native.find_team(self._options, self._environ)
        reply = await self._ask("GET", self._url("jobs/managed-runtimes"), params={"team_id": team})
        return replace(target, price=native.read_price(reply, self._options, self._wanted))

    async def list_targets(self) -> Sequence[Target]:
        """List the catalogue, without what is retired."""
        return [
            read_target(one) for one in await self.backends() if one.get("isRetired") is not True
        ]

    def credential_source(self) -> str:
        """Say where the API key comes from.

        Raises:
            CredentialsError: There is none.
        """
        return self._secret().source

    def base_urls(self) -> Sequence[str]:
        return (self._base,)

    def account(self) -> str:
        """Name the key by its digest: nothing tells its team."""
        return named(self._base, owner(self._secret(), self._run_id))

    def check(self, order: Order, target: Target) -> str | None:
        facts = order.circuit.facts
        if (problem := too_wide(order, target)) is not None:
            return problem
        is_carried = self._options.native is None or self._options.runs_own_code
        if facts.is_dynamic and not is_carried:
            return "measured before its end; a native submission measures at the end only"
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        """Save the script, have it analysed, and write the submission: all free, all repeatable."""
        memo = dict(batch.composite.memo)
        (order,) = batch.orders
        terms = native.terms(self._options, self._environ)
        if "body" in memo and (memo.get("resent") or memo.get("native") == terms):
            return self._ready(order, memo)
        memo = {key: kept for key, kept in memo.items() if key not in ("body", "native")}
        if terms is not None:
            return Prepared(memo | {"native": terms, "body": await self._native_body(batch)})
        if self._options.script_id is not None:
            memo["script_id"] = str(self._options.script_id)
        elif not (self._options.is_inline or self._options.script_slug) and "script_id" not in memo:
            memo["script_id"] = await self._upload(batch)
            return Prepared(memo, ready=False)
        if "script_id" in memo:
            memo |= await self._analyse(batch, memo["script_id"])
        memo["is_free"] = read_price(await self._known_record()).is_free
        if memo["is_free"] and memo.get("usd"):
            raise Refused(
                f"marqov: {order.name}: {self._wanted} is free by the catalogue, but the analysis "
                f"asks {memo['usd']:g} usd; nothing was sent"
            )
        memo["body"] = self._body(batch, memo)
        return self._ready(order, memo)

    @staticmethod
    def _ready(order: Order, memo: Mapping[str, Any]) -> Prepared:
        usd = memo.get("usd")
        return Prepared(memo, quotes={order.id: usd} if usd else {})

    async def _native_body(self, batch: Batch) -> str:
        """Write a native submission; a saved script is pinned to what it is now."""
        (order,), digest, saved = batch.orders, None, self._options.script_id
        if saved is not None:
            url = self._url(f"scripts/{saved}/execution-options")
            told = (await self._ask("GET", url, params={"shots": order.shots})).object()
            digest = word(told.get("source_sha256")) or None
        return native.write_body(
            order,
            self._options,
            team=native.find_team(self._options, self._environ),
            backend=self._wanted,
            name=self._script_name(batch),
            script_sha256=digest,
        )

    async def _upload(self, batch: Batch) -> str:
        script = {
            "name": self._script_name(batch),
            "description": batch.orders[0].name,
            "script_content": self._source(batch),
            "script_type": "script",
        }
        reply = await self._post(batch, "upload", "scripts/upload", script)
        return id_in(reply, "script_id")

    async def _analyse(self, batch: Batch, script_id: str) -> dict[str, Any]:
        """Check that what was saved is what we sent, and ask what running it costs."""
        (order,) = batch.orders
        source = "" if self._options.script_id is not None else self._source(batch)
        digest = sha256(source.encode()).hexdigest()
        url = self._url(f"scripts/{script_id}/execution-options")
        saved = (await self._ask("GET", url, params={"shots": order.shots})).object()
        if source and saved.get("source_sha256") not in (None, digest):
            raise Refused(f"marqov: {order.name}: the script was saved with other content")
        asked = {
            "backend": self._wanted,
            "shots": order.shots,
            "content": source,
            "content_hash": digest,
            "circuit_count": 1,
        }
        reply = await self._post(batch, "analyse", f"scripts/{script_id}/analyse", asked)
        answer = reply.object()
        if answer.get("can_run") is False:
            raise Refused(f"marqov: {order.name}: cannot run: {read_checks(answer)}")
        told = record(answer.get("cost")).get("total_usd")
        usd = amount(told)
        if usd is None and (told is not None or read_price(await self._known_record()).quoted):
            raise Misspoke(f"marqov: {order.name}: an analysis without its cost: {told!r:.80}")
        return {"analysis_id": id_in(reply, "analysis_id"), "usd": usd}

    def _body(self, batch: Batch, memo: Mapping[str, Any]) -> str:
        """Write the submission, which is kept as it is: it must never differ when sent again."""
        options, (order,) = self._options, batch.orders
        body: dict[str, Any] = {"backend": self._wanted, "params": self._params(order)}
        if "script_id" in memo:
            body["script_id"] = memo["script_id"]
            body["analysis_id"] = memo["analysis_id"]
            body["params"]["circuit_count"] = 1
        elif options.script_slug is not None:
            body["script_slug"] = options.script_slug
        else:
            body["inline_code"] = options.inline_code or self._source(batch)
            body["framework"] = options.framework
            if len(body["inline_code"]) > MOST_INLINE:
                raise Refused(f"marqov: {order.name}: inline code ends at {MOST_INLINE} characters")
        body["warn_check_ids"] = list(options.accept_warnings)
        if options.execution_mode is not None:
            body["execution_mode"] = MODES[options.execution_mode]
        if options.create_capsule:
            body |= {"create_capsule": True, "capsule_name": self._script_name(batch)}
        return json.dumps(body, separators=(",", ":"))

    def _params(self, order: Order) -> dict[str, Any]:
        params: dict[str, Any] = {"shots": order.shots, **self._options.params}
        if self._options.runs_own_code:
            params |= order.parameters
        if self._options.noise_model is not None:
            params["noise_model"] = self._options.noise_model
        if self._options.statevector:
            params["extract_state_vector"] = True
        return params

    def _source(self, batch: Batch) -> str:
        """Write the circuit, under a line by which a person finds the job again."""
        (order,) = batch.orders
        version: Literal["2.0", "3.0"] = "3.0" if order.circuit.facts.is_dynamic else "2.0"
        text = program_text(order.circuit, order.parameters, version, register="c")
        return f"// {self._script_name(batch)}\n{text}"

    def intend(self, batch: Batch) -> Intent:
        body: str = batch.composite.memo["body"]
        return Intent(key=self._key_of(batch, "submit"), body=body.encode())

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        shared, now_s = self._shared_rates(), self._now()
        if shared is not None and (wait_s := shared.take(now_s)):
            rate = next((each for each in RATES if wait_s <= each.window_s), RATES[-1])
            raise Unavailable(f"marqov takes {rate}", retry_after_s=wait_s, is_full=True)
        try:
            reply = await self._send(
                "POST", self._url("jobs/submit"), content=intent.body, key=intent.key
            )
            code, words = read_error(reply)
            if not reply.is_success:
                raise refusal(reply, code, words, NOT_BOUGHT)
        except Unavailable as error:
            if shared is not None and error.unsent:
                shared.give_back(now_s)
            raise
        is_native = native.is_native(intent.body)
        job_id = native.read_receipt(reply, intent.body) if is_native else id_in(reply, "job_id")
        return [Taken(batch.orders[0].id, "pending", job_id)]

    async def repeat(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Send a native submission again. No refusal of it says what became of the first sending.

        Raises:
            Refused: The platform will not answer; whether it admitted the job stays open.
        """
        try:
            return await self.submit(batch, intent)
        except Unavailable as error:
            if error.otherwise is not None:
                raise error.otherwise from error
            if not error.is_full:
                raise
            again_s = error.retry_after_s or RATES[0].window_s
            order = batch.orders[0]
            return [Unclear(order.id, error=str(error), again_s=again_s, is_patient=True)]

    def _shared_rates(self) -> SharedRates | None:
        """What all runs of this account share; a rehearsal shares nothing."""
        if self._is_virtual:
            return None
        account = f"marqov {self._base} {self._secret().reveal()}"
        return SharedRates(state_folder(self._environ), account, RATES)

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Nothing finds a job without its id: whether to send again was decided beforehand.

        A native submission is found by sending it again, for as long as its key is trusted.
        """
        (order,), memo = batch.orders, batch.composite.memo
        if any(batch.provider_job_ids):
            return [await self._news(batch, 0)]
        if memo.get("native"):
            advice = (
                f"not answered; look at {self._base}/jobs for {self._script_name(batch)}, a native "
                f"submission under key {intent.key}"
            )
            return [Repeatable(order.id, error=advice, life_s=native.KEY_LIFE_S)]
        may_resend = memo.get("is_free") or self._options.on_unknown == "resend"
        if may_resend and not memo.get("resent"):
            return [NotTaken(order.id, memo={**memo, "resent": True})]
        script = memo.get("script_id") or self._options.script_slug or "inline code"
        again = "sent twice with one key, and " if memo.get("resent") else ""
        advice = (
            f"{again}not answered; look at {self._base}/jobs for a job of script {script} "
            f"({self._script_name(batch)}, key {intent.key}): Marqov has no look-up"
        )
        return [Unclear(order.id, error=advice)]

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Ask about each job; one alone is asked about with an answer held back."""
        wait_s = WAIT_S if len(batches) == 1 else 0
        updates, failures = await ask_all([partial(self._news, one, wait_s) for one in batches])
        if failures and not updates:
            raise failures[0]
        return updates

    async def _news(self, batch: Batch, wait_s: int) -> Answer:
        (order,), job_id = batch.orders, batch.only_id
        reply = await self._status(job_id, wait_s)
        if reply.status == 404:
            error = f"Marqov does not have job {job_id}, or not any more"
            return Missing(order.id, "404 not found", job_id, error=error)
        expect(reply)
        job = reply.object()
        status = word(job.get("status"))
        kind = kind_of(WORDS, status)
        if kind is Done:
            self._finished[job_id] = reply
        is_lost = kind in (Failed, Cancelled)
        return kind(
            order.id,
            status,
            job_id,
            error=read_reason(job) if is_lost else "",
            cost=amount(job.get("estimated_cost_usd")),
            raw=reply.kept if is_lost else b"",
        )

    async def _status(self, job_id: str, wait_s: int = 0) -> Reply:
        params = {"wait": wait_s} if wait_s else {}
        return await self._send("GET", self._url(f"jobs/{job_id}/status"), params=params)

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        (order,), job_id = batch.orders, batch.only_id
        reply = self._finished.pop(job_id, None)
        if reply is None:
            reply = await self._status(job_id)
            expect(reply)
        job = reply.object()
        if job.get("result") is None:  # completed, but not there yet
            return []
        result = native.read_output(job["result"], order)
        counts, facts = read_result(result, order)
        vector = read_state(result, order) if self._options.statevector else None
        facts |= {key: job[key] for key in ("created_at", "updated_at") if job.get(key)}
        facts |= {
            key: batch.composite.memo[key]
            for key in ("script_id", "analysis_id")
            if key in batch.composite.memo
        }
        cost = amount(job.get("estimated_cost_usd"))
        return [Fetched(order.id, counts, reply.kept, facts=facts, statevector=vector, cost=cost)]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        """Ask for it, though the platform is known to refuse keys; a person can, in the browser."""
        job_id = batch.only_id
        key = self._key_of(batch, "cancel")
        reply = await self._send("POST", self._url(f"jobs/{job_id}/cancel"), key=key)
        if reply.status == 403:
            page = f"{self._base}/jobs/{job_id}"
            raise Refused(f"marqov: an API key cannot cancel; cancel it in the browser: {page}")
        if reply.status != 409:  # too late: its state says how it ended
            expect(reply)
        return [await self._news(batch, 0)]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """The platform holds nothing for us once a job has ended; scripts stay, by its design."""
        return {}

    async def aclose(self) -> None:
        await self._wire.aclose()

    @property
    def is_emulated(self) -> bool:
        return self._wire.is_emulated

    def jobs_at_cloud(self) -> Jobs:
        """Return the jobs of the key's team."""
        return Jobs(self._send, self._url, f"{self._base}/jobs")

    # -- the catalogue --------------------------------------------------------------------------

    async def backends(self) -> Sequence[Mapping[str, Any]]:
        """List the platform's backends, retired ones included."""
        reply = await self._ask("GET", self._url("backends"))
        items = reply.object().get("backends")
        if not isinstance(items, list) or not all(is_word(record(i).get("slug")) for i in items):
            raise Misspoke(f"marqov: no list of backends: {reply.excerpt()}")
        return items

    async def _find_backend(self) -> Mapping[str, Any]:
        backends = await self.backends()
        for one in backends:
            if one["slug"] == self._wanted:
                if one.get("isRetired") is True:
                    raise Unfit(f"marqov: {self._wanted} is retired; choose another target")
                return one
        slugs = [str(one["slug"]) for one in backends if one.get("isRetired") is not True]
        raise no_target("marqov", self._wanted, slugs, noun="backend")

    async def _known_record(self) -> Mapping[str, Any]:
        if self._record is None:
            self._record = await self._find_backend()
        return self._record

    # -- requests -------------------------------------------------------------------------------

    def _url(self, path: str) -> str:
        return f"{self._base}/api/{path}"

    def _script_name(self, batch: Batch) -> str:
        """Name a script so that a person can tell whose job it is; at most 100 characters."""
        job = f"{batch.orders[0].id[:16]}-{batch.composite.generation}"
        return f"qbatch-{self._run_id}-{job}"[:100]

    def _key_of(self, batch: Batch, step: str) -> str:
        """Compute an Idempotency-Key, the same in any process."""
        of = f"qbatch/{self._run_id}/{batch.orders[0].id}/{batch.composite.generation}"
        return str(uuid5(NAMESPACE_URL, of if step == "submit" else f"{of}/{step}"))

    async def _post(self, batch: Batch, step: str, path: str, body: Any) -> Reply:
        return await self._ask("POST", self._url(path), json=body, key=self._key_of(batch, step))

    async def _ask(self, method: str, url: str, **request: Any) -> Reply:
        reply = await self._send(method, url, **request)
        expect(reply)
        return reply

    async def _send(self, method: str, url: str, *, key: str = "", **request: Any) -> Reply:
        headers = {"authorization": f"Bearer {self._wire.reveal(self._secret())}"}
        if key:
            headers["idempotency-key"] = key
        if "content" in request:
            headers["content-type"] = "application/json"
        return await self._wire.send(method, url, headers=headers, **request)

    def _secret(self) -> Secret:
        if self._key is None:
            if self._pointer is not None:
                self._key = read_pointer(self._pointer, self._environ)
            else:
                self._key = read_environment(KEY_VARIABLES, self._environ)
        return self._key


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Marqov:
    """Make the driver of a ``marqov`` backend."""
    return Marqov(name, backend, surroundings)


def base_url(url: str | None, environ: Mapping[str, str]) -> str:
    """Return where the API is: the manifest's word, the environment's, or the cloud's own."""
    return find_address(url, URL_VARIABLES, environ, BASE_URL)
