"""Tables and long lines for a terminal; files have writers of their own in `report`.

Rule: at a terminal nothing is wider than it is, and a line ends after a space or a comma, never in
the midst of a word. What goes elsewhere is as wide as it is.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qbatch.notation import unturned

#: Indentation of what goes on in a further line.
FURTHER = "    "


def terminal_width() -> int | None:
    """Characters in a line of the terminal that stdout is; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def format_table(head: list[str], rows: list[list[str]], *, indent: str = "") -> str:
    """A table whose columns stand one below the other; columns without any text are left out.

    Cells of figures alone are set to the right; no text is changed. At a terminal that is too
    narrow each row is told cell by cell, each with its head.
    """
    from tabulate import tabulate

    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    heads = [head[i] for i in kept]
    cells = [[unturned(row[i]) for i in kept] for row in rows]
    aligned = ["right" if _is_numeric(column) else "left" for column in zip(*cells, strict=True)]
    table = tabulate(
        cells,
        headers=heads,
        tablefmt="plain",
        disable_numparse=True,
        colalign=aligned or None,
    )
    lines = [indent + line.rstrip() for line in table.splitlines()]
    width = terminal_width()
    if width is not None and any(len(line) > width for line in lines):
        lines = [line for row in cells for line in _record(heads, row, width, indent)]
    return "\n".join(lines)


def _is_numeric(column: tuple[str, ...]) -> bool:
    return all(set(cell) <= set("0123456789 ,.?-\u202f") for cell in column)


def _record(heads: list[str], row: list[str], width: int, indent: str) -> Iterator[str]:
    first, *rest = [cell if not i else f"{heads[i]} {cell}" for i, cell in enumerate(row) if cell]
    return packed((first, *rest), width, indent, indent + FURTHER)


def packed(cells: Iterable[str], width: int, indent: str, further: str) -> Iterator[str]:
    """Yield lines of cells side by side; one that has no room beside others begins a line."""
    line = indent
    for cell in cells:
        gap = "" if not line.strip() else "  "
        if gap and len(line) + len(gap) + len(cell) > width:
            yield line
            line, gap = further, ""
        for part in re.findall(r"[^ ,]*[ ,]?", gap + cell):
            if line.strip() and len(line) + len(part.rstrip()) > width:
                yield line.rstrip()
                line = further
            line += part
    yield line.rstrip()


def wrapped(line: str, further: str = FURTHER) -> str:
    """A line as the terminal has room for it: in several, where it is too long."""
    width = terminal_width()
    if width is None or len(line) <= width:
        return line
    text = line.lstrip(" ")
    return "\n".join(packed([text], width, line[: len(line) - len(text)], further))


def flat(facts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Facts a line each; those within others with a dotted name."""
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from flat(value, f"{within}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{within}{key}", " ".join(text.split())
