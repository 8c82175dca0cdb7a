"""A column of a page: one attribute of many points, kept as one text where its values are alike.

Rules: numbers are kept as `repr` writes them, which is how a table shows them and how they are read
back to the last bit; so who writes a table makes no number of them. Of values that are all one, one
is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

#: Between the values of a column; JSON writes it as it is.
_BETWEEN = "\x7f"

#: How the values of a column are read, by their kind.
_READ: Mapping[str, Callable[[str], Any]] = {"float": float, "int": int, "str": str}

#: What is kept of a column, as JSON has it: the one value or all of them, or {kind: text of all}.
Kept = list[Any] | dict[str, str]


def packed(values: list[Any]) -> Kept:
    r"""What to keep of a column.

    >>> packed([1, 1, 1]), packed([0.5, 2.0]), packed([0.0, -0.0]), packed([1, None])
    ([1], {'float': '0.5\x7f2.0'}, {'float': '0.0\x7f-0.0'}, [1, None])
    """
    first = values[0]
    if all(value == first for value in values) and len(set(map(repr, values))) == 1:
        return values[:1]
    kinds = {value.__class__ for value in values}
    kind = kinds.pop().__name__ if kinds <= {float} or kinds <= {int} or kinds <= {str} else ""
    if not kind:
        return values
    texts = values if kind == "str" else list(map(repr, values))
    text = _BETWEEN.join(texts)
    return {kind: text} if text.count(_BETWEEN) == len(texts) - 1 else values


class Column:
    """The values of one attribute at all points of a page.

    Args:
        kept: From `packed`.
        size: How many points there are.
    """

    def __init__(self, kept: Kept, size: int) -> None:
        self._kept = kept
        self._size = size
        self._kind, self._text = next(iter(kept.items())) if isinstance(kept, dict) else ("", "")

    def __len__(self) -> int:
        return self._size

    @property
    def only(self) -> Sequence[Any]:
        """The one value that all points have; empty where there are several."""
        return self._kept if isinstance(self._kept, list) and len(self._kept) == 1 else ()

    @property
    def is_of_numbers(self) -> bool:
        """Whether it has several values, which are floats or whole numbers, not both."""
        return self._kind in ("float", "int")

    @cached_property
    def values(self) -> list[Any]:
        """The value of each point."""
        if self._kind:
            return list(map(_READ[self._kind], self._text.split(_BETWEEN)))
        return list(self._kept) * (self._size if self.only else 1)

    @cached_property
    def texts(self) -> list[str] | None:
        """Of each point what it has: a text, or a number as `repr` writes it.

        None where all are one, or where other values are among them.
        """
        return self._text.split(_BETWEEN) if self._kind else None

    def changed(self, change: Callable[[str], str]) -> list[str]:
        """The texts after a change that goes character by character.

        Args:
            change: Takes one or several of them at once.
        """
        if self._kind:
            return change(self._text).split(_BETWEEN)
        if self.only:
            return [change(self.only[0])] * self._size
        return list(map(change, self.values))
