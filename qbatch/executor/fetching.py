"""Results: downloaded, checked against what was ordered, analysed, stored with the last move.

Rules: a result that does not fit its order (shots, bits) is never stored as good; the reply is
kept. What a cloud completed is paid for: where its result cannot be had the job is held, so that
the next run asks for it again, and only a person lets it be bought anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import trio

from qbatch.errors import Misspoke, ProviderError, Refused
from qbatch.executor.flight import Bill, Flight, Move
from qbatch.executor.moves import Moves
from qbatch.providers import Fetched, Order
from qbatch.purchase import Event
from qbatch.snapshot import NewResult
from qbatch.snapshot.estimates import dump_estimates

if TYPE_CHECKING:
    from qbatch.executor.engine import Engine
    from qbatch.executor.lane import Lane
    from qbatch.manifest.models import Analysis

#: Results packed and analysed in the trio thread; more are worth a thread.
FEW = 4

#: How often a result is asked for that its provider says is there, and does not give; a minute and
#: more, by the pauses between.
MOST_ASKED = 8


@dataclass
class Haul:
    """What a download brought.

    Attributes:
        fetched: Results, not checked yet.
        moves: Of children whose results cannot be had, see `_without`.
        raw: (row, reply) of those.
    """

    fetched: list[Fetched] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    raw: list[tuple[int, bytes]] = field(default_factory=list)


async def fetch(engine: Engine, lane: Lane, flight: Flight, moves: Moves) -> None:
    """Bring home the results of the ripe children of `flight`.

    On return each is COMPLETED, or HELD (FAILED on this machine) with the reason; or it is ripe
    still, after a pause, when the provider says it is completed but gave no result.
    """
    with lane.busy():
        haul = Haul()
        await _download(lane, flight, list(flight.ripe), haul)
        good = _good_ones(lane, flight, haul)
        answered = {one.job_id for one in haul.fetched} | {move.row.job.id for move in haul.moves}
        haul.moves += _given_up(lane, flight, answered)
        packed = await _pack_all(engine, good)
        stored = [_completed(engine, lane, flight, one) for one in good]

        def write() -> None:
            for move, result in zip(stored, packed, strict=True):
                engine.snapshot.save_result(move.row.ordinal, result)
            for ordinal, body in haul.raw:
                engine.snapshot.save_raw(ordinal, "result", body)

        all_moves = [*haul.moves, *stored]
        if all_moves:
            await moves.commit(flight, all_moves, steps=(write,))
        for move in all_moves:
            flight.ripe.pop(move.row.job.id, None)
    if flight.ripe and not all_moves:
        failures = max(flight.doubts[key] for key in flight.ripe)
        await trio.sleep(lane.retry.pause_s(failures, lane.random))


async def _download(lane: Lane, flight: Flight, keys: Sequence[str], haul: Haul) -> None:
    """Ask for results; where one call for all is refused, ask for each by itself.

    So one bad result spoils no other.
    """
    try:
        fetched = await lane.read(lambda: lane.driver.fetch(flight.current(), keys))
        haul.fetched += [one for one in fetched if one.job_id in flight.ripe]
    except (Refused, Misspoke) as error:
        if len(keys) > 1:
            for key in keys:
                await _download(lane, flight, [key], haul)
            return
        move = _without(lane, flight, keys[0], _unreadable(error))
        haul.moves.append(move)
        if isinstance(error, Misspoke) and error.raw:
            haul.raw.append((move.row.ordinal, error.raw.encode()))


def _good_ones(lane: Lane, flight: Flight, haul: Haul) -> list[Fetched]:
    """The results that fit their orders; the replies of the others are kept."""
    good = []
    for one in haul.fetched:
        problem = _misfit(flight.order(one.job_id), one)
        if problem is None:
            good.append(one)
            if warning := one.facts.get("warning"):
                lane.warn(f"{warning}", once=f"{warning}")
            continue
        move = _without(lane, flight, one.job_id, problem)
        haul.moves.append(move)
        haul.raw.append((move.row.ordinal, one.raw))
    return good


def _without(lane: Lane, flight: Flight, key: str, problem: str) -> Move:
    """What becomes of a child that is completed and has no result: what may be paid for is held."""
    event = Event.FAILED if lane.driver.is_local else Event.UNREADABLE
    cost = flight.ripe[key].cost
    return flight.happens(key, event, bill=None if cost is None else Bill(cost), error=problem)


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


def _completed(engine: Engine, lane: Lane, flight: Flight, fetched: Fetched) -> Move:
    job, update = flight.job(fetched.job_id), flight.ripe[fetched.job_id]
    bill = _bill(engine, lane, flight, fetched)
    return flight.happens(
        fetched.job_id,
        Event.STORED,
        bill=bill,
        status=update.status or job.status,
        provider_job_id=update.provider_job_id or job.provider_job_id,
        error="",
        cost=None if bill is None else bill.amount,
        unit=lane.target.price.unit,
    )


def _bill(engine: Engine, lane: Lane, flight: Flight, fetched: Fetched) -> Bill | None:
    """What a completed job was charged, and who says so; None where that comes later.

    Where the provider sends no bill it is what was quoted, or what the target's formula says, but
    for what is billed by the composite job.
    """
    price, key = lane.target.price, fetched.job_id
    for cost in (fetched.cost, flight.ripe[key].cost, flight.job(key).cost):
        if cost is not None:
            return Bill(cost)
    if price.is_free:
        return None
    if price.quoted:
        quote = engine.snapshot.quoted(flight.rows[key].ordinal, flight.purchase(key)[1])
        return None if quote is None else Bill(quote, "as quoted")
    formula = price.of_job(flight.order(key).shots)
    return Bill(formula, f"by formula: {price.source}") if formula else None


def _given_up(lane: Lane, flight: Flight, answered: set[str]) -> list[Move]:
    """Ripe children without an answer count up, until they had their chances."""
    moves: list[Move] = []
    for key in flight.ripe.keys() - answered:
        flight.doubts[key] += 1
        if flight.doubts[key] >= MOST_ASKED:
            problem = "completed, says the provider, but it gives no result"
            moves.append(_without(lane, flight, key, problem))
    return moves


async def _pack_all(engine: Engine, fetched: Sequence[Fetched]) -> list[NewResult]:
    analysis, key = engine.analysis, engine.analysis_key

    def pack() -> list[NewResult]:
        return [pack_result(one, analysis, key) for one in fetched]

    return pack() if len(fetched) <= FEW else await engine.offload(pack)


def pack_result(fetched: Fetched, analysis: Analysis, analysis_key: str) -> NewResult:
    """Make a result ready to be stored, with the manifest's estimates."""
    import numpy as np

    from qbatch.result import analyse

    vector = fetched.statevector
    result = NewResult(
        fetched.counts.pack(),
        fetched.facts,
        statevector=None if vector is None else np.asarray(vector, np.complex128).tobytes(),
        raw=fetched.raw,
        log=fetched.log,
    )
    try:
        estimates = analyse(fetched.counts, analysis)
    except ValueError:  # the reader meets it again, and can say so
        return result
    return replace(result, analysis=analysis_key, estimates=dump_estimates(estimates))
