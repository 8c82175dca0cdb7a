"""Rounds at all five clouds, emulated: by their own books no shot more than was decided."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from qbatch.accuracy.deciding import MORE, NO_MONEY, REACHED
from qbatch.accuracy.kept import read_rounds
from qbatch.errors import OverBudget
from qbatch.executor import Options
from qbatch.executor.rehearsal import Rehearsal, rehearse
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.snapshot import Run
from tests.proving import for_a_while

MANIFEST = """
qbatch: 1
name: rounds
circuits:
  turn:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float t;
      qubit[1] q;
      bit[1] c;
      ry(t) q[0];
      c[0] = measure q[0];
backends:
  forte: {provider: open-quantum, target: "ionq:forte-1"}
  rensselaer: {provider: ibm-direct-access, target: ibm_rensselaer}
  aria: {provider: marqov, target: ionq-aria-1}
  garnet: {provider: scaleway, target: QPU-GARNET-20PQ}
  toshiko: {provider: oqc, target: "qpu:uk:1:12345"}
shots: {target_se: 0.05, of: z, min: 100, max: MAX}
sweep: {matrix: {backend: [forte, rensselaer, aria, garnet, toshiko], t: [0.3, 1.5]}}
analysis: {observables: {z: Z0}}
"""


def played(folder: Path, most: int = 2000, budget: str = "") -> Rehearsal:
    text = MANIFEST.replace("MAX", str(most)) + budget
    return rehearse(
        expand(parse_manifest(text, folder=folder)), Options(out=folder / "r"), queues_s=(1.0,)
    )


def test_each_cloud_sells_what_the_decisions_say_and_no_more(tmp_path: Path) -> None:
    done = played(tmp_path)
    with Run(done.folder) as found:
        decided = read_rounds(found.meta)
        last = {each.point: each.decision for each in decided}
        for point in found:
            assert point.state is JobState.COMPLETED, point.name
            assert point.estimates["z"].se <= 0.05
            assert last[point.name].why == REACHED
            assert point.counts is not None
            jobs = [piece.bought for piece in point.pieces] or [point.counts.shots]
            assert sum(jobs) == point.counts.shots == sum(last[point.name].had.values()) <= 2000
            rounds = sum(e.point == point.name and e.decision.why == MORE for e in decided)
            assert len(jobs) == 1 + rounds
        spent = found.spent()
    for unit, (least, most) in done.spent.items():
        assert least == most == pytest.approx(spent[unit])


def test_max_is_all_that_a_cloud_sells(tmp_path: Path) -> None:
    done = played(tmp_path, most=250)
    with Run(done.folder) as found:
        shots = [point.counts.shots for point in found if point.counts]
    assert shots == [100] * 5 + [250] * 5


BUDGET = """
budget:
  forte: {credits: 30}
  aria: {usd: 30}
  garnet: {eur: 0.75}
  toshiko: {usd: 0.4}
"""


def test_no_cloud_sells_more_than_the_budget_has_and_the_others_go_on(tmp_path: Path) -> None:
    done = played(tmp_path, budget=BUDGET)
    (only,) = done.passes
    spent = {name: sum(backend.spent.values()) for name, backend in only.backends.items()}
    assert 22 <= spent["forte"] <= 30
    assert spent["aria"] <= 30
    assert spent["garnet"] <= 0.75
    assert 0.35 <= spent["toshiko"] <= 0.4
    assert {*only.summary.over_budget} == {"forte", "garnet", "toshiko"}
    told = "budget.garnet does not reach for the target of 1 point"
    assert only.summary.over_budget["garnet"] == told
    with Run(done.folder) as found:
        last = {each.point: each.decision for each in read_rounds(found.meta)}
    why = {name: last[f"backend={name},t=1.5"].why for name in only.backends}
    assert why == dict.fromkeys(why, REACHED) | dict.fromkeys(only.summary.over_budget, NO_MONEY)


#: Backend -> unit of its bills, and what the targets cost there without a limit, at least.
ASKED = {
    "forte": ("credits", 40.0),
    "rensselaer": ("qpu_seconds", 6.0),
    "aria": ("usd", 25.0),
    "garnet": ("eur", 1.2),
    "toshiko": ("usd", 0.6),
}


@pytest.mark.slow
def test_whatever_the_budgets_are_no_cloud_sells_more(tmp_path: Path) -> None:
    chance = Random(14)
    stopped = 0
    for number in for_a_while(range(1000), 4, 6.0):
        limits = {name: chance.uniform(0.3, 1.2) * most for name, (_, most) in ASKED.items()}
        lines = [f"  {name}: {{{ASKED[name][0]}: {limit:.6f}}}" for name, limit in limits.items()]
        aim = f"  aim: {chance.choice(['worst', 'total'])}"
        folder = tmp_path / str(number)
        try:
            done = played(folder, budget="\n".join(["budget:", *lines, aim, ""]))
        except OverBudget:  # the first round alone is beyond one of them: nothing is bought
            assert not (folder / "r" / "snapshot.db").exists()
            continue
        (only,) = done.passes
        for name, limit in limits.items():
            assert sum(only.backends[name].spent.values()) <= limit + 1e-9, limits
        stopped += len(only.summary.over_budget)
    assert stopped
