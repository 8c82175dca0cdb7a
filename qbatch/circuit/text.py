"""A circuit's text, where it stands, and how large it may be."""

from __future__ import annotations

from dataclasses import replace

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
        line = self.text.count("\n", 0, offset)
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        first_column = self.place.column or 1
        shift = self.indent if line else first_column - 1
        return replace(self.place, line=(self.place.line or 1) + line, column=column + shift)

    def line_at(self, offset: int) -> str:
        """Return the line around a character as in its file, without its newline."""
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        line = self.text[start : len(self.text) if end < 0 else end].rstrip("\r")[:200]
        return " " * self.indent + line

    def error(self, offset: int, problem: str) -> CircuitError:
        """Make the error to raise at a character of the text."""
        offset = min(offset, len(self.text))
        return CircuitError(self.place_at(offset), problem, excerpt=self.line_at(offset))
