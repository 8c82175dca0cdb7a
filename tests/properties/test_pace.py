"""How clouds are spared: whatever they ask for is bounded, storms are waited out, tokens kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qbatch.errors import Unavailable
from qbatch.executor import Retry
from qbatch.executor.retry import MAX_RETRY_AFTER_S
from qbatch.job import JobState
from qbatch.providers import Prepared
from qbatch.providers.kit.bearer import Bearer
from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.wire import MOST_RETRY_AFTER_S, Reply, read_retry_after
from tests.daily import mostly_slow
from tests.executor.fake_drivers import FakeCloud, plan_of, play
from tests.fuzz.whole_runs import SPENDING, TARGETS, Clouds, manifest_of, times_bought

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

DATES = st.datetimes(timezones=st.just(UTC)).map(lambda at: format_datetime(at, usegmt=True))
HEADERS = st.text() | st.floats().map(str) | st.integers().map(str) | DATES


@given(HEADERS)
@example("9" * 5_000)
@example("Mon, 01 Jan 0001 00:00:00 +9999")
@example("Fri, 31 Dec 9999 23:59:59 -9999")
def test_no_cloud_keeps_us_waiting_for_more_than_a_day(header: str) -> None:
    asked_s = read_retry_after(header, NOW)
    assert asked_s is None or 0 <= asked_s <= MOST_RETRY_AFTER_S


@given(st.integers(-100_000, 100_000))
def test_a_date_in_the_past_is_now_and_a_coming_one_is_so_far_away(ahead_s: int) -> None:
    header = format_datetime(NOW + timedelta(seconds=ahead_s), usegmt=True)
    assert read_retry_after(header, NOW) == min(max(ahead_s, 0), MOST_RETRY_AFTER_S)


@given(st.integers(1, 10**9), st.none() | st.floats(-1e9, 1e18), st.integers())
def test_a_pause_is_never_shorter_than_asked_for_and_never_endless(
    failures: int, asked_s: float | None, seed: int
) -> None:
    retry = Retry(first_s=1.0, longest_s=60.0)
    pause_s = retry.pause_s(failures, Random(seed), asked_s)
    assert pause_s >= min(max(asked_s or 0.0, 0.0), MAX_RETRY_AFTER_S)
    assert 0 < pause_s <= retry.longest_s + (0.0 if asked_s is None else MAX_RETRY_AFTER_S)


# -- storms -------------------------------------------------------------------------------------


class Stormy(FakeCloud):
    """Takes nothing before `until_s`, and says each time when to come again."""

    def __init__(self, until_s: float, again_s: float) -> None:
        super().__init__(in_flight=1_000)
        self.until_s = until_s
        self.again_s = again_s
        self.refused_at: list[float] = []

    async def submit(self, batch: Any, intent: Any) -> Any:
        if trio.current_time() >= self.until_s:
            return await super().submit(batch, intent)
        self.refused_at.append(trio.current_time())
        await trio.sleep(0.1)
        raise Unavailable("429", retry_after_s=self.again_s, unsent=True, is_full=True)


@pytest.mark.slow
def test_a_storm_on_a_thousand_jobs_is_asked_once_per_window(tmp_path: Path) -> None:
    cloud = Stormy(until_s=1_000.0, again_s=100.0)
    played = play(tmp_path, plan_of(1_000, "cloud"), cloud)
    at_once = played.summary.total // 20  # what the run may have in flight
    assert len(cloud.refused_at) <= at_once + 10
    assert gaps(cloud.refused_at[at_once - 1 :], least_s=100.0)
    assert played.summary.states == {JobState.COMPLETED: 1_000}
    assert set(cloud.ledger.times_bought.values()) == {1}


class Lazy(FakeCloud):
    """Is never done with a preparation."""

    async def prepare(self, batch: Any) -> Prepared:
        self.ledger.calls["prepare"] += 1
        await trio.lowlevel.checkpoint()
        return Prepared({}, ready=False, again_s=2.0)


def test_what_is_not_prepared_for_a_day_is_asked_about_less_and_less_often(tmp_path: Path) -> None:
    cloud = Lazy()
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert played.summary.states == {JobState.FAILED: 1}
    assert 86_400 <= played.elapsed_s <= 86_400 + 400
    assert 300 <= cloud.ledger.calls["prepare"] <= 500  # every 2 s it would be 43,200


def gaps(instants: Sequence[float], *, least_s: float) -> bool:
    return all(b - a >= least_s for a, b in pairwise(instants))


class Watched(httpx.AsyncBaseTransport):
    """Notes when what was asked, and what was answered."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.seen: list[tuple[float, str, int]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.sleep(0.05)
        at = trio.current_time()
        response = await self._inner.handle_async_request(request)
        self.seen.append((at, request.url.path, response.status_code))
        await trio.sleep(0.05)
        return response


