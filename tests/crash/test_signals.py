"""Signals, and terminals that go away, as a person, Slurm or a closed window send them.

The jobs stay at the cloud; what is done is kept; the same command goes on; it is over at once.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbatch.job import JobState
from qbatch.snapshot import holder_of
from tests.crash.command_lines import FOR_EVER_S, RUN, Desk, OpenDesk, desks, ended
from tests.daily import mostly_slow

#: In which a run that was asked to stop must be over, on a busy machine too, seconds; its jobs
#: would be waited for much longer.
AT_ONCE_S = 10.0

#: Two of the four points, which go together, at once.
TWO = ("-S", "backends.cloud.limits.in_flight=1")


@pytest.fixture(scope="module")
def open_desk() -> Iterator[OpenDesk]:
    with desks(rate=1) as opener:
        yield opener


@pytest.fixture
def desk(open_desk: OpenDesk, tmp_path: Path) -> Desk:
    """A cloud where jobs wait for ever."""
    return open_desk(tmp_path / "desk", queue_s=FOR_EVER_S)


def has_half(desk: Desk) -> bool:
    return desk.states().get(JobState.SUBMITTED) == 2


def under_way(desk: Desk, **more: Any) -> Any:
    """A run that has half of its points at the cloud, and has noted that."""
    run = desk.start(*RUN, *TWO, **more)
    desk.wait_until(has_half)
    return run


def stopped_by(number: signal.Signals, run: Any, times: int = 1) -> tuple[int, str]:
    """Send a signal; see that the run is over at once."""
    began = time.monotonic()
    for _ in range(times):
        run.send_signal(number)
    code, said = ended(run)
    assert time.monotonic() - began < AT_ONCE_S
    assert "Traceback" not in said
    return code, said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    mostly_slow([(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]),
)
def test_a_signal_stops_buying_and_says_what_still_runs(
    number: signal.Signals, code: int, desk: Desk
) -> None:
    assert (outcome := stopped_by(number, under_way(desk)))[0] == code
    assert f"stopped by {number.name}; the same command goes on from here" in outcome[1]
    assert "2 jobs still at cloud: `qbatch fetch runs/crash` brings the results home" in outcome[1]
    assert len(desk.ledger()) == 2
    assert desk.states() == {JobState.SUBMITTED: 2, JobState.CREATED: 2}


@pytest.mark.slow
def test_asked_twice_it_leaves_with_its_books_in_order(desk: Desk) -> None:
    code, _ = stopped_by(signal.SIGINT, under_way(desk), times=2)
    assert code == 130
    assert desk.states() == {JobState.SUBMITTED: 2, JobState.CREATED: 2}


@pytest.mark.slow
def test_what_still_runs_is_cancelled_by_the_next_command(desk: Desk) -> None:
    stopped_by(signal.SIGTERM, under_way(desk))
    code, _ = desk.run("cancel", "runs/crash", "--yes", "--no-report")
    assert code == 0
    assert {each["state"] for each in desk.ledger()} == {"cancelled"}
    assert desk.states() == {JobState.CANCELLED: 2, JobState.CREATED: 2}


@pytest.mark.slow
def test_a_signal_that_is_ignored_stops_nothing(desk: Desk) -> None:
    run = under_way(desk, before=["nohup"])
    run.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(0.3)
    assert stopped_by(signal.SIGTERM, run)[0] == 143


@pytest.mark.slow
@pytest.mark.parametrize("verb", [("fetch", "--wait"), ("cancel", "--yes")])
def test_who_waits_for_a_cloud_is_interrupted_without_an_accident(
    verb: tuple[str, str], open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk = open_desk(tmp_path / "desk", queue_s=FOR_EVER_S)
    assert desk.run(*RUN, "--detach")[0] == 9
    # What is asked to be cancelled is waited for, and this cloud does not answer.
    silent = {"provider": "oqc", "method": "GET", "late_s": FOR_EVER_S}
    desk.set_faults(requests=[silent])
    waiting = desk.start(verb[0], "runs/crash", verb[1])
    desk.wait_until(lambda _: holder_of(desk.run_folder) is not None)
    time.sleep(0.5)
    code, said = stopped_by(signal.SIGINT, waiting)
    assert (code, "internal error" in said) == (130, False)
    assert desk.states()[JobState.SUBMITTED] == 4


# -- streams ------------------------------------------------------------------------------------


def at_terminal(desk: Desk, *arguments: str, is_deaf: bool) -> tuple[Any, int]:
    """Start a run at a terminal of its own; return it with our end of that."""
    ours, theirs = pty.openpty()
    deaf = ["trap '' HUP"] if is_deaf else []
    script = "; ".join([*deaf, 'exec "$@"'])
    run = desk.start(
        *arguments,
        before=["setsid", "--ctty", "--wait", "sh", "-c", script, "sh"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    return run, ours


def sleeps(pid: int) -> bool:
    """Whether a process waits: for an answer, once it has asked."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.slow
def test_a_question_can_be_left_unanswered(number: signal.Signals, code: int, desk: Desk) -> None:
    run, ours = at_terminal(desk, "run", "crash.yaml", is_deaf=False)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 4096)
    desk.wait_until(lambda _: sleeps(run.pid))  # Python does not hear what comes just before
    if number is signal.SIGINT:
        os.write(ours, b"\x03")
    else:
        run.send_signal(number)
    assert run.wait(AT_ONCE_S) == code
    os.close(ours)
    assert desk.ledger() == []
    assert not desk.run_folder.exists()


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_the_run_as_a_signal_does(desk: Desk) -> None:
    run, ours = at_terminal(desk, *RUN, *TWO, is_deaf=False)
    desk.wait_until(has_half)
    os.close(ours)
    assert run.wait(AT_ONCE_S) == 129
    assert desk.states() == {JobState.SUBMITTED: 2, JobState.CREATED: 2}


@pytest.mark.slow
def test_a_run_that_is_deaf_to_it_goes_on_without_its_terminal(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk = open_desk(tmp_path / "desk", queue_s=0.5)
    run, ours = at_terminal(desk, *RUN, is_deaf=True)
    desk.wait_until(lambda _: len(desk.ledger()) > 0)
    os.close(ours)
    assert run.wait(60) == 0
    assert desk.is_good()


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_readers_that_are_gone_do_not_end_a_run_nor_change_its_code(
    flags: tuple[str, ...], desk: Desk
) -> None:
    ours, theirs = os.pipe()
    run = desk.start(*RUN, *TWO, *flags, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.close(ours)
    desk.wait_until(has_half)
    run.send_signal(signal.SIGTERM)
    assert run.wait(AT_ONCE_S) == 143


@pytest.mark.slow
def test_a_mistake_that_nobody_hears_of_keeps_its_code(desk: Desk) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    process = desk.start("run", "nowhere.yaml", stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert process.wait(30) == 3


@pytest.mark.slow
def test_data_that_finds_no_room_is_no_bug_and_no_success(desk: Desk) -> None:
    with Path("/dev/full").open("w") as full:
        code, said = ended(desk.start("schema", stdout=full))
    assert code == 9
    assert "No space left on device; make room, then run the same command again" in said
