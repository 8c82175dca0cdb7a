"""What a run tells while it goes on."""

from __future__ import annotations

import doctest
import errno
import io
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
import pytest
from rich.console import Console

from qbatch.cli import pace, progress
from qbatch.cli.board import Board
from qbatch.cli.pace import RunPace, format_rate
from qbatch.cli.progress import BarTeller, JsonTeller, LineTeller, Outlet
from qbatch.cli.waiting import facts_of, format_wait, read_standing
from qbatch.executor import BackendProgress, Cause, OpenWait, Progress
from qbatch.notation import duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A monotonic clock to be set by the test."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress.time, "time", lambda: NOON + now[0])
    return now


#: The calendar at the beginning of a test: noon where it runs.
NOON = datetime(2026, 3, 4, 12).timestamp()


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(progress).failed == 0
    assert doctest.testmod(pace).failed == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min"), (3599, "59 min 59 s"), (90_000, "25 h")],
)
def test_times_are_told_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(0.05, "3 points/min"), (9.96, "10.0 points/s")])
def test_slow_rates_are_told_by_the_minute(rate: float, text: str) -> None:
    assert format_rate(rate) == text


def test_a_thousand_fast_points_are_a_few_lines(clock: list[float]) -> None:
    stream = io.StringIO()
    teller = LineTeller(stream)
    teller.started("pair", 1000)
    for done in range(1, 1001):
        clock[0] = done / 200
        teller.advanced(Progress(1000, done, 0, 0, 0))
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) <= 6
    assert lines[-1] == "pair: 1\u202f000/1\u202f000 points, 200 points/s"
    assert "s left" in lines[0]


@pytest.mark.parametrize(
    ("failed", "cancelled", "held", "said"),
    [
        (1, 0, 0, "1 failed"),
        (0, 0, 1, "1 held"),
        (0, 2, 0, "2 cancelled"),
        (1, 1, 1, "1 failed, 1 cancelled, 1 held"),
    ],
)
def test_what_came_to_no_result_is_counted_in_the_line(
    clock: list[float], failed: int, cancelled: int, held: int, said: str
) -> None:
    stream = io.StringIO()
    teller = LineTeller(stream)
    teller.started("pair", 2)
    clock[0] = 1.0
    teller.advanced(Progress(2, 2, failed, held, 0, cancelled=cancelled))
    assert stream.getvalue() == f"pair: 2/2 points, {said}, 2.0 points/s\n"


@pytest.mark.parametrize("kind", [LineTeller, BarTeller])
def test_what_is_bought_meanwhile_counts_in_the_total(
    kind: type[LineTeller] | type[BarTeller], clock: list[float]
) -> None:
    """Calibrations that grow old are bought again: 60/55 jobs cannot be."""
    stream = io.StringIO()
    teller = kind(stream)
    teller.started("aging", 55, unit="job")
    clock[0] = 40.0
    teller.advanced(Progress(64, 60, 0, 0, 1))
    teller.close()
    shown = click.unstyle(stream.getvalue())
    assert "60/64 jobs" in shown
    assert "3 s left" in shown


def test_every_line_of_json_is_an_object_with_its_event() -> None:
    stream = io.StringIO()
    teller = JsonTeller(stream)
    teller.started("pair", 3)
    teller.said("a word")
    teller.event({"event": "job", "state": "completed"})
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["started", "message", "job"]


def test_a_closed_stream_is_left_alone_and_ends_nothing() -> None:
    class Closed(io.StringIO):
        writes = 0

        def write(self, text: str) -> Any:
            self.writes += 1
            raise BrokenPipeError

    stream = Closed()
    outlet = Outlet(stream)
    outlet.write("one")
    outlet.write("two")
    assert stream.writes == 1


def test_a_bar_shows_points_done_rate_time_left_and_failures(clock: list[float]) -> None:
    stream = io.StringIO()
    teller = BarTeller(stream)
    teller.started("pair", 1000, 200)
    clock[0] = 10.0
    teller.advanced(Progress(1000, 600, 3, 0, 0))
    teller.said("something to read")
    teller.close()
    shown = click.unstyle(stream.getvalue())
    assert "600/1\u202f000 points 40 points/s, 10 s left 3 failed" in shown
    assert "something to read" in shown


def test_a_terminal_that_is_gone_does_not_fail_the_end(clock: list[float]) -> None:
    class Gone(io.StringIO):
        gone = False

        def write(self, text: str) -> int:
            if self.gone:
                raise OSError(errno.EIO, "gone")
            return len(text)

    stream = Gone()
    teller = BarTeller(stream)
    teller.started("pair", 2)
    stream.gone = True
    teller.close()


def test_the_time_left_is_by_the_rate_of_late() -> None:
    """P40: "2–3 s left" for a minute, where the last points were the slow ones."""
    quick = RunPace(now=0.0)
    assert quick.text(1000, 1002, now=10.0) == "100 points/s, 1 s left"
    assert quick.text(1000, 1002, now=20.0).endswith("10 s left")
    assert quick.text(1000, 1002, now=40.0) == ""
    assert quick.text(1001, 1002, now=70.0) == "1 points/min, 1 min left"


