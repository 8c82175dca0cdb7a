"""What README and guide show of commands is what these print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guide.blocks import GUIDE
from tests.guide.commands import blocks_of, problems, unlike

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
    assert not (found := problems(blocks_of(page), tmp_path, ROOT)), "\n".join(found)


def test_few_blocks_of_commands_are_not_run() -> None:
    """They need a package index, a cluster or a batch system."""
    fences = re.compile(r"^(?:<!-- command: .* -->\n```sh|```bash)$", re.MULTILINE)
    left = {page.name: len(fences.findall(page.read_text("utf-8"))) for page in PAGES}
    assert {name: number for name, number in left.items() if number} == {
        "README.md": 2,  # .ci/run runs them
        "dask.md": 2,
        "slurm.md": 3,
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_stand_in_blocks_that_say_so(page: Path) -> None:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    for language, text in fenced:
        if language not in ("sh", "bash", "console"):
            assert not re.search(r"^(\$ )?qbatch \w", text, re.MULTILINE), text


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
