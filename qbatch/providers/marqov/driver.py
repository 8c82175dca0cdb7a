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
  ``on_unknown: resend``, the same bytes go out once more with the same key. A script that a network
  delivers twice may so run, and be billed, twice; without a list nobody here sees the second job.
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

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from qbatch.errors import Unavailable
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    Intent,
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
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.cloud import SpeaksToCloud
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.targets import job_is_gone, too_wide
from qbatch.providers.kit.untrusted import amount, word
from qbatch.providers.kit.wire import Reply
from qbatch.providers.marqov import native
from qbatch.providers.marqov.jobs import Jobs
from qbatch.providers.marqov.memo import MarqovMemo
from qbatch.providers.marqov.options import Options
from qbatch.providers.marqov.replies import (
    NOT_BOUGHT,
    RATES,
    WORDS,
    expect,
    id_in,
    read_error,
    read_reason,
    read_result,
    read_state,
    read_target,
)
from qbatch.providers.marqov.service import VENDOR, Service
from qbatch.providers.marqov.submissions import Submissions

__all__ = ["VENDOR", "Marqov", "open_driver"]

#: How long one status answer may be held back, seconds.
WAIT_S = 20


class Marqov(SpeaksToCloud):
    """Speaks to one backend. See `qbatch.providers.Driver` for what each method promises."""

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self._options = Options.model_validate(dict(backend.options))
        self._now = surroundings.now
        self._service = Service(backend, surroundings)
        super().__init__(name, self._service)
        self._submissions = Submissions(self._service, self._options, surroundings.run_id)
        #: Status answers of completed jobs, until `fetch` takes them.
        self._finished: dict[str, Reply] = {}

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the backend's entry of the catalogue: state, width, prices.

        Raises:
            Refused: No such backend (with the nearest names), or it is retired.
        """
        entry = await self._service.find_entry()
        target = replace(read_target(entry), is_emulated=self.is_emulated)
        if self._options.native is None:
            return target
        team = native.find_team(self._options, self._service.environ)
        reply = await self._service.ask("GET", "jobs/managed-runtimes", params={"team_id": team})
        price = native.read_price(reply, self._options, self._service.wanted)
        return replace(target, price=price)

    async def list_targets(self) -> Sequence[Target]:
        """List the catalogue, without what is retired."""
        listed = await self._service.backends()
        return [read_target(one) for one in listed if one.get("isRetired") is not True]

    def account(self) -> str:
        """Name the key by its digest: nothing tells its team."""
        return self._service.account()

    def check(self, order: Order, target: Target) -> str | None:
        facts = order.circuit.facts
        if (problem := too_wide(order, target)) is not None:
            return problem
        is_carried = self._options.native is None or self._options.runs_own_code
        if facts.is_dynamic and not is_carried:
            return "measured before its end; a native submission measures at the end only"
        if facts.has_delay and not self._options.runs_own_code:
            return "no page of Marqov's tells of delays; its circuits are sent without any"
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        """Save the script, have it analysed, and write the submission: all free, all repeatable."""
        return await self._submissions.prepare(batch)

    def intend(self, batch: Batch) -> Intent:
        body = memo_of(batch.composite, MarqovMemo, "body")["body"]
        return Intent(key=self._submissions.key_of(batch, "submit"), body=body.encode())

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        shared, now_s = self._service.shared_rates(), self._now()
        if shared is not None and (wait_s := shared.take(now_s)):
            rate = next((each for each in RATES if wait_s <= each.window_s), RATES[-1])
            raise Unavailable(f"marqov takes {rate}", retry_after_s=wait_s, is_full=True)
        try:
            reply = await self._service.send(
                "POST", "jobs/submit", content=intent.body, key=intent.key
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

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Nothing finds a job without its id: whether to send again was decided beforehand.

        A native submission is found by sending it again, for as long as its key is trusted.
        """
        (order,), name = batch.orders, self._submissions.name_of(batch)
        if any(batch.provider_job_ids):
            return [await self._news(batch, 0)]
        memo = memo_of(batch.composite, MarqovMemo)
        if memo.get("native"):
            advice = (
                f"not answered; look at {self._service.base}/jobs for {name}, a native submission "
                f"under key {intent.key}"
            )
            return [Repeatable(order.id, error=advice, life_s=native.KEY_LIFE_S)]
        may_resend = memo.get("is_free") or self._options.on_unknown == "resend"
        if may_resend and not memo.get("resent"):
            once_more: MarqovMemo = {**memo, "resent": True}
            return [NotTaken(order.id, memo=once_more)]
        script = memo.get("script_id") or self._options.script_slug or "inline code"
        again = "sent twice with one key, and " if memo.get("resent") else ""
        advice = (
            f"{again}not answered; look at {self._service.base}/jobs for a job of script {script} "
            f"({name}, key {intent.key}): Marqov has no look-up"
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
            return job_is_gone(order, "Marqov", job_id)
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
        return await self._service.send("GET", f"jobs/{job_id}/status", params=params)

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
        memo = memo_of(batch.composite, MarqovMemo)
        if "script_id" in memo:
            facts["script_id"] = memo["script_id"]
        if "analysis_id" in memo:
            facts["analysis_id"] = memo["analysis_id"]
        cost = amount(job.get("estimated_cost_usd"))
        return [Fetched(order.id, counts, reply.kept, facts=facts, statevector=vector, cost=cost)]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        """Ask for it, though the platform is known to refuse keys; a person can, in the browser."""
        reply = await self._service.cancel(batch.only_id, self._submissions.key_of(batch, "cancel"))
        if reply.status != 409:  # too late: its state says how it ended
            expect(reply)
        return [await self._news(batch, 0)]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """The platform holds nothing for us once a job has ended; scripts stay, by its design."""
        return {}

    def jobs_at_cloud(self) -> Jobs:
        """Return the jobs of the key's team."""
        return Jobs(self._service)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Marqov:
    """Make the driver of a ``marqov`` backend."""
    return Marqov(name, backend, surroundings)
