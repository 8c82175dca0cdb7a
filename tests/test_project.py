"""Which files a manifest may name. P42: circuits could not lie beside the manifest's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.errors import SourceErrors
from qbatch.plan import expand_file
from qbatch.project import may_name, project_root

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; h q[0]; measure q -> c;'


def mistake_of(manifest: Path) -> str:
    with pytest.raises(SourceErrors) as caught:
        expand_file(manifest)
    return str(caught.value.exceptions[0])


def write_manifest(folder: Path, circuit: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "m.yaml"
    path.write_text(
        f"qbatch: 1\nname: m\ncircuits: {{a: {circuit}}}\nbackends: {{s: {{provider: local}}}}\n"
    )
    return path


@pytest.mark.parametrize(
    ("mark", "text"),
    [("qbatch.toml", ""), (".git", ""), ("pyproject.toml", "[tool.qbatch]\n")],
)
def test_a_circuit_may_lie_anywhere_in_the_project(tmp_path: Path, mark: str, text: str) -> None:
    (tmp_path / mark).write_text(text)
    (tmp_path / "circuits").mkdir()
    (tmp_path / "circuits" / "bell.qasm").write_text(BELL)
    manifest = write_manifest(tmp_path / "deep" / "experiments", "../../circuits/bell.qasm")
    assert expand_file(manifest).num_points == 1


@pytest.mark.parametrize(
    "circuit", ["../../above.qasm", "../.hidden/bell.qasm", "../.bell.qasm", "../to_above.qasm"]
)
def test_nothing_above_and_nothing_hidden_is_read(tmp_path: Path, circuit: str) -> None:
    project = tmp_path / "project"
    (project / ".hidden").mkdir(parents=True)
    (project / "qbatch.toml").touch()
    (project / "to_above.qasm").symlink_to(tmp_path / "above.qasm")
    for path in (tmp_path / "above.qasm", project / ".hidden/bell.qasm", project / ".bell.qasm"):
        path.write_text(BELL)
    manifest = write_manifest(project / "experiments", circuit)
    assert "lies outside the manifest's project, or is hidden there" in mistake_of(manifest)


def test_without_a_project_the_folder_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "bell.qasm").write_text(BELL)
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    manifest = write_manifest(tmp_path / "experiments", "../bell.qasm")
    told = mistake_of(manifest)
    assert "lies outside the manifest's folder; copy it in" in told
    assert "a project with a file qbatch.toml" in told


def test_the_home_folder_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some keep it in git; a stranger's manifest in it must not read all of it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "Downloads"
    folder.mkdir()
    assert project_root(folder) == tmp_path
    assert not may_name(tmp_path / "letters.txt", folder)
    assert may_name(folder / ".config" / "x", folder)
