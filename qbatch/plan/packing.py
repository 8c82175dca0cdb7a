"""Packing points into composite jobs under a target's limits, in memory that does not grow.

Points come in the turn in which they are bought. Each backend, with each setting of it (and, where
its target packs by circuit, each circuit text, where all its jobs must take as many shots, each
number of shots) has one open composite job, closed when the next point would pass a limit; what is
left open is closed at the end. Where a reference packs with no point, what waits on its backend is
closed before it, and it before the next point. Should more than `_MOST_OPEN` points wait in open
composite jobs, the fullest is closed early. No point is lost, none repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from qbatch.bases import is_reference
from qbatch.frozen import dataclass
from qbatch.job import CompositeJob
from qbatch.plan.identity import SweepPoint
from qbatch.plan.turns import in_turn
from qbatch.providers import Batch, Order, Target
from qbatch.shots import Bounds, job_id, missing

if TYPE_CHECKING:
    from qbatch.plan.points import Only, Points

_MOST_OPEN = 100_000

#: Bytes the digits of one parameter take.
_NUMBER_BYTES = 32


@dataclass(slots=True)
class _Open:
    backend: str
    generation: int
    max_jobs: int
    max_bytes: float
    orders: list[Order] = field(default_factory=list)
    size: int = 0

    def takes(self, size: int) -> bool:
        return not self.orders or self.size + size <= self.max_bytes

    def add(self, order: Order, size: int) -> None:
        self.orders.append(order)
        self.size += size

    @property
    def is_full(self) -> bool:
        return len(self.orders) >= self.max_jobs

    def closed(self) -> Batch:
        ids = tuple(order.id for order in self.orders)
        id_ = composite_id(ids, self.generation)
        batch = Batch(CompositeJob(id_, self.backend, ids, self.generation), tuple(self.orders))
        self.orders, self.size = [], 0
        return batch


@dataclass(frozen=True, slots=True)
class Piece:
    """What one job buys of a point.

    Attributes:
        id: Of the job: what it is called at its provider is made from it.
        shots: How many.
        start: So many shots of the point's sample come before.
        generation: Of its next purchase; generations are not mixed in a composite job.
    """

    id: str
    shots: int
    start: int = 0
    generation: int = 1


#: What is to be bought of a point now.
PiecesOf = Callable[[SweepPoint], Iterable[Piece]]


def pack(
    plan: Points,
    targets: Mapping[str, Target],
    only: Only | None,
    pieces_of: PiecesOf | None,
    places: Iterable[int] | None = None,
) -> Iterator[Batch]:
    """Yield batches; see `Plan.composites`."""
    yield from packed(plan, targets, _pieces(plan, targets, only, pieces_of, places))


def packed(
    plan: Points, targets: Mapping[str, Target], pieces: Iterable[tuple[SweepPoint, Piece]]
) -> Iterator[Batch]:
    """Yield batches of what is to be bought, in its turn: of each point a piece."""
    waiting: dict[tuple[object, ...], _Open] = {}
    num_waiting = 0
    alone: _Open | None = None  # the one that a reference waits in, by itself
    for point, piece in pieces:
        target = targets[point.backend]
        order = plan.order_of(point)
        if piece.start or (piece.id, piece.shots) != (order.id, order.shots):
            order = replace(order, id=piece.id, shots=piece.shots, start=piece.start)
        part = order.circuit.sha256 if target.pack_by == "circuit" else ""
        shots = order.shots if target.one_number_of_shots else 0
        key = (point.backend, order.settings, part, shots, piece.generation)
        if key not in waiting:
            limits = _limits(plan, point.backend, target)
            waiting[key] = _Open(point.backend, piece.generation, *limits)
        box, size = waiting[key], size_of(order, target)
        if not box.takes(size):
            num_waiting -= len(box.orders)
            yield box.closed()
        box.add(order, size)
        num_waiting += 1
        if is_reference(order.name):
            alone = box if len(box.orders) == 1 else None
            if alone is not None:
                for other in _others(waiting, box):  # they come before it
                    num_waiting -= len(other.orders)
                    yield other.closed()
        elif alone is not None and alone is not box and alone.orders:
            num_waiting -= len(alone.orders)
            yield alone.closed()  # it packs with no point, and would wait for the end
            alone = None
        if box.is_full or num_waiting > _MOST_OPEN:
            box = box if box.is_full else max(waiting.values(), key=lambda b: len(b.orders))
            num_waiting -= len(box.orders)
            yield box.closed()
    yield from (box.closed() for box in waiting.values() if box.orders)


def _others(waiting: Mapping[tuple[object, ...], _Open], box: _Open) -> Iterator[_Open]:
    """Yield what else is open on the backend of a composite job."""
    for one in waiting.values():
        if one is not box and one.orders and one.backend == box.backend:
            yield one


def _pieces(
    plan: Points,
    targets: Mapping[str, Target],
    only: Only | None,
    pieces_of: PiecesOf | None,
    places: Iterable[int] | None,
) -> Iterator[tuple[SweepPoint, Piece]]:
    for point in in_turn(plan, targets, only, places=places):
        bounds = targets[point.backend].bounds
        for piece in pieces_of(point) if pieces_of else all_of(point, bounds):
            yield point, piece


def all_of(point: SweepPoint, bounds: Bounds) -> Iterator[Piece]:
    """Yield the jobs that buy a point of which there is nothing yet."""
    for start, shots in missing((), point.shots, bounds):
        yield Piece(job_id(point.id, start), shots, start)


def _limits(plan: Points, backend: str, target: Target) -> tuple[int, float]:
    ours = plan.manifest.backends[backend].limits.jobs
    most = target.max_jobs if ours is None else min(ours, target.max_jobs)
    return most, float("inf") if target.max_bytes is None else target.max_bytes


def size_of(order: Order, target: Target) -> int:
    """Return about how many bytes the order adds to what is sent, rather too many than too few."""
    program = len(order.circuit.text.encode())
    return program + program // 8 + target.job_bytes + _NUMBER_BYTES * len(order.parameters)


def composite_id(job_ids: tuple[str, ...], generation: int) -> str:
    """Return the id of a composite job: SHA-256 over its children's ids and the generation."""
    text = "\n".join((str(generation), *job_ids))
    return hashlib.sha256(text.encode()).hexdigest()
