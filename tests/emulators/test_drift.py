"""Emulated machines drift, jump and are calibrated anew, as their script says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from qbatch.emulators import FaultScriptError, read_faults
from qbatch.emulators.drift import Course, Moment, read_course
from qbatch.emulators.noise import Noise
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.snapshot import Run

#: When jobs were taken, seconds: ten of them, one every 100.
TAKEN = [100.0 * number for number in range(1, 11)]


def course(**written: Any) -> Course:
    found = read_course({"readout": 0.02, **written})
    assert found is not None
    return found


def readout_at(found: Course, at_s: float, jobs: int | None = None) -> float:
    known = sum(one <= at_s for one in TAKEN) if jobs is None else jobs
    return found.at(Moment(at_s, known), TAKEN).readout


def test_a_drift_is_a_straight_line_in_time_and_in_jobs() -> None:
    found = course(drift={"per_hour": {"readout": 0.36}, "per_job": {"readout": 0.001}})
    assert readout_at(found, 0) == 0.02
    assert readout_at(found, 50) == pytest.approx(0.02 + 50 * 0.0001)
    assert readout_at(found, 550) == pytest.approx(0.02 + 550 * 0.0001 + 5 * 0.001)


def test_a_jump_stays_from_its_instant_or_its_job_on() -> None:
    found = course(jumps=[{"at_s": 250, "readout": 0.05}, {"after_jobs": 4, "readout": -0.01}])
    seen = [readout_at(found, at_s) for at_s in (249, 250, 399, 400, 900)]
    assert seen == pytest.approx([0.02, 0.07, 0.07, 0.06, 0.06])


def test_a_calibration_tunes_a_machine_and_drift_begins_anew() -> None:
    found = course(
        drift={"per_hour": {"readout": 0.36}},
        jumps=[{"at_s": 100, "readout": 0.1}],
        calibrations=[{"at_s": 500}, {"after_jobs": 8, "readout": 0.005}],
    )
    assert readout_at(found, 499.999) == pytest.approx(0.12 + 0.05, abs=1e-5)
    assert readout_at(found, 500) == 0.02
    assert readout_at(found, 700) == pytest.approx(0.04)
    assert readout_at(found, 900) == pytest.approx(0.005 + 0.01)
    assert found.published(Moment(900, 9), TAKEN) == (2, 800.0, Noise(readout=0.005))


def test_one_that_only_measures_publishes_what_the_drift_made_of_it() -> None:
    found = course(
        drift={"per_hour": {"readout": 0.36}}, calibrations=[{"at_s": 300, "tunes": False}]
    )
    assert found.published(Moment(299, 2), TAKEN) == (0, 0.0, Noise(readout=0.02))
    assert found.published(Moment(900, 9), TAKEN).noise.readout == pytest.approx(0.05)
    assert readout_at(found, 900) == pytest.approx(0.11)


def test_probabilities_stay_probabilities() -> None:
    found = course(jumps=[{"at_s": 1, "readout": 1}, {"at_s": 2, "readout": -1}])
    assert readout_at(found, 1) == 1.0
    assert course(drift={"per_hour": {"readout": -1}}).at(Moment(7200, 0), ()).readout == 0.0


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"drift": 0.1}, "noise.drift: 0.1 is no object; write per_hour, per_job"),
        ({"drift": {"per_day": {}}}, "noise.drift: unknown key 'per_day'"),
        ({"drift": {"per_job": {"t1": 1}}}, "noise.drift.per_job: unknown key 't1'; known: one_q"),
        ({"drift": {"per_job": {"readout": 2}}}, "per_job.readout: 2 is no change of a prob"),
        ({"jumps": {"at_s": 1}}, r"noise.jumps: .* is no list"),
        ({"jumps": [{"at_s": float("nan"), "readout": 0.1}]}, r"at_s: nan is no number of seconds"),
        ({"jumps": [{"readout": 0.1}]}, r"noise.jumps\[0\]: write at_s, seconds, or after_jobs"),
        ({"jumps": [{"at_s": 1}]}, r"noise.jumps\[0\]: says of no probability"),
        ({"jumps": [{"at_s": 1, "after_jobs": 1}]}, "one of them"),
        ({"jumps": [{"at_s": -1, "readout": 0}]}, "-1 is no number of seconds"),
        ({"jumps": [{"after_jobs": 0.5, "readout": 0}]}, "0.5 is no number of jobs"),
        ({"calibrations": [{"at_s": 1, "tunes": 1}]}, "tunes: 1; write true or false"),
        ({"calibrations": [{"at_s": 1, "readout": -0.1}]}, "-0.1 is no probability"),
        ({"calibrations": [{"at_s": 1, "tunes": False, "readout": 0.1}]}, "only measures"),
        ({"drift": {}, "readuot": 1}, "unknown key 'readuot'"),
    ],
)
def test_a_wrong_drift_is_told(written: Any, problem: str) -> None:
    with pytest.raises(FaultScriptError, match=problem):
        read_faults({"switches": {"oqc": {"noise": written}}})


async def test_a_published_calibration_stays_until_the_next_one(stage: Callable[..., Any]) -> None:
    noise = {
        "readout": 0.02,
        "drift": {"per_hour": {"readout": 0.1}},
        "calibrations": [{"at_s": 3600, "readout": 0.01}],
    }
    machines = stage("oqc", faults={"switches": {"oqc": {"noise": noise}}})
    token = machines.environment["OQC_TOKEN"]
    machines.client.headers["authorization"] = f"Bearer {token}"
    told = [(await machines.get("/oqc/12345/monitoring/calibrations"))["qubits"][3]]
    await trio.sleep(3000)
    told.append((await machines.get("/oqc/12345/monitoring/calibrations"))["qubits"][3])
    await trio.sleep(3000)
    told.append((await machines.get("/oqc/12345/monitoring/calibrations"))["qubits"][3])
    assert [one["readout_error"] for one in told] == [0.02, 0.02, 0.01]
    assert told[0] == told[1]
    assert told[1]["T1_us"] != told[2]["T1_us"]


MANIFEST = """\
qbatch: 1
name: idle
circuits: {one: {qasm: 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; measure q->c;'}}
backends:
  forte: {provider: open-quantum, target: "ionq:forte-1"}
  rensselaer: {provider: ibm-direct-access, target: ibm_rensselaer, limits: {jobs: 1, in_flight: 1}}
  aria: {provider: marqov, target: ionq-aria-1}
  garnet: {provider: scaleway, target: QPU-GARNET-20PQ, limits: {jobs: 1}}
  toshiko: {provider: oqc, target: "qpu:uk:1:12345"}
shots: 2000
sweep: {repeat: 4}
analysis: {probabilities: {flipped: "1"}}
"""


def test_a_jump_meets_the_later_jobs_of_all_five_clouds(tmp_path: Path) -> None:
    plan = expand(parse_manifest(MANIFEST, folder=tmp_path))
    noise = course(readout=0.0, jumps=[{"after_jobs": 2, "readout": 0.25}])
    done = rehearse(plan, Options(out=tmp_path / "idle.rehearsal"), queues_s=(1.0,), noise=noise)
    with Run(done.folder) as run:
        seen: dict[str, list[float]] = {}
        for point in run:
            seen.setdefault(point.backend, []).append(point.estimates["flipped"].value)
    assert len(seen) == 5
    for backend, values in seen.items():
        assert sorted(values)[:2] == [0.0, 0.0], backend
        assert all(0.2 < value < 0.3 for value in sorted(values)[2:]), backend
        assert len(values) == 4
