"""Runs of manifests that were made in Python: as those of files, and not in one another's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qbatch
from qbatch.errors import SnapshotError

ROTATION = """\
OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[1] q;
bit[1] c;
rx(theta) q[0];
c[0] = measure q[0];
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(**more: Any) -> qbatch.Manifest:
    return qbatch.Manifest(
        name="rabi",
        circuits={"rabi": ROTATION},
        backends={"ideal": {"provider": "local", "limits": {"workers": 1}}},
        sweep=qbatch.sweep(theta=np.array([0.0, np.pi])),
        shots=100,
        analysis={"observables": {"z": "Z0"}},
        **more,
    )


def test_a_manifest_in_python_runs_and_its_saved_file_goes_on_with_that_run(folder: Path):
    run = qbatch.run(made())
    assert [point.estimates["z"].value for point in run] == [1, -1]
    run = qbatch.run(made().save("rabi.yaml"))
    assert run.folder == Path("runs/rabi")
    assert run.summary.total == 0  # all was there


def test_the_run_of_a_file_is_not_taken_over_by_another_manifest_made_in_python(folder: Path):
    qbatch.run(made().save("rabi.yaml"))
    qbatch.run(made())  # what the file holds
    with pytest.raises(SnapshotError, match=r"run of rabi\.yaml is kept here.*made in Python"):
        qbatch.run(made(description="another"))
    assert len(qbatch.run(made(description="another"), out="other")) == 2
