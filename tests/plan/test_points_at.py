"""Points that are made by their places, or told without being made, are those of the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand

HEAD = """
qbatch: 1
name: places
circuits:
  turn:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit q;
      bit c;
      rx(theta) q;
      c = measure q;
backends:
  one: {provider: local}
  two: {provider: local, noise: {readout: 0.01}}
"""
SWEEPS = {
    "grid": "sweep:\n  matrix: {backend: [one, two], theta: {linspace: [0, 1, 7]}}\n  repeat: 2\n",
    "shots": "sweep:\n  zip: {shots: [10, 20, 30], theta: [0.1, 0.2, 0.3]}\n",
    "interleaved": "sweep:\n  order: interleave\n  matrix: {theta: [0.5, 1.5]}\n  repeat: 3\n",
    "several": "sweep:\n  - {matrix: {theta: [0.5, 1.5]}}\n"
    "  - {matrix: {backend: [two], theta: [2.5]}}\n",
}


def plan_of(name: str) -> Plan:
    return expand(parse_manifest(HEAD + SWEEPS[name], folder=Path("/")))


@pytest.mark.parametrize("name", SWEEPS)
def test_points_are_made_by_their_places(name: str) -> None:
    plan = plan_of(name)
    points = list(plan.points())
    for places in (set(), {0}, {len(points) - 1}, {2, 0}, set(range(len(points)))):
        expected = [points[place] for place in sorted(places)]
        assert list(plan.points_at(places)) == expected
        assert list(plan.bought(places=places)) == expected
        few = list(plan.bought(lambda point: point.backend == "two", places=places))
        assert few == [point for point in expected if point.backend == "two"]


@pytest.mark.parametrize("name", SWEEPS)
def test_identities_are_those_of_the_points(name: str) -> None:
    plan = plan_of(name)
    told = [
        (bytes.fromhex(p.id), p.name, p.circuit, p.backend, p.shots, p.setting)
        for p in plan.points()
    ]
    found = plan.identities()
    assert found is not None
    assert list(found) == told
