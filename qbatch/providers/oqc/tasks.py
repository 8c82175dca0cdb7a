"""Tasks by the ids that were allocated for them: where each stands, and what it brought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from qbatch.errors import Misspoke
from qbatch.providers import (
    ENDS,
    Answer,
    Cancelled,
    Done,
    Failed,
    Fetched,
    Missing,
    Order,
    Part,
    Unclear,
    kind_of,
)
from qbatch.providers.kit.asking import ask_all
from qbatch.providers.kit.targets import job_is_gone
from qbatch.providers.kit.untrusted import word
from qbatch.providers.kit.wire import Reply
from qbatch.providers.oqc.qpu import Qpu
from qbatch.providers.oqc.replies import WORDS, expect, read_price, task_error
from qbatch.providers.oqc.results import read_results

#: Of the tasks that have not ended, so many of the oldest, and of the others, are asked about.
OLDEST, OTHERS = 4, 2

#: When so many have answered that they ended, this is told before the others are asked.
PART = 64

#: After a lost answer: how long the service may still be reading what we sent.
SETTLE_S = 60.0

#: An order, and the id of its task.
Pair = tuple[Order, str]


class Tasks:
    """The tasks of one QPU.

    Args:
        qpu: That they were allocated at.
    """

    def __init__(self, qpu: Qpu) -> None:
        self._qpu = qpu
        #: Finished records that were seen, until their results are taken.
        self._finished: dict[str, Reply] = {}
        #: Those that were seen at their end, and where among the others it is looked next.
        self._ended: set[str] = set()
        self._turn = 0
        #: How many of the oldest are asked about first: more, where a part was told of before.
        self._oldest = OLDEST

    async def locate(self, order: Order, task_id: str) -> Answer:
        """Say whether a task was taken that was allocated."""
        reply = await self._qpu.send("GET", f"tasks/{task_id}/status")
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
                return await self.news(order, task_id)
            return kind(order.id, status, task_id)
        advice = f"OQC task {task_id} was allocated; was it submitted?"
        return Missing(order.id, status, error=advice, settle_s=SETTLE_S, is_proof=True)

    async def poll(self, tasks: Sequence[Pair]) -> Sequence[Answer]:
        """Ask about the oldest, and about those behind them once these have ended.

        Returns:
            What was told; a `Part` where many have ended and others may have.

        Raises:
            ProviderError: Nothing could be asked.
        """
        updates: list[Answer] = []
        groups, self._oldest = self._groups(tasks, self._oldest), OLDEST
        for group in groups:
            before = len(self._ended)
            news, failures = await ask_all([partial(self.news, *pair) for pair in group])
            updates += news
            if len(self._ended) - before < len(group):
                break
            if len(updates) >= PART and any(task_id not in self._ended for _, task_id in tasks):
                self._oldest = PART
                return Part(updates)
        if failures and not updates:
            raise failures[0]
        return updates

    def _groups(self, tasks: Sequence[Pair], oldest: int) -> Iterator[Sequence[Pair]]:
        """Split tasks not known to have ended into groups to be asked about, one after the other.

        There is no bulk call, and a QPU takes its tasks in order: where not all of the oldest have
        ended, those behind them are left alone, but for a few, others each time.
        """
        waiting = [pair for pair in tasks if pair[1] not in self._ended] or tasks
        size, at = oldest, oldest
        behind = waiting[oldest:]
        self._turn = (self._turn + OTHERS) % max(1, len(behind))
        yield [*waiting[:oldest], *behind[self._turn : self._turn + OTHERS]]
        while at < len(waiting):
            size *= 2
            yield [pair for pair in waiting[at : at + size] if pair[1] not in self._ended]
            at += size

    async def news(self, order: Order, task_id: str) -> Answer:
        """Say where a task stands."""
        reply = await self._qpu.send("GET", f"tasks/{task_id}/all_info")
        if reply.status == 404:
            return job_is_gone(order, "OQC", task_id, noun="task", settle_s=SETTLE_S)
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
        return is_told and not read_price(await self._qpu.known()).is_free

    async def result(self, order: Order, task_id: str) -> Fetched | None:
        """Return what a completed task brought; None: that lags behind."""
        reply = self._finished.pop(task_id, None)
        if reply is None:
            reply = await self._qpu.ask("GET", f"tasks/{task_id}/all_info")
        task = reply.object()
        if task.get("results") is None:
            return None
        counts = read_results(task["results"], order)
        keep = ("timings", "execution_metadata", "metadata", "compile_time", "execute_time")
        facts = {key: task[key] for key in keep if task.get(key) is not None}
        return Fetched(order.id, counts, raw=reply.kept, facts=facts)
