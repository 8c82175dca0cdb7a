"""What else two runs have differently is told so that the difference is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qbatch.difference.facts import differing, facts_of, together
from qbatch.emulators.drift import read_course
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.snapshot import Run, Snapshot

WATCHED = """
qbatch: 1
name: watched
circuits: {one: {qasm: 'OPENQASM 3.0; qubit q; bit c; c = measure q;'}}
backends: {toshiko: {provider: oqc, target: 'qpu:uk:1:12345'}}
shots: 10
sweep: {matrix: {circuit: [one]}}
analysis: {probabilities: {one: "1"}}
"""


def test_facts_that_differ_at_their_ends_show_their_ends() -> None:
    long = "instance crn:v1:bluemix:public:quantum-computing:us-east:a/emulated:emulated::, "
    here, there = ({"accounts.ibm": long + f"credential #{end}"} for end in ("aaaa", "bbbb"))
    ((name, one, other),) = differing(here, there)
    assert name == "accounts.ibm"
    assert one.startswith("…")
    assert (one[-4:], other[-4:], len(one)) == ("aaaa", "bbbb", 58)


def test_facts_that_differ_at_their_beginning_show_that() -> None:
    assert [*differing({"a": "x" * 99}, {"a": "y" * 99, "b": 1})] == [
        ("a", "x" * 57 + "…", "y" * 57 + "…"),
        ("b", "–", "1"),
    ]


def test_few_facts_that_are_alike_stay_apart() -> None:
    facts = [("sweeps.0.seed", "1", "2"), ("sweeps.1.seed", "1", "2"), ("sweeps.2.seed", "1", "3")]
    assert together(facts) == facts


@pytest.mark.slow
def test_a_machine_is_told_as_it_was_when_its_jobs_ran(tmp_path: Path) -> None:
    """`run` with nothing to do asks the cloud anew, on another day: that changes no fact."""
    plan = expand(parse_manifest(WATCHED, folder=tmp_path))
    out = tmp_path / "run"
    noise = read_course({"readout": 0.02})
    rehearse(plan, Options(out=out), queues_s=(1.0,), noise=noise)
    with Run(out) as run:
        before = facts_of(run)
        targets = run.targets
    error = "targets.toshiko.calibration.qubits.0.readout_error"
    assert before[error] == 0.02
    targets["toshiko"]["facts"]["calibration"]["qubits"][0]["readout_error"] = 0.5
    with Snapshot(out) as snapshot:
        snapshot.set_meta(targets=json.dumps(targets), started_at="2031-01-01T00:00:00+00:00")
    with Run(out) as run:
        assert [*differing(before, facts_of(run))] == []
