"""Points of a manifest, measured by hand: no circuit is run."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import yaml

from qbatch.across import Across, Measured, Points
from qbatch.job import Job
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Manifest
from qbatch.plan.geometry.written import values_by_axis
from qbatch.result import Counts, analyse

MANIFEST = """\
qbatch: 1
name: made
circuits:
  c: {qasm: "OPENQASM 3.0; input float x; input float y; qubit q; bit b; b = measure q;"}
backends: {one: {provider: local}, two: {provider: local}}
"""

#: A qubit turned by x at nine angles, to be run: its chance of 1 is (1 - cos x) / 2.
TURNED = """\
qbatch: 1
name: turned
circuits:
  c:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input float x; qubit q; bit b;
      ry(x) q; b = measure q;
backends: {one: {provider: local}}
shots: 500
sweep: {matrix: {x: {linspace: [0.1, 3, 9]}}}
"""


def manifest_of(analysis: Any, matrix: Any, repeat: int = 1, **more: Any) -> Manifest:
    parts = {"analysis": analysis, "sweep": {"matrix": matrix, "repeat": repeat}, **more}
    return parse_manifest(MANIFEST + yaml.safe_dump(parts))


class Given:
    """A point with counts that somebody made up."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.job = Job("")
        self.each_setting = ()
        self.counts_by_basis = {"": counts}


def across_of(manifest: Manifest, counts: Mapping[tuple[Any, ...], Mapping[str, int]]) -> Across:
    """Give the points of a sweep counts, by the values of their axes; the others have none.

    Args:
        manifest: With one sweep, by `manifest_of`.
        counts: Values of the axes in the order of the matrix, and of `repeat` where there is more
            than one -> bitstring -> shots.
    """
    sweep = manifest.sweeps[0]
    values = {name: found or [] for name, found in values_by_axis(manifest).items()}
    if sweep.repeat > 1:
        values["repeat"] = list(range(1, sweep.repeat + 1))
    points = Points(manifest)
    for place in itertools.product(*values.values()):
        axes = {"circuit": "c", "backend": "one", "shots": 1024, "repeat": 1}
        axes |= dict(zip(values, place, strict=True))
        name = ",".join(f"{axis}={value}" for axis, value in axes.items())
        id_ = hashlib.sha256(name.encode()).hexdigest()
        given = counts.get(place)
        if given is None:
            points.found.append(Measured(id_, name, axes, {}, 0, "created", None))
            continue
        width = len(next(iter(given)))
        made = Counts.from_dict([("b", width)], given)
        estimates = analyse(made, manifest.analysis)
        point: Any = Given(made)
        points.found.append(Measured(id_, name, axes, estimates, made.shots, "", point))
    return Across(points)


def ones(number: int, shots: int) -> dict[str, int]:
    return {"1": number, "0": shots - number}