def test_a_rate_that_stays_tells_when_the_end_comes() -> None:
    steady = RunPace(now=0.0)
    told = [steady.text(done, 600, now=float(done)) for done in range(1, 601)]
    assert told[99] == "1.0 points/s, 8 min 20 s left"
    assert told[-2:] == ["1.0 points/s, 1 s left", "1.0 points/s"]


def test_a_run_ends_with_the_slowest_of_its_backends() -> None:
    pace = RunPace(now=0.0)
    quick = BackendProgress(41, completed=41, is_local=True)
    for done, now, said in ((0, 5.0, "8.2 points/s"), (10, 10.0, "5.1 points/s, 31 s left")):
        backends = {"sim": quick, "ionq": BackendProgress(41, completed=done)}
        assert pace.text(41 + done, 82, now, backends) == said


def test_no_time_is_told_while_a_limit_holds_the_run_up() -> None:
    """P40: at a rate limit "49/60 … 3 s left" for 25 s."""
    limited = RunPace(now=0.0)
    assert limited.text(49, 60, now=10.0, is_held_up=True) == "4.9 points/s"


def wait_of(
    cause: Cause = Cause.FULL,
    *,
    since: float = 0.0,
    until: float | None = None,
    why: str = "409 JOB_LIMIT_REACHED: 10 active jobs",
    times: int = 1,
) -> OpenWait:
    return OpenWait(cause, NOON + since, None if until is None else NOON + until, why, times)


def test_a_wait_says_for_what_since_when_and_until_when() -> None:
    told = format_wait(wait_of(until=100.0), NOON + 40)
    assert told == (
        "waits since 12:00:00 (40 s), asks again at 12:01, "
        "for the provider to take more: 409 JOB_LIMIT_REACHED: 10 active jobs"
    )
    rate = wait_of(Cause.RATE, until=3600.0, why="takes 10 jobs an hour")
    assert format_wait(rate, NOON + 600) == (
        "waits since 12:00 (10 min), until 13:00, "
        "for the limit of submissions per time: takes 10 jobs an hour"
    )
    queue = wait_of(Cause.QUEUE, why="")
    assert format_wait(queue, NOON + 90_000) == (
        "waits since 2026-03-04 12:00 UTC (25 h) for the provider's queue"
    )


def test_every_cause_is_named_after_waits_for() -> None:
    told = {format_wait(wait_of(cause, why=""), NOON).partition(" for ")[2] for cause in Cause}
    assert len(told) == len(Cause)
    assert "" not in told


def test_a_wait_is_a_line_at_once_and_not_at_every_refusal(clock: list[float]) -> None:
    """P19: 19 refusals over 110 s, and not a line."""
    stream = io.StringIO()
    teller = LineTeller(stream)
    pauses = [0.7, 1.4, 3.1, *[6.0] * 16]
    for times, pause_s in enumerate(pauses, 1):
        wait = wait_of(Cause.FULL, until=clock[0] + pause_s, times=times)
        teller.waiting("ibm", (wait,))
        clock[0] += pause_s
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("ibm: waits since 12:00:00, asks again at 12:00:01, for")
    assert lines[1].startswith("ibm: waits since 12:00 (1 min")
    assert len(lines) == 2


def test_short_waits_for_a_limit_are_no_lines(clock: list[float]) -> None:
    stream = io.StringIO()
    teller = LineTeller(stream)
    teller.waiting("oqc", (wait_of(Cause.RATE, until=5.0, why="takes 1 job in 5 s"),))
    assert stream.getvalue() == ""
    teller.waiting("oqc", (wait_of(Cause.RATE, until=15.0, why="takes 10 jobs a minute"),))
    assert "oqc: waits" in stream.getvalue()


def test_why_jobs_wait_in_a_queue_is_a_line_each_time_that_it_is_another(
    clock: list[float],
) -> None:
    stream = io.StringIO()
    teller = LineTeller(stream)
    words = ("", "PENDING (Priority)", "PENDING (PartitionTimeLimit)", "PENDING (Priority)")
    for word in words:
        teller.waiting("hpc", (wait_of(Cause.QUEUE, why=word),))
        clock[0] += 5.0
    told = [line.partition("queue")[2] for line in stream.getvalue().splitlines()]
    assert told == ["", ": PENDING (Priority)", ": PENDING (PartitionTimeLimit)"]


def test_a_pause_much_longer_than_any_before_is_a_line_at_once(clock: list[float]) -> None:
    stream = io.StringIO()
    teller = LineTeller(stream)
    for until in (45.0, 90.0, 40_000.0):
        teller.waiting("ibm", (wait_of(until=until),))
        clock[0] += 1.0
    assert [line.count("12:00:45") for line in stream.getvalue().splitlines()] == [1, 0]
    assert "23:06" in stream.getvalue()


