"""Places of a sweep that come to one content, run and read: one job, one cost, each its name."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qbatch.errors import SelectionError
from qbatch.executor import run
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.plan.pricing.limits import Limit
from qbatch.providers import Failed
from qbatch.snapshot import Run, Snapshot
from tests.cli.conftest import Call, Faults
from tests.executor.fake_drivers import FakeCloud, play

MANIFEST = """
qbatch: 1
name: shared
circuits:
  turn: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; input float a; qubit q; bit c;
    rx(a) q; c = measure q;"}
  flip: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; qubit q; bit c; x q; c = measure q;"}
backends: {sim: {provider: local}}
sweep: {matrix: {circuit: [flip, turn], a: [0.5, 1.5, 2.5]}, order: as-written}
shots: 50
analysis: {observables: {z: Z0}}
"""


def run_here(tmp_path: Path, text: str = MANIFEST) -> Run:
    return run(parse_manifest(text, file="shared.yaml"), out=tmp_path / "run")


def test_one_job_is_shown_at_each_place_in_the_order_of_the_plan(tmp_path: Path) -> None:
    plan = expand(parse_manifest(MANIFEST, file="shared.yaml"))
    with run_here(tmp_path) as found:
        assert found.summary.total == 4
        assert len(found) == 6
        points = list(found)
        assert [(p.id, p.name) for p in points] == list(plan.ids_and_names())
        assert [p.parameters["a"] for p in points] == [0.5, 1.5, 2.5] * 2
        flips = points[:3]
        assert {p.counts.to_dict()["1"] for p in flips if p.counts} == {50}
        assert [p.same_as for p in flips] == ["", flips[0].name, flips[0].name]
        assert found[flips[2].name].parameters == {"a": 2.5}
        assert found[flips[2].id[:8]].name == flips[0].name
    with run_here(tmp_path) as again:
        assert again.summary.total == 0


def test_places_come_and_go_with_the_plan_and_nothing_runs_for_them(tmp_path: Path) -> None:
    run_here(tmp_path).close()
    for values, shown in ("[0.5, 1.5]", 4), ("[1.5, 0.5, 2.5]", 6), ("[2.5]", 2):
        with run_here(tmp_path, MANIFEST.replace("[0.5, 1.5, 2.5]", values)) as found:
            assert (found.summary.total, len(list(found)), len(found)) == (0, shown, shown)


def test_the_cost_of_a_job_stands_where_it_was_bought(tmp_path: Path, qbatch: Call) -> None:
    run_here(tmp_path).close()
    with Snapshot(tmp_path / "run") as snapshot:
        ((_, row),) = snapshot.rows_at([1])
        job = type(row.job)(row.job.id, row.job.state, 1, "x", "", "", 2.5, "usd")
        with snapshot.transaction():
            snapshot.save_jobs([type(row)(1, job, row.composite, row.submitted_at)])
    with Run(tmp_path / "run") as found:
        assert [point.job.cost for point in found] == [2.5, *[None] * 5]
    said = qbatch("export", str(tmp_path / "run"), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["cost"] for row in rows] == ["2.5", *[""] * 5]


@pytest.mark.slow
def test_what_is_forgotten_is_gone_at_all_places(tmp_path: Path) -> None:
    with run_here(tmp_path) as found:
        flip = next(iter(found)).id
    with Snapshot(tmp_path / "run") as snapshot:
        snapshot.forget([flip])
    with Run(tmp_path / "run") as found:
        assert {point.circuit for point in found} == {"turn"}
        assert len(found) == 3
        with pytest.raises(SelectionError):
            found["circuit=flip,a=1.5"]
    with run_here(tmp_path) as found:
        assert (found.summary.total, len(found)) == (1, 6)


def test_plan_counts_the_places_and_the_jobs(tmp_path: Path, qbatch: Call) -> None:
    path = tmp_path / "shared.yaml"
    path.write_text(MANIFEST, "utf-8")
    told = qbatch("plan", str(path)).out
    assert "6 points (2 bought with another), 200 shots, 4 jobs" in told
    assert "new, with circuit=flip,a=0.5" in told
    found = qbatch("plan", str(path), "--json").json
    assert (found["points"], found["jobs"], found["shots"]) == (6, 4, 200)
    assert found["why"] == {"new": 4}


@pytest.mark.slow
def test_what_is_left_is_counted_in_places_as_well(tmp_path: Path, qbatch: Call) -> None:
    """Two of the six places are bought with another: they are left with it, and done with it."""
    path = tmp_path / "shared.yaml"
    path.write_text(MANIFEST, "utf-8")
    assert qbatch("run", str(path), "-k", "circuit=flip", "--yes").code in (0, 9)
    told = qbatch("plan", str(path)).out
    assert "of that is left to run: 3 points, 150 shots, 3 jobs" in told
    assert qbatch("run", str(path), "--yes").code == 0
    path.write_text(MANIFEST.replace("shots: 50", "shots: 80"), "utf-8")
    told = qbatch("plan", str(path)).out
    assert "of that is left to run: 6 points (2 bought with another), 120 shots, 4 jobs" in told
    assert "4 more shots, 2 with another" in told


TURNS = """
qbatch: 1
name: turns
circuits:
  turn: {qasm: &turn "OPENQASM 3.0; include 'stdgates.inc'; input float a; qubit[2] q; bit[2] c;
    rx(a) q[0]; c = measure q;"}
  same: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; input float a; qubit[2] q; bit[2] c;
    /* as it is written elsewhere */ rx(a) q[0]; c = measure q;"}
  flip: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; bit[2] c; x q[0]; c = measure q;"}
backends: {one: {provider: oqc, target: t}, two: {provider: oqc, target: t}}
sweep: {matrix: {circuit: [CIRCUITS], backend: [BACKENDS], a: [ANGLES]}}
shots: SHOTS
report: {formats: [md]}
"""


def subsets(*words: str) -> st.SearchStrategy[str]:
    chosen = st.lists(st.sampled_from(words), min_size=1, max_size=len(words), unique=True)
    return chosen.map(", ".join)


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["turn", "turn, same", "flip, turn", "turn, same, flip"]),
    subsets("one", "two"),
    subsets("0.5", "1.5", "2.5"),
    st.sampled_from([100, 250]),
    st.integers(0, 20),
    st.integers(0, 2),
)
def test_all_verbs_count_the_same_points(
    qbatch: Call, circuits: str, backends: str, angles: str, shots: int, most: int, failing: int
) -> None:
    """However many places share a content, and however far each is bought."""
    text = TURNS.replace("CIRCUITS", circuits).replace("BACKENDS", backends)
    text = text.replace("ANGLES", angles).replace("SHOTS", str(shots))
    plan = expand(parse_manifest(text, folder=Path("/")))
    cloud = FakeCloud(works_s=1.0, max_shots=100)
    ids = list(dict.fromkeys(id_ for id_, _ in plan.ids_and_names()))
    cloud.said = {id_: Failed(id_, "FAILED", error="broken") for id_ in ids[:failing]}
    drivers = dict.fromkeys(backends.split(", "), cloud)
    folder = Path(tempfile.mkdtemp()) / "run"
    try:
        limits = (Limit("budget", "credits", most),)
        done = play(folder, plan, drivers, limits=limits).summary
        planned = plan.summary(dict.fromkeys(drivers, cloud.target))
        assert done.total == planned.jobs
        assert done.unit == ("point" if planned.jobs == plan.num_points == len(ids) else "job")
        with Run(folder) as run:
            points = list(run)
            part = run.in_part()
        bought = sum(point.done for point in points if not point.same_as)
        states = {state.value: n for state, n in Counter(point.state for point in points).items()}
        assert sum(states.values()) == plan.num_points == planned.points
        assert {state.value: n for state, n in done.states.items()} == states
        told = qbatch("status", str(folder), "--json").json
        assert (told["points"], told["states"]) == (plan.num_points, states)
        begun = [point for point in points if 0 < point.done < point.shots]
        assert (part.points, part.done, part.wanted) == (
            len(begun),
            sum(point.done for point in begun if not point.same_as),
            sum(point.shots for point in begun if not point.same_as),
        )
        rows = csv.DictReader(io.StringIO(qbatch("export", str(folder), "--format", "csv").out))
        assert Counter(row["state"] for row in rows) == states
        qbatch("report", str(folder))
        page = (folder / "report.md").read_text("utf-8").replace("\u202f", "").replace("\xa0", "")
        head = re.search(r"\*\*(\d+) of (\d+) points? completed[^*]*\*\* ([\d ]+) shots", page)
        assert head is not None
        assert [int(each.replace(" ", "")) for each in head.groups()] == [
            states.get("completed", 0),
            plan.num_points,
            bought,
        ]
    finally:
        shutil.rmtree(folder.parent)


IN_BASES = """
qbatch: 1
name: bases
circuits:
  a: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; qubit q; bit c; ry(0.9) q; c = measure q;"}
  b: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; qubit q; bit c; ry(0.9) q; h q; c = measure q;"}
backends: {toshiko: {provider: oqc, target: "qpu:uk:1:12345"}}
sweep: {matrix: {circuit: [a, b]}, order: as-written}
shots: 100
analysis: {observables: {x: X0, z: Z0}}
"""


@pytest.mark.slow
def test_cancel_leaves_a_job_alone_that_another_point_needs(
    qbatch: Call, clouds: dict[str, str], faults: Faults, tmp_path: Path
) -> None:
    """Circuit b as it is written is circuit a in basis X0: three jobs for four settings."""

    def states() -> list[str]:
        with Run(tmp_path / "runs" / "bases") as found:
            return [each.state.value for each in found.settings()]

    faults(jobs=[{"provider": "oqc", "wait_s": 300}])
    Path("bases.yaml").write_text(IN_BASES)
    qbatch("run", "bases.yaml", "--detach", "--yes", "--no-report")
    assert states() == ["submitted"] * 4
    said = qbatch("cancel", "bases.yaml", "circuit=b", "--yes", "--no-report")
    assert states() == ["submitted", "submitted", "submitted", "cancelled"]
    assert said.code == 9  # b's other setting is in flight
    assert 'left alone: 1 job, bought for circuit=a,basis="X0" as well; name that' in said.err
    again = qbatch("cancel", "bases.yaml", "circuit=b", "--yes", "--no-report")
    assert (again.code, again.out) == (9, "")
    assert "left alone: 1 job" in again.err
    said = qbatch("cancel", "bases.yaml", "circuit=a", "circuit=b", "--yes", "--no-report")
    assert (said.code, states()) == (0, ["cancelled"] * 4)
    assert "left alone" not in said.err
    faults()
