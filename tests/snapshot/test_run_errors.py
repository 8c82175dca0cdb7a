"""P23: errors of points as values: a code beside the words, one exception for all that failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import qbatch
from qbatch.exchange.exports import export
from qbatch.job import JobError, JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.snapshot import Run, Snapshot

TEXT = """\
qbatch: 1
name: fridge
circuits: {c: {qasm: 'OPENQASM 3.0; input float a; qubit q; bit c; U(a, 0, 0) q; c = measure q;'}}
backends: {b: {provider: local}}
sweep: {matrix: {a: {range: [0, NUMBER, 1]}}}
"""

Opener = Callable[..., Run]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Return a maker of runs: of the number of points, and place -> (state, error) of some."""
    runs: list[Run] = []

    def make(number: int, **ends: tuple[JobState, str]) -> Run:
        manifest = parse_manifest(TEXT.replace("NUMBER", str(number)), folder=tmp_path)
        with Snapshot(tmp_path) as snapshot:
            snapshot.register(expand(manifest).points())
            snapshot.set_meta(
                name="fridge",
                manifest=manifest.text,
                manifest_path="m.yaml",
                manifest_folder=str(tmp_path),
                overrides="[]",
            )
            points = [point for point, _ in Run(tmp_path).stored_points()]
            for place, (state, error) in ends.items():
                (row,) = snapshot.jobs_of([points[int(place[1:])].id])
                job = row.job.moved_to(JobState.SUBMITTING).moved_to(state, error=error)
                snapshot.save_jobs([replace(row, job=job)])
        runs.append(Run(tmp_path))
        return runs[-1]

    yield make
    for run in runs:
        run.close()


def test_a_points_error_has_words_and_a_code(opened: Opener) -> None:
    run = opened(3, p0=(JobState.FAILED, "too warm (code 102)"), p1=(JobState.HELD, "who knows"))
    assert [point.error for point in run] == [
        JobError("too warm", 102),
        JobError("who knows"),
        None,
    ]
    assert str(run[0].error) == "too warm (code 102)"


def test_tables_and_json_have_the_code_of_its_own(opened: Opener, tmp_path: Path) -> None:
    run = opened(2, p0=(JobState.FAILED, "too warm (code 102)"))
    export(run, "csv", tmp_path / "r.csv")
    head, first, second = (tmp_path / "r.csv").read_text().splitlines()
    assert head.endswith(",error,error_code,emulated")
    assert first.endswith(",too warm (code 102),102,")
    assert second.endswith(",,,")
    export(run, "json", tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())["points"]
    assert [one["error_code"] for one in told] == [102, None]


def test_a_data_frame_and_parquet_have_the_code(opened: Opener, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    run = opened(
        3, p0=(JobState.FAILED, "too warm (code 102)"), p1=(JobState.FAILED, "no (code LANE_GONE)")
    )
    assert run.to_dataframe()["error_code"].tolist()[:2] == [102, "LANE_GONE"]
    export(run, "parquet", tmp_path / "r.parquet")
    again = pandas.read_parquet(tmp_path / "r.parquet")
    assert again["error_code"].tolist()[:2] == ["102", "LANE_GONE"]


def test_a_run_without_failures_raises_nothing_and_is_returned(opened: Opener) -> None:
    run = opened(2, p0=(JobState.SUBMITTED, ""))
    assert run.raise_for_error() is run


def test_all_points_that_came_to_nothing_are_raised_at_once(opened: Opener) -> None:
    run = opened(
        5,
        p0=(JobState.FAILED, "too warm (code 102)"),
        p2=(JobState.HELD, "who knows"),
        p3=(JobState.CANCELLED, ""),
    )
    with pytest.raises(qbatch.PointsFailed) as caught:
        run.raise_for_error()
    assert str(caught.value).splitlines() == [
        "fridge: 3 of 5 points came to nothing:",
        "  a=0: failed: too warm (code 102)",
        "  a=2: held: who knows",
        "  a=3: cancelled",
    ]
    assert [point.name for point in caught.value.points] == ["a=0", "a=2", "a=3"]
    assert caught.value.points[0].error.code == 102
    assert isinstance(caught.value, qbatch.QbatchError)


def test_the_exception_names_the_first_and_holds_them_all(opened: Opener) -> None:
    run = opened(30, **{f"p{at}": (JobState.FAILED, "no") for at in range(25)})
    with pytest.raises(qbatch.PointsFailed, match="25 of 30 points") as caught:
        run.raise_for_error()
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (22, "  and 5 more")
    assert len(caught.value.points) == 25
