"""What each attempt and each purchase bought is told as it was, whatever is asked for later.

``former/pieces.sql`` is a folder of snapshot version 3, as qbatch left it at f79dfd8: of two points
100 shots were asked for, then 250; the first failed at 100, the second's further shots at 150.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fake_drivers import play
from selling import CLOUD, Shop, plan_of
from test_executor_former import folder_of, version_of

from qbatch.errors import SnapshotError
from qbatch.exchange.exports import export
from qbatch.job import JobState
from qbatch.snapshot import Attempt, Run, Snapshot
from qbatch.snapshot.examine import examine
from qbatch.snapshot.recovery.repair import repair
from qbatch.snapshot.schema import SCHEMA_VERSION, crc_of

#: What the first rows of the fixture's points are named by.
FAILED, BOUGHT = "theta=0.5", "theta=1.5"


def told(run: Run, point: str) -> list[tuple[int, str, int | None, int | None]]:
    """Of each attempt: its number, how it ended, its first shot, how many shots."""
    return [
        (each.generation, each.state.value, each.start, each.shots)
        for each in run.attempts_of(run[point])
    ]


def ledger_of(run: Run) -> list[tuple[str, str, str, str]]:
    text = io.StringIO()
    export(run, "ledger", text)
    rows = csv.DictReader(io.StringIO(text.getvalue()))
    return [(row["point"], row["attempt"], row["start"], row["shots"]) for row in rows]


def test_a_failed_attempt_keeps_the_shots_it_was_to_buy(tmp_path: Path) -> None:
    shop = Shop()
    shop.failing = {(0.5, 0)}
    play(tmp_path, plan_of([0.5], 1000, CLOUD), shop)
    shop.failing = set()
    play(tmp_path, plan_of([0.5], 4000, CLOUD), shop)
    with Run(tmp_path) as run:
        assert told(run, "theta=0.5") == [(1, "failed", 0, 1000), (2, "completed", 0, 4000)]
        assert ledger_of(run) == [
            ("theta=0.5", "1", "0", "1000"),
            ("theta=0.5", "2", "0", "4000"),
        ]
        sent = [run.purchase_of(each) for each in run.attempts_of(run["theta=0.5"])]
        assert [(each.key, each.account) for each in run.ledger()] == sent
        assert len({key for key, _ in sent}) == 2
        text = io.StringIO()
        export(run, "json", text)
        purchases = json.loads(text.getvalue())["purchases"]
        assert [(one["attempt"], one["start"], one["shots"]) for one in purchases] == [
            (1, 0, 1000),
            (2, 0, 4000),
        ]


def test_a_job_cut_otherwise_since_keeps_what_it_was_to_buy(tmp_path: Path) -> None:
    shop = Shop()
    shop.failing = {(0.5, 0)}
    play(tmp_path, plan_of([0.5], 1000, CLOUD), shop)
    shop = Shop(max_shots=400)
    play(tmp_path, plan_of([0.5], 1000, CLOUD), shop)
    with Run(tmp_path) as run:
        assert told(run, "theta=0.5") == [
            (1, "failed", 0, 1000),
            (2, "completed", 0, 334),
            (1, "completed", 334, 333),
            (1, "completed", 667, 333),
        ]


def test_the_setting_of_each_attempt_is_kept(tmp_path: Path) -> None:
    shop = Shop()
    shop.failing = {(0.5, 0)}
    for shots in (100, 300):
        play(tmp_path, plan_of([0.5], shots, CLOUD), shop)
    with Run(tmp_path) as run:
        (point,) = run
        told = [run.setting_of(each) for each in run.attempts_of(point)]
        assert told == [run.setting_of(point)] * 2
        assert "rx(theta)" in told[0]["circuit"]
        assert [one.entry.setting for one in run.ledger()] == [point.setting] * 2


# -- folders of version 3 -------------------------------------------------------------------------


def facts_of(folder: Path) -> object:
    """All that version 3 kept of points, jobs, attempts and purchases."""
    with Run(folder) as run:
        assert len(run) == 2
        points = [
            (p.id, p.name, p.shots, p.job, p.done, p.counts and p.counts.to_dict()) for p in run
        ]
        attempts = [
            (a.generation, a.state, a.provider_job_id, a.status, a.error, a.cost, a.ended_at)
            for point in run
            for a in run.attempts_of(point)
        ]
        entries = [
            (one.id, one.entry.generation, one.entry.quoted, one.entry.billed, one.entry.counted)
            for one in run.ledger()
        ]
        return points, attempts, entries, run.spent(), run.counts_by_state()


def test_a_folder_of_version_3_is_read_as_it_is_and_converted_without_loss(tmp_path: Path) -> None:
    folder = folder_of("pieces", tmp_path)
    before = (folder / "snapshot.db").read_bytes()
    kept = facts_of(folder)
    with Run(folder) as run:
        assert told(run, FAILED) == [(1, "failed", None, None), (2, "completed", 0, 250)]
    assert (folder / "snapshot.db").read_bytes() == before
    assert version_of(folder) == 3
    Snapshot(folder).close()
    assert version_of(folder) == SCHEMA_VERSION
    assert facts_of(folder) == kept
    examine(folder)


def test_what_attempts_of_version_3_bought_is_told_where_it_is_certain(tmp_path: Path) -> None:
    """Its first attempt was to buy 100 shots, as nothing there says any more."""
    folder = folder_of("pieces", tmp_path)
    Snapshot(folder).close()
    with Run(folder) as run:
        assert told(run, FAILED) == [(1, "failed", 0, None), (2, "completed", 0, 250)]
        assert told(run, BOUGHT) == [(1, "completed", 0, 100), (1, "failed", 100, None)]
        assert ledger_of(run) == [
            (FAILED, "1", "0", ""),
            (FAILED, "2", "0", "250"),
            (BOUGHT, "1", "0", "100"),
            (BOUGHT, "1", "100", ""),
        ]
        assert all(one.key for one in run.ledger())


def test_a_run_goes_on_with_a_folder_of_version_3(tmp_path: Path) -> None:
    shop = Shop()
    folder = folder_of("pieces", tmp_path)
    play(folder, plan_of([0.5, 1.5], 250, CLOUD), shop)
    assert shop.accepted == {1.5: [(100, 150)]}
    with Run(folder) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 2}
        assert told(run, BOUGHT)[1:] == [(1, "failed", 100, None), (2, "completed", 100, 150)]


@pytest.mark.parametrize("name", ["axis", "number"])
def test_in_version_2_shots_never_changed(name: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    with closing(sqlite3.connect(folder / "snapshot.db")) as db, db:
        shots = dict(db.execute("SELECT ordinal, shots FROM points"))
        job = (1, 1, "failed", None, "", "no", None, "", None, 5.0)
        marks = ", ".join("?" * 11)
        db.execute(f"INSERT INTO attempts VALUES ({marks})", (*job, crc_of(job)))
    Snapshot(folder).close()
    with Run(folder) as run:
        ((at, attempt),) = run.ended_attempts()
        assert isinstance(attempt, Attempt)
        assert (at, attempt.start, attempt.shots) == (1, 0, shots[1])


def test_a_damaged_folder_of_version_3_is_mended(tmp_path: Path) -> None:
    folder = folder_of("pieces", tmp_path)
    kept = facts_of(folder)
    with closing(sqlite3.connect(folder / "snapshot.db")) as db, db:
        db.execute("UPDATE raw SET crc = crc + 1")
        db.execute("UPDATE events SET crc = crc + 1 WHERE seq = 1")
    repair(folder)
    assert version_of(folder) == SCHEMA_VERSION
    assert facts_of(folder) == kept
    with Run(folder) as run:
        assert told(run, BOUGHT)[0] == (1, "completed", 0, 100)


def test_a_damaged_folder_of_version_2_is_refused_in_words(tmp_path: Path) -> None:
    folder = folder_of("axis", tmp_path)
    with closing(sqlite3.connect(folder / "snapshot.db")) as db, db:
        db.execute("UPDATE jobs SET status = 'other'")
    before = (folder / "snapshot.db").read_bytes()
    with pytest.raises(SnapshotError, match=r"earlier qbatch \(snapshot version 2\)"):
        repair(folder)
    assert (folder / "snapshot.db").read_bytes() == before


def test_a_damaged_row_of_version_3_stays_damaged(tmp_path: Path) -> None:
    """Writing it anew gives it no check value of its own."""
    folder = folder_of("pieces", tmp_path)
    with closing(sqlite3.connect(folder / "snapshot.db")) as db, db:
        db.execute("UPDATE attempts SET error = 'other' WHERE job = 1")
    Snapshot(folder).close()
    with Run(folder) as run, pytest.raises(SnapshotError, match="attempt 1 of row 1"):
        run.attempts_of(run[FAILED])
