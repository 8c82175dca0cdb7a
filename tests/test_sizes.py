"""No file, class or function of the package is too long to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import qbatch

MOST_OF_A_FILE, MOST_OF_A_CLASS, MOST_OF_A_FUNCTION = 500, 300, 50

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def too_long(text: str) -> Iterator[str]:
    """Name what is longer than it may be, with its lines; decorators do not count."""
    if (lines := len(text.splitlines())) > MOST_OF_A_FILE:
        yield f"the file has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > (MOST_OF_A_FUNCTION if isinstance(node, FUNCTIONS) else MOST_OF_A_CLASS):
                yield f"{node.name} has {lines} lines"


def test_what_is_too_long_to_be_read_at_once_is_parted_by_what_it_means() -> None:
    root = Path(qbatch.__file__).parent
    found = [
        f"{path.relative_to(root)}: {told}"
        for path in sorted(root.rglob("*.py"))
        for told in too_long(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\n" * 500, []),
        ("x = 1\n" * 501, ["the file has 501 lines"]),
        ("async def f():\n" + "    x = 1\n" * 49, []),
        ("@d\nasync def f():\n" + "    x = 1\n" * 50, ["f has 51 lines"]),
        ("class A:\n" + "    x = 1\n" * 299, []),
        ("class A:\n" + "    x = 1\n" * 300, ["A has 301 lines"]),
    ],
)
def test_lines_are_counted(text: str, told: list[str]) -> None:
    assert list(too_long(text)) == told
