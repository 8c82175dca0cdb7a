"""A cloud that writes down what it sold of which sample, and what its book says of a run folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import trio
from fake_drivers import FakeCloud

from qbatch.executor import Stop
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.providers import Answer, Batch, Failed, Intent
from qbatch.snapshot import Run

WAVE = """
qbatch: 1
name: more
circuits:
  wave:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[2] q;
      bit[2] c;
      rx(theta) q[0];
      c = measure q;
backends: {at: {BACKEND}}
sweep: {matrix: {theta: THETAS}, seed: 7}
shots: SHOTS
analysis: {observables: {z: Z0}}
"""
LOCAL = "provider: local"
CLOUD = 'provider: oqc, target: "cloud"'


def plan_of(thetas: Sequence[float], shots: object, backend: str = LOCAL) -> Plan:
    text = WAVE.replace("BACKEND", backend).replace("THETAS", str(list(thetas)))
    return expand(parse_manifest(text.replace("SHOTS", str(shots)), folder=Path("/")))


class Shop(FakeCloud):
    """A cloud that writes down which shots of which angle it accepted; some jobs fail there."""

    def __init__(self, **target: object) -> None:
        super().__init__(**target)
        self.accepted: dict[float, list[tuple[int, int]]] = defaultdict(list)
        self.failing: set[tuple[float, int]] = set()

    @property
    def sold(self) -> dict[float, list[tuple[int, int]]]:
        """What it accepted of each angle, in the order of the shots."""
        return {theta: sorted(runs) for theta, runs in self.accepted.items()}

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        updates = await super().submit(batch, intent)
        for order in batch.orders:
            assert order.shots <= (self.target.max_shots or order.shots)
            theta = order.parameters["theta"]
            if (theta, order.start) in self.failing:
                failed = Failed(order.id, "FAILED", error="broken")
                self.said[order.id] = failed
            else:
                self.said.pop(order.id, None)
                self.accepted[theta].append((order.start, order.shots))
        return updates


def stop_after(seconds: float) -> Callable[[Stop], Awaitable[None]]:
    async def task(stop: Stop) -> None:
        await trio.sleep(seconds)
        stop.request("enough")

    return task


def check_book(folder: Path, shop: Shop, thetas: Sequence[float]) -> None:
    """No shot was sold twice, and the folder has just what the book has."""
    for runs in shop.accepted.values():
        shots = [shot for start, n in runs for shot in range(start, start + n)]
        assert len(shots) == len(set(shots))
    with Run(folder) as found:
        assert [point.parameters["theta"] for point in found] == sorted(thetas, key=thetas.index)
        for point in found:
            counted = point.counts.shots if point.counts else 0
            on_their_way = sum(
                piece.bought
                for piece in point.jobs
                if piece.state not in (JobState.CREATED, JobState.FAILED, JobState.COMPLETED)
            )
            sold = sum(n for _, n in shop.accepted[float(point.parameters["theta"])])
            assert counted + on_their_way == sold
            assert sum(found.counts_by_state().values()) == len(found)
