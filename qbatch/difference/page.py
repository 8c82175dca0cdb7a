"""A difference as one HTML file that stands alone: what changed, and both curves over each other.

It looks as the report does, by the same style sheet, and lets nothing else in: no network, no text
of a file unescaped.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

from qbatch.difference.facts import MOMENTS, differing, together
from qbatch.difference.figures import figures_of
from qbatch.difference.judging import Difference, Word
from qbatch.difference.standing import standings
from qbatch.difference.telling import circuit_head, head, machine_lines
from qbatch.instants import told_if_known
from qbatch.notation import unturned
from qbatch.report.html import inlined
from qbatch.report.numbers import count_of, interval, p_text, short

#: Rows of the table; further ones that are the same are left to JSON.
MOST_ROWS = 5_000
#: Circuits that changed, and lines of each.
MOST_CIRCUITS = 20
MOST_LINES = 400

_CHIPS = {"changed": "fail", "undecided": "undecided", "same": "pass"}


def page(found: Difference) -> str:
    """Return the page."""
    style = inlined("page.css")
    ordered = sorted(found.changes, key=lambda one: (list(Word).index(one.word), one.p_value))
    here, there = found.sides
    text: str = _template().render(
        found=found,
        style=style.markup,
        style_hash=style.digest,
        facts=[as_read(*fact) for fact in together(differing(here.facts, there.facts))],
        numbers=found.numbers,
        figures=figures_of(found),
        head=head(found),
        standings=list(standings(found)),
        circuits=found.circuits[:MOST_CIRCUITS],
        circuit_head=circuit_head,
        machines=list(machine_lines(found)),
        most_lines=MOST_LINES,
        rows=ordered[:MOST_ROWS],
        left=len(ordered) - MOST_ROWS,
        chips=_CHIPS,
        words=list(Word),
        count_of=count_of,
        interval=interval,
        short=short,
        p_text=p_text,
        safe=_safe,
    )
    return unturned(text)


def as_read(name: str, one: str, other: str) -> tuple[str, str, str]:
    """Return a fact of both sides, instants as a page has them."""
    if name not in MOMENTS:
        return name, one, other
    return name, told_if_known(one, zone=UTC), told_if_known(other, zone=UTC)


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2")
