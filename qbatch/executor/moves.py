"""Moves of a composite job's children, made durable: jobs, ledger and budget by the table's rows.

Rules: a job moves only by an event of the table of purchases; what the ledger does about it is what
the row says. Jobs and ledger change in one step, and only what is durable is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.executor.active import ActiveJob, Move
from qbatch.executor.journal import Step
from qbatch.job import JobState, stage_after
from qbatch.providers import Answer
from qbatch.purchase import CompositeEvent, Ledger
from qbatch.snapshot.ledger import AS_QUOTED, NOT_BOUGHT

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine

#: Who told what jobs were charged when all was over.
FINAL = "told by the provider in the end"

#: Who says so -> child -> charge.
Charges = dict[str, dict[str, float]]


class Moves:
    """Makes the moves of one backend's jobs durable."""

    def __init__(self, engine: Engine, backend: BackendRun) -> None:
        self._engine = engine
        self._backend = backend

    async def commit(
        self,
        active: ActiveJob,
        moves: Iterable[Move],
        *,
        happened: CompositeEvent | None = None,
        note: str = "",
        steps: Sequence[Step] = (),
    ) -> None:
        """Make moves durable; then, and only then, believe them.

        Args:
            active: Whose children move.
            moves: What happened to them.
            happened: To the composite job as a whole; None: only to them.
            note: Why.
            steps: To be written in the same step.
        """
        moves = [self._numbered(active, move) for move in moves]
        rows = [move.row for move in moves]
        events = self._events(active, happened)
        stage = stage_after(active.stage, *events)
        is_new_stage = stage != active.stage
        if not rows and not is_new_stage:
            return

        charges = {} if self._backend.target.price.is_free else charged(moves)

        def write() -> None:
            self._engine.snapshot.save_jobs(rows, note=note)
            for source, amounts in charges.items():
                self._engine.snapshot.bill(_entries_of(active, amounts), source)
            if is_new_stage and active.ordinal is not None:
                self._engine.snapshot.happens(active.ordinal, *events)

        await self._engine.journal.commit(write, *steps)
        for source, amounts in charges.items():
            self._count(active, source, amounts)
        active.stage = stage
        self._engine.note(active, rows)

    def _numbered(self, active: ActiveJob, move: Move) -> Move:
        """A move to another attempt takes a number that no earlier purchase has."""
        row, before = move.row, active.job(move.row.job.id)
        if row.job.generation == before.generation:
            return move
        generation = self._engine.snapshot.next_attempt(row.ordinal, before.generation)
        return move._replace(row=row.with_job(row.job.with_changes(generation=generation)))

    def _events(
        self, active: ActiveJob, happened: CompositeEvent | None
    ) -> Sequence[CompositeEvent]:
        """What happens to a composite job as a whole, one after the other.

        Where nothing is kept for it, what it came to leaves nothing to be released.
        """
        events = [] if happened is None else [happened]
        if stage_after(active.stage, *events) == "closed":
            return events
        if (then := active.comes_to) is not None:
            events.append(then)
        keeps = self._backend.target.keeps and not self._backend.driver.is_local
        if then is CompositeEvent.ENDED and not keeps:
            events.append(CompositeEvent.RELEASED)
        return events

    def replies(self, active: ActiveJob, updates: Iterable[Answer]) -> Sequence[Step]:
        """The step that keeps what the provider sent along with its news."""
        kept = [
            (active.rows[update.job_id].ordinal, kind, body)
            for update in updates
            for kind, body in (("update", update.raw), ("log", update.log))
            if body
        ]

        def write() -> None:
            for ordinal, kind, body in kept:
                self._engine.snapshot.save_raw(ordinal, kind, body)

        return (write,) if kept else ()

    async def settle(self, active: ActiveJob, bill: Mapping[str, float]) -> None:
        """Keep what children turned out to cost; where they are does not change by it."""
        unit, snapshot = self._backend.target.price.unit, self._engine.snapshot
        children = [key for key in bill if key in active.rows]
        if not children:
            return
        mine = [key for key in children if key in active.ids]
        over = [key for key in children if key not in mine and _has_result(active, key)]
        rows = [active.noted(key, cost=bill[key], unit=unit) for key in (*mine, *over)]
        amounts = {key: bill[key] for key in children}

        def write() -> None:
            snapshot.save_jobs(rows, note="billed")
            snapshot.bill(_entries_of(active, amounts), FINAL)

        await self._engine.journal.commit(write)
        for row in rows[: len(mine)]:
            self._backend.tally.note_cost(active.job(row.job.id), row.job)
        active.rows.update((row.job.id, row) for row in rows)
        self._count(active, FINAL, amounts)

    def _count(self, active: ActiveJob, source: str, amounts: Mapping[str, float]) -> None:
        """Put charges into the budget in the place of what was reserved."""
        budget, unit = self._engine.budget, self._backend.target.price.unit
        purchases = {active.purchase(key): amount for key, amount in amounts.items()}
        if source == NOT_BOUGHT:
            budget.release(purchases)
        else:
            is_quote = source == AS_QUOTED
            budget.settle(self._backend.name, unit, purchases, is_quote=is_quote)


def _has_result(active: ActiveJob, key: str) -> bool:
    """Whether the result of a child is what this purchase bought."""
    job = active.job(key)
    return job.state is JobState.COMPLETED and job.generation == active.purchase(key)[1]


def charged(moves: Iterable[Move]) -> Charges:
    """Return what the ledger is to say of moves, by its column of the table."""
    told: Charges = {}
    for move in moves:
        if move.ledger is Ledger.FREE:
            told.setdefault(NOT_BOUGHT, {})[move.row.job.id] = 0.0
        elif move.ledger is Ledger.BILL and move.bill is not None:
            told.setdefault(move.bill.source, {})[move.row.job.id] = move.bill.amount
    return told


def _entries_of(active: ActiveJob, amounts: Mapping[str, float]) -> dict[tuple[int, int], float]:
    """The same amounts by what the ledger calls the purchases."""
    return {
        (active.rows[key].ordinal, active.purchase(key)[1]): amount
        for key, amount in amounts.items()
    }
