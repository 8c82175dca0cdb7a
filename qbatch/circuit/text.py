"""A circuit's text, where it stands, which version it is of, and how large it may be.

Rules: a line ends with CR, LF or both, as in the language. Without a version line a text is
OpenQASM 3, as its specification allows, unless it includes ``qelib1.inc``, which only OpenQASM 2
has.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from qbatch.errors import CircuitError, Place


class Limits:
    """What a circuit may be at most."""

    TEXT = 8 * 2**20  # characters
    QUBITS = 10_000
    BITS = 10_000
    OPERATIONS = 1_000_000  # with loops and broadcasts written out
    REPEATS = 64  # of a gate for ``pow(n) @``; above, it is raised if it can be
    POWER = 1e6  # of a gate; above, too few digits of its angles are left
    EXPANDED = 10_000_000  # with the person's own gates written out, too
    REREAD = 10_000_000  # words read again for rounds of loops and calls, bits compared


#: White space and comments; nothing in it is tried twice.
_GAP = r"\ufeff?(?>\s+|//[^\r\n]*|/\*.*?\*/)*+"
_VERSION = re.compile(_GAP + "OPENQASM" + _GAP + r"(\d)", re.DOTALL)
_LINE_END = re.compile(r"[\r\n]")
_OLD_LIBRARY = re.compile(r"""^[ \t]*include\s*["']qelib1\.inc["']""", re.MULTILINE)


def version_of(text: str) -> Literal["2.0", "3.0"]:
    """Return the version of OpenQASM that a text is read as."""
    if written := _VERSION.match(text):
        return "2.0" if written[1] == "2" else "3.0"
    return "2.0" if _OLD_LIBRARY.search(text.replace("\r", "\n")) else "3.0"


class Source:
    """A text and where it stands.

    Args:
        text: OpenQASM.
        place: Of its first character.
        indent: Columns by which lines after the first stand further right in their file.
    """

    def __init__(self, text: str, place: Place, *, indent: int = 0) -> None:
        self.text = text
        self.place = place
        self.indent = indent

    def place_at(self, offset: int) -> Place:
        """Return file, line and column of a character of the text."""
        text = self.text
        offset -= text.startswith("\r\n", max(offset - 1, 0)) and offset > 0
        line = text.count("\n", 0, offset) + text.count("\r", 0, offset)
        line -= text.count("\r\n", 0, offset)
        column = offset - self._start_of_line(offset) + 1
        first_column = self.place.column or 1
        shift = self.indent if line else first_column - 1
        return replace(self.place, line=(self.place.line or 1) + line, column=column + shift)

    def line_at(self, offset: int) -> str:
        """Return the line around a character as in its file, without its end."""
        start = self._start_of_line(offset)
        end = _LINE_END.search(self.text, offset)
        line = self.text[start : end.start() if end else len(self.text)][:200]
        return " " * self.indent + line

    def _start_of_line(self, offset: int) -> int:
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def error(self, offset: int, problem: str) -> CircuitError:
        """Make the error to raise at a character of the text."""
        offset = min(offset, len(self.text))
        return CircuitError(self.place_at(offset), problem, excerpt=self.line_at(offset))
