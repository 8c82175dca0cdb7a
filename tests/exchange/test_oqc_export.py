"""Points that share settings, as a file of OQC's client: each job that was bought stands once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qbatch.exchange.oqc.export import oqc_snapshot
from qbatch.exchange.oqc.format import read_config
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand, select
from qbatch.report.overview import Overview
from qbatch.report.rows import Columns
from qbatch.snapshot import Run
from qbatch.snapshot.examine import examine
from tests.executor.fake_drivers import FakeCloud, play

HEAD = "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; bit[2] c; x q[1]; ry(0.9) q[0];"

#: Circuit b as it is written is circuit a in basis X0; c is a. Six settings, three contents.
MANIFEST = f"""
qbatch: 1
name: shared
circuits:
  a: {{qasm: "{HEAD} c = measure q;"}}
  b: {{qasm: "{HEAD} h q[0]; c = measure q;"}}
  c: {{qasm: "{HEAD} c = measure q; // a once more"}}
backends: {{lucy: {{provider: oqc, target: lucy}}}}
sweep: {{matrix: {{circuit: [a, b, c]}}, order: as-written, seed: 3}}
shots: SHOTS
analysis: {{observables: {{x: X0, z: Z0}}}}
"""
CONTENTS = ["circuit=a", 'circuit=a,basis="X0"', 'circuit=b,basis="X0"']


def plan_of(shots: int) -> Plan:
    return expand(parse_manifest(MANIFEST.replace("SHOTS", str(shots)), folder=Path("/")))


def saved(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(oqc_snapshot(run)[0])["jobs"]
    return found


@pytest.mark.parametrize(("shots", "pieces"), [(500, 1), (250_000, 3)])
def test_each_job_stands_once_in_the_file_however_many_points_share_it(
    tmp_path: Path, shots: int, pieces: int
) -> None:
    """OQC takes 100,000 shots at once, so a setting of 250,000 is bought as three jobs."""
    told = rehearse(plan_of(shots), Options(out=tmp_path / "r"), queues_s=(60.0,))
    (backend,) = told.passes[0].backends.values()
    assert (backend.jobs, backend.states) == (3 * pieces, {JobState.COMPLETED: 3 * pieces})
    with Run(tmp_path / "r") as run:
        sent = (job.provider_job_id for _, job in run.stored_points())
        bought = sorted(id_ for id_ in sent if id_ is not None)
        assert len(run.ledger()) == len(bought)
        jobs = saved(run)
    assert len(bought) == 3 * pieces
    assert sorted(job["task_id"] for job in jobs) == bought
    assert Counter(job["tag"] for job in jobs) == dict.fromkeys(CONTENTS, pieces)
    asked = [read_config(job["config_json"]).shots for job in jobs]
    assert asked == [sum(job["result"]["data"]["c"].values()) for job in jobs]
    assert sum(asked) == 3 * shots
    assert examine(tmp_path / "r").results == 3 * pieces
    # Bit 0 stands left, and bit 1 is 1 in every basis.
    assert {bits[1] for job in jobs for bits in job["result"]["data"]["c"]} == {"1"}
    ups = Counter({job["tag"]: 0 for job in jobs})
    for job in jobs:
        ups[job["tag"]] += job["result"]["data"]["c"].get("01", 0)
        assert ("h q[0]" in job["program"]) == (job["tag"] != "circuit=a")
    # cos(0.9), sin(0.9) and again cos(0.9), as H twice is none
    for tag, mean in zip(CONTENTS, (0.6216, 0.7833, 0.6216), strict=True):
        assert abs(2 * ups[tag] / shots - 1 - mean) < 4 / shots**0.5


def test_a_job_says_the_shots_that_it_was_sent_with_where_fewer_are_wanted(tmp_path: Path) -> None:
    cloud = FakeCloud()
    play(tmp_path, plan_of(400), cloud)
    play(tmp_path, plan_of(100), cloud)
    with Run(tmp_path) as run:
        assert {point.shots for point in run} == {100}
        assert [read_config(job["config_json"]).shots for job in saved(run)] == [400] * 3


def test_shots_still_wanted_are_told_once_of_what_is_bought_once(tmp_path: Path) -> None:
    """Only b's setting in X0 is left: its others, and c's, are bought with a."""
    cloud = FakeCloud()
    play(tmp_path, plan_of(100), cloud)
    plan = plan_of(400)
    play(tmp_path, plan, cloud, selected=select("circuit=a", plan.names, plan.manifest))
    with Run(tmp_path) as run:
        assert run.in_part() == (1, 100, 400)
        overview = Overview.of(run, Columns.of(run))
        overview.add_all(list(run))
        assert overview.in_part == (1, 100, 400)
        assert [read_config(job["config_json"]).shots for job in saved(run)] == [
            *[100, 300] * 2,
            100,
            300,  # of b in X0, not sent yet
        ]
