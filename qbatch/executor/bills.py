"""Bills that were not told as jobs ended: asked for by `fetch`, and by a run before it buys.

Rules: only what the ledger has no bill of is asked about (a quote in its place is none), at the
account that paid for it, and once in a call: with one request where a cloud has a list. Nothing
moves: what is told about a job is its bill alone. Bills are a courtesy: what cannot be read or
asked about is told, and stops nothing. A run asks ever less often about what is not told
(`snapshot.asked`); `fetch`, which a person calls, asks about all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from qbatch.errors import CredentialsError, Misspoke, ProviderError, QbatchError, Refused
from qbatch.executor.accounts import is_foreign
from qbatch.executor.moves import Moves
from qbatch.executor.resume import stored_active
from qbatch.frozen import dataclass
from qbatch.providers import ENDS, GivenBack
from qbatch.providers.answers import Part
from qbatch.snapshot.asked import OLDEST_S, read_asked

if TYPE_CHECKING:
    from qbatch.executor.active import ActiveJob
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine
    from qbatch.providers import Answer, Batch
    from qbatch.snapshot import Snapshot
    from qbatch.snapshot.composites import StoredComposite

#: Composite jobs that a run asks about at each backend, the newest of those that are due: some
#: clouds are asked about one by one.
MOST_IN_RUN = 50

#: How long a run asks one backend before it buys there, seconds.
LIMIT_S = 30.0

#: Answers whose cost is what a job was billed.
OVER = (*ENDS, GivenBack)

#: Makes a call: again where that may help, or once.
Read = Callable[[Callable[[], Awaitable[Sequence["Answer"]]]], Awaitable[Sequence["Answer"]]]


@dataclass(frozen=True, slots=True)
class Unbilled:
    """A composite job that is over.

    Attributes:
        active: It answers for none of its children any more.
        batch: The provider's ids of what is not billed, and of nothing else.
    """

    active: ActiveJob
    batch: Batch


def read_unbilled(
    snapshot: Snapshot,
    backends: Iterable[str],
    warn: Callable[[str], object],
    *,
    is_run: bool = False,
) -> dict[str, list[Unbilled]]:
    """Read what is over and not billed at these backends.

    Args:
        snapshot: Knows it.
        backends: Their names.
        warn: Told once where some of it cannot be read: that is left out.
        is_run: Only what a run is to ask about now, `MOST_IN_RUN` composite jobs of each.
    """
    chosen = _due(snapshot, backends) if is_run else _all(snapshot, backends)
    found: dict[str, list[Unbilled]] = {}
    failures: list[QbatchError] = []
    for stored in snapshot.composites_at(chosen) if chosen else ():
        try:
            unbilled = _read(snapshot, stored)
        except QbatchError as error:
            failures.append(error)
        else:
            found.setdefault(stored.backend, []).extend([unbilled] if unbilled else [])
    if failures:
        number = (
            f"{len(failures)} jobs that are over" if len(failures) > 1 else "a job that is over"
        )
        warn(f"nobody is asked what {number} cost, for it cannot be read here: {failures[0]}")
    return {name: theirs for name, theirs in found.items() if theirs}


def _all(snapshot: Snapshot, backends: Iterable[str]) -> list[int]:
    names = {*backends}
    return [row for row, backend in snapshot.unbilled_composites() if backend in names]


def _due(snapshot: Snapshot, backends: Iterable[str]) -> list[int]:
    """Choose the newest of which the next question is due."""
    now = snapshot.now()
    chosen: dict[str, list[int]] = {name: [] for name in backends}
    unbilled = snapshot.unbilled_composites(now - OLDEST_S)
    asked = read_asked(snapshot.meta()) if unbilled else {}
    for row, backend in unbilled:
        theirs, before = chosen.get(backend), asked.get(row)
        if theirs is None or len(theirs) >= MOST_IN_RUN:
            continue
        if before is None or before.is_due(now):
            theirs.append(row)
    return [row for theirs in chosen.values() for row in theirs]


def _read(snapshot: Snapshot, stored: StoredComposite) -> Unbilled | None:
    purchases = snapshot.unbilled(stored.ordinal)
    if not purchases:
        return None
    active = stored_active(snapshot, stored)
    keys = active.batch.composite.job_ids
    rows = [active.rows[key].ordinal for key in keys]
    ids = tuple(purchases[row][1] if row in purchases else None for row in rows)
    active.bought = {
        key: purchases[row][0] for key, row in zip(keys, rows, strict=True) if row in purchases
    }
    return Unbilled(active, replace(active.batch, provider_job_ids=ids))


async def ask_for_bills(engine: Engine, backend: BackendRun, unbilled: Sequence[Unbilled]) -> None:
    """Ask what these cost, again where that may help, and keep what is told."""
    told: list[Answer] = []
    try:
        await _ask(backend, unbilled, backend.read, told)
    except (Refused, Misspoke) as error:
        backend.warn(f"asking what was billed failed: {error}")
    await _keep(engine, backend, unbilled, told)


async def ask_before_buying(
    engine: Engine, backend: BackendRun, unbilled: Sequence[Unbilled]
) -> None:
    """Ask once what these cost, for as long as `LIMIT_S`, and keep what is told.

    What is given back may be spent. But buying does not depend on it: only where the credentials
    are refused nothing else would work either.
    """
    rows = [each.active.ordinal for each in unbilled if each.active.ordinal is not None]
    await engine.journal.commit(partial(engine.snapshot.note_asked, rows))
    told: list[Answer] = []
    refused: CredentialsError | None = None
    with trio.move_on_after(LIMIT_S) as scope:
        try:
            await _ask(backend, unbilled, _once, told)
        except CredentialsError as error:
            refused = error
        except ProviderError as error:
            backend.warn(f"asking what was billed failed: {error}")
    if scope.cancelled_caught:
        backend.warn(f"not told within {LIMIT_S:g} s what was billed; the run goes on without it")
    await _keep(engine, backend, unbilled, told)
    if refused is not None:
        await backend.give_up(refused)


async def _once(call: Callable[[], Awaitable[Sequence[Answer]]]) -> Sequence[Answer]:
    return await call()


async def _ask(
    backend: BackendRun, unbilled: Sequence[Unbilled], read: Read, told: list[Answer]
) -> None:
    """Add to `told` what is answered, part by part, while each brings a job that is over."""
    asked = [
        each.batch
        for each in unbilled
        if not is_foreign(each.batch.composite.memo, backend.account)
    ]
    while asked:
        answers = await read(partial(backend.driver.poll, asked))
        told += answers
        over = {answer.provider_job_id for answer in answers if isinstance(answer, OVER)}
        if not (isinstance(answers, Part) and over):
            return
        before = _number_of_ids(asked)
        asked = [rest for batch in asked if (rest := _without(batch, over))]
        if _number_of_ids(asked) == before:
            return


def _number_of_ids(batches: Iterable[Batch]) -> int:
    return sum(id_ is not None for batch in batches for id_ in batch.provider_job_ids)


def _without(batch: Batch, over: set[str | None]) -> Batch | None:
    """The batch without the ids of what is over; None: nothing else is left of it."""
    ids = tuple(None if id_ in over else id_ for id_ in batch.provider_job_ids)
    return replace(batch, provider_job_ids=ids) if any(ids) else None


async def _keep(
    engine: Engine, backend: BackendRun, unbilled: Iterable[Unbilled], answers: Iterable[Answer]
) -> None:
    """Keep what answers say that was billed; nothing is asked about of other accounts."""
    told = {
        (answer.job_id, answer.provider_job_id): answer.cost
        for answer in answers
        if isinstance(answer, OVER) and answer.cost is not None and answer.settle_s <= 0
    }
    for each in unbilled if told else ():
        known = zip(each.batch.composite.job_ids, each.batch.provider_job_ids, strict=True)
        bill = {key: told[key, id_] for key, id_ in known if (key, id_) in told}
        await Moves(engine, backend).settle(each.active, bill)
