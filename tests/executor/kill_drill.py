"""A process that runs plans in forked children and kills them: `kill_drill.py PLACE FOLDER`.

It imports everything once and forks for each run, so that a run costs milliseconds. Places:

    writes    kill -9 before and after every commit, first in the run, then in the resumed run too
    moments   kill -9 at 24 random moments of a longer run

Prints one JSON object. Exit status 3 of a child: it computed again what was completed already.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import trio

sys.path.insert(0, str(Path(__file__).parent))

import fake_drivers
from fake_drivers import Bought, FakeCloud, FakeLocal, Ledger, plan_of

from qbatch.executor import execute
from qbatch.job import JobState
from qbatch.plan import Plan
from qbatch.snapshot import Run, Snapshot, faults


class KeptLedger(Ledger):
    """A ledger in a file: it survives the process that writes it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        if path.exists():
            self.jobs = [Bought(*json.loads(line), 0.0) for line in path.read_text().splitlines()]

    def add(self, job: Bought) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps([job.job_id, job.key, job.id]) + "\n")
        self.jobs.append(job)


class KeptCloud(FakeCloud):
    """A cloud that is done at once and whose books are in a file."""

    ledger: KeptLedger

    def _buy(self, job_id: str, key: str) -> Any:
        job = Bought(job_id, key, f"c{len(self.ledger.jobs)}", -1e9)
        self.ledger.add(job)
        return fake_drivers.Taken(job_id, "SUBMITTED", job.id)


class WatchedLocal(FakeLocal):
    """A simulator that ends the process when it is asked for what is done already."""

    def __init__(self, done: set[str], pause_s: float) -> None:
        super().__init__(max_jobs=4, in_flight=2)
        self._had = done
        self._pause_s = pause_s

    async def submit(self, batch: Any, intent: Any) -> Any:
        if self._had & set(batch.composite.job_ids):
            os._exit(3)
        await trio.sleep(self._pause_s)
        return await super().submit(batch, intent)


def run_once(folder: Path, plan: Plan, pause_s: float) -> None:
    """Run `plan` as a process would that knows nothing but the folder."""

    async def main() -> None:
        with Snapshot(folder / "run", durability="normal") as snapshot:
            known = (row for p in plan.points() for _, row in snapshot.pieces_of(p.id))
            done = {row.job.id for row in known if row.job.state is JobState.COMPLETED}
            cloud = KeptCloud(KeptLedger(folder / "ledger"), works_s=0.0, poll_s=(0.001, 0.01))
            drivers: dict[str, Any] = {"local": WatchedLocal(done, pause_s), "cloud": cloud}
            drivers = {name: drivers[name] for name in plan.manifest.backends}
            targets = {name: driver.target for name, driver in drivers.items()}
            await execute(plan, snapshot, drivers, targets)

    trio.run(main)


def forked(work: Callable[[], None], kill_after_s: float | None = None) -> int:
    """Do `work` in a child; return its wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def with_fuse(n: int, work: Callable[[], None]) -> Callable[[], None]:
    def burning() -> None:
        faults.FUSE = faults.make_fuse(str(n))
        work()

    return burning


def results_of(folder: Path) -> dict[str, str]:
    with Run(folder / "run") as run:
        return {p.id: f"{p.state} {p.counts.to_dict() if p.counts else None}" for p in run}


def bought_twice(folder: Path) -> int:
    jobs = KeptLedger(folder / "ledger").jobs
    return sum(n - 1 for n in Counter(job.job_id for job in jobs).values())


def at_every_write(place: Path) -> dict[str, Any]:
    plan = plan_of(3, "local", "cloud")
    run_once(place / "calm", plan, 0.0)
    calm = results_of(place / "calm")
    kills, different, twice, bad = 0, 0, 0, 0
    for n in range(1, 1000):
        for again in (0, 1 + n % 7):
            folder = place / f"{n}-{again}"
            work = partial(run_once, folder, plan, 0.0)
            status = forked(with_fuse(n, work))
            if status == 0:
                return {"kills": kills, "different": different, "twice": twice, "bad": bad}
            kills += status == signal.SIGKILL
            if again:
                kills += forked(with_fuse(again, work)) == signal.SIGKILL
            bad += forked(work) != 0
            different += results_of(folder) != calm
            twice += bought_twice(folder)
    raise AssertionError("the run never ended without a kill")


def at_random_moments(place: Path) -> dict[str, Any]:
    chance = random.Random(7)
    plan = plan_of(150, "local", "cloud")
    run_once(place / "calm", plan, 0.0)
    folder, kills, bad = place / "shaken", 0, 0
    while kills < 24:
        status = forked(partial(run_once, folder, plan, 0.02), chance.uniform(0.02, 0.25))
        kills += status == signal.SIGKILL
        bad += status not in (0, signal.SIGKILL)
        if status == 0:  # done too soon: the next kills hit another folder
            folder = place / f"shaken{kills}"
    bad += forked(partial(run_once, folder, plan, 0.0)) != 0
    different = results_of(folder) != results_of(place / "calm")
    return {"kills": kills, "different": different, "twice": bought_twice(folder), "bad": bad}


if __name__ == "__main__":
    drill = {"writes": at_every_write, "moments": at_random_moments}[sys.argv[1]]
    print(json.dumps(drill(Path(sys.argv[2]))))
