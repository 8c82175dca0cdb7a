"""A run as data frame, as dataset, as HTML."""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qbatch.errors import QbatchError, SelectionError
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import expand
from qbatch.result import Counts
from qbatch.snapshot import NewResult, Run, Snapshot
from qbatch.snapshot.extrapolated import extrapolations_of

TEXT = """
qbatch: 1
name: <b>sweep</b>
circuits:
  flip:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[1] q;
      bit[1] c;
      rx(theta) q[0];
      c = measure q;
backends: {sim: {provider: local}}
sweep: {matrix: {theta: [0, 0.5, 1], shots: [10, 20]}, exclude: [{theta: 1, shots: 20}]}
analysis: {probabilities: {p1: "1"}}
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Five points, all but the last completed with a tenth of the shots at 1."""
    manifest = parse_manifest(TEXT.replace("<b>sweep</b>", "sweep"), folder=tmp_path)
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(expand(manifest).points())
        snapshot.set_meta(
            name="<b>sweep</b>",
            manifest=manifest.text,
            manifest_path="m.yaml",
            manifest_folder=str(tmp_path),
            overrides="[]",
        )
        points = [point for point, _ in Run(tmp_path).stored_points()]
        with snapshot.transaction():
            for point in points[:-1]:
                (row,) = snapshot.jobs_of([point.id])
                job = row.job.moved_to(JobState.SUBMITTING).moved_to(JobState.COMPLETED)
                snapshot.save_jobs([replace(row, job=job)])
                ones = point.shots // 10
                counts = Counts.from_dict([("c", 1)], {"1": ones, "0": point.shots - ones})
                snapshot.save_result(point.ordinal, NewResult(counts.pack(), {}))
    with Run(tmp_path) as opened:
        yield opened


def test_a_data_frame_has_the_columns_of_the_csv_file(run: Run) -> None:
    pytest.importorskip("pandas")
    frame = run.to_dataframe()
    assert list(frame.columns) == [
        *("id", "point", "state", "circuit", "backend", "shots", "repeat", "theta"),
        *("p1", "p1_se", "p1_low", "p1_high"),
        *("cost", "unit", "provider_job_id", "error", "error_code", "emulated"),
    ]
    assert frame["p1"][:4].tolist() == [0.1] * 4
    assert math.isnan(frame["p1"][4])
    assert frame["state"].tolist() == ["completed"] * 4 + ["created"]


def test_no_counts_are_read_for_extrapolations_that_nobody_asks_for(run: Run) -> None:
    point = next(iter(run))
    assert extrapolations_of(point, run.manifest) == {}
    assert point._counts is None


def test_a_dataset_has_the_swept_axes_as_dimensions(run: Run) -> None:
    pytest.importorskip("xarray")
    data = run.to_xarray()
    assert dict(data.sizes) == {"shots": 2, "theta": 3}
    assert data["p1"].sel(theta=0.5, shots=20).item() == 0.1
    assert data["counted"].sel(theta=0.0, shots=10).item() == 10
    assert data.attrs["backend"] == "sim"


def test_a_dataset_has_nan_where_a_point_is_missing(run: Run) -> None:
    pytest.importorskip("xarray")
    data = run.to_xarray()
    assert math.isnan(data["p1"].sel(theta=1.0, shots=20).item())
    assert data["state"].sel(theta=1.0, shots=20).item() == ""


def run_with(tmp_path: Path, sweep: str, backends: str = "{sim: {provider: local}}") -> Run:
    """A run of this sweep, every point measured with a tenth of its shots at 1."""
    start = TEXT.replace("<b>sweep</b>", "sweep").replace("input float theta;", INPUTS)
    start = start.replace("{sim: {provider: local}}", backends)
    text = "\n".join(
        f"sweep: {sweep}" if line.startswith("sweep:") else line for line in start.split("\n")
    )
    manifest = parse_manifest(text, folder=tmp_path)
    plan = expand(manifest)
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(plan.points())
        snapshot.set_meta(
            name="sweep",
            manifest=manifest.text,
            manifest_path="m.yaml",
            manifest_folder=str(tmp_path),
            overrides="[]",
        )
        with snapshot.transaction():
            for point, _ in Run(tmp_path).stored_points():
                (row,) = snapshot.jobs_of([point.id])
                job = row.job.moved_to(JobState.SUBMITTING).moved_to(JobState.COMPLETED)
                snapshot.save_jobs([replace(row, job=job)])
                ones = int(point.shots * dict(point.parameters)["theta"])
                counts = Counts.from_dict([("c", 1)], {"1": ones, "0": point.shots - ones})
                snapshot.save_result(point.ordinal, NewResult(counts.pack(), {}))
    return Run(tmp_path)


INPUTS = "input float theta; input float n;"
ZIP = "zip: {n: [1, 2, 3], theta: [0.5, 0.2, 0.1]}"


def test_an_axis_of_one_value_is_a_dimension(tmp_path: Path) -> None:
    """P16: sel(k=1) failed, for an axis of one value was an attribute."""
    pytest.importorskip("xarray")
    sweep = "{matrix: {n: [1], theta: [0.1, 0.2]}}"
    with run_with(tmp_path, sweep) as run:
        data = run.to_xarray()
    assert dict(data.sizes) == {"n": 1, "theta": 2}
    assert data["p1"].sel(n=1, theta=0.2).item() == int(0.2 * 1024) / 1024
    assert (data.attrs["backend"], data.attrs["shots"]) == ("sim", 1024)