def watched_run(
    clouds: Clouds, provider: str, folder: Path, environ: dict[str, str] | None = None
) -> list[tuple[float, str, int]]:
    """Run four points to their end; return what was seen on the line."""
    lines: list[Watched] = []

    def wrap(inner: httpx.AsyncBaseTransport) -> Watched:
        lines.append(Watched(inner))
        return lines[0]

    around = clouds.surroundings(wrap, environ)
    with clouds.run(manifest_of(provider, timeout="12h"), folder, around) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 4}
        assert set(times_bought(run, clouds.ledger()).values()) == {1}
    return lines[0].seen


@pytest.mark.parametrize("form", mostly_slow(["seconds", "date"]))
@pytest.mark.parametrize("provider", TARGETS)
def test_every_driver_waits_a_storm_out(provider: str, form: str, tmp_path: Path) -> None:
    clouds = Clouds(provider)
    refusal = {"status": 429, "retry_after": 60, "retry_after_form": form, "until_s": 1_000.0}
    clouds.set_faults(requests=[{"method": "POST", "path": SPENDING[provider], **refusal}])
    seen = watched_run(clouds, provider, tmp_path / "run")
    refused_at = [at for at, _, status in seen if status == 429]
    clouds.close()
    burst = [at for at in refused_at if at < refused_at[0] + 1.0]
    assert len(burst) <= 4
    assert 5 <= len(refused_at) - len(burst) <= 1_000 / 59
    assert gaps(refused_at[len(burst) - 1 :], least_s=59.0)


# -- tokens -------------------------------------------------------------------------------------

#: Cloud that sells tokens -> where, and variables that would make that needless.
SELLERS = {
    "open-quantum": ("*/openid-connect/token", ()),
    "ibm-direct-access": ("*/identity/token", ()),
    "oqc": ("*/admin/login", ("OQC_AUTHENTICATION_TOKEN", "OQC_AUTH_TOKEN", "OQC_TOKEN")),
}


@pytest.mark.parametrize("provider", SELLERS)
@settings(max_examples=6, deadline=None)
@given(ends_s=st.sets(st.sampled_from([0.05, 10.05, 20.05, 30.05]), min_size=1))
def test_a_token_that_ends_in_the_middle_is_renewed_once(
    provider: str, ends_s: set[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """At most one ends between two polls: one that is refused as it was sold is no credential."""
    path, unset = SELLERS[provider]
    clouds = Clouds(provider)
    end = {"nth": 1, "expire_tokens": "issued"}
    clouds.set_faults(requests=[{"after_s": at_s, **end} for at_s in sorted(ends_s)])
    environ = {name: value for name, value in clouds.environ().items() if name not in unset}
    seen = watched_run(clouds, provider, tmp_path_factory.mktemp("run") / "run", environ)
    clouds.close()
    sold = [at for at, asked, _ in seen if Path(asked).match(path)]
    ended = [at_s for at_s in ends_s if at_s < seen[-1][0] - 1.0]
    assert len(ended) <= len(sold) <= 1 + len(ends_s)


class Seller:
    """Sells tokens and takes only the last one, until it has ended."""

    def __init__(self) -> None:
        self.sold = 0
        self.sold_at = 0.0
        self.ended = 0
        self.valid = ""

    def end(self) -> None:
        """End the token, unless it is so new that nobody has come by with it yet."""
        if self.valid and trio.current_time() > self.sold_at + 1.0:
            self.ended += 1
            self.valid = ""

    async def issue(self) -> tuple[Secret, float]:
        await trio.sleep(0.5)
        self.sold, self.sold_at = self.sold + 1, trio.current_time()
        self.valid = f"token {self.sold}"
        return Secret(self.valid, "a test"), 3_600.0

    async def answer(self, token: Secret) -> Reply:
        await trio.sleep(0.1)
        status = 200 if token.reveal() == self.valid else 401
        await trio.sleep(0.1)
        return Reply("cloud", "GET /", status, {}, b"")


@settings(max_examples=50, deadline=None)
@given(
    asked_at=st.lists(st.floats(0, 100), min_size=1, max_size=50),
    ends_at=st.lists(st.integers(1, 50).map(lambda n: 2.0 * n), unique=True, max_size=5),
)
def test_however_many_ask_at_once_each_end_of_a_token_costs_one_new_one(
    asked_at: list[float], ends_at: list[float]
) -> None:
    seller, statuses = Seller(), []

    async def ask(bearer: Bearer, at: float) -> None:
        await trio.sleep(at)
        statuses.append((await bearer.send(seller.answer)).status)

    async def end(at: float) -> None:
        await trio.sleep(at)
        seller.end()

    async def act() -> None:
        bearer = Bearer(seller.issue)
        async with trio.open_nursery() as nursery:
            for at in asked_at:
                nursery.start_soon(ask, bearer, at)
            for at in ends_at:
                nursery.start_soon(end, at)

    trio.run(act, clock=trio.testing.MockClock(autojump_threshold=0))
    assert seller.ended <= seller.sold <= 1 + seller.ended
    assert statuses == [200] * len(asked_at)
