"""P18 and S9: report files are whole or not there, however many write them at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import qbatch
from qbatch.drafts import draft_beside
from qbatch.report import write_report
from qbatch.report.files import replacing_text


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    with replacing_text(path) as slow:
        slow.write("slow: first half, ")
        with replacing_text(path) as quick:
            quick.write("quick")
        assert path.read_text() == "quick"
        slow.write("second half")
    assert path.read_text() == "slow: first half, second half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_has_a_name_of_its_own_that_fits_any_file_system(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 120 + ".csv")
    names = {draft_beside(path).name for _ in range(1000)}
    assert len(names) == 1000
    assert max(len(name.encode()) for name in names) <= 255
    assert {draft_beside(path).parent for _ in range(3)} == {tmp_path}


def test_no_writer_makes_up_the_name_of_its_draft() -> None:
    """A fixed name, or one of the process alone, is shared by two threads sooner or later."""
    sources = Path(qbatch.__file__).parent.rglob("*.py")
    made_up = re.compile(r'with_(?:name|suffix)\([^\n]*(?:getpid|\.part"|\.new"|\.tmp")')
    found = {file.name for file in sources if made_up.search(file.read_text("utf-8"))}
    assert found <= {"drafts.py", "serving.py"}  # the emulators import nothing of ours


class Slow:
    """A run whose reading waits to be let go on."""

    def __init__(self, run: Any) -> None:
        self.run, self.is_read, self.may_go_on = run, Event(), Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.run, name)

    def __len__(self) -> int:
        return len(self.run)

    def __iter__(self) -> Iterator[Any]:
        for point in list(self.run):
            yield point
            self.is_read.set()
            self.may_go_on.wait(30)


def test_a_refresh_that_lags_behind_does_not_overwrite_the_last_report(bell: Any) -> None:
    formats = ("csv",)
    first, slow = bell.points[0].name, Slow(bell)
    refresh = Thread(target=write_report, args=(slow, formats))
    bell.fail(first, "stale")
    refresh.start()
    assert slow.is_read.wait(30)
    last = Thread(target=write_report, args=(bell, formats))
    bell.fail(first, "fresh")
    last.start()
    last.join(0.2)  # it has the time to be done, were it not to wait
    slow.may_go_on.set()
    refresh.join(30)
    last.join(30)
    assert "fresh" in (bell.folder / "results.csv").read_text()
    assert "stale" not in (bell.folder / "results.csv").read_text()
