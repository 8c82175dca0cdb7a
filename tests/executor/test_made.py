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
    given: dict[str, Any] = {
        "name": "rabi",
        "circuits": {"rabi": ROTATION},
        "backends": {"ideal": {"provider": "local", "limits": {"workers": 1}}},
        "sweep": qbatch.sweep(theta=np.array([0.0, np.pi])),
        "shots": 100,
        "analysis": {"observables": {"z": "Z0"}},
    }
    return qbatch.Manifest(**{**given, **more})


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


@pytest.mark.parametrize(
    "overrides", ["shots=40", ["shots=40"], {"shots": 40}], ids=["text", "list", "map"]
)
def test_overrides_hold_for_a_manifest_as_for_its_file(folder: Path, overrides: Any):
    path = made().save("rabi.yaml")
    for number, source in enumerate([path, made(), qbatch.load_manifest(path)]):
        run = qbatch.run(source, overrides=overrides, out=f"run-{number}")
        assert [point.shots for point in run] == [40, 40]
        assert run.manifest.overrides == ("shots=40",)


def test_a_run_goes_on_with_overrides_of_the_manifest_made_in_python(folder: Path):
    qbatch.run(made().save("rabi.yaml"))
    assert qbatch.run(made(), overrides="shots=140").folder == Path("runs/rabi")


def test_a_wrong_override_of_a_manifest_is_told(folder: Path):
    with pytest.raises(qbatch.SourceErrors, match="1 mistake") as caught:
        qbatch.run(made(), overrides=["shots=-3"])
    assert str(caught.value) == "-S shots: shots: -3 is too few; write 1 or more"
    assert not Path("runs").exists()


def test_trust_holds_for_a_manifest_as_for_its_file(folder: Path):
    Path("circuits.py").write_text(f"def build():\n    return {ROTATION!r}\n")
    manifest = made(circuits={"rabi": {"python": "circuits.py:build"}})
    with pytest.raises(qbatch.SourceErrors) as caught:
        qbatch.run(manifest)
    assert "--trust" in str(caught.value)
    assert len(qbatch.run(manifest, trust=True)) == 2
