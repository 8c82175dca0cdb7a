"""A sixth cloud as a package of its own: installed beside qbatch, and used by the command line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.providers.toy_service import TOKEN, serving

PACKAGE = Path(__file__).parent / "toy_cloud"
MANIFEST = """\
qbatch: 1
name: toy
circuits:
  flip:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float a;
      qubit[2] q;
      bit[2] c;
      rx(a) q[0];
      c = measure q;
backends:
  toy:
    provider: toy-cloud
    options: {machine: wood, priority: 3}
sweep: {matrix: {a: [0, pi]}}
shots: 100
analysis: {observables: {z: Z0}}
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package as an installer leaves it: its module, and what it announces."""
    site = tmp_path / "site"
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    facts = site / f"qbatch_toy_cloud-{project['version']}.dist-info"
    facts.mkdir(parents=True)
    (site / "toy_cloud.py").write_bytes((PACKAGE / "toy_cloud.py").read_bytes())
    name, version = project["name"], project["version"]
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = project["entry-points"]["qbatch.providers"].items()
    lines = "".join(f"{key} = {value}\n" for key, value in points)
    (facts / "entry_points.txt").write_text(f"[qbatch.providers]\n{lines}")
    return site


def qbatch(
    site: Path, folder: Path, *words: str, url: str = ""
) -> subprocess.CompletedProcess[str]:
    paths = [str(site), str(Path(__file__).parents[2])]
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "QBATCH_TOY_CLOUD_URL": url,
        "TOY_CLOUD_TOKEN": TOKEN,
    }
    return subprocess.run(
        [sys.executable, "-m", "qbatch", *words],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_package_of_a_sixth_cloud_has_fewer_than_150_lines() -> None:
    lines = [len(file.read_text("utf-8").splitlines()) for file in PACKAGE.glob("*.*")]
    assert sum(lines) < 150


@pytest.mark.slow
def test_its_options_are_checked_at_their_line_and_stand_in_the_schema(
    installed: Path, tmp_path: Path
) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(MANIFEST.replace("machine: wood, priority: 3", "machin: wood, priority: 12"))
    told = qbatch(installed, tmp_path, "validate", "m.yaml")
    assert told.returncode == 3
    assert "m.yaml:16:15: unknown key 'machin'" in told.stderr
    assert "did you mean 'machine'?" in told.stderr
    assert "m.yaml:16:29: 12 is too large; write 9 or less" in told.stderr
    schema = json.loads(qbatch(installed, tmp_path, "schema").stdout)
    options = schema["$defs"]["toy-cloud-options"]["properties"]
    assert options["machine"]["enum"] == ["tin", "wood", None]  # none: takes out a base's
    assert options["priority"]["description"] == "From 1, which waits longest, to 9."


@pytest.mark.slow
def test_a_manifest_runs_there_and_a_lost_answer_buys_nothing_again(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "m.yaml").write_text(MANIFEST)
    with serving(lost=1) as service:
        url = f"http://127.0.0.1:{service.server_address[1]}"
        done = qbatch(installed, tmp_path, "run", "m.yaml", "--yes", url=url)
        assert done.returncode == 0, done.stderr
        assert len(service.taken) == len(set(service.taken)) == 2
        assert {job["machine"] for job in service.jobs.values()} == {"wood"}
        again = qbatch(installed, tmp_path, "run", "m.yaml", "--yes", url=url)
        assert again.returncode == 0
        assert len(service.taken) == 2
    exported = qbatch(installed, tmp_path, "export", "m.yaml", "--format", "csv").stdout
    rows = list(csv.DictReader(exported.splitlines()))
    assert [float(row["z"]) for row in rows] == [1.0, -1.0]
    assert {(row["cost"], row["unit"]) for row in rows} == {("1.0", "credits")}
