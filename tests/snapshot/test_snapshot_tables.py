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
        *("p1", "p1_se", "p1_low", "p1_high", "cost", "unit", "provider_job_id", "error"),
    ]
    assert frame["p1"][:4].tolist() == [0.1] * 4
    assert math.isnan(frame["p1"][4])
    assert frame["state"].tolist() == ["completed"] * 4 + ["created"]


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


def test_without_pandas_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name in ("pandas", "xarray"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(QbatchError, match=r"pandas is not installed; .* qbatch\[data\]"):
        run.to_dataframe()
    with pytest.raises(QbatchError, match=r"xarray is not installed"):
        run.to_xarray()


def test_the_notebook_table_escapes_what_a_manifest_says(run: Run) -> None:
    html = run._repr_html_()
    assert "&lt;b&gt;sweep&lt;/b&gt;" in html
    assert "4 completed, 1 created" in html
    assert html.count("<tr>") == 6


def test_estimates_are_computed_where_none_are_stored_for_this_analysis(run: Run) -> None:
    point = next(iter(run))
    estimate = run.estimates(point)["p1"]
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
