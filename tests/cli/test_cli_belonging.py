"""M14: a run belongs to its manifest, wherever it is called from; what is paid, the clouds say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qbatch.manifest import load_manifest, parse_manifest
from qbatch.project import project_root
from qbatch.snapshot import run_folder_of
from tests.cli.conftest import CLOUDS, Call, Faults

Ledger = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def project(manifest: Path, tmp_path: Path, clouds: Any, faults: Faults) -> Path:
    """A project's folder ``manifests`` with a manifest of two points at a cloud that is quick."""
    faults(jobs=[{"wait_s": 0.1}])
    folder = tmp_path / "manifests"
    folder.mkdir()
    (tmp_path / "bell.qasm").rename(folder / "bell.qasm")
    text = CLOUDS.replace("[toshiko, forte]", "[toshiko]")
    (folder / "clouds.yaml").write_text(text)
    return folder


MARKS = {
    "none": lambda root: None,
    "git": lambda root: (root / ".git").mkdir(),
    "worktree": lambda root: (root / ".git").write_text("gitdir: elsewhere"),
    "qbatch.toml": lambda root: (root / "qbatch.toml").touch(),
    "pyproject": lambda root: (root / "pyproject.toml").write_text("[tool.qbatch]\n"),
}


@pytest.mark.parametrize("mark", MARKS)
def test_the_folder_that_qbatch_is_called_from_does_not_decide_who_pays_twice(
    qbatch: Call, clouds: Any, project: Path, ledger: Ledger, mark: str, monkeypatch: Any
) -> None:
    MARKS[mark](project.parent)
    before = len(ledger())
    assert qbatch("run", "manifests/clouds.yaml", "--yes", "--no-report").code == 0
    paid = len(ledger())
    assert paid > before
    for here, name in ((project, "clouds.yaml"), (Path("/"), project / "clouds.yaml")):
        monkeypatch.chdir(here)
        said = qbatch("plan", name, "--json").json
        assert (said["would_run"], said["left"]["prices"]) == (0, {})
        assert qbatch("run", name, "--no-report").code == 0, "nothing is to be agreed to"
        assert qbatch("status", name).code == 0
    assert len(ledger()) == paid


def test_a_project_that_gets_another_root_keeps_its_runs(
    qbatch: Call, clouds: Any, project: Path, ledger: Ledger
) -> None:
    assert qbatch("run", "manifests/clouds.yaml", "--yes", "--no-report").code == 0
    paid = len(ledger())
    (project.parent / ".git").mkdir()
    assert qbatch("run", "manifests/clouds.yaml", "--no-report").code == 0
    assert len(ledger()) == paid


def test_a_pyproject_of_something_else_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for text in ("[tool.ruff]\n", "no toml at all ["):
        (tmp_path / "pyproject.toml").write_text(text)
        assert project_root(tmp_path / "a") == tmp_path / "a"


@pytest.mark.slow
def test_two_manifests_with_one_name_do_not_share_a_run(qbatch: Call, done: Path) -> None:
    other = Path("other.yaml")
    other.write_text(done.read_text().replace("[10, 20, 40]", "[11]"))
    report = Path("runs/pair/report.md").read_text()
    for verb in ("run", "plan", "status", "show", "report", "retry"):
        said = qbatch(verb, other)
        assert (verb, said.code) == (verb, 9)
        assert "runs/pair: the run pair of pair.yaml is kept here, and other.yaml" in said.err
    assert Path("runs/pair/report.md").read_text() == report
    assert qbatch("run", other, "--out", "aside", "--no-report").code == 0
    assert qbatch("run", other, "-S", "name=other", "--no-report").code == 0
    done.unlink()  # it was renamed: the run is its own
    assert qbatch("run", other, "--no-report").code == 0


@pytest.mark.slow
def test_a_trial_is_told_that_the_report_is_its_own(qbatch: Call, done: Path) -> None:
    """P41: it said "kept that the manifest has no more", of points that the manifest has."""
    said = qbatch("run", done, "-S", "sweep.matrix.shots=11")
    assert "3 earlier ones kept that are no part of this plan, nor of its report" in said.err
    assert "nothing to do; 3 of 3" in qbatch("run", done).out


@pytest.mark.slow
def test_a_manifest_without_a_file_has_its_run_under_the_current_folder(
    done: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (tmp_path / done).read_text()
    assert run_folder_of(parse_manifest(text, folder=tmp_path)) == Path("runs/pair")
    monkeypatch.chdir("/")
    of_file = run_folder_of(load_manifest(tmp_path / done))
    assert of_file.resolve() == tmp_path / "runs" / "pair"
