"""Times that figures rest on: kept as UTC, told in the person's zone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from qbatch.cli.choices import told_choice
from qbatch.cli.error_messages import ErrorMessages
from qbatch.cli.spans import told_times
from qbatch.errors import Place, QbatchError, SourceError, Unavailable
from qbatch.manifest.decisions import Decision
from qbatch.plan.pricing.spans import Span

KEPT, TOLD = "closed until 2026-12-01T18:36:34Z", "closed until 2026-12-02 03:36 JST"


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_what_a_time_rests_on_is_told_in_the_zone() -> None:
    span = Span(1.0, 2.0, (KEPT,))
    assert TOLD in "".join(told_times({"device": span}))
    assert span.facts()["rests_on"] == [KEPT]


def test_why_a_machine_was_chosen_or_is_out_is_told_in_the_zone() -> None:
    known = {"time": Span(1.0, 2.0, (KEPT,)).facts()}
    figures = {"a": known, "b": {"out": KEPT}}
    decision = Decision("device", ("a", "b"), "soonest", "a", figures)
    told = "\n".join(told_choice(decision))
    assert told.count(TOLD) == 2
    assert KEPT not in told


@pytest.mark.parametrize(
    "error",
    [Unavailable(KEPT), SourceError(Place("m.yaml", 1, 1), KEPT, excerpt=f"# {KEPT}")],
)
def test_an_error_is_told_in_the_zone_and_its_line_as_it_is_written(
    error: QbatchError, capsys: pytest.CaptureFixture[str]
) -> None:
    with ErrorMessages():
        raise error
    told = capsys.readouterr().err
    assert TOLD in told.splitlines()[0]
    assert told.count(KEPT) == isinstance(error, SourceError)
