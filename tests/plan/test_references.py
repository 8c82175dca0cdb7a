"""A reference is run between the points at its pace; the points themselves stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plan_making import PAIR, WAVE, ids, mistakes_of, names, plan_of

from qbatch.bases import is_reference
from qbatch.emulators import USUAL
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.plan.measured import settings_of_circuits
from qbatch.plan.references import references_facts, told_references
from qbatch.plan.turns import in_turn
from qbatch.providers import Target
from qbatch.snapshot import Run

SWEEP: dict[str, Any] = {"matrix": {"gamma": {"linspace": [0, 1, 10]}, "beta": [0.5]}}
CIRCUITS = {"wave": {"qasm": WAVE}, "pair": {"qasm": PAIR}}


def plan(every: int = 4, sweep: Any = SWEEP, **more: Any) -> Plan:
    reference = {"circuit": "pair", "every": every, **more}
    return plan_of(sweep, circuits=CIRCUITS, run={"reference": reference}, shots=100)


def turn(made: Plan) -> str:
    """A letter for each job in turn: R for a reference."""
    return "".join("Rp"[not is_reference(p.name)] for p in in_turn(made, ("sim",)))


@pytest.mark.parametrize(
    ("every", "expected"), [(4, "RppppRppppRppR"), (5, "RpppppRpppppR"), (99, "RppppppppppR")]
)
def test_a_reference_is_run_before_between_and_after(every: int, expected: str) -> None:
    assert turn(plan(every)) == expected


def test_also_between_interleaved_points() -> None:
    assert turn(plan(4, {**SWEEP, "order": "interleave"})) == "RppppRppppRppR"


def test_what_is_bought_once_for_several_places_counts_once() -> None:
    sweep = {"matrix": {**SWEEP["matrix"], "circuit": ["wave", "pair"]}}
    made = plan(4, sweep)
    assert made.num_points == 20 + 4  # `pair` takes no gamma: it stands at ten places
    assert turn(made) == "RppppRppppRpppR"


def test_a_reference_is_told_in_no_settings_of_the_sweep() -> None:
    analysis = {"observables": {"x": "X0"}}
    made = plan_of(
        {"matrix": SWEEP["matrix"]},
        circuits=CIRCUITS,
        run={"reference": {"circuit": "pair", "every": 4}},
        analysis=analysis,
    )
    assert list(settings_of_circuits(made)) == ["wave"]


def test_points_keep_their_ids_names_and_places() -> None:
    bare = plan_of(SWEEP, circuits={"wave": {"qasm": WAVE}}, shots=100)
    assert ids(plan())[:10] == ids(bare)
    assert names(plan())[:10] == names(bare)
    assert names(plan())[10:12] == [
        "reference:pair,backend=sim",
        "reference:pair,backend=sim#2",
    ]


def test_each_is_an_experiment_of_its_own() -> None:
    sweep = {"matrix": {"circuit": ["pair"]}, "repeat": 4}
    made = plan(2, sweep)
    found = ids(made)
    assert len(set(found)) == len(found) == 7
    wide = ids(plan(2, {**sweep, "repeat": 8}))
    assert wide[8:11] == found[4:]  # more points need more references, the first stay


def test_where_circuits_cannot_share_a_job_a_reference_does_not_wait() -> None:
    target = Target(name="t", max_jobs=3, pack_by="circuit")
    sent = [len(b.orders) for b in plan(5).composites({"sim": target}, None)]
    first = [b.orders[0].name for b in plan(5).composites({"sim": target}, None)]
    assert first[0].startswith("reference:")
    assert sum(sent) == 13
    assert [is_reference(name) for name in first].index(True, 1) < len(first) - 1


@pytest.mark.parametrize("kind", [{"one_number_of_shots": True}, {"pack_by": "circuit"}])
def test_jobs_are_sent_in_turn_where_references_pack_with_no_point(kind: Any) -> None:
    target = Target(name="t", max_jobs=100, **kind)
    batches = plan(4, shots=7).composites({"sim": target}, None)
    sent = ["".join("Rp"[not is_reference(one.name)] for one in b.orders) for b in batches]
    assert sent == ["R", "pppp", "R", "pppp", "R", "pp", "R"]


def test_a_plan_tells_and_prices_them() -> None:
    (line,) = told_references(plan())
    assert line == (
        "reference 'pair', 100 shots, is run before the first point, after every 4 and after the "
        "last: 4 on sim"
    )
    (line,) = told_references(plan(), lambda point: point.name.endswith("#2"))
    assert line.endswith("after the last: 4 on sim; of these 1 is chosen now")
    assert references_facts(plan(shots=7))["references"] == {
        "circuit": "pair", "every": 4, "shots": 7, "jobs": {"sim": 4},
    }  # fmt: skip
    summary = plan().summary({"sim": Target(name="t", max_jobs=9)})
    assert (summary.points, summary.shots) == (14, 1400)


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (
            {"circuit": "pear", "every": 4},
            "there is no circuit 'pear' (wave, pair, turned); did you mean 'pair'?",
        ),
        ({"circuit": "turned", "every": 4}, "a reference takes no parameters; 'turned' has beta"),
        ({"circuit": "pair", "every": 0}, "reference.every: 0 is too few; write 1 or more"),
        ({"circuit": "pair", "every": 1, "outcome": "0"}, "run.reference.outcome|'0'"),
        ({"circuit": "pair", "every": 1, "outcome": "up"}, "is no pattern of bits"),
        ({"circuit": "pair"}, "every"),
    ],
)
def test_a_wrong_reference_is_told(reference: Any, problem: str) -> None:
    sweep = {"matrix": {**SWEEP["matrix"], "circuit": ["wave"]}}
    circuits = {**CIRCUITS, "turned": {"qasm": WAVE}}
    found = mistakes_of(sweep, circuits=circuits, run={"reference": reference})
    assert len(found) == 1
    assert any(part in found[0] for part in problem.split("|")), found


def test_where_shots_are_an_axis_those_of_a_reference_are_written() -> None:
    sweep = {"matrix": {**SWEEP["matrix"], "shots": [10, 20]}}
    run = {"reference": {"circuit": "pair", "every": 4}}
    (told,) = mistakes_of(sweep, circuits=CIRCUITS, run=run)
    assert "the points' shots are an axis; write how many a reference takes" in told
    assert [point.shots for point in plan(4, sweep, shots=7).references("sim")] == [7] * 6


MANIFEST = """\
qbatch: 1
name: study
circuits:
  flat: {qasm: 'OPENQASM 3.0; input float theta; qubit q; bit c; U(0, 0, theta) q; c = measure q;'}
  ref: {qasm: 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; x q[0]; measure q->c;'}
backends: {toshiko: {provider: oqc, target: "qpu:uk:1:12345"}}
shots: 50
sweep: {matrix: {theta: {linspace: [0, 1, 6]}}}
run: {reference: {circuit: ref, every: 2}}
analysis: {probabilities: {one: "1"}, observables: {z: Z0}}
"""


def test_readers_of_a_run_see_its_points_and_its_references_apart(tmp_path: Path) -> None:
    made = expand(parse_manifest(MANIFEST, folder=tmp_path))
    done = rehearse(made, Options(out=tmp_path / "s.rehearsal"), queues_s=(1.0,), noise=USUAL)
    with Run(done.folder) as run:
        assert len(run) == len([*run]) == 6
        assert [point.circuit for point in run] == ["flat"] * 6
        assert sum(map(len, run.stretches())) == 6
        found = [*run.references()]
        assert [each.name for each in found][1:] == [
            f"reference:ref,backend=toshiko#{number}" for number in (2, 3, 4)
        ]
        assert all(each.counts is not None and len(each.counts.registers) == 1 for each in found)
        assert run[-1].parameters == {"theta": 1.0}
        second = run["reference:ref,backend=toshiko#2"]
        assert second.done == 50
        assert (second.estimates, second.undecided) == ({}, {})  # "1" is no pattern of its 2 bits
