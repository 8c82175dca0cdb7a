"""Points that are made by their places, or told without being made, are those of the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.shots import AgedShots

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
    "long": "sweep:\n  matrix: {backend: [one, two], theta: {linspace: [0, 1, 1500]}}\n"
    "  repeat: 2\n",
    "shuffled": "sweep:\n  order: random\n  matrix: {backend: [one, two], theta: [0.5, 1.5, 2.5]}\n"
    "  repeat: 2\n",
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


@pytest.mark.parametrize("most", [30, 400_000])
@pytest.mark.parametrize("name", SWEEPS)
def test_points_that_are_kept_are_those_of_the_plan(name: str, most: int, monkeypatch) -> None:
    monkeypatch.setattr("qbatch.plan.made.MOST_VALUES", most)
    plan, fresh = plan_of(name), list(plan_of(name).points())
    next(plan.points(are_written=True))  # not all are made
    assert not plan._made._points
    assert list(plan.points(are_written=True)) == fresh
    assert len(plan._made._points) == (len(fresh) if most > 30 else 0)
    assert list(plan.points()) == fresh
    assert list(plan.points_at({2, 0})) == [fresh[0], fresh[2]]
    alone = plan.alone("one")
    assert [p.id for p in alone.points()] == [p.id for p in fresh if p.backend == "one"]
    plan.wanted = {fresh[0].id: AgedShots(77, 77, 77)}
    assert [p.shots for p in plan.points_at({0})] == [next(plan.points()).shots] == [77]


@pytest.mark.parametrize("longest", [3, 65_536])
@pytest.mark.parametrize("name", SWEEPS)
def test_identities_are_those_of_the_points(name: str, longest: int, monkeypatch) -> None:
    monkeypatch.setattr("qbatch.plan.layout._LONGEST_TABLE", longest)
    plan = plan_of(name)
    told = [
        (bytes.fromhex(p.id), p.name, p.circuit, p.backend, p.shots, p.setting)
        for p in plan.points()
    ]
    found = plan.identities and plan.identities()
    assert found is not None
    assert list(found) == told


#: Whole and other floats, such as JSON writes in their own way, beside what is no float.
WRITTEN = """
sweep:
  zip:
    s: [0.5, 1.0, -0.0, 1e16, 1e300, 3.25]
    t: [1, 2, 3, 4, 5, 6]
    u: [0.1, 0.2, 0.30000000000000004, 1e-7, -2.5, 7.125]
    v: [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
  matrix: {backend: [one, two], w: [0.25, 4.0]}
  repeat: 2
"""
FIVE = "".join(f"      input float {name};\n" for name in "stuvw")


@pytest.mark.parametrize("longest", [3, 65_536])
def test_parameters_are_written_as_they_are_kept(longest: int, monkeypatch) -> None:
    monkeypatch.setattr("qbatch.plan.layout._LONGEST_TABLE", longest)
    head = HEAD.replace("      input float theta;\n", FIVE).replace("rx(theta)", "rx(s+t+u+v+w)")
    plan = expand(parse_manifest(head + WRITTEN, folder=Path("/")))
    points = list(plan.points(are_written=True))
    assert points == list(plan.points())
    assert len({point.written for point in points}) == 6 * 2
    for point in points:
        assert len(point.parameters) == 5
        assert point.written == json.dumps(point.parameters, separators=(",", ":"))
