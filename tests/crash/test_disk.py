"""Full disks, folders that cannot be written, file systems without locks.

A run stops in order, says where, how many bytes and how to go on, and goes on under the same
command once there is room. The cloud's books decide whether anything was lost or bought twice.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qbatch.cli import main
from qbatch.job import JobState
from tests.crash.command_lines import RUN, Desk, OpenDesk, desks, ended
from tests.executor.fake_drivers import FakeLocal, plan_of, play

PENDING = 9

#: Largest file in kB, and size of a file system in kB, at which a run comes to another point before
#: it is stopped: making its snapshot, planning, buying, fetching, the report.
LARGEST_KB = (8, 40, 60, *range(66, 78, 2))
SIZES_KB = (16, 80, *range(108, 190, 10))


@pytest.fixture(scope="module")
def open_desk() -> Iterator[OpenDesk]:
    with desks() as opener:
        yield opener


@pytest.fixture
def desk(open_desk: OpenDesk, tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "desk")


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run folder with its manifest beside it, m.yaml."""
    (tmp_path / "m.yaml").write_text(plan_of(2, "local").manifest.text)
    play(tmp_path / "run", plan_of(2, "local"), FakeLocal())
    return tmp_path / "run"


def limited(kilobytes: int) -> list[str]:
    """The beginning of a command line that may write no larger file."""
    return ["bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "bash"]


def is_told_in_order(said: str) -> bool:
    """Whether it names the file, bytes, and how to go on, and has no traceback."""
    is_clear = re.search(r"runs/crash/snapshot\.db: .*\d (bytes|kB|MB).*run again: nothing", said)
    is_report = re.search(r"runs/crash/results\.csv: cannot be written .*nothing measured", said)
    has_trace = "Traceback" in said or "internal error" in said
    return (is_clear or is_report) is not None and not has_trace


# -- no room ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_that_may_write_no_more_stops_and_goes_on_under_the_same_command(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk = open_desk(tmp_path / "desk", queue_s=8.0)
    run = desk.start(*RUN, "-S", "backends.cloud.limits.in_flight=1")
    desk.wait_until(lambda _: desk.states().get(JobState.SUBMITTED) == 2)
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (4096, 4096))  # nothing fits any more
    code, said = ended(run)
    assert (code, is_told_in_order(said), "ulimit -f" in said) == (PENDING, True, True)
    assert len(desk.ledger()) == 2  # it bought no more
    assert desk.states() == {JobState.SUBMITTED: 2, JobState.CREATED: 2}
    assert desk.run_it()[0] == 0
    assert desk.is_good()


@pytest.mark.slow
def test_wherever_it_is_stopped_nothing_is_lost_or_bought_twice(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    bought = set()
    for largest in LARGEST_KB:
        desk = open_desk(tmp_path / str(largest))
        for _ in range(2):  # again, though nothing has changed
            code, said = desk.run_it(before=limited(largest))
            assert code == 0 or (code, is_told_in_order(said)) == (PENDING, True), said
            bought |= {len(desk.ledger())} if code else set()
        assert desk.run_it()[0] == 0
        assert desk.is_good()
    assert {0, 4} <= bought  # it was stopped before, and after


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Callable[[int], None]]:
    """Mount a file system of a size; yield what gives it another."""
    place.mkdir(parents=True)

    def mount(options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def resize(size: int) -> None:
        assert mount(f"remount,size={size}k")

    if os.geteuid() != 0 or not mount(f"size={kilobytes}k"):
        pytest.skip("file systems may not be mounted here")
    try:
        yield resize
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_a_run_that_goes_on_once_there_is_room(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    bought = set()
    for size in SIZES_KB:
        desk = open_desk(tmp_path / str(size))
        with small_disk(desk.folder / "runs", size) as resize:
            code, said = desk.run_it()
            assert code == 0 or (code, is_told_in_order(said)) == (PENDING, True), said
            bought |= {len(desk.ledger())} if code else set()
            if code and desk.ledger():  # what is full can be read all the same
                assert desk.run("status", "runs/crash")[1].startswith("crash")
            resize(1_000)
            assert desk.run_it()[0] == 0
            assert desk.is_good()
    assert {0, 4} <= bought


@pytest.mark.slow
def test_a_megabyte_is_enough_for_a_small_run_and_doctor_warns(desk: Desk) -> None:
    with small_disk(desk.folder / "runs", 1_000):
        assert desk.run_it()[0] == 0
        assert desk.is_good()
        code, said = desk.run("doctor", "runs/crash")
        assert code == 1
        assert re.search(r"wrong +disk: .* free in runs/crash; make room", said)


@pytest.mark.slow
def test_a_report_that_has_no_room_loses_no_result(desk: Desk) -> None:
    assert desk.run_it()[0] == 0
    report = ("report", "runs/crash", "--format", "html")
    code, said = desk.run(*report, before=limited(20))
    assert code == PENDING
    assert re.search(r"report\.html: cannot be written .*make room.*nothing measured is lost", said)
    assert not (desk.run_folder / "report.html").exists()
    assert desk.run(*report)[0] == 0
    assert desk.is_good()


# -- folders that cannot be written --------------------------------------------------------------


#: The beginning of a command line that permissions hold for even where root gives it: without
#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
AS_EVERYBODY = (
    sys.executable,
    "-c",
    "import ctypes, os, sys; drop = ctypes.CDLL(None).prctl; drop(24, 1); drop(24, 2);"
    " os.execv(sys.argv[1], sys.argv[1:])",
)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    files = [*folder.iterdir()]
    for file in files:
        file.chmod(0o400)
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)
        for file in files:
            file.chmod(0o600)


@pytest.mark.slow
def test_a_read_only_folder_is_read_and_not_run(finished: Path) -> None:
    def qbatch(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [*AS_EVERYBODY, sys.executable, "-m", "qbatch", *arguments],
            capture_output=True,
            check=False,
            cwd=finished.parent,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    with read_only(finished):
        code, said = qbatch("run", "m.yaml", "--out", "run")
        assert code == PENDING
        assert re.search(r"run/snapshot\.lock: .*make the folder writable, or", said)
        assert "Traceback" not in said
        code, said = qbatch("status", "run")
        assert (code, said.splitlines()[0]) == (0, "fakes: done; 2 points in run")
        code, said = qbatch("export", "run")
        assert (code, said.count("completed")) == (0, 2)


# -- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_without_locks_nothing_runs_and_everything_can_be_read(
    number: int, finished: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def flock(fd: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.chdir(finished.parent)
    assert main(["run", "m.yaml", "--out", "run"]) == PENDING
    said = capsys.readouterr().err
    assert f"has no locks ({os.strerror(number)}), so two runners could not be kept apart" in said
    assert "use --out DIR with a folder on a local disk" in said
    assert main(["status", "run"]) == 0


@pytest.mark.slow
def test_locks_that_keep_nobody_out_are_refused(
    finished: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda fd, operation: None)
    monkeypatch.chdir(finished.parent)
    assert main(["run", "m.yaml", "--out", "run"]) == PENDING
    assert "takes locks but does not keep them" in capsys.readouterr().err
