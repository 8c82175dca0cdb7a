"""What the small languages of this package share: errors that know their column, and numbers."""

from __future__ import annotations

from collections.abc import Mapping

from qbatch.arithmetic import ExpressionError, evaluate


class NotationError(ValueError):
    """A text in one of this package's notations cannot be read.

    Args:
        problem: What is wrong with the value found, and how to mend it.
        column: 1-based, within the text.
    """

    def __init__(self, problem: str, column: int = 1) -> None:
        super().__init__(f"column {column}: {problem}")
        self.problem = problem
        self.column = column


def parse_number(
    text: str, *, variables: Mapping[str, float] | None = None, column: int = 1
) -> float:
    """Evaluate arithmetic as manifests have it (`qbatch.arithmetic`).

    Args:
        text: ``2*sqrt(2)``, ``-1e-3``, ``pi/4``.
        variables: Names that stand for numbers.
        column: Of the text's first character, for the error.

    Raises:
        NotationError: Something else stands there, or the value is no finite number.

    >>> parse_number("2*sqrt(2)")
    2.8284271247461903
    """
    stripped = text.strip()
    start = column + (text.index(stripped[0]) if stripped else 0)
    try:
        return float(evaluate(stripped, variables or {}))
    except ExpressionError as error:
        raise NotationError(f"{stripped[:40]!r} {error}", start) from error
