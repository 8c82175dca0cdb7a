"""Run folders to damage, played on a virtual clock; and everything that a person could read there.

`finished` is a sweep on this machine. `troubled` is a sweep here and at a cloud: completed, failed
and bought again, held, in flight, not sent yet, with replies, logs and a ledger. Cut off, it is as
`kill -9` leaves it: with the last steps in the ``-wal`` file. `half_done` is the same where there
is no WAL: half of a step is in the snapshot, and would buy everything again.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trio

from qbatch.errors import Refused, SnapshotError
from qbatch.job import Job, JobState
from qbatch.plan import Plan
from qbatch.providers import Fetched, Unclear
from qbatch.snapshot import JobRow, Run, Snapshot
from qbatch.snapshot.schema import crc_of
from tests.executor.fake_drivers import (
    FakeCloud,
    FakeLocal,
    Ledger,
    lost_before,
    plan_of,
    play,
    raising,
)


class TalkativeCloud(FakeCloud):
    """A cloud that sends replies and logs, and charges another price than it quotes."""

    async def fetch(self, batch: Any, job_ids: Sequence[str]) -> Sequence[Fetched]:
        fetched = await super().fetch(batch, job_ids)
        return [
            replace(one, raw=f"reply about {one.job_id}".encode() * 9, log=b"all went well" * 9)
            for one in fetched
        ]


def talkative(ledger: Ledger, **more: Any) -> TalkativeCloud:
    cloud = TalkativeCloud(ledger, works_s=100, in_flight=3, **more)
    cloud.quote, cloud.bill, cloud.most = 1.25, 0.75, 2.0
    return cloud


@dataclass
class Played:
    """A run folder with what is needed to go on with it.

    Attributes:
        ledger: What the cloud accepted; outlives every copy of the folder.
    """

    folder: Path
    plan: Plan
    ledger: Ledger

    def drivers(self, ledger: Ledger) -> dict[str, Any]:
        """Backend -> a driver that knows nothing but the cloud's books."""
        named = {"local": FakeLocal(max_jobs=4), "cloud": talkative(ledger)}
        return {name: named[name] for name in self.plan.manifest.backends}


def finished(folder: Path) -> Played:
    plan = plan_of(12, "local")
    _note(folder)
    play(folder, plan, FakeLocal(max_jobs=5))
    return Played(folder, plan, Ledger())


def troubled(folder: Path, *, cut_off: bool = False) -> Played:
    plan, ledger = plan_of(9, "local", "cloud"), Ledger()
    local, cloud = FakeLocal(max_jobs=4), talkative(ledger)
    cloud.script["submit"] = [raising(Refused("cloud: too hot")), lost_before]
    cloud.located = Unclear("", error="nobody can tell")
    _note(folder)
    play(
        folder, plan_of(10, "local", "cloud"), {"local": local, "cloud": cloud}, beside=[_stop(90)]
    )
    _retry_failed(folder)
    live = folder.with_name(f"{folder.name}.live") if cut_off else folder
    if cut_off:
        folder.rename(live)

    async def copy(stop: Any) -> None:
        await _stop(130)(stop)
        if cut_off:
            shutil.copytree(live, folder)

    play(live, plan, {"local": local, "cloud": cloud}, beside=[copy])
    if cut_off:
        shutil.rmtree(live)
    return Played(folder, plan, ledger)


def half_done(folder: Path) -> Played:
    played = troubled(folder)
    left = folder.with_name(f"{folder.name}.left")
    with closing(sqlite3.connect(folder / "snapshot.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("PRAGMA cache_size=1")  # so that pages are written before the end
        db.execute("BEGIN IMMEDIATE")
        _begin_all_anew(db)
        shutil.copytree(folder, left)
        db.execute("ROLLBACK")
    shutil.rmtree(folder)
    left.rename(folder)
    return played


def _begin_all_anew(db: sqlite3.Connection) -> None:
    seq = db.execute("SELECT max(seq) FROM events").fetchone()[0]
    for ordinal, generation in db.execute("SELECT ordinal, generation FROM jobs").fetchall():
        row = JobRow(ordinal, Job("", JobState.CREATED, generation + 1)).values(2e9)
        db.execute(
            "REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (*row, crc_of(row)),
        )
        seq += 1
        move = (seq, 2e9, ordinal, "created", "")
        db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (*move, crc_of(move)))


def _note(folder: Path) -> None:
    with Snapshot(folder) as snapshot:
        snapshot.set_meta(run_id="0123456789abcdef", versions="{}", selection="", limits="{}")


def _retry_failed(folder: Path) -> None:
    with Run(folder) as run:
        failed = [point.id for point in run if point.state is JobState.FAILED]
    assert failed
    with Snapshot(folder) as snapshot:
        snapshot.retry(failed)


def _stop(after_s: float) -> Any:
    async def stop_later(stop: Any) -> None:
        await trio.sleep(after_s)
        stop.request("SIGTERM", signal_number=15)

    return stop_later


# -- what a person could read ---------------------------------------------------------------------

Read = Callable[[Run], Any]


def _points(run: Run) -> Any:
    return [
        (
            point.point,
            point.job,
            point.submitted_at,
            point.completed_at,
            None if point.counts is None else point.counts.to_dict(),
            dict(point.facts),
            point.estimates,
        )
        for point in run
    ]


def _exported(name: str) -> Read:
    def export_it(run: Run) -> str:
        from qbatch.exchange.exports import export

        out = io.StringIO()
        export(run, name, out)
        return out.getvalue()

    return export_it


def _of_each(read: Callable[[Run, Any], Any]) -> Read:
    return lambda run: [read(run, point) for point in (*run, *run.removed())]


def _status(run: Run) -> Any:
    from qbatch.cli.verbs.status import describe

    return json.dumps({**describe(run, {}), "folder": ""}, default=str)


#: Name -> what is read.
SECTIONS: Mapping[str, Read] = {
    "facts": lambda run: (run.meta, run.name, run.axes, run.targets),
    "manifest": lambda run: run.manifest.text,
    "states": lambda run: (run.counts_by_state(), len(run)),
    "spent": lambda run: run.spent(),
    "ledger": lambda run: run.ledger(),
    "times": lambda run: run.times(["local", "cloud"]),
    "stages": lambda run: run.composites_by_stage(),
    "points": _points,
    "removed": lambda run: [(p.point, p.job) for p in run.removed()],
    "in flight": lambda run: [(p.point, p.job) for p in run.in_flight()],
    "held": lambda run: run.held(),
    "stored": lambda run: list(run.stored_points()),
    "by id": lambda run: [run[p.id[:9]].name for p in run],
    "replies": _of_each(lambda run, point: run.raw_of(point)),
    "logs": _of_each(lambda run, point: run.log_of(point)),
    "histories": _of_each(lambda run, point: run.history_of(point)),
    "attempts": _of_each(lambda run, point: run.attempts_of(point)),
    "memos": _of_each(lambda run, point: run.memo_of(point)),
    "keys": _of_each(lambda run, point: run.intent_key_of(point)),
    "settings": _of_each(lambda run, point: run.setting_of(point)),
    "csv": _exported("csv"),
    "counts": _exported("counts"),
    "status": _status,
}


def read_all(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Read everything that can be read.

    Returns:
        Section -> what it says, of those that are not refused; and the words of the refusals.
    """
    found: dict[str, Any] = {}
    refusals: list[str] = []
    try:
        run = Run(folder)
    except SnapshotError as error:
        return {}, [str(error)]
    with run:
        for name, read in SECTIONS.items():
            try:
                found[name] = read(run)
            except SnapshotError as error:
                refusals.append(str(error))
    return found, refusals
