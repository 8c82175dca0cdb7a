"""The points that numbers across points are made from."""

from __future__ import annotations

from math import pi
from pathlib import Path

import pytest

import qbatch
from qbatch.across import read_across

MANIFEST = """\
qbatch: 1
name: two-angles
circuits:
  turned:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c;
      ry(theta) q; c = measure q;
backends: {sim: {provider: local}}
sweep:
  matrix: {theta: [0, pi]}
  repeat: 2
  seed: 3
shots: 200
analysis: {observables: {z: Z0}}
report: {formats: []}
"""


def measured(folder: Path, text: str = MANIFEST) -> qbatch.snapshot.Run:
    """A run of this manifest, done."""
    path = folder / "manifest.yaml"
    path.write_text(text)
    qbatch.run(path)
    return qbatch.open_run(path)


def test_points_come_with_their_axes_and_numbers(tmp_path: Path) -> None:
    points = read_across(measured(tmp_path)).points
    assert [point.axes["theta"] for point in points] == [0, pi, 0, pi]
    assert [point.estimates["z"].value for point in points] == [1, -1, 1, -1]
    assert points.axes == ("circuit", "backend", "repeat", "theta")


@pytest.mark.slow
def test_intervals_of_another_level_are_those_of_that_analysis(tmp_path: Path) -> None:
    wide = MANIFEST.replace("{z: Z0}", "{z: Z0}, intervals: {level: 0.999}")
    points = read_across(measured(tmp_path)).points
    point = next(iter(points))
    (tmp_path / "wide").mkdir()
    asked = next(iter(measured(tmp_path / "wide", wide))).estimates["z"]
    assert points.at_level(point, ["z"], 0.999)["z"] == asked
    assert asked.low < point.estimates["z"].low
