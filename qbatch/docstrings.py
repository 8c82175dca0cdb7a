"""What the docstring of a class says of its attributes, for schemas and help made from it."""

from __future__ import annotations

import re
from inspect import cleandoc

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def attributes_in(docstring: str | None) -> dict[str, str]:
    r"""Return what is said of each attribute, on one line each.

    >>> attributes_in("A ruler.\n\n    Attributes:\n        width: How wide ``it`` is,\n"
    ...               "            in metres.\n    ")
    {'width': 'How wide `it` is, in metres.'}
    """
    _, _, attributes = cleandoc(docstring or "").partition("Attributes:\n")
    return {name: _on_a_line(text) for name, text in _ATTRIBUTE.findall(attributes)}


def summary_in(docstring: str | None) -> str:
    """Return what is said before that, on one line."""
    return _on_a_line(cleandoc(docstring or "").partition("Attributes:\n")[0])


def _on_a_line(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")
