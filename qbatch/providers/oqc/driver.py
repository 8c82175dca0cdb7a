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
whether one id submitted twice runs twice: ids are allocated before, so a second delivery names the
same task, and neither a list nor its record would tell of a second run; the
currency of ``price_per_shot`` (shown as "usd"); what 429 carries; that a null ``execute_time`` is
no bill. Where two readings were possible the careful one is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from qbatch.circuit import program_text
from qbatch.errors import Misspoke, Refused, TooLarge
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Batch,
    Fetched,
    Intent,
    Missing,
    Order,
    Prepared,
    Surroundings,
    Taken,
    Target,
)
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.cloud import SpeaksToCloud
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.proofs import Proofs, refusal
from qbatch.providers.kit.targets import too_dynamic, too_wide
from qbatch.providers.kit.untrusted import records, word
from qbatch.providers.oqc.allocating import Allocation
from qbatch.providers.oqc.config import encode_config
from qbatch.providers.oqc.jobs import Jobs
from qbatch.providers.oqc.memo import OqcMemo
from qbatch.providers.oqc.options import Options
from qbatch.providers.oqc.qpu import Qpu
from qbatch.providers.oqc.replies import (
    MAX_BYTES,
    read_error,
    read_facts,
    read_target,
)
from qbatch.providers.oqc.service import VENDOR, Service
from qbatch.providers.oqc.tasks import Pair, Tasks

__all__ = ["VENDOR", "Oqc", "open_driver"]

#: Errors of ``tasks/submit`` that prove that nothing was taken: none is needed, its ids tell.
NOT_BOUGHT: Proofs = {}

#: As long as any task id.
_PLACEHOLDER = "00000000-0000-4000-8000-000000000000"


class Oqc(SpeaksToCloud):
    """Speaks to one QPU. See `qbatch.providers.Driver` for what each method promises."""

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self._options = Options.model_validate(dict(backend.options))
        self._run_id = surroundings.run_id
        self._service = Service(backend.url, backend.credentials, surroundings)
        super().__init__(name, self._service)
        self._qpu = Qpu(self._service, backend.target, surroundings)
        self._tasks = Tasks(self._qpu)
        self._allocation = Allocation(self._qpu, f"qbatch/{self._run_id}")

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the QPU's record with its features, its next window, calibration and status.

        Raises:
            Refused: No such QPU (with the nearest ids), or the token is not taken.
        """
        qpu = await self._qpu.find()
        window_at = await self._service.next_window(qpu)
        facts = read_facts(qpu)
        facts["calibration"] = await self._service.calibration(qpu)
        facts["status"] = await self._service.status(qpu)
        target = read_target(qpu, window_at, facts)
        return replace(target, is_emulated=self.is_emulated)

    async def read_calibration(self) -> Any:
        """Read the QPU's calibration as it is now; None: it has none.

        It answers with the day that is asked about, which is no part of what was measured.
        """
        told = await self._service.calibration(await self._qpu.known())
        if not isinstance(told, Mapping):
            return told
        return None if "unavailable" in told else {k: v for k, v in told.items() if k != "date"}

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

    def account(self) -> str:
        """Name the user, as far as the credential tells."""
        return self._service.account()

    def check(self, order: Order, target: Target) -> str | None:
        if (problem := too_wide(order, target) or too_dynamic(order, target)) is not None:
            return problem
        if order.circuit.facts.has_delay:
            return "programs go to OQC as OpenQASM 2, which has no delay"
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        """Allocate one task id per child: free, and what makes the purchase nameable."""
        memo = memo_of(batch.composite, OqcMemo)
        if memo.get("task_ids"):
            return Prepared(memo)
        qpu = await self._qpu.known()
        size = len(self._body(batch, str(qpu["id"]), [_PLACEHOLDER] * len(batch.orders)))
        if size > MAX_BYTES:
            raise TooLarge(
                f"oqc: {len(batch.orders)} jobs make {size} bytes; OQC takes {MAX_BYTES} at once"
            )
        ids = await self._allocation.take(len(batch.orders))
        allocated: OqcMemo = {"task_ids": list(ids), "qpu_id": str(qpu["id"])}
        return Prepared(allocated)

    def intend(self, batch: Batch) -> Intent:
        memo = memo_of(batch.composite, OqcMemo, "task_ids", "qpu_id")
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
        reply = await self._qpu.send("POST", "tasks/submit", content=intent.body)
        if reply.status != 200:  # whatever it says, its tasks tell whether they were taken
            raise refusal(reply, "", read_error(reply), NOT_BOUGHT)
        return [Taken(order.id, "SUBMITTED", task_id) for order, task_id in _pairs(batch)]

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        del intent  # the ids stand in the memo
        return [await self._tasks.locate(*pair) for pair in _pairs(batch)]

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look through the list of tasks for our tags; there may be no such list, or no tags."""
        reply = await self._qpu.send("GET", "tasks")
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
                    answer = await self._tasks.locate(order, task_id)
                    if not isinstance(answer, Missing):
                        found[order.id] = answer
        return list(found.values())

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        return await self._tasks.poll([pair for batch in batches for pair in _pairs(batch)])

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results; one that lags behind its completed task is left out."""
        wanted = set(job_ids)
        found = [await self._tasks.result(*pair) for pair in _pairs(batch) if pair[0].id in wanted]
        return [one for one in found if one is not None]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        wanted = set(job_ids)
        pairs = [pair for pair in _pairs(batch) if pair[0].id in wanted]
        asked = {"tasks": [task_id for _, task_id in pairs]}
        await self._qpu.ask("POST", "tasks/cancel_many", json=asked)
        return [await self._tasks.news(order, task_id) for order, task_id in pairs]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """Nothing is held for us at OQC once a task has ended."""
        return {}

    def jobs_at_cloud(self) -> Jobs:
        """Return the tasks of the account."""
        return Jobs(self._service)

    # -- QPUs -----------------------------------------------------------------------------------

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

    # -- names ----------------------------------------------------------------------------------

    def _tag(self, batch: Batch) -> str:
        return f"qbatch/{self._run_id}/{batch.composite.id[:12]}.{batch.composite.generation}"


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Oqc:
    """Make the driver of an ``oqc`` backend."""
    return Oqc(name, backend, surroundings)


def _pairs(batch: Batch) -> Sequence[Pair]:
    """Return each order with its task's id: as allocated; a person may have adopted another."""
    allocated = memo_of(batch.composite, OqcMemo, "task_ids")["task_ids"]
    ids = [mine or theirs for mine, theirs in zip(batch.ids, allocated, strict=True)]
    return list(zip(batch.orders, ids, strict=True))
