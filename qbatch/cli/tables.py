"""Tables and long lines for people; files have writers of their own in `report`.

Rules: what is said (`say` to stdout, `tell` to stderr) is no wider than the terminal, and a line
ends after a space or a comma, never in the midst of a word. What goes elsewhere is as wide as it
is, unless the variable COLUMNS is set. Data (JSON, CSV, sources) goes whole wherever it goes, by
`click.echo`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import IO, Any
from unicodedata import combining, east_asian_width

import click

from qbatch.notation import unturned

#: Indentation of what goes on in a further line.
FURTHER = "    "


#: Of a terminal that does not tell its own.
USUAL_WIDTH = 80


def width_of(stream: IO[str]) -> int | None:
    """Characters that a line for people may have; None: any number.

    As many as COLUMNS says, else as the terminal has that the stream is.
    """
    columns = os.environ.get("COLUMNS", "")
    if re.fullmatch("0*[1-9][0-9]{0,3}", columns):
        return int(columns)
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):
        return USUAL_WIDTH


def format_table(head: list[str], rows: list[list[str]], *, indent: str = "") -> str:
    """A table whose columns stand one below the other; columns without any text are left out.

    Cells of figures alone are set to the right; no text is changed. Where a line has no room for
    it, each row is told cell by cell, each with its head.
    """
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    heads = [head[i] for i in kept]
    cells = [[unturned(row[i]) for i in kept] for row in rows]
    aligned = ["right" if _is_numeric(column) else "left" for column in zip(*cells, strict=True)]
    lines = [indent + line.rstrip() for line in _aligned(heads, cells, aligned)]
    width = width_of(sys.stdout)
    if width is not None and any(_length(line) > width for line in lines):
        lines = [line for row in cells for line in _record(heads, row, width, indent)]
    return "\n".join(lines)


def _aligned(heads: list[str], cells: list[list[str]], aligned: list[str]) -> Iterable[str]:
    """The lines of a table as `tabulate` has them, which is not loaded for the most usual."""
    told = [[each.strip() for each in row] for row in (heads, *cells)]
    if cells and all(_NARROW.fullmatch(each) for row in told for each in row):
        columns = zip(*told, strict=True)
        widths = [max(len(head) + 2, *map(len, rest)) for head, *rest in columns]
        return [
            "  ".join(
                cell.rjust(width) if side == "right" else cell.ljust(width)
                for cell, width, side in zip(row, widths, aligned, strict=True)
            )
            for row in told
        ]
    from tabulate import tabulate

    return tabulate(
        cells,
        headers=heads,
        tablefmt="plain",
        disable_numparse=True,
        colalign=aligned or None,
    ).splitlines()


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
        if gap and _length(line + gap + cell) > width:
            yield line
            line, gap = further, ""
        for part in re.findall(r"[^ ,]*[ ,]?", gap + cell):
            if line.strip() and _length(line + part.rstrip()) > width:
                yield line.rstrip()
                line = further
            line += part
    yield line.rstrip()


#: Latin letters, dashes, quotation marks, the narrow space within numbers, arrows and mathematics
#: take one character each.
_NARROW = re.compile(r"[\x20-\x7e\u00a0-\u02ff\u2010-\u2027\u202f\u2190-\u22ff]*")


def _length(text: str) -> int:
    """How much room a text takes at a terminal: colours none, some characters twice that of one."""
    text = click.unstyle(text)
    if _NARROW.fullmatch(text):  # for most, without `rich`, which `plan` does not load
        return len(text)
    return sum(_room(char) for char in text)


def _room(char: str) -> int:
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def wrapped(text: str, further: str = FURTHER, *, stream: IO[str] | None = None) -> str:
    """A text whose lines are as wide as there is room: those that are too long become several.

    Args:
        text: One line or more.
        further: Indentation of what goes on in a further line, beside that of the line itself.
        stream: Where it goes; None: stdout.
    """
    width = width_of(stream or sys.stdout)
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _folded(line, width, further))


def _folded(line: str, width: int, further: str) -> Iterator[str]:
    if _length(line) <= width:
        return iter([line])
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    return packed([text], width, indent, indent + further)


def say(text: str, further: str = FURTHER) -> None:
    """Write what a person asked for to stdout, folded where there is no room."""
    click.echo(wrapped(text, further))


def tell(text: str, further: str = FURTHER) -> None:
    """Write talk to stderr, folded where there is no room.

    A log on a disk that is full, or that nobody reads any more, ends nothing.
    """
    with suppress(OSError):
        click.echo(wrapped(text, further, stream=sys.stderr), err=True)


def flat(facts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Facts a line each; those within others with a dotted name."""
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from flat(value, f"{within}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{within}{key}", " ".join(text.split())
