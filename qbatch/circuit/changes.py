"""What changed in a circuit's text, statement by statement, as its reader writes them.

Rules: what decides is what a text says (`qasm.content`), so comments, white space and where lines
end change nothing; what is shown is each statement as it was written, one to a line. Texts that are
no OpenQASM, or very long, are told line by line. Unchanged stretches are folded, all but what
stands next to a change.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal, NamedTuple

from qbatch.circuit.qasm.tokens import Token, tokenize
from qbatch.circuit.text import Source
from qbatch.errors import CircuitError, Place
from qbatch.frozen import dataclass
from qbatch.notation import shortened, visible

#: Unchanged statements shown before and after what changed.
CONTEXT = 2
#: Statements that are held against each other, of each text; of more, only how many there are.
MOST_COMPARED = 1_000
#: Characters of both texts that are read statement by statement.
_MOST_READ = 400_000
#: Characters of a statement that are shown.
_LONGEST = 200

#: " ": in both texts; "-": in the old one alone; "+": in the new one alone; "…": told of many.
Sign = Literal[" ", "-", "+", "…"]


class ChangeLine(NamedTuple):
    """One line of a comparison.

    Attributes:
        sign: Where the statement stands.
        text: The statement; of "…" what is said of those that are left out.
    """

    sign: Sign
    text: str

    def __str__(self) -> str:
        return f"{self.sign} {self.text}"


@dataclass(frozen=True, slots=True)
class CircuitChange:
    """What changed from one text to another.

    Attributes:
        lines: In the order of the texts, unchanged stretches folded.
        gone: Statements of the old text alone.
        added: Statements of the new one alone.
    """

    lines: tuple[ChangeLine, ...]
    gone: int
    added: int

    def __str__(self) -> str:
        return f"−{self.gone} +{self.added} {'line' if self.gone + self.added == 1 else 'lines'}"

    def folded(self, most: int) -> tuple[ChangeLine, ...]:
        """So many lines at most, the last of them saying how many are left out."""
        if len(self.lines) <= most:
            return self.lines
        left = len(self.lines) - most + 1
        return (*self.lines[: most - 1], ChangeLine("…", f"{left} more lines of what changed"))


class _Statement(NamedTuple):
    """One statement: `key` is what it says, `text` as it is written, `depth` that of its block."""

    key: Hashable
    text: str
    depth: int

    def line(self, sign: Sign) -> ChangeLine:
        return ChangeLine(sign, "  " * self.depth + visible(shortened(self.text, _LONGEST)))


@lru_cache(maxsize=64)
def circuit_change(old: str, new: str) -> CircuitChange:
    r"""Compare two texts.

    >>> change = circuit_change("qubit q; // one\nh q;", "qubit q;\nry(pi/2) q;")
    >>> print(change, *change.lines, sep="\n")
    −1 +1 lines
      qubit q;
    - h q;
    + ry(pi/2) q;
    """
    parts = _statements if len(old) + len(new) <= _MOST_READ else _lines
    one, other = ([*parts(text)] for text in (old, new))
    start = _alike(one, other)
    end = _alike(one[start:][::-1], other[start:][::-1])
    ours, theirs = one[start : len(one) - end], other[start : len(other) - end]
    if max(len(ours), len(theirs)) > MOST_COMPARED:
        lines = (*_first("-", ours), *_first("+", theirs))
        return CircuitChange((*_before(one[:start]), *lines), len(ours), len(theirs))
    return _compared(one, other, start, end)


def _alike(one: Sequence[_Statement], other: Sequence[_Statement]) -> int:
    """How many of the first statements are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a.key != b.key), min(len(one), len(other)))


def _first(sign: Sign, statements: Sequence[_Statement]) -> Iterator[ChangeLine]:
    yield from (each.line(sign) for each in statements[:CONTEXT])
    if len(statements) > CONTEXT:
        what = "of the old text" if sign == "-" else "of the new text"
        yield ChangeLine("…", f"{len(statements) - CONTEXT:,} more lines {what}".replace(",", " "))