def test_waits_are_events_for_programs() -> None:
    stream = io.StringIO()
    teller = JsonTeller(stream)
    teller.waiting("ibm", (OpenWait(Cause.FULL, 1.8e9, 1.8e9 + 60, "10 active jobs", 3),))
    teller.waiting("ibm", ())
    first, last = map(json.loads, stream.getvalue().splitlines())
    assert first == {
        "event": "waiting",
        "backend": "ibm",
        "waits": [
            {
                "cause": "full",
                "waits_for": "the provider to take more",
                "why": "10 active jobs",
                "since": "2027-01-15T08:00:00+00:00",
                "until": "2027-01-15T08:01:00+00:00",
                "times": 3,
            }
        ],
    }
    assert last == {"event": "waiting", "backend": "ibm", "waits": []}


def shown(board: Board, width: int = 80) -> list[str]:
    """What a terminal of that width shows."""
    stream = io.StringIO()
    Console(file=stream, width=width, soft_wrap=True).print(board)
    return stream.getvalue().splitlines()


def test_a_bar_never_outgrows_its_line() -> None:
    board = Board("kill", 12, 0, 0.0)
    board.advance(48, 12)
    assert "━" * 30 in shown(board, 100)[0]
    assert "━" * 31 not in shown(board, 100)[0]


def busy_board(name: str = "two_clouds") -> Board:
    board = Board(name, 60, 0, 0.0)
    board.advance(49, 60)
    board.backends = {
        "ibm": BackendProgress(40, 10, 3, 29, 0, 1, 12.5, "qpu_seconds"),
        "local": BackendProgress(20, completed=19, failed=1, is_local=True),
    }
    board.waits = {"ibm": (wait_of(until=100.0), wait_of(Cause.QUEUE, why=""))}
    return board


def test_a_terminal_shows_each_backend_and_what_it_waits_for(clock: list[float]) -> None:
    """P40: one bar is too little for clouds."""
    clock[0] = 40.0
    assert shown(busy_board(), 200) == [
        f"two_clouds {'━' * 30} 49/60 points 1.2 points/s",
        "  ibm: 29/40 done, 7 running, 3 queued, 1 held, 12.5 QPU seconds spent, 40 s",
        "    waits since 12:00:00 (40 s), asks again at 12:01, for the provider to take more: "
        "409 JOB_LIMIT_REACHED: 10 active jobs",
        "  local: 19/20 done, 1 failed, 40 s",
    ]


@pytest.mark.parametrize("width", [20, 40, 79, 80])
@pytest.mark.parametrize("name", ["pair", "a_name_that_is_far_longer_than_what_there_is_room_for"])
def test_no_line_is_longer_than_the_terminal(width: int, name: str, clock: list[float]) -> None:
    clock[0] = 40.0
    board = busy_board(name)
    board.trouble = "12 failed, 1 held"
    lines = shown(board, width)
    assert len(lines) == 4
    assert max(map(len, lines)) <= width


def test_what_an_emulated_cloud_bills_is_called_so_and_cancelled_points_are_not_failed(
    clock: list[float],
) -> None:
    """M16: a run at an emulated cloud says so wherever it names money."""
    clock[0] = 40.0
    board = busy_board()
    one = BackendProgress(9, 0, 0, 7, spent=2.5, unit="usd", cancelled=2, is_emulated=True)
    board.backends = {"oqc": one}
    assert shown(board)[1] == "  oqc: 7/9 done, 2 cancelled, 2.50 USD (emulated) spent, 40 s"
    clock[0] = 50.0
    assert shown(board)[1].endswith("40 s")  # it is over


def test_a_simulator_alone_is_one_line(clock: list[float]) -> None:
    board = Board("pair", 60, 0, 0.0)
    board.backends = {"sim": BackendProgress(60, completed=3, is_local=True)}
    assert len(shown(board)) == 1


def test_the_time_of_a_backend_that_is_done_goes_on_no_more(clock: list[float]) -> None:
    board = busy_board()
    for now in (40.0, 50.0):
        clock[0] = now
        lines = shown(board)
    assert lines[1].endswith("50 s")
    assert lines[3].endswith("40 s")


def test_the_time_waited_goes_on_while_nothing_happens(clock: list[float]) -> None:
    board = busy_board()
    clock[0] = 40.0
    assert "(40 s)" in shown(board)[2]
    clock[0] = 41.0
    assert "(41 s)" in shown(board)[2]


def test_what_a_runner_tells_other_processes_is_read_back() -> None:
    told = Progress(9, 3, 1, 0, 2, {"ibm": BackendProgress(9, 2, 1, 2, 1, 0, 1.5, "usd")})
    waits = {"ibm": (wait_of(until=5.0),)}
    facts = {**asdict(told), "waiting": {"ibm": [asdict(wait) for wait in waits["ibm"]]}}
    assert read_standing(json.loads(json.dumps(facts))) == (told, waits)


@pytest.mark.parametrize(
    "facts",
    [{}, {"waiting": [], "backends": {}}, {"waiting": {"ibm": [{"cause": "tides"}]}}],
)
def test_what_another_version_told_is_passed_over(facts: dict[str, Any]) -> None:
    assert read_standing(facts) is None


def test_an_unknown_end_is_none_for_programs() -> None:
    assert facts_of([wait_of(Cause.QUEUE)])[0]["until"] is None
