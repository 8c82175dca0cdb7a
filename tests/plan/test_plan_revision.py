"""P17: the git commit, branch and changes of a manifest, held against a repository made here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from qbatch.plan.pinning.revision import Revision, revision_of


def git(folder: Path, *words: str) -> str:
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    command = ["git", *settings, "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    folder = tmp_path / "experiments"
    folder.mkdir()
    path = folder / "m.yaml"
    path.write_text("qbatch: 1")
    git(tmp_path, "init", "-q", "-b", "main")
    return path


def commit(manifest: Path) -> str:
    git(manifest.parent, "add", "m.yaml")
    git(manifest.parent, "commit", "-q", "-m", "x")
    return git(manifest.parent, "rev-parse", "HEAD")


def test_a_clean_manifest_is_of_its_commit_and_branch(manifest: Path) -> None:
    found = commit(manifest)
    (manifest.parent / "runs").mkdir()
    (manifest.parent / "runs" / "new").write_text("what a run leaves is no change")
    assert revision_of(manifest) == Revision(found, "main", is_dirty=False)
    assert str(revision_of(manifest)) == f"{found} on main"


def test_a_change_and_an_untracked_manifest_are_told(manifest: Path) -> None:
    found = commit(manifest)
    (other := manifest.with_name("other.yaml")).write_text("qbatch: 1")
    assert revision_of(other) == Revision(found, "main", is_dirty=True)
    manifest.write_text("qbatch: 2")
    assert str(revision_of(manifest)).startswith(
        f"{found} on main, with changes that are in no commit (diff "
    )


def test_without_a_branch_the_commit_is_told(manifest: Path) -> None:
    found = commit(manifest)
    git(manifest.parent, "checkout", "-q", "--detach")
    assert revision_of(manifest) == Revision(found, "", is_dirty=False)


def test_without_a_commit_a_repository_or_git_there_is_none(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert revision_of(manifest) is None
    commit(manifest)
    monkeypatch.setenv("PATH", "")
    assert revision_of(manifest) is None


def test_no_program_that_a_repository_names_is_run(manifest: Path, tmp_path: Path) -> None:
    commit(manifest)
    git(manifest.parent, "config", "core.fsmonitor", f"touch {tmp_path / 'ran'}; false")
    assert revision_of(manifest) is not None
    assert not (tmp_path / "ran").exists()
