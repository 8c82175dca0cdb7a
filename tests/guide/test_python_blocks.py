"""Python that the guide shows runs: blocks below ``<!-- run -->``, one after the other.

Those of a page share their names, in a copy of the repository's manifests.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.guide.blocks import GUIDE

_BLOCK = re.compile(r"<!-- run -->\n```python\n(.*?)```", re.DOTALL)

PAGES = [page for page in sorted(GUIDE.glob("*.md")) if _BLOCK.search(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_of_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(GUIDE.parent.parent / "manifests", tmp_path / "manifests")
    (tmp_path / "qbatch.toml").touch()  # the project's root, as the repository is one
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, text in enumerate(_BLOCK.findall(page.read_text("utf-8")), start=1):
        exec(compile(text, f"{page.name}, block {number}", "exec"), names)


def test_all_python_of_the_page_about_python_runs() -> None:
    page = next(page for page in PAGES if page.name == "python.md")
    text = page.read_text("utf-8")
    assert text.count("```python") == len(_BLOCK.findall(text)) >= 4
