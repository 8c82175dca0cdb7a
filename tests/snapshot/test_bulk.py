"""Points read in bulk from their pages are the points of the rows, whatever becomes of the file."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trio

from qbatch.cli.findings import look_at_run
from qbatch.errors import SnapshotError
from qbatch.executor import execute
from qbatch.report import render, write_report
from qbatch.result import Estimate
from qbatch.snapshot import Run, Snapshot, bulk
from qbatch.snapshot.bulk import FROM_POINTS, NAME, PAGE, Page, is_whole
from tests.daily import mostly_slow
from tests.executor.fake_drivers import FakeLocal, plan_of

POINTS = FROM_POINTS + 30


async def _run(folder: Path, points: int) -> None:
    driver = FakeLocal(max_jobs=500)
    with Snapshot(folder, durability="normal") as snapshot:
        plan = plan_of(points, "local")
        await execute(plan, snapshot, {"local": driver}, {"local": driver.target})


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is done and was reported once; nobody changes it."""
    folder = tmp_path_factory.mktemp("bulk") / "run"
    trio.run(partial(_run, folder, POINTS))
    with Run(folder) as run:
        write_report(run, formats=("csv",))
    return folder


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ready, tmp_path / "run"))


def told(points: Iterator[object]) -> list[tuple[object, ...]]:
    """All that a point says, written so that 1 and 1.0 differ."""
    names = (
        *("id", "name", "circuit", "backend", "shots", "repeat", "seed", "parameters", "job"),
        *("in_plan", "ordinal", "setting", "start", "wanted", "composite", "same_as"),
        *("submitted_at", "completed_at", "estimates", "warning", "done", "sampled"),
    )
    large = ("facts", "counts")  # read one by one, where no page has them
    return [
        tuple(repr(getattr(point, name)) for name in (names if number % 97 else (*names, *large)))
        for number, point in enumerate(points)
    ]


def in_bulk(folder: Path) -> tuple[list[tuple[object, ...]], int]:
    """What the points of a folder say, read in stretches, and how many of these were pages."""
    with Run(folder) as run:
        stretches = list(run.stretches())
        pages = sum(isinstance(each, Page) for each in stretches)
        return told(point for each in stretches for point in each), pages


def by_rows(folder: Path) -> list[tuple[object, ...]]:
    with Run(folder) as run:
        return told(iter(run))


def all_pages() -> int:
    return -(-POINTS // PAGE)


def test_points_of_pages_say_what_those_of_rows_say(folder: Path) -> None:
    found, pages = in_bulk(folder)
    assert pages == all_pages()
    assert found == by_rows(folder)


@pytest.mark.parametrize("format", ["csv", "md", "html"])
def test_a_report_reads_the_same_with_and_without_pages(folder: Path, format: str) -> None:
    with Run(folder) as run:
        with_pages = render(run, format)
    (folder / NAME).unlink()
    with Run(folder) as run:
        points = list(run)  # no columns: each point by itself
        assert with_pages == render(_ByRows(run, points), format)


class _ByRows:
    """A run that is read point by point."""

    def __init__(self, run: Run, points: list[object]) -> None:
        self._run = run
        self._points = points

    def __getattr__(self, name: str) -> object:
        if name == "stretches":
            raise AttributeError(name)
        return getattr(self._run, name)

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[object]:
        return iter(self._points)


@pytest.mark.parametrize("share", mostly_slow([0.003, 0.5, 0.0, 0.01, 0.2, 0.77, 0.9999], daily=2))
def test_a_damaged_page_is_read_from_its_rows_and_made_anew(folder: Path, share: float) -> None:
    path, expected = folder / NAME, by_rows(folder)
    good = path.read_bytes()
    at = int(share * len(good))
    path.write_bytes(good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1 :])
    found, pages = in_bulk(folder)
    assert found == expected
    assert pages < all_pages()
    assert path.read_bytes() == good
    assert in_bulk(folder)[1] == all_pages()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_was_cut_off_is_seen_and_made_whole(folder: Path, share: float) -> None:
    path = folder / NAME
    good = path.read_bytes()
    path.write_bytes(good[: int(share * len(good))])
    assert not is_whole(folder)
    assert [each.word for each in look_at_run(folder) if each.about == "pages"] == ["note"]
    assert in_bulk(folder)[0] == by_rows(folder)
    assert path.read_bytes() == good
    assert is_whole(folder)
    assert "pages" not in {each.about for each in look_at_run(folder)}


