"""Results of earlier versions are told to be doubtful where their circuits were taken wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qbatch.circuit.earlier import MARK, doubt
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.result import Counts
from qbatch.snapshot import NewResult, Run, Snapshot

AER = {"engine": "qiskit-aer", "method": "statevector"}


def warning_of(folder: Path, gate: str, facts: Mapping[str, Any]) -> str:
    """What is told of a stored result of a circuit with one gate."""
    manifest = parse_manifest(
        f"""
qbatch: 1
name: one
circuits:
  one:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float a;
      qubit[2] q;
      bit[1] c;
      {gate}
      c[0] = measure q[1];
backends: {{sim: {{provider: local}}}}
sweep: {{matrix: {{a: [0.5], shots: [10]}}}}
""",
        folder=folder,
    )
    plan = expand(manifest)
    with Snapshot(folder) as snapshot:
        snapshot.register(plan.points(), setting_of=plan.setting_text)
        with Run(folder) as run:
            ((point, _),) = run.stored_points()
        (row,) = snapshot.jobs_of([point.id])
        job = row.job.moved_to(JobState.SUBMITTING).moved_to(JobState.COMPLETED)
        with snapshot.transaction():
            snapshot.save_jobs([replace(row, job=job)])
            counts = Counts.from_dict([("c", 1)], {"0": 10})
            snapshot.save_result(row.ordinal, NewResult(counts.pack(), facts))
    with Run(folder) as run:
        (found,) = run
        return found.warning


def test_a_controlled_rotation_simulated_by_an_earlier_version_is_told(tmp_path: Path) -> None:
    warning = warning_of(tmp_path, "cry(a) q[0], q[1];", AER)
    assert "controlled rotations by an input wrongly; drop these points" in warning


@pytest.mark.parametrize(
    ("gate", "facts"),
    [
        ("cry(a) q[0], q[1];", {MARK: 3, **AER}),  # simulated since
        ("cry(a) q[0], q[1];", {}),  # by a cloud, which had it with its angle
        ("ry(a) q[1];", AER),  # was right
    ],
)
def test_other_results_are_not_doubted(tmp_path: Path, gate: str, facts: Mapping[str, Any]) -> None:
    assert warning_of(tmp_path, gate, facts) == ""


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ctrl @ g q[0], q[1];", "gate modifiers"),
        ("if (!c) x q[0];", "conditions over several bits"),
        ("if (c > 1) { x q[0]; }", "conditions over several bits"),
        ("while (a && b) { x q[0]; }", "conditions over several bits"),
        ("if(c==1) measure q[0] -> c[1];", ""),
        ("if (c != 1) x q[0];", ""),
        ("cp(0.3) q[0], q[1];", ""),
        ("input float a; gate g(t) q, r { cp(t) q, r; }", "controlled rotations"),
    ],
)
def test_doubts_are_told_of_what_was_taken_wrongly(line: str, fault: str) -> None:
    assert (fault in doubt(line)) if fault else doubt(line) == ""
