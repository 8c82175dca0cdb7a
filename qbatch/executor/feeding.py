"""What is to be bought of a plan, packed into composite jobs as there is room for them.

Rule: lazy. A composite job is packed when it is about to be started; what was bought meanwhile, or
is in flight from the last run, is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from qbatch.executor.active import ActiveJob
from qbatch.executor.engine import WANTED, Engine
from qbatch.plan import Piece, Plan, SweepPoint
from qbatch.purchase import ENDED
from qbatch.snapshot import JobRow, StoredPart, StoredPoint

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.providers import Batch

#: Composite jobs taken from the plan at once, at most; the first goes ahead alone.
READ_AHEAD = 8

#: So many wanted points are looked up at once; more are looked up one by one as they come.
MOST_WANTED_IN_MEMORY = 10_000

#: What the plan needs of a point, each part with its job.
Pieces = Sequence[tuple[StoredPoint | StoredPart, JobRow]]

#: Row of a job -> how its next attempt begins.
Rows = dict[str, JobRow]


class Few(NamedTuple):
    """The points of a plan of which something is wanted, where those are few.

    Attributes:
        pieces: By the points' ids; see `Snapshot.few_in`.
        places: Where they stand in the plan, counted from 0.
    """

    pieces: Mapping[str, Pieces]
    places: frozenset[int]


def read_few(engine: Engine) -> Few | None:
    """Look up what is wanted, once for all backends of a run; None where that is too much."""
    snapshot = engine.snapshot
    pieces = snapshot.few_in(WANTED[engine.settings.only], MOST_WANTED_IN_MEMORY)
    if pieces is None:
        return None
    rows = (row.ordinal for some in pieces.values() for _, row in some)
    return Few(pieces, frozenset(snapshot.places_of(rows)))


async def feed(
    engine: Engine,
    plan: Plan,
    only: Callable[[SweepPoint], bool] | None,
    backend: BackendRun,
    few: Few | None,
) -> AsyncIterator[ActiveJob]:
    """Yield new composite jobs of a backend, each with its slots taken, until the plan is through.

    Args:
        engine: What all backends share.
        plan: What is wanted.
        only: Points to run; None: all.
        backend: The backend.
        few: What `read_few` found as the run began.
    """
    packing = _packed(engine, plan, only, backend, few)
    most = 1 if engine.settings.is_inline else READ_AHEAD
    number = 1

    def read() -> list[ActiveJob]:
        return list(itertools.islice(packing, number))

    # In a thread: a long stretch of finished points may have to be skipped.
    while ready := await engine.offload(read):
        number = min(2 * number, most)
        for active in ready:
            if backend.over_budget:
                return
            await engine.take_slots(backend)
            yield active


def _packed(
    engine: Engine,
    plan: Plan,
    only: Callable[[SweepPoint], bool] | None,
    backend: BackendRun,
    few: Few | None,
) -> Iterator[ActiveJob]:
    """Pack what is wanted of a backend's points, lazily."""
    rows: Rows = {}
    pieces_of = partial(_pieces_of, engine, rows, few)
    compose = partial(plan.composites, {backend.name: backend.target}, pieces_of=pieces_of)
    batches = compose(only) if few is None else _few_packed(compose, only, few)
    for batch in batches:
        yield ActiveJob(batch, {key: rows.pop(key) for key in batch.composite.job_ids})


def _few_packed(
    compose: Callable[..., Iterator[Batch]],
    only: Callable[[SweepPoint], bool] | None,
    few: Few,
) -> Iterator[Batch]:
    """Pack these points; the others of the plan need not be made for that.

    Where a place that is kept is another point's, as in a damaged folder, all points are looked
    through, so that none is left out in silence.
    """
    met: set[str] = set()

    def is_meant(point: SweepPoint) -> bool:
        met.add(point.id)
        return only is None or only(point)

    yield from compose(is_meant, places=few.places)
    if few.pieces.keys() <= met:
        return
    past = frozenset(met)
    yield from compose(lambda point: point.id not in past and is_meant(point))


def _pieces_of(engine: Engine, rows: Rows, few: Few | None, point: SweepPoint) -> Iterator[Piece]:
    """Yield what is to be bought of a point; note in `rows` how its next attempt begins.

    Where only a `few` are left of a long plan, they are known beforehand.
    """
    pieces = engine.snapshot.pieces_of(point.id) if few is None else few.pieces.get(point.id, ())
    for part, row in pieces:
        if part.id in engine.busy or row.job.state not in WANTED[engine.settings.only]:
            continue
        fresh = rows[part.id] = engine.snapshot.again(row) if row.job.state in ENDED else row
        yield Piece(part.id, part.shots, part.start, fresh.job.generation)
