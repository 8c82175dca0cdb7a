"""The guide and the README say what the code says, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from qbatch.cli.exits import Exit
from qbatch.emulators import read_faults
from tests.guide.blocks import GUIDE, MAKERS, made, names_in
from tests.guide.rooms import HOME, measured, renewed

ROOT = GUIDE.parent.parent
PAGES = [ROOT / "README.md", *sorted(GUIDE.glob("*.md"))]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """The anchors that forges give a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page):
    for link in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_that_the_code_makes(page):
    """Mend it with: python -m tests.guide."""
    text = page.read_text("utf-8")
    assert text == made(text)


def test_every_table_that_can_be_made_stands_on_some_page():
    assert sorted(name for page in PAGES for name in names_in(page.read_text("utf-8"))) == sorted(
        MAKERS
    )


def test_every_exit_code_is_explained():
    codes = re.findall(r"^\| ([\d, ]+) \|", (GUIDE / "exit-codes.md").read_text("utf-8"), re.M)
    assert sorted(int(code) for row in codes for code in row.split(",")) == sorted(Exit)


def test_the_fault_script_of_the_guide_is_one():
    text = (GUIDE / "reliability.md").read_text("utf-8")
    script = yaml.safe_load(re.search(r"^\$ cat faults.yaml\n(.*?)^\$ ", text, re.M | re.S)[1])
    faults = read_faults(script)
    assert len(faults.requests) == 3
    assert faults.jobs[0].fail in text.partition("$ qbatch run")[2]


def test_the_readme_shows_the_manifest_whose_report_it_pictures_on_three_screens():
    text = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"^```yaml\n(.*?)^```", text, re.M | re.S)[1]
    assert (ROOT / "manifests" / "bell.yaml").read_text("utf-8").endswith(shown)
    assert len(shown.splitlines()) <= 30
    assert len(text.splitlines()) <= 120


def test_the_examples_page_names_every_example():
    named = re.findall(r"^\| \[`([\w.]+)`\]", (GUIDE / "examples.md").read_text("utf-8"), re.M)
    assert sorted(named) == sorted(path.name for path in (ROOT / "manifests").glob("*.yaml"))


def test_the_index_names_every_page():
    named = set(_LINK.findall((GUIDE / "index.md").read_text("utf-8")))
    assert named == {page.name for page in GUIDE.glob("*.md")} - {"index.md"}


def test_a_written_number_stays_while_it_is_near_the_truth_and_no_longer() -> None:
    fresh = renewed("")
    assert renewed(fresh) == fresh
    room, _, files, lines = next(iter(measured()))
    row = re.escape(f"| {files:,} | {lines:,} |")
    near, far = (re.sub(row, f"| {files:,} | {round(lines * by):,} |", fresh) for by in (1.09, 1.2))
    assert room == "*.py"
    assert near != fresh
    assert renewed(near) == near
    assert renewed(far) == fresh


def test_every_file_of_the_package_is_in_one_room_of_the_house() -> None:
    files = list(HOME.rglob("*.py"))
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    rows = list(measured())
    assert sum(row[2] for row in rows) == len(files)
    assert sum(row[3] for row in rows) == lines
    assert all(row[1] for row in rows)
