"""M4: an answer is lost at one account, and the run goes on with another: bought once in sum.

Both are emulated clouds with books of their own; what counts is what both say together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest
import trio
from trio.testing import MockClock

from qbatch.executor.start import run_async
from qbatch.job import JobState
from qbatch.snapshot import Run
from tests.daily import mostly_slow
from tests.fuzz.whole_runs import SPENDING, TARGETS, Clouds, expected, manifest_of, times_bought

#: By then everything was sent that is sent before an answer is lost, seconds.
CUT_OFF_S = 300.0


class Deaf(httpx.AsyncBaseTransport):
    """The cloud hears all; from the answer to the n-th call that spends on, nothing comes back."""

    def __init__(self, transport: httpx.AsyncBaseTransport, path: str, nth: int) -> None:
        self._transport = transport
        self._path = path
        self._left = nth

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._left <= 0:
            raise httpx.ConnectError("no route", request=request)
        reply = await self._transport.handle_async_request(request)
        path = request.url.path.removeprefix(f"/{request.url.path.split('/')[1]}")
        if request.method == "POST" and fnmatch(path, self._path):
            self._left -= 1
            if not self._left:
                raise httpx.ReadError("cut", request=request)
        return reply


@pytest.fixture(params=TARGETS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def places(provider: str) -> Iterator[tuple[Clouds, Clouds]]:
    clock = MockClock(autojump_threshold=0)
    both = [Clouds(provider, origin=f"https://{name}.test", clock=clock) for name in ("a", "b")]
    yield both[0], both[1]
    for each in both:
        each.close()


Go = Callable[..., Run]


@pytest.fixture
def go(provider: str, tmp_path: Path) -> Go:
    """Run the same manifest in the same folder, at one of the places."""

    def run(place: Clouds, *, deaf_from: int = 0) -> Run:
        def wrap(transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
            return Deaf(transport, SPENDING[provider], deaf_from) if deaf_from else transport

        async def act() -> None:
            with trio.move_on_after(CUT_OFF_S if deaf_from else 86_400.0) as limit:
                around = place.surroundings(wrap)
                made = manifest_of(provider)
                done = await run_async(made, out=tmp_path, surroundings=around, approve=True)
                done.close()
            assert deaf_from or not limit.cancelled_caught

        trio.run(act, clock=place.clock)
        return Run(tmp_path)

    return run


def states(run: Run) -> dict[str, JobState]:
    return {point.id: point.state for point in run}


@pytest.mark.parametrize("deaf_from", mostly_slow([1, 2]))
def test_what_one_account_bought_is_never_bought_with_another(
    provider: str, places: tuple[Clouds, Clouds], go: Go, deaf_from: int
) -> None:
    here, there = places
    with go(here, deaf_from=deaf_from) as run:
        begun = times_bought(run, here.ledger())
        bought = {key for key, number in begun.items() if number}
        assert bought

    with go(there) as run:
        others = {key for key, number in times_bought(run, there.ledger()).items() if number}
        assert not others & bought
        assert {states(run)[key] for key in bought} <= {JobState.HELD, JobState.COMPLETED}

    with go(here) as run:
        both = times_bought(run, [*here.ledger(), *there.ledger()])
        assert max(both.values()) == 1
        held = [point for point in run if point.state is JobState.HELD]
        assert all(point.counts.to_dict() == expected(point) for point in run if point.counts)
        if provider == "marqov":  # which has no look-up: a person decides
            assert len(held) == 1
        else:
            assert set(states(run).values()) == {JobState.COMPLETED}
            assert min(both.values()) == 1
