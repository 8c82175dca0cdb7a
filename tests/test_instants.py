"""Instants are told in the person's zone, and it is named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.instants import in_zone, told_briefly, told_if_known, told_within

AT = datetime(2026, 11, 30, 23, 30, 5, tzinfo=UTC)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield put
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("UTC", "2026-11-30 23:30:05 UTC"),
        ("Europe/Berlin", "2026-12-01 00:30:05 CET"),
        ("America/New_York", "2026-11-30 18:30:05 EST"),
        ("Asia/Kolkata", "2026-12-01 05:00:05 IST"),
        ("America/Sao_Paulo", "2026-11-30 20:30:05 UTC-03:00"),  # "-03" for the system
    ],
)
def test_the_zone_is_that_of_this_machine(
    zone: Callable[[str], None], name: str, told: str
) -> None:
    zone(name)
    assert in_zone(AT) == told
    assert in_zone(AT.timestamp()) == told
    assert in_zone(AT.replace(tzinfo=None).isoformat()) == told


def test_summer_has_its_own_name(zone: Callable[[str], None]) -> None:
    zone("Europe/Berlin")
    assert in_zone("2026-07-01T12:00:00Z", "minute") == "2026-07-01 14:00 CEST"


def test_what_another_program_told_wrongly_stays_as_it_is() -> None:
    assert told_if_known("next Tuesday") == "next Tuesday"
    assert told_if_known(None) == told_if_known("") == ""


@given(
    st.datetimes(datetime(1971, 1, 2), datetime(2090, 1, 1)),
    st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "UTC"]),
)
def test_what_is_told_is_that_instant(at: datetime, name: str) -> None:
    at = at.replace(microsecond=0, tzinfo=UTC)
    written, _, zone = in_zone(at, zone=ZoneInfo(name)).rpartition(" ")
    here = at.astimezone(ZoneInfo(name))
    assert datetime.fromisoformat(written) == here.replace(tzinfo=None)
    assert zone in (here.tzname(), f"UTC{here.isoformat()[-6:]}")


def test_the_same_day_is_left_out() -> None:
    zone = timezone(timedelta(hours=1))
    assert told_briefly(AT, AT + timedelta(hours=2), zone) == "00:30"
    assert told_briefly(AT, AT - timedelta(hours=2), zone) == "2026-12-01 00:30 UTC+01:00"


def test_instants_within_a_text_are_told_in_the_zone(zone: Callable[[str], None]) -> None:
    zone("Asia/Tokyo")
    kept = "open now, or closed until 2026-12-01T18:36:34Z; then 2026-12-01T18:36:34.5+00:00, r1"
    there = "2026-12-02 03:36 JST"
    assert told_within(kept) == f"open now, or closed until {there}; then {there}, r1"
    for other in ("2026-12-01", "2026-12-01T18:36:34+09:00", "2026-13-01T18:36:34Z"):
        assert told_within(other) == other


def test_what_a_person_wrote_is_told_as_it_was_written(zone: Callable[[str], None]) -> None:
    """Else a message says that something else stands there, and what it names cannot be copied."""
    zone("Asia/Tokyo")
    at = "2026-12-01T18:36:34Z"
    for kept in (f"shots: '{at}' is in quotes", f"no point has at={at}", f"runs/{at}.yaml: gone"):
        assert told_within(kept) == kept
    assert told_within(f"(closed until {at})") == "(closed until 2026-12-02 03:36 JST)"
