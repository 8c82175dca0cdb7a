"""Shots spread by weight, bought: what was bought evenly counts, and readers tell what there is."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import yaml

from qbatch.exchange.exports import export
from qbatch.executor import Options, run
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.snapshot import Run, Snapshot

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
ry(0.7) q[0];
cx q[0], q[1];
c = measure q;
"""
OQC = {"provider": "oqc", "target": "qpu:uk:1:12345"}


def plan_of(allocate: str, shots: int = 1000, backend: dict[str, Any] | None = None) -> Plan:
    whole = {
        "qbatch": 1,
        "name": "spread",
        "circuits": {"bell": {"qasm": BELL}},
        "backends": {"here": backend or {"provider": "local"}},
        "shots": shots,
        "allocate": allocate,
        "sweep": {"seed": 4},
        "analysis": {"observables": {"e": "0.4 X0 X1 + 0.5 Z0 - 0.1 Y0 Y1"}},
    }
    return expand(parse_manifest(yaml.safe_dump(whole), folder=Path("/")))


def bought(done: Run) -> dict[str, int]:
    (point,) = done
    return {basis: counts.shots for basis, counts in point.counts_by_basis.items()}


def test_each_setting_is_bought_as_often_as_its_weight_says(tmp_path: Path) -> None:
    with run(plan_of("by_weight").manifest, out=tmp_path) as done:
        assert bought(done) == {"": 1222, "X0 X1": 978, "Y0 Y1": 800}
        (point,) = done
        assert (point.shots, point.sampled, point.state_in_words) == (1000, 1000, "completed")
        export(done, "csv", table := io.StringIO())
        (row,) = csv.DictReader(io.StringIO(table.getvalue()))
        assert row["shots"] == "1000"


def test_a_forgotten_setting_still_asks_for_its_own_shots(tmp_path: Path) -> None:
    with run(plan_of("by_weight").manifest, out=tmp_path) as done:
        (point,) = done
        gone = {each.basis: (each.id, each.shots) for each in point.settings}
    left = 3000
    for basis in ("", "Y0 Y1"):
        with Snapshot(tmp_path) as snapshot:
            snapshot.forget([gone[basis][0]])
        left -= gone[basis][1]
        with Run(tmp_path) as run_left:
            (point,) = run_left
            assert (point.shots, point.counted, point.asked) == (1000, left, 3000)
    with run(plan_of("by_weight").manifest, out=tmp_path) as again:
        (point,) = again
        assert (point.counted, dict(point.forgotten)) == (3000, {})


def test_what_was_bought_evenly_counts_and_a_setting_that_has_more_keeps_it(tmp_path: Path) -> None:
    with run(plan_of("evenly").manifest, out=tmp_path):
        pass
    with run(plan_of("by_weight").manifest, out=tmp_path) as done:
        assert bought(done) == {"": 1222, "X0 X1": 1000, "Y0 Y1": 1000}
        (point,) = done
        assert {(one.basis, job.bought) for one in point.settings for job in one.jobs} == {
            ("", 1000),
            ("", 222),
            ("X0 X1", 1000),
            ("Y0 Y1", 1000),
        }


def test_a_cloud_is_asked_for_as_many_shots_of_each_setting(tmp_path: Path) -> None:
    rehearse(plan_of("by_weight", 200, OQC), Options(out=tmp_path / "r"), queues_s=(60.0,))
    with Run(tmp_path / "r") as done:
        assert bought(done) == {"": 244, "X0 X1": 196, "Y0 Y1": 160}
        assert len(done.ledger()) == 3
