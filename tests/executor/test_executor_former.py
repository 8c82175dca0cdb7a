"""Run folders that an earlier version of qbatch left (snapshot version 2), as it wrote them.

``former/*.sql`` were made by that version: `axis` of a sweep over shots (100, 200), `number` with
`shots: 100` and then, in the same folder, with `shots: 300`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from qbatch.errors import SnapshotError
from qbatch.executor import run
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand, known_as
from qbatch.snapshot import Run, Snapshot
from qbatch.snapshot.schema import SCHEMA_VERSION

DUMPS = Path(__file__).parent / "former"

MANIFEST = """
qbatch: 1
name: former
circuits:
  wave:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float gamma;
      qubit q; bit c;
      rx(gamma) q;  // turn
      c = measure q;
backends: {{sim: {{provider: local}}}}
sweep: {{{sweep}, seed: 7}}
analysis: {{observables: {{z: Z0}}}}
"""
AXIS = MANIFEST.format(sweep="matrix: {gamma: [0.5, 1.5], shots: [100, 200]}")
NUMBER = MANIFEST.format(sweep="matrix: {gamma: [0.5, 1.5]}, repeat: 2") + "shots: 300\n"


def folder_of(name: str, tmp_path: Path) -> Path:
    """A run folder of version 2."""
    folder = tmp_path / name
    folder.mkdir()
    with closing(sqlite3.connect(folder / "snapshot.db")) as db:
        db.executescript((DUMPS / f"{name}.sql").read_text("utf-8"))
    return folder


def plan_of(text: str) -> Plan:
    return expand(parse_manifest(text, file="former.yaml"))


def version_of(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "snapshot.db")) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("name", ["axis", "number"])
def test_it_is_read_as_it_is(name: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    before = (folder / "snapshot.db").read_bytes()
    with Run(folder) as found:
        points = list(found)
        assert len(found) == len(points) == 4
        assert all(point.counts and point.id == point.job.id for point in points)
        assert found[points[2].id[:8]].name == points[2].name
    assert (folder / "snapshot.db").read_bytes() == before


@pytest.mark.parametrize(("name", "text"), [("axis", AXIS), ("number", NUMBER)])
def test_its_points_are_known_to_the_plan_before_they_are_converted(
    name: str, text: str, tmp_path: Path
) -> None:
    with Run(folder_of(name, tmp_path)) as found:
        known = {id_ for point in found for id_ in known_as(found, point)}
    assert {point.id for point in plan_of(text).points()} <= known


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("axis", AXIS),
        ("number", NUMBER),
        ("axis", AXIS.replace("// turn", "/* another note */\n")),
        ("number", NUMBER.replace("qubit q; bit c;", "qubit q;\n\n      bit c;")),
    ],
)
def test_a_run_converts_it_and_runs_nothing_again(name: str, text: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    with Run(folder) as before:
        counts = {point.name: point.counts.pack() if point.counts else b"" for point in before}
        jobs = {point.name: point.job for point in before}
    plan = plan_of(text)
    with run(plan.manifest, out=folder) as after:
        assert after.summary.total == 0
        assert [point.id for point in after] == [point.id for point in plan.points()]
        assert {
            point.name: point.counts.pack() if point.counts else b"" for point in after
        } == counts
        assert {point.name: point.job for point in after} == jobs
        assert not after.has_former_ids
    assert version_of(folder) == SCHEMA_VERSION


def test_a_new_value_is_all_that_runs(tmp_path: Path) -> None:
    text = AXIS.replace("[0.5, 1.5]", "[0.5, 1.0, 1.5]")
    with run(plan_of(text).manifest, out=folder_of("axis", tmp_path)) as after:
        assert after.summary.total == 2
        assert after.counts_by_state() == {JobState.COMPLETED: 6}


def test_other_commands_may_come_before_the_run(tmp_path: Path) -> None:
    folder = folder_of("axis", tmp_path)
    with Run(folder) as found:
        first = next(iter(found))
    with Snapshot(folder) as snapshot:
        assert snapshot.forget([first.id]) == 1
        with pytest.raises(SnapshotError, match="ids of a former kind; `qbatch run`"):
            snapshot.register([])
    with Run(folder) as found:
        assert found.has_former_ids
    with run(plan_of(AXIS).manifest, out=folder) as after:
        assert after.summary.total == 1


def test_it_is_whole_where_writing_it_anew_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of("axis", tmp_path)

    def fail(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fail)
        with pytest.raises(SnapshotError):
            Snapshot(folder)
    assert version_of(folder) == 2
    with run(plan_of(AXIS).manifest, out=folder) as after:
        assert after.summary.total == 0
    assert not list(folder.glob("*.new"))


def test_a_point_whose_setting_is_lost_is_not_bought_again_in_silence(tmp_path: Path) -> None:
    folder = folder_of("axis", tmp_path)
    with closing(sqlite3.connect(folder / "snapshot.db")) as db:
        db.execute("DELETE FROM settings")
        db.commit()
    with pytest.raises(SnapshotError, match="is lost"):
        run(plan_of(AXIS).manifest, out=folder)
