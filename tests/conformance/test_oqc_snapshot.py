"""Snapshot files between qbatch and the official OQC client, in both directions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from environments import OQC

from qbatch.snapshot import Run

pytestmark = pytest.mark.conformance

MANIFEST = """\
qbatch: 1
name: both
circuits:
  bell:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[3] q;
      bit[1] a;
      bit[2] b;
      x q[0];
      ry(theta) q[2];
      a[0] = measure q[0];
      b[0] = measure q[1];
      b[1] = measure q[2];
backends:
  sim: {provider: local, limits: {workers: 1}}
  oqc: {provider: oqc, target: "qpu:uk:2:d865b5a184", options: {tket: two}}
sweep:
  matrix: {backend: [sim, oqc], theta: [0.3, 1.0, 2.0], shots: [100, 500]}
"""


@pytest.fixture(scope="module")
def oqc(serve: Callable[..., Any]) -> Any:
    return serve("oqc")


@pytest.fixture
def sdk(client: Callable[..., Any], oqc: Any) -> Callable[[str, Path], Any]:
    """Have the official client do something with a file."""

    def scenario(name: str, file: Path) -> Any:
        variables = oqc.variables | {"SNAPSHOT_FILE": str(file)}
        return client(OQC, "oqc_snapshot_client.py", name, **variables)

    return scenario


@pytest.fixture
def qbatch(oqc: Any, tmp_path: Path) -> Callable[..., str]:
    """Call qbatch as a program, in an empty folder, beside the served emulator."""

    def call(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "qbatch", *arguments],
            cwd=tmp_path,
            env=os.environ | oqc.variables,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return call


def counted(run: Run, bit_order: Any) -> dict[str, list[int]]:
    array = run.counts_array(bit_order=bit_order)
    labels = (label.replace(" ", "") for label in array.bitstrings)
    return dict(zip(labels, array.values.T.tolist(), strict=True))


def test_the_official_client_loads_what_qbatch_ran(
    qbatch: Callable[..., str], sdk: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "both.yaml").write_text(MANIFEST.replace("[sim, oqc]", "[oqc]"))
    qbatch("run", "both.yaml", "--yes", "--no-report")
    qbatch("export", "both.yaml", "-f", "oqc-snapshot", "-o", "saved.json")
    seen = sdk("load", tmp_path / "saved.json")
    with Run(tmp_path / "runs" / "both") as run:
        assert seen["ids"] == [point.job.provider_job_id for point in run]
        assert seen["tags"] == [point.name for point in run]
        assert seen["shots"] == [point.shots for point in run]
        assert seen["big"] == counted(run, "left")
        assert seen["little"] == counted(run, "right")
    assert set(seen["states"]) == {"COMPLETED"}
    assert set(seen["history"]) == {1}
    assert seen["same"]


def test_points_of_other_providers_are_left_out(
    qbatch: Callable[..., str], sdk: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "both.yaml").write_text(MANIFEST)
    qbatch("run", "both.yaml", "--yes", "--no-report")
    (tmp_path / "saved.json").write_text(qbatch("export", "both.yaml", "-f", "oqc-snapshot"))
    seen = sdk("load", tmp_path / "saved.json")
    assert len(seen["tags"]) == 6
    assert all("backend=oqc" in tag for tag in seen["tags"])
    assert seen["same"]


def test_qbatch_takes_over_what_the_official_client_saved_and_gives_it_back(
    qbatch: Callable[..., str], sdk: Callable[..., Any], oqc: Any, tmp_path: Path
) -> None:
    saved = sdk("save", tmp_path / "batch.json")
    before = len(oqc.ledger())
    assert "3 completed, 1 created, 1 failed, 1 submitted" in qbatch("import", "batch.json")
    qbatch("export", "runs/batch", "-f", "oqc-snapshot", "-o", "back.json")
    assert (tmp_path / "back.json").read_bytes() == (tmp_path / "batch.json").read_bytes()
    qbatch("fetch", "runs/batch", "--wait", code=1)
    qbatch("report", "runs/batch")
    with Run(tmp_path / "runs" / "batch") as run:
        joint = {p.job.provider_job_id: p.counts.to_dict() for p in run if p.counts is not None}
        first = next(iter(run))
    assert first.counts is not None
    assert {bits[::-1]: n for bits, n in first.counts.to_dict().items()} == saved["data"][0]["c"]
    assert sum(joint[saved["flying"]].values()) == 1000
    assert len(oqc.ledger()) == before
    qbatch("export", "runs/batch", "-f", "oqc-snapshot", "-o", "again.json")
    seen = sdk("load", tmp_path / "again.json")
    assert sorted(seen["states"]) == ["COMPLETED"] * 4 + ["CREATED", "FAILED"]
    assert seen["errors"] == [102]
    assert seen["same"]


def test_one_saved_job_is_taken_over_alone(
    qbatch: Callable[..., str], sdk: Callable[..., Any], tmp_path: Path
) -> None:
    saved = sdk("save", tmp_path / "batch.json")
    assert "1 point: 1 completed" in qbatch("import", "one.json", "--out", "alone")
    with Run(tmp_path / "alone") as run:
        assert counted(run, "left") == {b: [n] for b, n in saved["data"][0]["c"].items()}
        assert "SERVER_RECEIVED" in next(iter(run)).facts["timings"]


def test_what_is_in_flight_with_qbatch_is_settled_by_the_official_client(
    qbatch: Callable[..., str], sdk: Callable[..., Any], oqc: Any, tmp_path: Path
) -> None:
    oqc.set_faults(jobs=[{"wait_s": 3}])
    (tmp_path / "both.yaml").write_text(MANIFEST.replace("[sim, oqc]", "[oqc]"))
    qbatch("run", "both.yaml", "--yes", "--no-report", "--detach", code=9)
    before = len(oqc.ledger())
    qbatch("export", "both.yaml", "-f", "oqc-snapshot", "-o", "saved.json")
    data = sdk("settle", tmp_path / "saved.json")
    assert sorted(sum(one["c"].values()) for one in data) == [100] * 3 + [500] * 3
    assert len(oqc.ledger()) == before
