"""Rows lost in several tables at once, and a cloud that has let go of all that it had.

What is mended and goes on then buys a point again wherever something was taken for proved that is
not: no answer of the cloud holds it back.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from qbatch.errors import SnapshotError
from qbatch.providers import NotTaken
from qbatch.snapshot.examine import examine
from qbatch.snapshot.recovery.repair import repair
from qbatch.snapshot.trust import RULES
from tests.crash import mutating, played_runs
from tests.crash.played_runs import Played
from tests.executor.fake_drivers import Ledger, play

FEW, SHARE, SHARES = 12, 50, 4


@pytest.fixture(scope="module")
def runs() -> Iterator[Mapping[str, Played]]:
    """Runs with jobs in every state, at rest and as a killed runner leaves them."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        yield {
            "at rest": played_runs.troubled(Path(place) / "at rest"),
            "cut off": played_runs.troubled(Path(place) / "cut off", cut_off=True),
        }


def lose_rows(folder: Path, chance: Random) -> str:
    """Let some rows of jobs, and of other tables, match their CRCs no more; say which."""
    told, others = [], [name for name in RULES if name != "jobs"]
    with closing(sqlite3.connect(folder / mutating.DB)) as db, db:
        for table in ("jobs", *chance.sample(others, chance.choice((0, 1, 2)))):
            keys = RULES[table].kind._fields[: RULES[table].num_keys]
            rows = db.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall()
            is_all = chance.random() < 0.2
            lost = rows if is_all else chance.sample(rows, min(len(rows), chance.choice((1, 2, 3))))
            crc = chance.choice(("crc", "moved")) if table == "composites" else "crc"
            where = " AND ".join(f"{key} = ?" for key in keys)
            db.executemany(f"UPDATE {table} SET {crc} = {crc} + 1 WHERE {where}", lost)
            told.append(f"{len(lost)} of {len(rows)} {table}")
    return ", ".join(told)


def bought_again(played: Played, folder: Path) -> list[str]:
    """Run it to its end at a cloud that has let go of everything; return what it bought again."""
    ledger: Ledger = deepcopy(played.ledger)
    drivers = played.drivers(ledger)
    drivers["cloud"].located = NotTaken("")
    play(folder, played.plan, drivers)
    return [f"{id_[:8]} {n} times" for id_, n in ledger.times_bought.items() if n > 1]


def is_mended(number: int, runs: Mapping[str, Played], folder: Path) -> bool:
    """Lose rows of a copy of a run and mend it; whether that could be done."""
    chance = Random(number)
    played = runs[chance.choice([*runs])]
    shutil.copytree(played.folder, folder)
    what = lose_rows(folder, chance)
    try:
        repair(folder)
    except SnapshotError:
        return False
    examine(folder)
    assert bought_again(played, folder) == [], f"{number}: {what}"
    return True


def judge(numbers: range, runs: Mapping[str, Played], place: Path) -> None:
    mended = [number for number in numbers if is_mended(number, runs, place / str(number))]
    assert len(mended) >= len(numbers) / 3


def test_a_whole_run_buys_nothing_again_there(runs: Mapping[str, Played], tmp_path: Path) -> None:
    for name, played in runs.items():
        shutil.copytree(played.folder, tmp_path / name)
        assert bought_again(played, tmp_path / name) == []


def test_whatever_rows_are_lost_nothing_is_bought_again(
    runs: Mapping[str, Played], tmp_path: Path
) -> None:
    judge(range(FEW), runs, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_whatever_many_rows_are_lost_nothing_is_bought_again(
    share: int, runs: Mapping[str, Played], tmp_path: Path
) -> None:
    judge(range(FEW + share * SHARE, FEW + (share + 1) * SHARE), runs, tmp_path)
