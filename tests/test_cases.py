"""Each case that was met once is named by the tests that hold it, in a docstring or a comment.

M: where money or trust was lost. P: what people met in their first days. S: numbers whose intervals
or verdicts were wrong.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CASES = [
    f"{kind}{at}" for kind, most in (("M", 16), ("P", 43), ("S", 9)) for at in range(1, most + 1)
]
_NAME = re.compile(r"\b[MPS]\d+\b")
_TOLD = re.compile(r'"""(?:.|\n)*?"""|(?:^|\s)#[:\s].*')


def told_in(file: Path) -> set[str]:
    """The cases that a module's docstrings and comments name."""
    return set(_NAME.findall("\n".join(_TOLD.findall(file.read_text("utf-8")))))


@pytest.fixture(scope="module")
def told() -> set[str]:
    here = Path(__file__)
    files = (file for file in here.parent.rglob("*.py") if file != here)
    return set().union(*map(told_in, files))


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_named_by_a_test_that_holds_it(case: str, told: set[str]) -> None:
    assert case in told


def test_a_name_in_a_docstring_or_a_comment_counts_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text('"""M1."""\nx = "S3"\ny = 1  # P2: so it was\n')
    assert told_in(file) == {"M1", "P2"}
