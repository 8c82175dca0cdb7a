"""Packages of others, installed from their own files as an installer leaves them."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Install = Callable[..., None]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where packages are installed: one place, as workers of another path are started anew."""
    return tmp_path_factory.mktemp("installed") / "site"


@pytest.fixture
def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package, with other code in place of its own where that is given."""
    shutil.rmtree(site, ignore_errors=True)

    def installed(code: str = "", package: str = "toy_extras") -> None:
        there = Path(__file__).parent / package
        project: Any = tomllib.loads((there / "pyproject.toml").read_text("utf-8"))["project"]
        name, version = project["name"], project["version"]
        facts = site / f"{name.replace('-', '_')}-{version}.dist-info"
        facts.mkdir(parents=True)
        text = code or (there / f"{package}.py").read_text("utf-8")
        (site / f"{package}.py").write_text(text, "utf-8")
        told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (facts / "METADATA").write_text(told)
        lines = ""
        for group, points in project["entry-points"].items():
            lines += f"[{group}]\n" + "".join(f"{key} = {at}\n" for key, at in points.items())
        (facts / "entry_points.txt").write_text(lines)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, package, raising=False)

    return installed
