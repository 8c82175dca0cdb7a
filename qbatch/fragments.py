"""Pieces of HTML by which objects show themselves in a notebook.

Rules: everything in them is escaped; no scripts, styles or links of their own, so that a notebook
that is not trusted shows them too, in its own colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from qbatch.notation import visible, whole


def line(name: str, *told: str) -> str:
    """Return a line that begins with a name."""
    rest = ", ".join(_text(each) for each in told if each)
    return f"<p><b>{_text(name)}</b>{f': {rest}' if rest else ''}</p>"


def note(text: str) -> str:
    """Return a line of text."""
    return f"<p>{_text(text)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, most: int = 50) -> str:
    """Return a table; "" where it has no rows.

    Args:
        head: Of its columns.
        rows: Their cells.
        most: Rows shown; how many more there are is said below.
    """
    cells = [[_text(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    shown = "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in cells[:most])
    heads = "".join(f"<th>{_text(each)}</th>" for each in head)
    more = f"<p>… and {whole(len(cells) - most)} more</p>" if len(cells) > most else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{shown}</tbody></table>{more}"


def _text(text: str) -> str:
    return escape(visible(text))
