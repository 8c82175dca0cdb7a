"""Preparations: a program uploaded, checked by the platform, and quoted. All of it is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qbatch.errors import CircuitError, Refused
from qbatch.providers import Batch, Prepared
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.untrusted import said
from qbatch.providers.open_quantum.backend_class import BackendClass
from qbatch.providers.open_quantum.memo import QUOTED, OpenQuantumMemo
from qbatch.providers.open_quantum.options import Options
from qbatch.providers.open_quantum.platform import Platform
from qbatch.providers.open_quantum.replies import choose, expect, id_of, read_error, url_of


class Preparations:
    """The preparations of one run for one backend class.

    Args:
        platform: Who prepares.
        backend: What for.
        options: The backend's.
        run_id: As in `Surroundings`.
        tell: As in `Surroundings`.
    """

    def __init__(
        self,
        platform: Platform,
        backend: BackendClass,
        options: Options,
        run_id: str,
        tell: Callable[[Batch, str], None],
    ) -> None:
        self._platform = platform
        self._backend = backend
        self._options = options
        self._run_id = run_id
        self._tell = tell

    async def prepare(self, batch: Batch) -> Prepared:
        """Upload, prepare, and read the quote, a step at a time: all repeatable."""
        memo = memo_of(batch.composite, OpenQuantumMemo)
        if "plan_id" in memo:
            memo = memo_of(batch.composite, OpenQuantumMemo, *QUOTED)
            return Prepared(memo, quotes={batch.orders[0].id: memo["credits"]})
        if "preparation_id" not in memo:
            await self._backend.wait_until_open()
            return Prepared(await self._begin(batch), ready=False, again_s=0.5)
        reply = await self._platform.send("GET", f"jobs/prepare/{memo['preparation_id']}")
        if reply.status in (404, 425):  # known to appear late
            return Prepared(memo, ready=False, again_s=2.0)
        expect(reply)
        answer = reply.object()
        if answer.get("status") == "Failed":
            reason = said(answer.get("message")) or "no reason given"
            raise Refused(f"open-quantum: preparation failed: {reason}")
        if answer.get("status") != "Completed":
            return Prepared(memo, ready=False, again_s=2.0)
        return self._quoted(batch, memo, answer.get("quote"))

    def _quoted(self, batch: Batch, memo: OpenQuantumMemo, quote: Any) -> Prepared:
        """Choose from a quote, by the options."""
        choice, pairs = choose(quote, self._options.execution_plan, self._options.queue_priority)
        chosen: OpenQuantumMemo = {
            **memo,
            "plan_id": choice.plan_id,
            "priority_id": choice.priority_id,
            "credits": choice.total,
            "chosen": choice.title,
            "offers": [(pair.title, pair.total, pair is choice) for pair in pairs],
        }
        ways = f", of {len(pairs)} ways to buy it" if len(pairs) > 1 else ""
        self._tell(batch, f"quoted: {choice.title}, {choice.total:g} credits{ways}")
        return Prepared(chosen, quotes={batch.orders[0].id: choice.total})

    async def _begin(self, batch: Batch) -> OpenQuantumMemo:
        (order,) = batch.orders
        ticket = (await self._platform.ask("POST", "jobs/upload")).object()
        try:
            program = self._backend.program(order).encode()
        except CircuitError as error:
            raise Refused(f"open-quantum: {error}") from error
        put = await self._platform.wire.send(
            "PUT", url_of(ticket, "url"), content=program, is_bare=True
        )
        if not put.is_success:
            raise put.failure("the upload was not taken")
        self._tell(batch, f"circuit uploaded as {id_of(ticket)}, {len(program)} bytes")
        name, organization_id = self._job_name(batch), await self._platform.organization_id()
        preparation = {
            "organization_id": organization_id,
            "backend_class_id": self._backend.code,
            "name": name,
            "upload_endpoint_id": id_of(ticket),
            "job_subcategory_id": self._options.subcategory,
            "shots": order.shots,
            "configuration_data": {**self._options.configuration, "shots": order.shots},
            "submitted_with": "qbatch",
            "input_format": "qasm",
        }
        reply = await self._platform.send("POST", "jobs/prepare", json=preparation)
        if read_error(reply)[0] == "RESOURCE_NOT_ACTIVE":  # of what, only the list tells
            self._backend.closes()
            await self._backend.wait_until_open()
        expect(reply)
        preparation_id = id_of(reply.object())
        self._tell(batch, f"preparation {preparation_id} begun")
        return {
            "name": name,
            "organization_id": organization_id,
            "preparation_id": preparation_id,
        }

    def _job_name(self, batch: Batch) -> str:
        """Name a job uniquely over all runs, so that it can be found again."""
        return f"qbatch-{self._run_id}-{batch.orders[0].id[:16]}-{batch.composite.generation}"