def test_pages_of_another_run_are_not_believed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    trio.run(partial(_run, other, POINTS + 1))
    shutil.copy(folder / NAME, other / NAME)
    found, pages = in_bulk(other)
    assert pages == 0
    assert found == by_rows(other)


@pytest.mark.parametrize("changed", ["a field of numbers", "a column", "the format"])
def test_pages_made_by_other_code_are_read_from_the_rows(folder, changed, monkeypatch) -> None:
    if changed == "a field of numbers":
        monkeypatch.setattr(Estimate, "__slots__", Estimate.__slots__[:-1])
    elif changed == "a column":
        monkeypatch.setattr(bulk, "_COLUMNS", bulk._COLUMNS[:-1])
    else:
        monkeypatch.setattr(bulk, "FORMAT", bulk.FORMAT + 1)
    with Run(folder) as run:
        assert not isinstance(next(iter(run.stretches())), Page)
    monkeypatch.undo()
    assert in_bulk(folder)[1] == all_pages()


def test_what_a_run_changed_since_is_read_from_the_rows(folder: Path) -> None:
    trio.run(partial(_run, folder, POINTS + 1))  # other points at the same places
    found, pages = in_bulk(folder)
    assert found == by_rows(folder)
    assert (len(found), pages) == (POINTS + 1, 0)


@pytest.mark.parametrize("table", ["points", "jobs", "results"])
def test_a_row_with_another_check_value_is_not_hidden_by_its_page(folder: Path, table: str) -> None:
    with closing(sqlite3.connect(folder / "snapshot.db")) as db, db:
        db.execute(f"UPDATE {table} SET crc = crc + 1 WHERE ordinal = 700")
    with pytest.raises(SnapshotError, match="row 700"):
        in_bulk(folder)


def test_a_lost_row_is_not_hidden_by_its_page(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "snapshot.db")) as db, db:
        db.execute("DELETE FROM results WHERE ordinal = 700")
    with pytest.raises(SnapshotError, match="result row 700 is missing"):
        in_bulk(folder)


def test_a_folder_that_takes_no_pages_is_read_all_the_same(folder: Path) -> None:
    (folder / NAME).unlink()
    (folder / NAME).mkdir()
    before = sorted(folder.iterdir())
    assert in_bulk(folder) == (by_rows(folder), 0)
    assert sorted(folder.iterdir()) == before


def test_a_reader_that_stops_leaves_the_pages_as_they_were(folder: Path) -> None:
    path = folder / NAME
    path.write_bytes(path.read_bytes()[:-1])
    cut = path.read_bytes()
    with Run(folder) as run:
        stretches = run.stretches()
        for _ in range(all_pages()):
            next(stretches)
        stretches.close()  # type: ignore[attr-defined]
    assert path.read_bytes() == cut
    assert [each.name for each in folder.iterdir() if each.name.endswith(".new")] == []


def test_numbers_by_another_analysis_are_not_taken_from_pages(folder: Path) -> None:
    def numbers(*, by_pages: bool) -> list[str]:
        with Run(folder) as run:
            analysis = run.manifest.analysis
            wider = analysis.intervals.model_copy(update={"level": 0.5})
            other = analysis.model_copy(update={"intervals": wider})
            run.analyse_as(run.manifest.model_copy(update={"analysis": other}))
            stretches = run.stretches() if by_pages else [run]
            return [repr(point.estimates) for each in stretches for point in each]

    good = (folder / NAME).read_bytes()
    found = numbers(by_pages=True)
    assert found == numbers(by_pages=False)
    assert (folder / NAME).read_bytes() == good  # a trial leaves them to the next report
    with Run(folder) as run:
        assert found != [repr(point.estimates) for point in run]


#: Tells how many pages a later version believes, which tells wrong results by another mark.
LATER = """\
import sys
from pathlib import Path
from qbatch.circuit import earlier
earlier.MARK = "later"
from qbatch.snapshot import Run
from qbatch.snapshot.bulk import Page
with Run(Path(sys.argv[1])) as run:
    print(sum(isinstance(each, Page) for each in run.stretches()))
"""


@pytest.mark.slow
def test_pages_by_another_rule_of_doubt_are_not_believed(folder: Path) -> None:
    def pages_of_a_later_version() -> int:
        done = subprocess.run(
            [sys.executable, "-c", LATER, folder], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert pages_of_a_later_version() == 0  # read from the rows, and made anew
    assert pages_of_a_later_version() == all_pages()
    assert in_bulk(folder) == (by_rows(folder), 0)
