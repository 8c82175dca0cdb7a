"""The wheel and the sdist: built, complete, installed on the newest Python here, and run."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conformance.environments import CannotBuild, find_python

ROOT = Path(__file__).parents[1]

#: The newest first.
PYTHONS = ("3.14", "3.13", "3.12", "3.11")


def said(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    said(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return folder


def newest_python() -> str:
    for version in PYTHONS:
        try:
            return find_python([version])
        except CannotBuild:
            continue
    raise AssertionError("this Python itself is none of those")


@pytest.mark.slow
def test_the_wheel_has_what_users_read_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
    pages = {f"qbatch/guide/{page.name}" for page in (ROOT / "qbatch/guide").glob("*.md")}
    manifests = {f"qbatch/examples/{each.name}" for each in (ROOT / "manifests").glob("*.yaml")}
    assert {*pages, *manifests, "qbatch/py.typed"} <= names
    assert "qbatch/manifest/manifest.v1.schema.json" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"qbatch"}


@pytest.mark.slow
def test_the_sdist_can_be_tested_by_itself(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    tests = {str(each.relative_to(ROOT)) for each in (ROOT / "tests").rglob("test_*.py")}
    assert {*tests, "README.md", "LICENSE", "pyproject.toml", "manifests/bell.yaml"} <= names


@pytest.mark.slow
def test_the_wheel_runs_on_the_newest_python_without_a_warning(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    said(newest_python(), "-m", "venv", "venv", cwd=tmp_path)
    python = tmp_path / "venv/bin/python"
    said(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    assert "No broken requirements found." in said(python, "-m", "pip", "check", cwd=tmp_path)
    qbatch = (python, "-W", "error", "-m", "qbatch")
    said(*qbatch, "init", "--example", "bell", cwd=tmp_path)
    assert "18 of 18 points done" in said(*qbatch, "run", "bell.yaml", "--check", cwd=tmp_path)
    assert (tmp_path / "runs/bell/report.html").is_file()
    assert "budget" in said(*qbatch, "help", "budgets", cwd=tmp_path).lower()
