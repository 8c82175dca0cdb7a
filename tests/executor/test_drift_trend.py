"""A machine that drifts makes a trend where there is none, but not of an interleaved sweep."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import qbatch
from qbatch.emulators.drift import Course, read_course
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.snapshot import Run

#: Whatever theta is, the qubit stays in 0: what is read as 1 is the machine's error.
FLAT = 'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c; rz(theta) q; '

BACKENDS = {
    "toshiko": "{provider: oqc, target: 'qpu:uk:1:12345'}",
    "forte": "{provider: open-quantum, target: 'ionq:forte-1', limits: {in_flight: 1}}",
    "ankaa": "{provider: marqov, target: rigetti-ankaa-2, limits: {in_flight: 1}}",
    "garnet": "{provider: scaleway, target: QPU-GARNET-20PQ, limits: {in_flight: 1}}",
    "rensselaer": (
        "{provider: ibm-direct-access, target: ibm_rensselaer, limits: {jobs: 1, in_flight: 1}}"
    ),
}

#: As the guide calls them.
CALLED = {
    "toshiko": "OQC",
    "forte": "Open Quantum",
    "ankaa": "Marqov",
    "garnet": "Scaleway",
    "rensselaer": "IBM",
}
GUIDE = Path(qbatch.__file__).parent / "guide" / "drift.md"

POINTS, SHOTS, EACH = 24, 500, 0.004

pytestmark = pytest.mark.usefixtures("tasks_in_order")


def drifting() -> Course:
    found = read_course({"drift": {"per_job": {"readout": EACH}}})
    assert found is not None
    return found


def trend(folder: Path, backend: str, order: str) -> tuple[float, float]:
    """How much the share of ones rises from the first angle to the last, and its error."""
    text = f"""\
qbatch: 1
name: flat
circuits: {{flat: {{qasm: '{FLAT}c = measure q;'}}}}
backends: {{{backend}: {BACKENDS[backend]}}}
shots: {SHOTS}
sweep: {{matrix: {{theta: {{linspace: [0, 1, {POINTS}]}}}}, order: {order}, seed: 5}}
analysis: {{probabilities: {{one: "1"}}}}
"""
    plan = expand(parse_manifest(text, folder=folder))
    out = folder / f"{order}.rehearsal"
    rehearse(plan, Options(out=out), queues_s=(1.0,), noise=drifting())
    with Run(out) as run:
        found = [(dict(p.parameters)["theta"], p.estimates["one"].value) for p in run]
    theta, ones = np.array(found, dtype=float).T
    assert len(ones) == POINTS
    slope, covariance = np.polyfit(theta, ones, 1, cov=True)
    return float(slope[0]), float(np.sqrt(covariance[0, 0]))


@pytest.mark.slow
def test_the_trend_of_a_drift_is_gone_when_interleaved(tmp_path: Path) -> None:
    _check(tmp_path, "toshiko")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["forte", "ankaa", "garnet", "rensselaer"])
def test_so_it_is_on_the_other_clouds(tmp_path: Path, backend: str) -> None:
    _check(tmp_path, backend)


def _row(cloud: str) -> list[str]:
    """The figures of a cloud in the table of the guide."""
    (line,) = (each for each in GUIDE.read_text("utf-8").splitlines() if f"| {cloud} |" in each)
    return re.findall(r"-?\d\.\d+", line)


def _check(folder: Path, backend: str) -> None:
    drift = EACH * (POINTS - 1)
    false, error = trend(folder, backend, "as-written")
    assert false == pytest.approx(drift, abs=4 * 0.008)  # what 500 shots at each angle let it stray
    assert false > 8 * error
    rest, error = trend(folder, backend, "interleave")
    told = [float(number) for number in _row(CALLED[backend])]
    assert told == pytest.approx(
        [false, rest, error], abs=4 * 0.008
    )  # IBM's draws differ each time
    assert abs(rest) < 3 * error
    assert abs(rest) < drift / 3
