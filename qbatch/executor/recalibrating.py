"""Calibrations of readout bought again while a run goes on, as they come to be older than asked.

Whenever a job of points is about to be sent, is seen to run, or has run, those by which it is
mended are looked at: where the latest of one ran longer ago than asked and none is on its way, one
more is wanted. That is durable before it is sent; from then on it is a purchase like any other. So
whatever cuts a run off, none is bought twice. What is about to be sent will run later: by as much
as the latest job waited.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import trio

from qbatch.executor.active import ActiveJob
from qbatch.executor.resume import sweep_point
from qbatch.job import JobState
from qbatch.plan.aging import calibrations_by_setting, longest_age_s
from qbatch.plan.packing import Piece, packed
from qbatch.shots import AgedShots

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine
    from qbatch.plan import Plan, SweepPoint


class Aging:
    """What all backends of a run know of the calibrations of its plan.

    Attributes:
        every_s: How old one may be when a job of points runs.
        by_setting: Key of what points share -> contents of their calibrations.
        shots: Content -> how many are bought each time.
    """

    def __init__(self, plan: Plan) -> None:
        self.every_s = longest_age_s(plan.manifest) or 0.0
        self.by_setting = calibrations_by_setting(plan)
        aged = plan.wanted.items()
        self.shots = {id_: each.first for id_, each in aged if isinstance(each, AgedShots)}


class Recalibrating:
    """Sees to the calibrations of one backend.

    Args:
        engine: What all backends share.
        plan: What is wanted.
        aging: Of the plan.
        backend: The backend.
        nursery: What is bought lives there.
        drive: Takes a composite job, with its slots taken, to its end.
    """

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        aging: Aging,
        backend: BackendRun,
        nursery: trio.Nursery,
        drive: Callable[[ActiveJob], None],
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._aging = aging
        self._backend = backend
        self._nursery = nursery
        self._drive = drive
        self._began_at = trio.current_time()
        self._one_at_a_time = trio.Lock()
        #: Content -> until when it need not be looked at, by the folder's clock.
        self._until: dict[str, float] = {}
        #: How long the latest job waited until it ran, seconds.
        self._wait_s = 0.0

    def sent(self, active: ActiveJob) -> None:
        """See to the calibrations of what is about to be sent."""
        self._look(active, active.ids, self._wait_s)

    def moved(self, active: ActiveJob, keys: Iterable[str]) -> None:
        """See to the calibrations of jobs that run, or have run.

        What was sent before this run began, and ran by then, tells nothing of now.
        """
        soon_s = 2 * self._backend.target.poll_s[1]
        if trio.current_time() - self._began_at <= soon_s:
            keys = [key for key in keys if key not in self._engine.busy]
        now = self._engine.snapshot.now()
        for key in keys:
            self._wait_s = max(0.0, now - (active.rows[key].submitted_at or now))
        self._look(active, keys)

    def _look(self, active: ActiveJob, keys: Iterable[str], ahead_s: float = 0.0) -> None:
        """See to the calibrations of jobs that run now, or so many seconds later."""
        if not self._aging.by_setting or self._backend.is_closing or self._backend.over_budget:
            return
        at = self._engine.snapshot.now() + ahead_s
        rows = [active.rows[key].ordinal for key in keys]
        if rows and any(at > self._until.get(content, -1.0) for content in self._aging.shots):
            self._nursery.start_soon(self._see_to, rows, ahead_s)

    async def _see_to(self, rows: Sequence[int], ahead_s: float) -> None:
        engine, backend = self._engine, self._backend
        async with self._one_at_a_time:
            wanted = await engine.offload(partial(self._due, rows, ahead_s))
            if not wanted:
                return
            bounds = {backend.name: backend.target.bounds}
            await engine.journal.commit(partial(engine.snapshot.enlarge, wanted, bounds))
            found = await engine.offload(partial(self._packed, wanted.keys()))
        for active in found:
            engine.expect(backend.name, len(active.rows))
            await engine.take_slots(backend)
            self._drive(active)

    def _due(self, rows: Sequence[int], ahead_s: float) -> Mapping[str, int]:
        """Return calibrations of jobs at these rows that are too old: content -> shots wanted."""
        snapshot, aging = self._engine.snapshot, self._aging
        needed = {
            content
            for point, _ in snapshot.rows_at(rows)
            for content in aging.by_setting.get(point.setting, ())
        }
        wanted = {}
        for content in sorted(needed):
            pieces = snapshot.pieces_of(content)
            if not all(row.job.state is JobState.COMPLETED for _, row in pieces):
                continue  # one is on its way, or failed: that is for the next run
            moments = snapshot.moments_of(row.ordinal for _, row in pieces)
            if not moments:
                continue
            now, latest = snapshot.now(), max(moment.at for moment in moments.values())
            self._until[content] = latest + aging.every_s
            if now + ahead_s - latest > aging.every_s:
                wanted[content] = sum(part.shots for part, _ in pieces) + aging.shots[content]
                self._until[content] = now + aging.every_s
        return wanted

    def _packed(self, contents: Collection[str]) -> list[ActiveJob]:
        """Pack what is to be bought of these contents."""
        plan, backend = self._plan, self._backend
        pieces: list[tuple[SweepPoint, Piece]] = []
        rows = {}
        for content in contents:
            for part, row in self._engine.snapshot.pieces_of(content):
                if row.job.state is JobState.CREATED:
                    rows[part.id] = row
                    piece = Piece(part.id, part.shots, part.start, row.job.generation)
                    pieces.append((sweep_point(part), piece))
        batches = packed(plan, {backend.name: backend.target}, pieces)
        return [
            ActiveJob(batch, {key: rows[key] for key in batch.composite.job_ids})
            for batch in batches
        ]
