"""Results: downloaded, checked against what was ordered, analysed, stored with the last move.

Rules: a result that does not fit its order (shots, bits) is never stored as good; the reply is
kept. What a cloud completed is paid for: where its result cannot be had the job is held, so that
the next run asks for it again, and only a person lets it be bought anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from qbatch.errors import Misspoke, ProviderError, Refused
from qbatch.executor.active import ActiveJob, Bill, Move
from qbatch.executor.moves import Moves
from qbatch.providers import Fetched, Order
from qbatch.purchase import Event
from qbatch.snapshot import NewResult
from qbatch.snapshot.estimates import dump_estimates
from qbatch.snapshot.ledger import AS_QUOTED

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine
    from qbatch.manifest.models import Analysis
    from qbatch.result import Estimate

#: Results packed and analysed in the trio thread; more are worth a thread.
FEW = 4

#: How often a result is asked for that its provider says is there, and does not give; a minute and
#: more, by the pauses between.
MOST_ASKED = 8


@dataclass
class Downloaded:
    """What a download brought.

    Attributes:
        fetched: Results, not checked yet.
        moves: Of children whose results cannot be had, see `_without`.
        raw: (row, reply) of those.
    """

    fetched: list[Fetched] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    raw: list[tuple[int, bytes]] = field(default_factory=list)


async def fetch(engine: Engine, backend: BackendRun, active: ActiveJob, moves: Moves) -> None:
    """Bring home the results of the ripe children of `active`.

    On return each is COMPLETED, or HELD (FAILED on this machine) with the reason; or it is ripe
    still, after a pause, when the provider says it is completed but gave no result.
    """
    with backend.busy():
        downloaded = Downloaded()
        if not backend.driver.is_local:
            engine.steps.tell(active.batch, _ended(active))
        await _download(backend, active, list(active.ripe), downloaded)
        if downloaded.fetched and not backend.driver.is_local:
            engine.steps.tell(active.batch, "result downloaded")
        good = _good_ones(backend, active, downloaded)
        answered = {one.job_id for one in downloaded.fetched} | {
            move.row.job.id for move in downloaded.moves
        }
        downloaded.moves += _given_up(backend, active, answered)
        packed = await _pack_all(engine, good)
        stored = [_completed(engine, backend, active, one) for one in good]

        def write() -> None:
            for move, result in zip(stored, packed, strict=True):
                engine.snapshot.save_result(move.row.ordinal, result)
            for one in good:
                if one.calibration is not None:
                    engine.snapshot.note_calibration(backend.name, one.calibration)
            for ordinal, body in downloaded.raw:
                engine.snapshot.save_raw(ordinal, "result", body)

        all_moves = [*downloaded.moves, *stored]
        if all_moves:
            await moves.commit(active, all_moves, steps=(write,))
        for move in all_moves:
            active.ripe.pop(move.row.job.id, None)
    if active.ripe and not all_moves:
        failures = max(active.doubts[key] for key in active.ripe)
        await trio.sleep(backend.retry.pause_s(failures, backend.random))


def _ended(active: ActiveJob) -> str:
    """Say that the cloud is done with children, in its words."""
    said = ", ".join(sorted({update.status for update in active.ripe.values() if update.status}))
    ended, total = len(active.ripe), len(active.rows)
    of = f"{ended} of {total} " if ended < total else ""
    return f"{of}done at the cloud" + (f" ({said})" if said else "")


async def _download(
    backend: BackendRun, active: ActiveJob, keys: Sequence[str], downloaded: Downloaded
) -> None:
    """Ask for results; where one call for all is refused, ask for each by itself.

    So one bad result spoils no other.
    """
    try:
        fetched = await backend.read(lambda: backend.driver.fetch(active.current(), keys))
        downloaded.fetched += [one for one in fetched if one.job_id in active.ripe]
    except (Refused, Misspoke) as error:
        if len(keys) > 1:
            for key in keys:
                await _download(backend, active, [key], downloaded)
            return
        move = _without(backend, active, keys[0], _unreadable(error))
        downloaded.moves.append(move)
        if isinstance(error, Misspoke) and error.raw:
            downloaded.raw.append((move.row.ordinal, error.raw.encode()))


def _good_ones(backend: BackendRun, active: ActiveJob, downloaded: Downloaded) -> list[Fetched]:
    """The results that fit their orders; the replies of the others are kept."""
    good = []
    for one in downloaded.fetched:
        problem = _misfit(active.order(one.job_id), one)
        if problem is None:
            good.append(one)
            if warning := one.facts.get("warning"):
                backend.warn(f"{warning}", once=f"{warning}")
            continue
        move = _without(backend, active, one.job_id, problem)
        downloaded.moves.append(move)
        downloaded.raw.append((move.row.ordinal, one.raw))
    return good


def _without(backend: BackendRun, active: ActiveJob, key: str, problem: str) -> Move:
    """What becomes of a child that is completed and has no result: what may be paid for is held."""
    event = Event.FAILED if backend.driver.is_local else Event.UNREADABLE
    cost = active.ripe[key].cost
    return active.happens(key, event, bill=None if cost is None else Bill(cost), error=problem)


def _unreadable(error: ProviderError) -> str:
    return f"completed, but its result cannot be had: {error}"


def _misfit(order: Order, fetched: Fetched) -> str | None:
    """Say why a result cannot be that of `order`, or None."""
    counts, num_bits = fetched.counts, order.circuit.facts.num_bits
    if counts.shots != order.shots:
        return f"the result has {counts.shots} shots instead of {order.shots}; it is not used"
    if counts.num_bits != num_bits:
        return f"the result has {counts.num_bits} bits instead of {num_bits}; it is not used"
    return None


def _completed(engine: Engine, backend: BackendRun, active: ActiveJob, fetched: Fetched) -> Move:
    job, update = active.job(fetched.job_id), active.ripe[fetched.job_id]
    bill = _bill(engine, backend, active, fetched)
    return active.happens(
        fetched.job_id,
        Event.STORED,
        bill=bill,
        status=update.status or job.status,
        provider_job_id=update.provider_job_id or job.provider_job_id,
        error="",
        cost=None if bill is None else bill.amount,
        unit=backend.target.price.unit,
    )


def _bill(engine: Engine, backend: BackendRun, active: ActiveJob, fetched: Fetched) -> Bill | None:
    """What a completed job was charged, and who says so; None where that comes later.

    Where the provider sends no bill it is what was quoted, or what the target's formula says, with
    the job's share of what its composite job costs; what only the composite job costs comes later.
    """
    price, key = backend.target.price, fetched.job_id
    for cost in (fetched.cost, active.ripe[key].cost, active.job(key).cost):
        if cost is not None:
            return Bill(cost)
    if price.is_free:
        return None
    if price.quoted:
        quote = engine.snapshot.quoted(active.rows[key].ordinal, active.purchase(key)[1])
        return None if quote is None else Bill(quote, AS_QUOTED)
    formula = price.of_job(active.order(key).shots)
    share = price.per_composite / len(active.batch.orders)
    return Bill(formula + share, f"by formula: {price.source}") if formula else None


def _given_up(backend: BackendRun, active: ActiveJob, answered: set[str]) -> list[Move]:
    """Ripe children without an answer count up, until they had their chances."""
    moves: list[Move] = []
    for key in active.ripe.keys() - answered:
        active.doubts[key] += 1
        if active.doubts[key] >= MOST_ASKED:
            problem = "completed, says the provider, but it gives no result"
            moves.append(_without(backend, active, key, problem))
    return moves


async def _pack_all(engine: Engine, fetched: Sequence[Fetched]) -> list[NewResult]:
    analysis, key = engine.analysis, engine.analysis_key

    def pack() -> list[NewResult]:
        return [pack_result(one, analysis, key) for one in fetched]

    is_quick = len(fetched) <= FEW and not analysis.own_at_points
    return pack() if is_quick else await engine.offload(pack)


def pack_result(fetched: Fetched, analysis: Analysis, analysis_key: str) -> NewResult:
    """Make a result ready to be stored, with the manifest's estimates."""
    import numpy as np

    vector = fetched.statevector
    told = _estimates(fetched, analysis)
    return NewResult(
        fetched.counts.pack(),
        fetched.facts,
        analysis="" if told is None else analysis_key,
        estimates="{}" if told is None else dump_estimates(told),
        statevector=None if vector is None else np.asarray(vector, np.complex128).tobytes(),
        raw=fetched.raw,
        log=fetched.log,
    )


def _estimates(fetched: Fetched, analysis: Analysis) -> dict[str, Estimate] | None:
    """Return the manifest's estimates; None where they are worked out as the result is read."""
    from qbatch.result import analyse

    if analysis.varying:
        return None
    try:
        estimates = analyse(fetched.counts, analysis)
    except ValueError:  # the reader meets it again, and can say so
        return None
    own = (number for each in analysis.own_at_points.values() for number in each.returns)
    return estimates if all(number in estimates for number in own) else None  # as above
