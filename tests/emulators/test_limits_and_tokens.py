"""What all emulated clouds enforce: tokens, rates, time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio

from qbatch.emulators.clock import Clock, iso
from qbatch.emulators.jobs import Device, Queueing
from qbatch.emulators.limits import RateLimit
from qbatch.emulators.tokens import Tokens, Verdict


async def test_a_rate_limit_slides_and_says_how_long_to_wait() -> None:
    limit = RateLimit(Clock(), calls=2, window_s=60)
    assert limit.wait_s() == 0
    await trio.sleep(20)
    assert limit.wait_s() == 0
    assert limit.wait_s() == pytest.approx(40)
    await trio.sleep(40)
    assert limit.wait_s() == 0


async def test_tokens_end_on_time_on_command_and_when_revoked() -> None:
    tokens = Tokens(Clock())
    tokens.issue("short", "me", 10)
    tokens.issue("lasting", "me")
    await trio.sleep(10)
    assert [tokens.check(one) for one in ("short", "lasting", "other", None)] == [
        Verdict.EXPIRED,
        Verdict.VALID,
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
    ]
    tokens.expire(lasting=True)
    assert tokens.check("lasting") is Verdict.EXPIRED
    assert tokens.revoke("lasting")
    assert not tokens.revoke("lasting")


async def test_calendar_time_follows_the_virtual_clock() -> None:
    clock = Clock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    clock.now_s()
    await trio.sleep(3600)
    assert iso(clock.utc()) == "2026-01-02T04:04:05.000000Z"
    assert clock.http_date(60) == "Fri, 02 Jan 2026 04:05:05 GMT"


async def test_jobs_start_after_the_queue_and_the_window() -> None:
    device = Device(Clock(), Queueing(30))
    assert device.schedule(5.0) == (30.0, 40.0)
    assert device.schedule(5.0, wait_factor=0.5) == (15.0, 25.0)
    assert device.schedule(5.0, not_before_s=100.0) == (100.0, 110.0)


async def test_a_serial_device_queues_jobs_behind_each_other() -> None:
    device = Device(Clock(), Queueing(30, is_serial=True))
    assert [device.schedule(5.0) for _ in range(2)] == [(30.0, 35.0), (35.0, 40.0)]


def test_a_server_that_stood_idle_is_not_late_by_the_calendar() -> None:
    """P24: after 15 idle minutes a store that checks when requests are signed answered 403."""
    clock = Clock(monotonic=lambda: 0.0)
    asked_at = datetime.now(UTC)
    assert clock.utc() >= asked_at
