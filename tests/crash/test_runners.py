"""Two runners on one folder, and a folder that goes on elsewhere."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from qbatch.errors import SnapshotError
from qbatch.job import JobState
from qbatch.snapshot import Run
from tests.crash.command_lines import FOR_EVER_S, LIMIT_S, RUN, Desk, OpenDesk, desks, ended
from tests.crash.experiments import SHOTS, expected

PENDING, TERMINATED = 9, 143

#: Pairs of the everyday run, of each slow test, and how many slow tests there are.
FEW, SHARE, SHARES = 1, 5, 5


@pytest.fixture(scope="module")
def open_desk() -> Iterator[OpenDesk]:
    with desks() as opener:
        yield opener


# -- two at once --------------------------------------------------------------------------------


def two_at_once(desk: Desk) -> None:
    """Start two: one works until it is stopped, the other ends at once and says who works."""
    both = [desk.start(*RUN) for _ in range(2)]
    other = first_to_end(both)
    (worker,) = (each for each in both if each is not other)
    code, said = ended(other)
    assert code == PENDING, said
    who = (
        rf"process {worker.pid} on {re.escape(socket.gethostname())}, since 20\d\d-\d\d-\d\d \d\d:"
    )
    assert re.search(f"another qbatch run holds this folder: {who}", said), said
    desk.wait_until(lambda _: desk.states() == {JobState.SUBMITTED: 4})
    assert len(desk.ledger()) == 4
    worker.send_signal(signal.SIGTERM)
    assert ended(worker)[0] == TERMINATED


def first_to_end(processes: list[Any]) -> Any:
    began = time.monotonic()
    while time.monotonic() < began + LIMIT_S:
        for each in processes:
            if each.poll() is not None:
                return each
        time.sleep(0.01)
    raise AssertionError("both go on")


def many_pairs(open_desk: OpenDesk, folder: Path, pairs: int) -> None:
    for number in range(pairs):
        two_at_once(open_desk(folder / str(number), queue_s=FOR_EVER_S))


@pytest.mark.slow
def test_of_two_runners_one_works_and_the_other_says_who(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    many_pairs(open_desk, tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_of_two_runners_always_one_works_and_the_other_says_who(
    share: int, open_desk: OpenDesk, tmp_path: Path
) -> None:
    many_pairs(open_desk, tmp_path, SHARE)


# -- elsewhere ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when",
    [pytest.param("while it stands still", marks=pytest.mark.slow), "after it was killed"],
)
@pytest.mark.slow
def test_a_folder_copied_in_the_middle_of_its_run_goes_on_elsewhere(
    when: str, open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk = open_desk(tmp_path / "here", queue_s=20.0)
    run = desk.start(*RUN, "-S", "backends.cloud.limits.in_flight=1")
    desk.wait_until(lambda _: desk.states().get(JobState.SUBMITTED) == 2)
    run.send_signal(signal.SIGSTOP if when == "while it stands still" else signal.SIGKILL)
    there = shutil.copytree(desk.folder, tmp_path / "there")
    run.kill()
    run.wait()
    shutil.rmtree(desk.folder)
    assert desk.run_it(cwd=there)[0] == 0
    assert desk.is_good(there / "runs" / "crash")


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def put_a_copy_in_its_place(folder: Path) -> None:
    copy = shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    copy.rename(folder)


def begin_another_in_its_place(folder: Path) -> None:
    move(folder)
    (folder / "of another").mkdir(parents=True)


@pytest.mark.parametrize(
    "lose",
    [
        delete,
        pytest.param(move, marks=pytest.mark.slow),
        pytest.param(put_a_copy_in_its_place, marks=pytest.mark.slow),
        pytest.param(begin_another_in_its_place, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_runner_whose_folder_is_lost_buys_nothing_more_and_another_goes_on(
    lose: Callable[[Path], None], open_desk: OpenDesk, tmp_path: Path
) -> None:
    """M3: it went on buying into the unlinked file, and all results were gone."""
    desk = open_desk(tmp_path / "here", queue_s=20.0)
    run = desk.start(*RUN, "-S", "backends.cloud.limits.in_flight=1")
    desk.wait_until(lambda _: desk.states().get(JobState.SUBMITTED) == 2)
    assert len(desk.ledger()) == 2
    lose(desk.run_folder)
    code, said = ended(run)
    assert code == PENDING, said
    assert "nothing more was bought" in said
    assert "Traceback" not in said
    assert len(desk.ledger()) == 2
    (place,) = re.findall("Go on there with `--out (.+?)`", said)
    if lose is put_a_copy_in_its_place:
        shutil.rmtree(desk.run_folder)
    assert desk.run(*RUN, "--out", place)[0] == 0
    assert desk.is_good(Path(place))


@pytest.mark.slow
def test_a_folder_copied_while_it_is_written_is_refused_or_tells_no_lie(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk, numbers = open_desk(tmp_path / "here"), iter(range(10_000))
    run = desk.start(*RUN)
    desk.wait_until(lambda _: (desk.run_folder / "snapshot.db").exists())
    read = 0
    while run.poll() is None:
        copy = tmp_path / f"copy {next(numbers)}"
        with suppress(shutil.Error):  # a file went away meanwhile
            shutil.copytree(desk.run_folder, copy)
        read += tells_no_lie(copy)
    assert ended(run)[0] == 0
    assert read > 0


def tells_no_lie(folder: Path) -> bool:
    try:
        with Run(folder) as run:
            for point in run:
                if point.state is JobState.COMPLETED:
                    assert point.counts is not None
                    assert point.counts.to_dict() == {expected(point.parameters): SHOTS}
    except SnapshotError:
        return False
    return True


# -- an older copy put back ---------------------------------------------------------------------


def put_back(copy: Path, folder: Path) -> None:
    """Write an older copy's files over those of a folder, as ``cp`` does: they stay the same."""
    for file in copy.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())


def put_in_its_place(copy: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)


@pytest.mark.parametrize("restore", [put_back, put_in_its_place])
@pytest.mark.slow
def test_what_was_bought_since_an_older_copy_is_taken_over_when_that_is_put_back(
    restore: Callable[[Path, Path], None], open_desk: OpenDesk, tmp_path: Path
) -> None:
    """M5: the older folder bought again what it knew nothing of."""
    desk = open_desk(tmp_path / "here")
    desk.run(*RUN, "-k", "a=0")
    copy = shutil.copytree(desk.run_folder, tmp_path / "copy")
    assert desk.run_it()[0] == 0
    bought = len(desk.ledger())
    restore(copy, desk.run_folder)
    code, said = desk.run_it()
    assert code == 0, said
    assert "bought by another copy of this run folder" in said
    assert len(desk.ledger()) == bought
    assert desk.is_good()
