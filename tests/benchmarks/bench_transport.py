"""The transport under httpx beside httpx's own pool, the same limiter before both.

The server answers at once, in a process of its own. As many workers as connections ask in turn;
the last rows have more work than connections, as a run with many jobs in flight has: requests
alone, and whole jobs of qbatch.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import httpx
import trio
from bench_http import served, through_qbatch
from measuring import Row, in_turn

from qbatch.providers.kit.wire import FlatTransport

REQUESTS = 1_000


class LimitedPool(httpx.AsyncBaseTransport):
    """httpx's own pool, which sees no more requests at once than it has connections."""

    def __init__(self, connections: int) -> None:
        self._limit = trio.CapacityLimiter(connections)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._pool = httpx.AsyncHTTPTransport(limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self._limit:
            response = await self._pool.handle_async_request(request)
            await response.aread()
        return response

    async def aclose(self) -> None:
        await self._pool.aclose()


def measure() -> Iterator[Row]:
    with served() as port:
        for workers, connections in ((1, 1), (10, 10), (100, 100), (1_000, 1_000), (1_000, 16)):
            rounds = 5 if connections < 1_000 else 1
            ours, theirs = in_turn(
                _asked(port, FlatTransport, workers, connections),
                _asked(port, LimitedPool, workers, connections),
                rounds=rounds,
            )
            yield Row(
                f"requests of {workers:,} workers over {connections:,} connections",
                f"{_count(workers) / ours:,.0f}/s",
                "httpx's pool",
                f"{_count(workers) / theirs:,.0f}/s",
                f"{theirs / ours:.2f} x",
                "> 1 x",
            )
        for in_flight in (100, 1_000):
            took = [
                through_qbatch(port, 500, jobs=1, in_flight=in_flight, transport=make)
                for make in (None, lambda: LimitedPool(16))
            ]
            (ours, ours_cpu), (theirs, theirs_cpu) = took
            yield Row(
                f"OQC jobs one by one, {in_flight:,} in flight, 16 connections, recorded",
                f"{ours:.0f} jobs/s, {ours_cpu * 1e3:.2f} ms CPU",
                "httpx's pool",
                f"{theirs:.0f} jobs/s, {theirs_cpu * 1e3:.2f} ms CPU",
                f"{ours / theirs:.2f} x",
                "> 1 x",
            )


def _count(workers: int) -> int:
    return max(REQUESTS, 3 * workers)


def _asked(
    port: int, make: Callable[[int], httpx.AsyncBaseTransport], workers: int, connections: int
) -> Callable[[], float]:
    """Return work that asks for something many times, over connections made anew."""

    async def work() -> float:
        async with _client(make(connections)) as client:
            numbers = iter(range(_count(workers)))

            async def worker() -> None:
                for k in numbers:
                    response = await client.get(f"http://127.0.0.1:{port}/jobs/{k}")
                    response.raise_for_status().json()

            began = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for _ in range(workers):
                    nursery.start_soon(worker)
            return time.perf_counter() - began

    return lambda: trio.run(work)


@asynccontextmanager
async def _client(transport: httpx.AsyncBaseTransport) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport, timeout=60, trust_env=False) as client:
        yield client
