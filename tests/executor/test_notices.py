"""When those who are told of a run are told, beside what a whole run shows (`test_cli_notify`)."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from qbatch.executor.budget import Excess
from qbatch.executor.events import Event, JobMoved, Summary, Warned
from qbatch.executor.notices.delivery import MOST_S
from qbatch.executor.notices.hooks import Hooks
from qbatch.executor.notices.notice import Notice, outcome_of
from qbatch.executor.notices.notices import QUIET_S, Notices
from qbatch.job import JobState
from qbatch.plan.pricing.limits import Limit
from qbatch.snapshot import Snapshot

HELD = JobMoved("id", "p", "b", JobState.HELD)


@pytest.fixture
def notices(tmp_path: Path) -> Notices:
    """Notices that a command writes down, a file for each."""
    script = "import sys, tempfile, os; h = tempfile.mkstemp('.told', dir='.')[0];"
    script += "os.write(h, sys.stdin.buffer.read())"
    hooks = Hooks(command=(sys.executable, "-c", script), send="summary", folder=tmp_path)
    return Notices(hooks, "pair", lambda event: None)


def told(notices: Notices) -> list[str]:
    """What was told, each in words, sorted."""
    assert notices.failures() == []
    found = [json.loads(each.read_text()) for each in notices.hooks.folder.glob("*.told")]
    return sorted(f"{each['event']} {each.get('outcome', '')}".strip() for each in found)


def test_held_jobs_are_told_at_once_and_then_not_for_a_while(notices: Notices) -> None:
    async def hold() -> None:
        for _ in range(3):
            notices.observe(HELD)
        assert told(notices) == ["held"]
        await trio.sleep(QUIET_S + 1)
        notices.observe(JobMoved("id", "p", "b", JobState.COMPLETED))
        assert told(notices) == ["held"]
        notices.observe(HELD)

    trio.run(hold, clock=trio.testing.MockClock(autojump_threshold=0))
    assert told(notices) == ["held", "held"]


def test_every_event_is_passed_on(notices: Notices) -> None:
    heard: list[Event] = []
    notices.observer = heard.append
    notices.observe(Warned("hot"))
    assert heard == [Warned("hot")]


def test_a_question_is_told_before_it_is_asked(notices: Notices) -> None:
    ask = notices.asking(lambda excess: excess.limit.amount + 1)
    assert ask is not None
    assert ask(Excess(Limit("budget", "usd", 5.0), 4.0, 2.0)) == 6.0
    assert told(notices) == ["asks"]
    assert notices.asking(None) is None


def test_an_error_that_ends_a_run_is_told_and_goes_on(notices: Notices) -> None:
    with pytest.raises(ZeroDivisionError), notices.of_a_break():
        _ = 1 / 0
    assert told(notices) == ["ended error"]


def test_an_end_is_told_once_for_all_processes_and_ctrl_c_tells_nobody(
    notices: Notices, tmp_path: Path
) -> None:
    done = Summary(states={JobState.COMPLETED: 3})
    with Snapshot(tmp_path / "run") as snapshot:
        notices.end(snapshot, Summary(states=done.states, signal=2))
        assert told(notices) == []
        notices.end(snapshot, done)
        Notices(notices.hooks, "pair", lambda event: None).end(snapshot, done)
        assert told(notices) == ["ended done"]
        notices.end(snapshot, Summary(states={JobState.COMPLETED: 2, JobState.FAILED: 1}))
    assert told(notices) == ["ended done", "ended failed"]


@pytest.mark.parametrize("state", list(JobState))
def test_how_a_run_ended_is_said_for_every_state(state: JobState) -> None:
    outcome = outcome_of({JobState.COMPLETED: 2, state: 1})
    expected = {
        JobState.COMPLETED: "done",
        JobState.FAILED: "failed",
        JobState.CANCELLED: "failed",
        JobState.HELD: "held",
    }
    assert outcome == expected.get(state, "pending")
    text = Notice("ended", "pair", outcome, {state: 1}).text()
    assert text.startswith("pair: ")
    assert f"1 {state.value}" in text
    assert ("qbatch status" in text) == (state is JobState.HELD)


@pytest.fixture
def ctrl_c_counts() -> Iterator[None]:
    """What a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def broken(script: str, folder: Path) -> Notices:
    """Notices of a run that an error ended, of which a shell's script is told."""
    notices = Notices(
        Hooks(command=("sh", "-c", script), folder=folder), "bell", lambda event: None
    )
    with pytest.raises(ArithmeticError), notices.of_a_break():
        raise ArithmeticError
    return notices


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up there")
def test_ctrl_c_ends_a_command_that_is_waited_for_and_no_other_run_s(
    tmp_path: Path, ctrl_c_counts: None
) -> None:
    os.mkfifo(tmp_path / "until")
    other = broken("cat until", tmp_path)
    until = (tmp_path / "until").open("w")  # waits until the other run's command reads it
    notices = broken("echo $$ > pid; mv pid told; sleep 60", tmp_path)

    def press() -> None:
        while not (tmp_path / "told").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        notices.failures()
    pid = int((tmp_path / "told").read_text())
    deadline = time.monotonic() + MOST_S / 2
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()
    until.close()
    assert other.failures() == []