def test_shots_that_an_override_sets_are_no_dimension(tmp_path: Path) -> None:
    """They say how well a point is known; as a dimension half of the array was NaN."""
    pytest.importorskip("xarray")
    sweep = (
        "{matrix: {n: [1, 2], theta: [0.1, 0.2]}, overrides: [{where: {n: 2}, set: {shots: 50}}]}"
    )
    with run_with(tmp_path, sweep) as run:
        data = run.to_xarray()
    assert dict(data.sizes) == {"n": 2, "theta": 2}
    assert data["counted"].sel(theta=0.2).values.tolist() == [1024, 50]
    assert "shots" not in data.attrs


def test_zipped_axes_are_one_dimension(tmp_path: Path) -> None:
    """P31: 64 points were 2 x 3 x 8 x 4 x 2 cells, mostly NaN."""
    pytest.importorskip("xarray")
    with run_with(tmp_path, f"{{matrix: {{shots: [10, 20]}}, {ZIP}}}") as run:
        data, points = run.to_xarray(), list(run)
    assert dict(data.sizes) == {"shots": 2, "n_theta": 3}
    assert data["counted"].notnull().all()
    for point in points:
        found = data["p1"].sel(shots=point.shots, n=point.parameters["n"])
        assert found.item() == point.estimates["p1"].value
        assert found["theta"].item() == point.parameters["theta"]


@pytest.mark.parametrize(
    ("sweep", "sizes"),
    [
        (f"[{{{ZIP}}}, {{matrix: {{theta: [0.3], n: [1]}}}}]", {"n": 3, "theta": 4}),
        (f"[{{{ZIP}}}, {{zip: {{n: [9], theta: [0.9]}}}}]", {"n_theta": 4}),
        (f"{{{ZIP}, include: [{{n: 1, theta: 0.7}}]}}", {"n_theta": 4}),
        (
            "{matrix: {n: [1, 2], theta: [0.5]}, include: [{n: 3, theta: 0.2}]}",
            {"n": 3, "theta": 2},
        ),
        (
            "{matrix: {n: [1]}, zip: {shots: [10, 20], theta: [0.1, 0.2]}}",
            {"shots_theta": 2, "n": 1},
        ),
    ],
)
def test_axes_go_together_only_where_they_always_do(
    tmp_path: Path, sweep: str, sizes: dict[str, int]
) -> None:
    pytest.importorskip("xarray")
    with run_with(tmp_path, sweep) as run:
        data = run.to_xarray()
        number = len(run)
    assert dict(data.sizes) == sizes
    assert int(data["counted"].notnull().sum()) == number


def test_a_dataset_of_zipped_axes_is_read_back_from_its_file(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    with run_with(tmp_path, f"{{matrix: {{shots: [10]}}, {ZIP}}}") as run:
        data = run.to_xarray()
    data.to_netcdf(tmp_path / "r.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as read:
        assert dict(read.sizes) == {"shots": 1, "n_theta": 3}
        assert read["theta"].values.tolist() == [0.5, 0.2, 0.1]
        assert (read["p1"].values == data["p1"].values).all()


def test_a_point_is_found_by_its_place(run: Run) -> None:
    """P31: `run[0]` was an AttributeError."""
    points = list(run)
    assert [run[i].id for i in range(5)] == [point.id for point in points]
    assert run[-1].id == points[-1].id
    for place in (5, -6):
        with pytest.raises(IndexError, match=rf"there is no point {place}; there are 5"):
            run[place]
    with pytest.raises(TypeError, match=r"by its name, id or place, not by 1\.5"):
        run[1.5]  # type: ignore[index]


def test_points_of_unlike_registers_are_chosen_among(run: Run) -> None:
    """P31: counts_array() over mixed widths was a ValueError without a way out."""
    points = list(run)
    points[0]._counts = Counts.from_dict([("c", 2)], {"11": 10})
    told = r"different registers \(c\[2\]; c\[1\]\), or give points= those of one kind"
    with pytest.raises(SelectionError, match=told):
        run.counts_array(points=points)
    told = r"different sizes .* \(1, 2 bits\); choose results of one circuit, or give points="
    with pytest.raises(SelectionError, match=told):
        run.counts_array("c", points=points)
    assert run.counts_array(points=points[:1]).values.tolist() == [[10]]
    assert run.counts_array(points=points[1:]).names == tuple(p.name for p in points[1:4])


def test_without_pandas_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name in ("pandas", "xarray"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(QbatchError, match=r"pandas is not installed; .*'qbatch\[data\]'"):
        run.to_dataframe()
    with pytest.raises(QbatchError, match=r"xarray is not installed"):
        run.to_xarray()


def test_estimates_are_computed_where_none_are_stored_for_this_analysis(run: Run) -> None:
    point = next(iter(run))
    estimate = point.estimates["p1"]
    assert estimate.value == 0.1
    assert 0 <= estimate.low < 0.1 < estimate.high


def test_a_closed_run_still_has_a_name_to_show(run: Run) -> None:
    run.close()
    assert "closed" in repr(run)


def test_counts_of_a_run_are_one_array_with_a_row_per_completed_point(run: Run) -> None:
    array = run.counts_array()
    completed = [point for point in run if point.counts is not None]
    assert array.names == tuple(point.name for point in completed)
    assert array.values.sum() == sum(point.shots for point in completed)
    assert run.counts_array(bit_order="left").bitstrings == array.bitstrings  # one bit


def test_an_array_of_a_register_that_nobody_has_is_refused(run: Run) -> None:
    with pytest.raises(SelectionError, match="no classical register 'z'; there are c"):
        run.counts_array("z")
