"""The rooms of the package: what each is for, how many files it has, how many lines.

What a room is for is the first sentence of its docstring. Numbers that are written already stay
while they are near the truth, so that not every change is one of the table.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import qbatch

HOME = Path(qbatch.__file__).parent

#: A number that is written is near enough with a tenth more or less, or with so many.
PART, FILES, LINES = 0.1, 1, 50

_ROW = re.compile(r"^\| `([\w/*.]+)` \|.*\| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)


def renewed(written: str) -> str:
    """Return the table, keeping those numbers of the written one that are near the truth."""
    before = {
        room: (_number(files), _number(lines)) for room, files, lines in _ROW.findall(written)
    }
    rows = ["| room | what it is for | files | lines |\n", "| --- | --- | --- | --- |\n"]
    for room, what, files, lines in measured():
        old_files, old_lines = before.get(room, (0, 0))
        shown = _kept(old_files, files, FILES), _kept(old_lines, lines, LINES)
        rows.append(f"| `{room}` | {what} | {shown[0]:,} | {shown[1]:,} |\n")
    return "".join(rows)


def measured() -> Iterator[tuple[str, str, int, int]]:
    """Yield each room, what it is for, its files and their lines; of its own rooms apart."""
    for folder in (HOME, *sorted(path.parent for path in HOME.rglob("*/__init__.py"))):
        files = sorted(folder.glob("*.py"))
        lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
        name = "*.py" if folder == HOME else str(folder.relative_to(HOME))
        what = "what all share" if folder == HOME else _first_sentence(folder / "__init__.py")
        yield name, what, len(files), lines


def _first_sentence(file: Path) -> str:
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return " ".join(re.split(r"(?<=\w)\.(?:\s|$)|\n\n", text, maxsplit=1)[0].split()).rstrip(".")


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _kept(old: int, true: int, few: int) -> int:
    return old if abs(old - true) <= max(PART * true, few) else true
