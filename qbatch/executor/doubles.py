"""Jobs at a cloud under a run's names that no job of the run accounts for: bought, and unexpected.

A network may deliver a request twice, or so late that its id is free again. Nothing here stops such
a job: it is told with its price and the command that does, and kept with the run, so that reports
and `status` tell of it from then on. What it costs counts against budgets from when it is seen: as
its cloud tells, or by formula; until then, as its twin was quoted.

Rules: a run's clouds are asked once it has sent something, now and then while it goes on, and once
as it ends. A cloud that cannot be asked stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import trio

from qbatch.errors import ProviderError
from qbatch.executor.known_jobs import KnownJobs, Owner, find_known
from qbatch.job import JobState
from qbatch.notation import amount
from qbatch.providers.listing import JobAtCloud, JobsAtCloud, Lists, TellsDoubles
from qbatch.snapshot import Run
from qbatch.snapshot.doubles import (
    BY_CLOUD,
    BY_FORMULA,
    BY_PERSON,
    Double,
    figure_of_twin,
    read_doubles,
)

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine
    from qbatch.manifest import Manifest
    from qbatch.providers.target import Price
    from qbatch.snapshot.ledger import Entry

#: The first look of a run, and the longest pause between two, seconds.
FIRST_S, LONGEST_S = 60.0, 3600.0

#: How long a look may take, seconds.
LIMIT_S = 30.0

#: By so much a cloud's clock may be behind ours.
SKEW = timedelta(hours=1)


class _Found(NamedTuple):
    """A double, as it was found.

    Attributes:
        owner: Whose it would be.
        shots: Of its points.
        twins: The purchases whose name it bears.
    """

    job: JobAtCloud
    owner: Owner
    shots: int
    twins: Sequence[Entry]


class Doubles:
    """Looks for doubles of one run at its clouds.

    Args:
        engine: The run's.
        manifest: Its.
        backends: All of the run; those of one account are asked once.
    """

    def __init__(self, engine: Engine, manifest: Manifest, backends: Iterable[BackendRun]) -> None:
        self._engine = engine
        self._manifest = manifest
        self._accounts: dict[tuple[str, str], list[BackendRun]] = {}
        for backend in backends:
            driver = backend.driver
            if isinstance(driver, Lists) and isinstance(driver.jobs_at_cloud(), TellsDoubles):
                provider = manifest.backends[backend.name].provider
                self._accounts.setdefault((provider, backend.account), []).append(backend)
        self._told: set[str] = set()

    async def look_forever(self) -> None:
        """Look now and then, less and less often."""
        pause_s = FIRST_S
        while self._accounts:
            await trio.sleep(pause_s)
            await self.look()
            pause_s = min(2 * pause_s, LONGEST_S)

    async def look(self) -> None:
        """Ask every account once; tell what is new, and keep it."""
        for (provider, _), backends in self._accounts.items():
            if all(backend.error is None for backend in backends):
                await self._look_at(provider, backends)

    async def _look_at(self, provider: str, backends: Sequence[BackendRun]) -> None:
        first, names = backends[0], [backend.name for backend in backends]
        folder = self._engine.snapshot.folder
        run_id, since = await self._engine.offload(partial(_sent_since, folder, names))
        if since is None:
            return
        assert isinstance(first.driver, Lists)
        cloud = first.driver.jobs_at_cloud()
        assert isinstance(cloud, TellsDoubles)
        jobs: Sequence[JobAtCloud] = ()
        with trio.move_on_after(LIMIT_S) as scope:
            try:
                jobs = await cloud.jobs_of_run(run_id, since)
            except ProviderError as error:
                first.warn(f"cannot see what else stands there: {error}", once="doubles")
                return
        if scope.cancelled_caught:
            first.warn(f"cannot see what else stands there within {LIMIT_S:g} s", once="doubles")
            return
        judge = partial(_judge, folder, provider, jobs, cloud)
        found = await self._engine.offload(judge)
        if found:
            known = read_doubles(self._engine.snapshot.meta())
            await self._tell(backends, [_double(backends, known, each) for each in found], known)

    async def _tell(
        self,
        backends: Sequence[BackendRun],
        found: Sequence[Double],
        known: Mapping[str, Double],
    ) -> None:
        """Tell of each once in a run, and no more once it was seen at its end; keep all."""
        for double in found:
            before = known.get(double.id)
            against = "" if before is None else _told_otherwise(before, double)
            is_old = before is not None and before.is_over and not against
            if double.id in self._told or is_old:
                continue
            self._told.add(double.id)
            backend = next(each for each in backends if each.name == double.backend)
            backend.warn(f"{double}; {against}{self._remedy(double)}")
        snapshot = self._engine.snapshot
        await self._engine.journal.commit(partial(snapshot.note_doubles, found))
        self._engine.budget.count_doubles(found)

    def _remedy(self, double: Double) -> str:
        """The command that stops it, or shows it."""
        path = self._manifest.path
        provider = self._manifest.backends[double.backend].provider
        where = f"{path} --backend {double.backend}" if path else f"--provider {provider}"
        deed = "--show" if double.is_over else "--cancel"
        does = "shows it" if double.is_over else "stops it"
        return f"`qbatch jobs {where} {deed} {double.id}` {does}"


def _double(backends: Sequence[BackendRun], known: Mapping[str, Double], found: _Found) -> Double:
    job, owner = found.job, found.owner
    by_name = {backend.name: backend for backend in backends}
    backend = by_name.get(owner.backend, backends[0])
    cost, unit, source = _figure(found, backend.target.price)
    double = Double(
        id=job.id,
        backend=backend.name,
        points=owner.points,
        status=job.status,
        is_over=job.state is not None and job.state.is_final,
        created_at=job.created_at,
        cost=cost,
        unit=unit,
        source=source,
    )
    return double.seen_after(known.get(job.id), has_run=job.state is JobState.COMPLETED)


def _figure(found: _Found, price: Price) -> tuple[float | None, str, str]:
    """What it costs, the unit, and who says so."""
    job = found.job
    if job.cost is not None:
        return job.cost, job.unit, BY_CLOUD
    if job.never_began:
        return 0.0, price.unit, BY_CLOUD
    if price.is_told and not (price.quoted or price.per_composite):
        return price.of_job(found.shots), price.unit, BY_FORMULA
    return figure_of_twin(found.twins) or (None, price.unit, "")


def _told_otherwise(before: Double, now: Double) -> str:
    """Say that the cloud tells otherwise than a person did; "" where it does not."""
    if before.source != BY_PERSON or before.cost is None:
        return ""
    if now.is_over and (now.source == BY_PERSON or now.cost == before.cost):
        return ""
    price = amount(before.cost, before.unit)
    return f"a person told that it is over at {price}, which counts no more; "


def _sent_since(folder: Path, backends: Sequence[str]) -> tuple[str, str | None]:
    """Return the run's id, and when it first sent anything; None: it did not yet."""
    with Run(folder) as run:
        at = run.first_sent_at(backends)
        if at is None:
            return "", None
        since = datetime.fromtimestamp(at, UTC) - SKEW
        return run.meta.get("run_id", ""), since.isoformat(timespec="seconds")


def _judge(
    folder: Path, provider: str, jobs: Sequence[JobAtCloud], cloud: JobsAtCloud
) -> list[_Found]:
    """Return the doubles among jobs."""
    known: KnownJobs = find_known(provider, [folder])
    owned = known.owners(jobs, cloud)
    found = [
        (job, owner)
        for job, owners in zip(jobs, owned, strict=True)
        for owner in owners
        if owner.is_double
    ]
    if not found:
        return []
    with Run(folder) as run:
        shots = {point.name: point.shots for point, _ in run.stored_points()}
        entries = {(one.ordinal, one.generation): one for one in (e.entry for e in run.ledger())}
    return [
        _Found(
            job,
            owner,
            sum(shots[name] for name in owner.points),
            [entries[twin] for twin in owner.twins if twin in entries],
        )
        for job, owner in found
    ]
