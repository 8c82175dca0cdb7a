"""A local backend whose circuits a batch system simulates; see the room's head for the rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from itertools import chain

import trio

from qbatch.errors import ProviderError, Refused, Unavailable, Unfit
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    GivenBack,
    Intent,
    NotTaken,
    Order,
    Prepared,
    Running,
    Strange,
    Surroundings,
    Taken,
    Target,
)
from qbatch.providers.local.driver import check_installed, target_of
from qbatch.providers.local.engines.frames import FrameError, Part, pack_work
from qbatch.providers.local.engines.options import Slurm as Options
from qbatch.providers.local.engines.options import memory_bytes
from qbatch.providers.local.engines.slurm.commands import Found, Seen, Slurm, seen_at
from qbatch.providers.local.engines.slurm.files import (
    Files,
    Place,
    files_of,
    former_files,
    with_key,
)
from qbatch.providers.local.engines.slurm.states import STATES, remedy_of
from qbatch.providers.local.engines.slurm.waves import Waves
from qbatch.providers.local.fit import Fit
from qbatch.providers.local.results import Result, fetched, results_of
from qbatch.providers.local.settings import Settings
from qbatch.providers.local.work import cut

#: Batch jobs at once, where the centre's own limit is not lower.
IN_FLIGHT = 100

#: Shortest and longest pause between two looks at the files, and between two at the queue, seconds.
POLL_S = (1.0, 15.0)
QUEUE_S = 5.0

#: A file written on a node may be seen here so much later, seconds: until then a batch job that
#: ended is not known to have left none.
SHOWN_S = 30.0


class SlurmDriver:
    """Has a batch system simulate; see `qbatch.providers.Driver` for what each method promises.

    Args:
        name: The backend's.
        settings: The backend's.
        options: The engine's.
        surroundings: Its run folder is where work, answers and logs stand.
    """

    is_local = False

    def __init__(
        self, name: str, settings: Settings, options: Options, surroundings: Surroundings
    ) -> None:
        self.name = name
        self._settings = settings
        self._options = options
        self._run_folder = surroundings.run_folder
        self._run_id = surroundings.run_id
        self._slurm = Slurm(surroundings.environ)
        memory = memory_bytes(options.memory) if options.memory else None
        self._fit = Fit(settings, memory, "engine.slurm.memory allows", is_elsewhere=True)
        #: Key -> job id -> what was computed, from when it was read until it is released.
        self._results: dict[str, dict[str, Result]] = {}
        self._told: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._asked_at = -math.inf
        self._waves = Waves(self._slurm, options)
        #: Where Slurm has batch jobs that nobody waits for any more, and may start all the same.
        self._left: set[Place] = set()

    # -- before anything is sent -------------------------------------------------------------------

    async def describe(self) -> Target:
        if self._options.python is None:  # nodes have the packages that are here
            check_installed(self.name, self._settings)
        known = await self._slurm.configuration()
        partitions = await self._slurm.partitions()
        wanted = self._options.partition
        for name in wanted.split(",") if wanted else ():
            if name not in partitions:
                there = ", ".join(sorted(partitions)) or "none"
                raise Unfit(
                    f"{self.name}: engine.slurm.partition: Slurm has no partition {name!r}; "
                    f"there are {there}"
                ).about("slurm")
        limit = known.get("MaxJobCount", "")
        most = min(IN_FLIGHT, int(limit)) if limit.isdigit() else IN_FLIGHT
        largest = known.get("MaxArraySize", "")
        self._waves.allow(int(largest) if largest.isdigit() else 1)
        facts = {
            "method": self._settings.options.method,
            "engine": "slurm",
            "cluster": known.get("ClusterName", ""),
            "slurm_version": known.get("SLURM_VERSION", ""),
            "max_jobs": limit,
            "max_array_size": largest,
            "accounting": known.get("AccountingStorageType", ""),
            "nodes_out": await self._slurm.nodes_out(),
        }
        return target_of(
            self._settings,
            self._options.cpus,
            in_flight=most,
            poll_s=POLL_S,
            takes=self._options.takes,
            facts=facts,
        )

    def account(self) -> str:
        """Nobody's: nothing is bought, and what is sent twice is computed twice."""
        return ""

    def check(self, order: Order, target: Target) -> str | None:
        return self._fit.check(order, target)

    def estimate_s(self, order: Order) -> float:
        """About how long `order` keeps one batch job busy, seconds; the queue is not in it."""
        return self._fit.core_s(order) / self._options.cpus

    # -- the life of a composite job ---------------------------------------------------------------

    async def prepare(self, batch: Batch) -> Prepared:
        return Prepared(memo=with_key(batch.composite.memo, self._files(batch)))

    def intend(self, batch: Batch) -> Intent:
        return Intent(key=self._files(batch).key, body=b"")

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        files = self._files(batch)
        if answers := await self._computed(batch):
            return answers
        work, digest = pack_work([*cut(batch.orders, self._settings)])
        await trio.to_thread.run_sync(files.write, work, digest)
        try:
            id_ = await self._waves.send(files, digest)
        except Unavailable as error:
            if error.is_full and not await self._slurm.has_jobs():
                raise Refused(f"{error}; no job of yours is there that could end") from error
            raise
        self._ids[files.key] = id_
        return [Taken(order.id, "PENDING", id_) for order in batch.orders]

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        files = self._files(batch)
        if answers := await self._computed(batch):
            return answers
        self._told.pop(files.key, None)
        places = files.places
        seen = await self._known({files.key: places}, await self._queue(places))
        if files.key in seen:
            return self._as_seen(batch, seen[files.key])
        return [NotTaken(job_id) for job_id in batch.composite.job_ids]

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        answers: list[Answer] = []
        rest: dict[str, Batch] = {}
        for batch in batches:
            if computed := await self._computed(batch):
                answers += computed
            else:
                rest[self._files(batch).key] = batch
        if not rest or trio.current_time() < self._asked_at + QUEUE_S:
            return answers
        places = {key: self._files(batch).places for key, batch in rest.items()}
        left = frozenset(self._left)
        try:
            found = await self._queue([*left, *chain.from_iterable(places.values())])
            seen = await self._known(places, found)
        except Unavailable:
            if answers:
                return answers
            raise
        self._asked_at = trio.current_time()
        await self._stop_what_was_left(left, found)
        for key, batch in rest.items():
            if key not in seen:
                answers += self._forgotten(batch)
            elif seen[key].is_held:
                answers += await self._given_up(batch, seen[key])
            else:
                answers += self._as_seen(batch, seen[key])
        return answers

    async def _queue(self, places: Iterable[Place]) -> Found:
        return await self._slurm.queue(place.name for place in places)

    async def _known(self, places: Mapping[str, Sequence[Place]], found: Found) -> dict[str, Seen]:
        """Return what Slurm knows by each key, of the queue and of what that has no more."""
        lost = [key for key, several in places.items() if seen_at(found, several) is None]
        if lost:
            ids = [self._ids.get(key, "") for key in lost]
            names = [place.name for key in lost for place in places[key]]
            found = {**found, **await self._slurm.history(names, ids if all(ids) else ())}
        seen = {key: seen_at(found, several) for key, several in places.items()}
        return {key: one for key, one in seen.items() if one is not None}

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        found = self._results.get(self._files(batch).key, {})
        orders = {order.id: order for order in batch.orders}
        if missing := [job_id for job_id in job_ids if job_id not in found]:
            raise Refused(
                f"{self.name}: there is no result of job {missing[0][:12]} any more; "
                "`qbatch retry` runs its points again"
            )
        return [fetched(orders[job_id], found[job_id]) for job_id in job_ids]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        if answers := await self._computed(batch):
            return answers
        await self._slurm.cancel(self._files(batch).places)
        chosen = frozenset(job_ids)
        why = "its batch job was cancelled, for another point's sake"
        return [
            Cancelled(job_id, "CANCELLED") if job_id in chosen else GivenBack(job_id, error=why)
            for job_id in batch.composite.job_ids
        ]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        files = self._files(batch)
        self._results.pop(files.key, None)
        self._told.pop(files.key, None)
        self._ids.pop(files.key, None)
        self._left.update(files.places)
        await trio.to_thread.run_sync(files.remove)
        if former := former_files(files, batch.composite.memo):
            await trio.to_thread.run_sync(former.remove)
        return {}

    async def aclose(self) -> None:
        """Cancel what Slurm queued again though its answers are there; nothing is open."""
        if left := frozenset(self._left):
            with suppress(ProviderError):
                await self._stop_what_was_left(left, await self._queue(left))

    async def _stop_what_was_left(self, left: Set[Place], found: Found) -> None:
        """Cancel what waits of the batch jobs that are of no use; one that runs is at its end.

        Others may be left while Slurm is asked: those are not over.
        """
        there = {place: one for place in left if (one := seen_at(found, [place]))}
        waits = [
            at for at, one in there.items() if STATES.get(one.state) == "queued" or one.is_held
        ]
        runs = {at for at, one in there.items() if STATES.get(one.state) == "running"}
        with suppress(ProviderError):
            await self._slurm.cancel(sorted(waits))
            self._left -= left - runs

    # -- the files, which are the truth ------------------------------------------------------------

    def _files(self, batch: Batch) -> Files:
        if self._run_folder is None:
            raise Refused(
                f"{self.name}: there is no run folder to put work into; run with a folder"
            )
        return files_of(self._run_folder, self._run_id, batch.composite)

    async def _computed(self, batch: Batch) -> Sequence[Answer]:
        """Say what the file of answers says of each job; nothing where there is none."""
        files = self._files(batch)
        if files.key not in self._results:
            try:
                parts = await trio.to_thread.run_sync(files.answers)
            except FrameError as error:
                files.set_aside()
                why = f"{files.result.name} cannot count: {error}; it is computed again"
                return [GivenBack(job_id, error=why) for job_id in batch.composite.job_ids]
            if parts is None and (former := former_files(files, batch.composite.memo)):
                parts = await trio.to_thread.run_sync(_left_answers, former)
            if parts is None:
                return ()
            self._results[files.key] = {
                job_id: one for part in parts for job_id, one in results_of(part.jobs, part.answer)
            }
        return [*self._ends(batch, self._results[files.key])]

    def _ends(self, batch: Batch, results: Mapping[str, Result]) -> Iterator[Answer]:
        for job_id in batch.composite.job_ids:
            if (one := results.get(job_id)) is None:
                yield Failed(job_id, "COMPLETED", error="the answers have nothing of this job")
            elif one.error:
                yield Failed(job_id, "COMPLETED", error=one.error)
            else:
                yield Done(job_id, "COMPLETED")

    # -- what Slurm says ---------------------------------------------------------------------------

    def _as_seen(self, batch: Batch, seen: Seen) -> Sequence[Answer]:
        """Say what a batch job without answers comes to; nothing where that is no news."""
        files, job_ids = self._files(batch), batch.composite.job_ids
        self._ids[files.key] = seen.id
        meaning, told = STATES.get(seen.state), str(seen)
        if meaning is None:
            return [Strange(job_id, told, seen.id) for job_id in job_ids]
        if meaning in ("queued", "running"):
            if self._told.get(files.key) == told:
                return ()
            self._told[files.key] = told
            kind = Taken if meaning == "queued" else Running
            return [kind(job_id, told, seen.id) for job_id in job_ids]
        self._told.pop(files.key, None)
        why = self._why(seen, files)
        if meaning == "failed":
            return [Failed(i, told, seen.id, error=why, settle_s=POLL_S[0]) for i in job_ids]
        if meaning == "cancelled":
            return [Cancelled(job_id, told, seen.id, error=why) for job_id in job_ids]
        if meaning == "ended":
            why = f"{why}, and left no answers"
        return [GivenBack(i, told, seen.id, error=why, settle_s=SHOWN_S) for i in job_ids]

    async def _given_up(self, batch: Batch, seen: Seen) -> Sequence[Answer]:
        """Slurm could not start it, and holds it until a person lets it go on: it is sent anew."""
        files = self._files(batch)
        self._told.pop(files.key, None)
        self._left.update(files.places)
        out = await self._slurm.nodes_out()
        why = f"Slurm holds job {seen.id}: {seen}" + (f"; nodes out of use: {out}" if out else "")
        return [GivenBack(i, str(seen), seen.id, error=why) for i in batch.composite.job_ids]

    def _why(self, seen: Seen, files: Files) -> str:
        words = files.last_words(seen.place)
        remedy = remedy_of(seen.state, words)
        told = [f"Slurm ended job {seen.id}: {seen}", remedy, words and f"its log ends: {words}"]
        return "; ".join(filter(None, told))

    def _forgotten(self, batch: Batch) -> Sequence[Answer]:
        """Neither queue nor accounting has it, and there is no file."""
        files = self._files(batch)
        self._told.pop(files.key, None)
        settle_s = SHOWN_S if files.was_written else 0.0
        why = "Slurm does not know it any more, and it left no answers"
        return [GivenBack(i, error=why, settle_s=settle_s) for i in batch.composite.job_ids]


def _left_answers(former: Files) -> tuple[Part, ...] | None:
    """Return answers to work that was sent when the folder had another path, where they count."""
    try:
        return former.answers()
    except FrameError:
        former.set_aside()
        return None