def _before(statements: Sequence[_Statement]) -> Iterator[ChangeLine]:
    """The unchanged statements that stand before a change, most of them folded."""
    shown = statements[-CONTEXT:]
    yield from _fold(len(statements) - len(shown))
    yield from (each.line(" ") for each in shown)


def _fold(number: int) -> Iterator[ChangeLine]:
    if number:
        yield ChangeLine("…", f"{number} unchanged line{'s' if number > 1 else ''}")


def _compared(
    one: Sequence[_Statement], other: Sequence[_Statement], start: int, end: int
) -> CircuitChange:
    ours, theirs = one[start : len(one) - end], other[start : len(other) - end]
    old, new = ([each.key for each in side] for side in (ours, theirs))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    lines = [*_before(one[:start])]
    gone = added = 0
    for word, a, b, c, d in matcher.get_opcodes():
        if word == "equal":
            lines += _between(ours[a:b])
            continue
        lines += (each.line("-") for each in ours[a:b])
        lines += (each.line("+") for each in theirs[c:d])
        gone, added = gone + b - a, added + d - c
    after = one[len(one) - end :]
    lines += (each.line(" ") for each in after[:CONTEXT])
    lines += _fold(len(after) - len(after[:CONTEXT]))
    return CircuitChange(tuple(lines), gone, added)


def _between(statements: Sequence[_Statement]) -> Iterator[ChangeLine]:
    """The unchanged statements between two changes."""
    if len(statements) <= 2 * CONTEXT + 1:
        yield from (each.line(" ") for each in statements)
        return
    yield from (each.line(" ") for each in statements[:CONTEXT])
    yield from _before(statements[CONTEXT:])


# -- statements ------------------------------------------------------------------------------------


def _statements(text: str) -> Iterator[_Statement]:
    """Yield each statement of a text, heads and ends of blocks by themselves."""
    try:
        tokens, directives = tokenize(Source(text, Place("")))
    except CircuitError:
        yield from _lines(text)
        return
    said = sorted([*tokens[:-1], *directives], key=lambda token: token.start)
    depth = 0
    for statement in _parted(said):
        closes = statement[0].text == "}"
        depth -= closes and depth > 0
        key = tuple(token.text for token in statement)
        yield _Statement(key, _written(statement), depth)
        depth += statement[-1].text == "{"


def _lines(text: str) -> Iterator[_Statement]:
    return (_Statement(line.strip(), line.rstrip(), 0) for line in text.splitlines())


def _parted(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Part tokens after each semicolon, before and after braces of blocks."""
    statement: list[Token] = []
    sets = parentheses = 0
    for number, token in enumerate(tokens):
        opens_set = token.text == "{" and (
            sets or _is_value(tokens[number - 1] if number else None)
        )
        if token.text == "}" and not sets and statement:
            yield statement
            statement = []
        statement.append(token)
        sets += bool(opens_set) - (token.text == "}" and sets > 0)
        parentheses += (token.text == "(") - (token.text == ")")
        ends_block = token.text == "}" and not sets and statement[0] is token
        if ends_block and number + 1 < len(tokens) and tokens[number + 1].text == "else":
            continue
        if _ends(token, bool(sets), parentheses) or ends_block:
            yield statement
            statement = []
    if statement:
        yield statement


def _is_value(before: Token | None) -> bool:
    """Whether a brace after this opens a set or an array, not a block."""
    return before is not None and before.text in ("in", "=", ",", "(")


def _ends(token: Token, in_set: bool, parentheses: int) -> bool:
    if token.kind == "directive":
        return True
    return not in_set and parentheses <= 0 and token.kind == "op" and token.text in (";", "{")


def _written(tokens: Sequence[Token]) -> str:
    """Tokens as they were written, every gap between them one space."""
    text, end = "", tokens[0].start
    for token in tokens:
        text += (" " if token.start > end else "") + token.text
        end = token.start + len(token.text)
    return text
