"""What a run tells while it goes on."""

from __future__ import annotations

import doctest
import errno
import io
import json
from typing import Any

import click
import pytest

from qbatch.cli import progress
from qbatch.cli.progress import BarTeller, JsonTeller, LineTeller, Outlet, format_rate
from qbatch.report.numbers import duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A monotonic clock to be set by the test."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(progress).failed == 0


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
        teller.advanced(done, failed=0)
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) <= 6
    assert lines[-1] == "pair: 1\u202f000/1\u202f000 points, 200 points/s"
    assert "s left" in lines[0]


@pytest.mark.parametrize(
    ("failed", "held", "said"), [(1, 0, "1 failed"), (0, 1, "1 held"), (1, 1, "1 failed, 1 held")]
)
def test_failures_and_held_points_are_counted_in_the_line(
    clock: list[float], failed: int, held: int, said: str
) -> None:
    stream = io.StringIO()
    teller = LineTeller(stream)
    teller.started("pair", 2)
    clock[0] = 1.0
    teller.advanced(2, failed, held)
    assert stream.getvalue() == f"pair: 2/2 points, {said}, 2.0 points/s\n"


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
    teller.advanced(600, failed=3)
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
