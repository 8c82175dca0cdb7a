"""OQC QCaaS (Oxford Quantum Circuits), API version 3.

The protocol, as its official client speaks it:

* Header ``Authentication-Token``; the token is given, or made by e-mail and password: POST
  ``/admin/logout``, then ``/admin/login?include_auth_token=true``. It lives a day, and its renewal
  is another login.
* Nothing tells whose a token is: an account is the e-mail address, or a digest of the token. So a
  token in place of another counts as another account until a person says that it is the same one.
* ``GET /admin/qpu?per_page=1000`` lists QPUs; all task calls go to the *QPU's own* ``url``.
* Two steps make a purchase nameable: ``POST {qpu}/tasks`` allocates task ids (state CREATED, free),
  ``POST {qpu}/tasks/submit`` spends, with those ids. The one-step form is never used here.
* Success is 200 alone. Bodies stay under 128 KB, so a composite job stays under 100,000 bytes.
* ``GET {qpu}/tasks/{id}/all_info`` tells state, results, error, timings; there is no bulk read.
* Results are counts per classical register; leftmost character = bit 0. Joint counts over several
  registers are not offered, so programs are sent with one register and split here.
* A lost answer to submit: ask each id's ``status``. Anything but CREATED was taken; CREATED twice,
  twice the server's 30 s read time-out apart, was not, and the *same id* is sent again; 404 is for
  the person to look into.

* Two labels of a person's go with a task: ``tag`` stands at the end of ours, by which a copy of the
  run folder finds it, and ``hybrid_marker`` alone. A backend without a target runs on
  ``OQC_DEVICE``, or on the account's only active QPU.
* Of the formats of results only counts are documented, so nothing else is asked for.
* A task's ``execute_time`` is what is billed: one that failed or was cancelled and whose record has
  it as null cost nothing.

Not verified against the live service: that an allocated id answers CREATED until it is submitted;
whether one id submitted twice runs twice; the currency of ``price_per_shot`` (shown as "usd");
what 429 carries. Where two readings were possible the careful one is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from qbatch.circuit import program_text
from qbatch.errors import Misspoke, Refused, TooLarge
from qbatch.manifest.models import Backend
from qbatch.providers import (
    ENDS,
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
    Surroundings,
    Taken,
    Target,
    Unclear,
    kind_of,
)
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.proofs import Proofs, refusal
from qbatch.providers.kit.targets import no_target, too_dynamic, too_wide
from qbatch.providers.kit.untrusted import (
    identifier,
    records,
    word,
)
from qbatch.providers.kit.wire import Reply
from qbatch.providers.oqc.config import encode_config
from qbatch.providers.oqc.jobs import Jobs
from qbatch.providers.oqc.options import Options
from qbatch.providers.oqc.replies import (
    MAX_BYTES,
    WORDS,
    expect,
    read_error,
    read_facts,
    read_price,
    read_target,
    task_error,
    url_of,
)
from qbatch.providers.oqc.results import read_results
from qbatch.providers.oqc.service import TARGET_VARIABLE, VENDOR, Service

__all__ = ["VENDOR", "Oqc", "open_driver"]


#: Of the tasks that have not ended, so many of the oldest, and of the others, are asked about.
OLDEST, OTHERS = 4, 2

#: After a lost answer: how long the service may still be reading what we sent.
SETTLE_S = 60.0

#: Errors of ``tasks/submit`` that prove that nothing was taken: none is needed, its ids tell.
NOT_BOUGHT: Proofs = {}

#: As long as any task id.
_PLACEHOLDER = "00000000-0000-4000-8000-000000000000"


class Oqc:
    """Speaks to one QPU. See `qbatch.providers.Driver` for what each method promises."""

    is_local = False

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self.name = name
        self._is_usual = backend.target is None and TARGET_VARIABLE in surroundings.environ
        self._wanted = backend.target or surroundings.environ.get(TARGET_VARIABLE)
        self._options = Options.model_validate(dict(backend.options))
        self._run_id = surroundings.run_id
        self._service = Service(backend.url, backend.credentials, surroundings)
        self._qpu: Mapping[str, Any] | None = None
        #: Finished records seen by `poll`, until `fetch` takes them.
        self._finished: dict[str, Reply] = {}
        #: Tasks that `poll` saw at their end, and where among the others it looks next.
        self._ended: set[str] = set()
        self._turn = 0

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the QPU's record with its features, its next window, calibration and status.

        Raises:
            Refused: No such QPU (with the nearest ids), or the token is not taken.
        """
        self._qpu = await self._find_qpu()
        window_at = await self._service.next_window(self._qpu)
        facts = read_facts(self._qpu)
        facts["calibration"] = await self._service.calibration(self._qpu)
        facts["status"] = await self._service.status(self._qpu)
        target = read_target(self._qpu, window_at, facts)
        return replace(target, is_emulated=self._service.wire.is_emulated)

    async def list_targets(self) -> Sequence[Target]:
        """List the QPUs of the account, each with its features, next window and status."""

        async def ask(qpu: Mapping[str, Any]) -> Target:
            facts = read_facts(qpu)
            facts["status"] = await self._service.status(qpu)
            try:
                return read_target(qpu, await self._service.next_window(qpu), facts)
            except (Refused, Misspoke):
                return read_target(qpu, None, facts)

        found, failures = await ask_all([partial(ask, qpu) for qpu in await self._service.qpus()])
        if failures:
            raise failures[0]
        return found

    def credential_source(self) -> str:
        """Say where the credential comes from.

        Raises:
            CredentialsError: There is none.
        """
        return self._service.credential_source()

    def base_urls(self) -> Sequence[str]:
        return (self._service.base,)

    def account(self) -> str:
        """Name the user, as far as the credential tells."""
        return self._service.account()

    def check(self, order: Order, target: Target) -> str | None:
        return too_wide(order, target) or too_dynamic(order, target)

    async def prepare(self, batch: Batch) -> Prepared:
        """Allocate one task id per child: free, and what makes the purchase nameable."""
        if batch.composite.memo.get("task_ids"):
            return Prepared(batch.composite.memo)
        qpu = await self._known_qpu()
        size = len(self._body(batch, str(qpu["id"]), [_PLACEHOLDER] * len(batch.orders)))
        if size > MAX_BYTES:
            raise TooLarge(
                f"oqc: {len(batch.orders)} jobs make {size} bytes; OQC takes {MAX_BYTES} at once"
            )
        reply = await self._ask(
            "POST",
            "tasks",
            json={"qpu_id": qpu["id"], "task_count": len(batch.orders), "tag": self._tag(batch)},
        )
        told = reply.json()
        ids = {one for each in told if (one := identifier(each))} if isinstance(told, list) else ()
        if len(ids) != len(batch.orders) or len(told) != len(ids):
            raise Misspoke(
                f"oqc: asked for {len(batch.orders)} task ids, got {reply.excerpt()}",
                raw=reply.excerpt(2_000),
            )
        return Prepared({"task_ids": list(told), "qpu_id": qpu["id"]})

    def intend(self, batch: Batch) -> Intent:
        memo = batch.composite.memo
        body = self._body(batch, memo["qpu_id"], memo["task_ids"])
        return Intent(key=memo["task_ids"][0], body=body)

    def _body(self, batch: Batch, qpu_id: str, task_ids: Sequence[str]) -> bytes:
        options = self._options
        labels = {"hybrid_marker": options.hybrid_marker, "external_config": options.external}
        more = {key: value for key, value in labels.items() if value}
        end = f"/{options.tag}" if options.tag else ""
        tasks = [
            {
                "program": program_text(order.circuit, order.parameters, "2.0", register="c"),
                "qpu_id": qpu_id,
                "config": encode_config(order.shots, self._options),
                "tag": f"{self._tag(batch)}/{order.id[:12]}{end}",
                "task_id": task_id,
                **more,
            }
            for order, task_id in zip(batch.orders, task_ids, strict=True)
        ]
        return json.dumps({"tasks": tasks}, separators=(",", ":")).encode()

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        reply = await self._service.send(
            "POST", await self._url("tasks/submit"), content=intent.body
        )
        if reply.status != 200:  # whatever it says, its tasks tell whether they were taken
            raise refusal(reply, "", read_error(reply), NOT_BOUGHT)
        return [
            Taken(order.id, "SUBMITTED", task_id)
            for order, task_id in zip(batch.orders, self._task_ids(batch), strict=True)
        ]

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        del intent  # the ids stand in the memo
        pairs = zip(batch.orders, self._task_ids(batch), strict=True)
        return [await self._locate_task(order, task_id) for order, task_id in pairs]

    async def _locate_task(self, order: Order, task_id: str) -> Answer:
        reply = await self._service.send("GET", await self._url(f"tasks/{task_id}/status"))
        if reply.status == 404:
            return Unclear(
                order.id,
                error=f"OQC does not know its own task id {task_id}; look for it in the task list, "
                "or ask OQC whether it was billed",
            )
        expect(reply)
        status = word(reply.object().get("status"))
        if not status:
            raise Misspoke(f"oqc: task {task_id}: no status in {reply.excerpt()}")
        if status.upper() != "CREATED":
            kind = kind_of(WORDS, status)
            if kind is Failed:  # its record has the reason
                return await self._news(order, task_id)
            return kind(order.id, status, task_id)
        advice = f"OQC task {task_id} was allocated; was it submitted?"
        return Missing(order.id, status, error=advice, settle_s=SETTLE_S, is_proof=True)

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look through the list of tasks for our tags; there may be no such list, or no tags."""
        reply = await self._service.send("GET", await self._url("tasks"))
        rows = records(reply.json()) if reply.status == 200 else ()
        found: dict[str, Answer] = {}
        for order in batch.orders:
            sent = re.compile(
                rf"qbatch/{re.escape(self._run_id)}/[0-9a-f]+"
                rf"\.{batch.composite.generation}/{order.id[:12]}(/.*)?",
                re.DOTALL,
            )
            for row in rows:
                task_id = word(row.get("id"))
                if task_id and sent.fullmatch(word(row.get("tag"))):
                    answer = await self._locate_task(order, task_id)
                    if not isinstance(answer, Missing):
                        found[order.id] = answer
        return list(found.values())

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        updates: list[Answer] = []
        for group in self._groups(batches):
            before = len(self._ended)
            news, failures = await ask_all([partial(self._news, *pair) for pair in group])
            updates += news
            if len(self._ended) - before < len(group):
                break
        if failures and not updates:
            raise failures[0]
        return updates

    def _groups(self, batches: Sequence[Batch]) -> Iterator[list[tuple[Order, str]]]:
        """Split tasks not known to have ended into groups to be asked about, one after the other.

        There is no bulk call, and a QPU takes its tasks in order: where not all of the oldest have
        ended, those behind them are left alone, but for a few, others each time.
        """
        all_tasks = [
            pair
            for batch in batches
            for pair in zip(batch.orders, self._task_ids(batch), strict=True)
        ]
        waiting = [pair for pair in all_tasks if pair[1] not in self._ended] or all_tasks
        size, at = OLDEST, OLDEST
        behind = waiting[OLDEST:]
        self._turn = (self._turn + OTHERS) % max(1, len(behind))
        yield waiting[:OLDEST] + behind[self._turn : self._turn + OTHERS]
        while at < len(waiting):
            size *= 2
            yield [pair for pair in waiting[at : at + size] if pair[1] not in self._ended]
            at += size

    async def _news(self, order: Order, task_id: str) -> Answer:
        reply = await self._service.send("GET", await self._url(f"tasks/{task_id}/all_info"))
        if reply.status == 404:
            error = f"OQC does not have task {task_id}, or not any more"
            return Missing(order.id, "404 not found", task_id, error=error, settle_s=SETTLE_S)
        expect(reply)
        task = reply.object()
        status = word(task.get("status"))
        kind = kind_of(WORDS, status)
        if kind is Done:
            self._finished[task_id] = reply
        if kind in ENDS:
            self._ended.add(task_id)
        error = task_error(task) if kind is Failed else ""
        if status.upper() == "EXPIRED":
            error = f"EXPIRED: {error}"
        raw = reply.kept if kind is Failed else b""
        cost = 0.0 if kind in (Failed, Cancelled) and await self._never_ran(task) else None
        return kind(order.id, status, task_id, error=error, raw=raw, cost=cost)

    async def _never_ran(self, task: Mapping[str, Any]) -> bool:
        """Whether the record of a task that has ended says that it has no billable time."""
        is_told = "execute_time" in task and task["execute_time"] is None
        return is_told and not read_price(await self._known_qpu()).is_free

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results; one that lags behind its completed task is left out."""
        wanted = set(job_ids)
        found = [
            await self._result(order, task_id)
            for order, task_id in zip(batch.orders, self._task_ids(batch), strict=True)
            if order.id in wanted
        ]
        return [one for one in found if one is not None]

    async def _result(self, order: Order, task_id: str) -> Fetched | None:
        reply = self._finished.pop(task_id, None)
        if reply is None:
            reply = await self._service.send("GET", await self._url(f"tasks/{task_id}/all_info"))
            expect(reply)
        task = reply.object()
        if task.get("results") is None:
            return None
        counts = read_results(task["results"], order)
        keep = ("timings", "execution_metadata", "metadata", "compile_time", "execute_time")
        facts = {key: task[key] for key in keep if task.get(key) is not None}
        return Fetched(order.id, counts, raw=reply.kept, facts=facts)

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        wanted = set(job_ids)
        pairs = [
            (order, task_id)
            for order, task_id in zip(batch.orders, self._task_ids(batch), strict=True)
            if order.id in wanted
        ]
        await self._ask("POST", "tasks/cancel_many", json={"tasks": [task for _, task in pairs]})
        return [await self._news(order, task_id) for order, task_id in pairs]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """Nothing is held for us at OQC once a task has ended."""
        return {}

    async def aclose(self) -> None:
        await self._service.wire.aclose()

    @property
    def is_emulated(self) -> bool:
        return self._service.wire.is_emulated

    def jobs_at_cloud(self) -> Jobs:
        """Return the tasks of the account."""
        return Jobs(self._service)

    # -- QPUs -----------------------------------------------------------------------------------

    async def _find_qpu(self) -> Mapping[str, Any]:
        qpus = await self._service.qpus()
        for qpu in qpus:
            if self._wanted in (qpu["id"], qpu.get("name")):
                return qpu
        active = [qpu for qpu in qpus if qpu.get("active") is True]
        if not self._wanted and len(active) == 1:
            return active[0]
        ids = [str(qpu["id"]) for qpu in qpus]
        none = "(the account has none)"
        noun = "QPU of this account" + (f" ({TARGET_VARIABLE})" if self._is_usual else "")
        raise no_target("oqc", self._wanted, ids, noun=noun, none=none)

    async def _known_qpu(self) -> Mapping[str, Any]:
        if self._qpu is None:
            self._qpu = await self._find_qpu()
        return self._qpu

    async def _url(self, path: str) -> str:
        return f"{url_of(await self._known_qpu())}/{path}"

    async def calibrations(self, date: str | None = None) -> Mapping[str, Any]:
        """Read the calibration of every QPU of the account, as the service tells it.

        Args:
            date: ``YYYY-MM-DD``; None: the latest.

        Returns:
            QPU id -> JSON, or ``{"unavailable": why}``: a simulator has none.
        """
        return {
            str(qpu["id"]): await self._service.calibration(qpu, date)
            for qpu in await self._service.qpus()
        }

    # -- requests -------------------------------------------------------------------------------

    def _tag(self, batch: Batch) -> str:
        return f"qbatch/{self._run_id}/{batch.composite.id[:12]}.{batch.composite.generation}"

    @staticmethod
    def _task_ids(batch: Batch) -> Sequence[str]:
        """Ids as allocated; a person may have adopted another."""
        allocated: Sequence[str] = batch.composite.memo["task_ids"]
        known = batch.provider_job_ids or [None] * len(allocated)
        return [mine or theirs for mine, theirs in zip(known, allocated, strict=True)]

    async def _ask(self, method: str, path: str, **request: Any) -> Reply:
        reply = await self._service.send(method, await self._url(path), **request)
        expect(reply)
        return reply


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Oqc:
    """Make the driver of an ``oqc`` backend."""
    return Oqc(name, backend, surroundings)
