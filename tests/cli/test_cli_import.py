"""``import`` and ``export --format oqc-snapshot`` as a person meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

JOB = {
    "program": 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q->c;',
    "qpu_id": "qpu:uk:2:d865b5a184",
    "state": "COMPLETED",
    "task_id": "0216e7aa-0fe8-48a7-9917-a088c0b3cc93",
    "result": {"kind": "result", "data": {"c": {"1": 1000}}, "timings": {"SERVER": "now"}},
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A file of OQC's client in the current folder of `qbatch`, one job done and one in flight."""
    flying = JOB | {"state": "RUNNING", "result": None, "config_json": None}
    path = tmp_path / "my batch.json"
    data = {"schema_version": "1", "snapshot_kind": "composite", "jobs": [JOB, flying]}
    path.write_text(json.dumps(data))
    return Path(path.name)


def test_an_imported_file_is_a_run_like_any_other(qbatch: Call, saved: Path) -> None:
    said = qbatch("import", saved)
    assert (said.code, said.out) == (0, "runs/my-batch: 2 points: 1 completed, 1 running\n")
    assert "`qbatch fetch runs/my-batch`" in said.err
    assert qbatch("status", "runs/my-batch").code == 9
    assert qbatch("report", "runs/my-batch").code == 0
    assert len(qbatch("export", "runs/my-batch").out.splitlines()) == 3
    assert qbatch("validate", "runs/my-batch/manifest.yaml").code == 0


def test_show_tells_diagnostics_and_every_attempt(
    qbatch: Call, saved: Path, tmp_path: Path
) -> None:
    data = json.loads((tmp_path / saved).read_text())
    error = {"kind": "error", "error_code": 7, "error_message": "laser off"}
    data["jobs"] = [
        JOB | {"history": [error | {"task_id": None}, JOB["result"] | {"task_id": JOB["task_id"]}]}
    ]
    data["jobs"][0]["result"] = data["jobs"][0]["history"][1]
    (tmp_path / saved).write_text(json.dumps(data))
    qbatch("import", saved, "--out", "run")
    (row,) = qbatch("export", "run", "--format", "json").json["points"]
    said = qbatch("show", "run", row["id"][:8]).out
    assert "timings.SERVER  now" in said
    assert "laser off (code 7)" in said
    assert len(qbatch("show", "run", row["id"][:8], "--json").json["attempts"]) == 2


def test_a_file_that_is_none_says_so_and_makes_no_run(qbatch: Call, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"schema_version": "1"}')
    said = qbatch("import", "x.json")
    assert said.code == 3
    assert "x.json: is no file of OQC's client" in said.err
    assert qbatch("import", "missing.json").code == 3
    assert not (tmp_path / "runs").exists()


def test_a_run_without_points_on_oqc_has_no_such_file(qbatch: Call, done: Path) -> None:
    said = qbatch("export", done, "--format", "oqc-snapshot")
    assert (said.code, said.out) == (2, "")
    assert "no point of this run is for OQC" in said.err


def test_the_person_is_warned_of_what_the_client_would_buy_again(qbatch: Call, saved: Path) -> None:
    qbatch("import", saved, "--out", "run")
    said = qbatch("export", "run", "--format", "oqc-snapshot", "-o", "back.json")
    assert "execute() of OQC's client" in said.err
    assert said.code == 0
