"""References tell whether an experiment changed, or the machine that measured it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from qbatch.across.drifting import Drifting
from qbatch.cli import main
from qbatch.difference import Side, Word, compare, side_of
from qbatch.difference.sides import Reference
from qbatch.difference.telling import lines
from qbatch.emulators.drift import read_course
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.result.drift import DriftTest, find_drift
from qbatch.snapshot import Run
from tests.difference.simulated import side_of_shares

START = datetime(2026, 11, 30, tzinfo=UTC)


def referenced(side: Side, shares: list[float], seed: int, *, content: str = "c") -> Side:
    """A side whose machine measured a reference, with these shares one after the other."""
    random = np.random.default_rng(seed)
    ones, shots = [int(random.binomial(1000, share)) for share in shares], [1000] * len(shares)
    times = [START + timedelta(minutes=number) for number in range(len(shares))]
    tested = find_drift(ones, shots) if len({*shares}) > 1 else DriftTest("none", shares[0])
    found = Drifting("sim", "ref", "00", times, ones, shots, tested, {})
    return replace(side, references={"sim": Reference(found, content)})


def sides(shares: tuple[list[float], list[float]], move: float = 0.2, seed: int = 1) -> list[Side]:
    """Two runs of one number that moves, and of a reference."""
    random = np.random.default_rng(seed)
    points = ([0.3], [0.3 + move])
    made = [side_of_shares(n, at, 4000, random) for n, at in zip("ab", points, strict=True)]
    return [referenced(*two) for two in zip(made, shares, (1, 2), strict=True)]


def test_a_change_beside_equal_references_is_the_experiments() -> None:
    found = compare(*sides(([0.9] * 12, [0.9] * 12)))
    (machine,), (one,) = found.machines, found.changes
    assert (one.word, one.reason) == (Word.CHANGED, "")
    assert not machine.is_changed
    references = [side.references["sim"].drifting for side in found.sides]
    table = [[sum(one.ones), sum(one.shots) - sum(one.ones)] for one in references]
    assert machine.p_value == pytest.approx(float(stats.fisher_exact(table).pvalue), rel=1e-6)


def test_a_change_beside_references_that_changed_may_be_the_machines() -> None:
    found = compare(*sides(([0.9] * 12, [0.8] * 12)))
    (machine,), (one,) = found.machines, found.changes
    assert machine.is_changed
    assert (one.word, one.reason) == (Word.CHANGED, "references of sim changed, too")
    assert any("the machine changed between the runs" in line for _, line in lines(found))


def test_a_machine_that_drifts_has_to_change_by_more_than_it_drifts() -> None:
    falling = [*np.linspace(0.95, 0.75, 12)]
    found = compare(*sides((falling, [0.82] * 12)))
    (machine,), (one,) = found.machines, found.changes
    assert machine.drifts[0].startswith("the share of 00 in 12 runs of 'ref' falls by 0.")
    assert machine.drifts[1] == ""
    assert not machine.is_changed
    assert one.reason == "sim drifted"


def test_references_of_another_circuit_are_not_compared() -> None:
    here, there = sides(([0.9] * 12, [0.2] * 12))
    there = replace(there, references={"sim": replace(there.references["sim"], content="d")})
    (machine,) = compare(here, there).machines
    assert (machine.p_value, machine.is_changed) == (None, False)


def test_machines_that_are_alike_are_hardly_ever_said_to_have_changed() -> None:
    """At an error rate of 5 %: 400 pairs of runs, 4 standard errors above."""
    alarms = 0
    for seed in range(400):
        here, there = sides(([0.9] * 6, [0.9] * 6), 0.0, seed)
        there = referenced(there, [0.9] * 6, seed + 1000)
        (machine,) = compare(referenced(here, [0.9] * 6, seed), there, error_rate=0.05).machines
        alarms += machine.is_changed
    assert alarms <= 400 * 0.05 + 4 * (400 * 0.05 * 0.95) ** 0.5


MANIFEST = """\
qbatch: 1
name: watched
circuits:
  ref: {qasm: 'OPENQASM 3.0; qubit q; bit c; c = measure q;'}
  turned: {qasm: 'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; ry(1) q; c = measure q;'}
backends: {toshiko: {provider: oqc, target: 'qpu:uk:1:12345'}}
shots: 2000
sweep: {matrix: {circuit: [turned]}, repeat: 8}
run: {reference: {circuit: ref, every: 1, outcome: "0"}}
analysis: {probabilities: {one: "1"}}
"""


@pytest.mark.slow
def test_a_machine_that_reads_worse_is_told_from_its_references(tmp_path: Path) -> None:
    plan = expand(parse_manifest(MANIFEST, folder=tmp_path))
    found = []
    for name, readout in (("a", 0.02), ("b", 0.08)):
        out = tmp_path / f"{name}.rehearsal"
        rehearse(plan, Options(out=out), queues_s=(1.0,), noise=read_course({"readout": readout}))
        with Run(out) as run:
            found.append(side_of(name, run))
    assert all(side.facts["accounts.toshiko"].startswith("a credential at ") for side in found)
    (machine,) = compare(*found).machines
    assert machine.is_changed
    assert machine.here is not None
    assert machine.there is not None
    assert machine.here.low <= 1 - 0.02 <= machine.here.high
    assert machine.there.low <= 1 - 0.08 <= machine.there.high
    folders = [str(tmp_path / f"{name}.rehearsal") for name in "ab"]
    assert main(["diff", *folders, "-o", str(tmp_path / "page.html")]) == 5
    assert "the machine changed between the runs" in (tmp_path / "page.html").read_text()
