"""What README and guide show of commands is what these print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guide.blocks import GUIDE
from tests.guide.commands import blocks_of, printed, unlike

ROOT = GUIDE.parent.parent
PAGES = [ROOT / "README.md", *sorted(GUIDE.glob("*.md"))]
MARKED = [page for page in PAGES if blocks_of(page)]
SLOW = [page for page in MARKED if any(block.is_slow for block in blocks_of(page))]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW), id=page.name)
        for page in MARKED
    ],
)
def test_what_a_page_shows_of_a_command_is_what_it_prints(page: Path, tmp_path: Path) -> None:
    blocks = blocks_of(page)
    shown = [(lines, block.draws) for block in blocks for _, lines in block.shown]
    found = printed(blocks, tmp_path, ROOT)
    for (lines, draws), (out, err) in zip(shown, found, strict=True):
        assert not (problem := unlike(lines, out, err, draws=draws)), problem


def test_pages_have_blocks_that_are_run() -> None:
    assert {page.name for page in MARKED} >= {"README.md", "clouds.md", "rehearsal.md"}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (["a 1 x", "b"], ""),
        (["note", "a 1 x", "b"], ""),
        (["a 1 …", "b"], ""),
        (["a 1 x", "..."], ""),
        (["a 1 x"], "not shown: ['b']"),
        (["a 2 x", "b"], "shown 'a 2 x', printed ['a 1 x'], beside it ['note']"),
        (["b", "a 1 x"], "shown 'b', printed ['a 1 x'], beside it ['note']"),
        (["a 1 x", "b", "c"], "shown 'c', printed [], beside it ['note']"),
        (["a 1 x", "b", "..."], "not shown: []"),
    ],
)
def test_a_line_too_few_too_many_or_another_is_seen(shown: list[str], expected: str) -> None:
    assert unlike(tuple(shown), ["a 1 x", "b"], ["note"], draws=False) == expected
