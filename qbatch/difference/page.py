"""A difference as one HTML file that stands alone: what changed, and both curves over each other.

It looks as the report does, by the same style sheet, and lets nothing else in: no network, no text
of a file unescaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.difference.facts import differing
from qbatch.difference.judging import OUTCOMES, Difference, NumberChange, Word
from qbatch.difference.sides import Asked, Writers, named, spread
from qbatch.difference.telling import circuit_head
from qbatch.notation import is_number, unturned
from qbatch.report.canvas import COLORS, MARKERS
from qbatch.report.figures import Figure, picture
from qbatch.report.html import inlined
from qbatch.report.numbers import count_of, interval, p_text, short
from qbatch.result import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

#: Rows of the table; further ones that are the same are left to JSON.
MOST_ROWS = 5_000
#: Panels of one figure, and figures.
MOST_PANELS = 6
MOST_FIGURES = 4
#: Circuits that changed, and lines of each.
MOST_CIRCUITS = 20
MOST_LINES = 400
_PANEL_IN = (6.6, 3.4)
#: Characters above a panel.
_LONGEST_HEAD = 70
#: Axes whose values are so many times as large as others are logarithmic.
_WIDE = 50

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
        facts=list(differing(here.facts, there.facts)),
        numbers=found.numbers,
        figures=_figures(found),
        circuits=found.circuits[:MOST_CIRCUITS],
        circuit_head=circuit_head,
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


# -- figures ---------------------------------------------------------------------------------------


def _figures(found: Difference) -> list[Figure]:
    """A figure for each number that has an axis of numbers to stand over."""
    axis = _axis_of(found)
    if axis is None:
        return []
    made: list[Figure] = []
    numbers = [pair for pair in found.numbers.items() if pair[0] != OUTCOMES]
    for name, changes in numbers[:MOST_FIGURES]:
        panels = _panels(changes, axis, found.varied, found.writers)
        title = f"{name} over {axis}"
        caption = (
            f"Both sides with their intervals: A ({found.sides[0].name}) and "
            f"B ({found.sides[1].name}). Filled: changed."
        )
        if len(panels) > MOST_PANELS:
            caption += f" {count_of(len(panels) - MOST_PANELS, 'further panel')} not shown."
        shown = dict(list(panels.items())[:MOST_PANELS])
        drawn = _Drawing(name, axis, shown)
        made.append(picture(drawn.sheet, title, caption, len(made) + 1))
    return made


def _axis_of(found: Difference) -> str | None:
    """The axis of numbers with the most values, two at least."""
    values = spread(one.asked for one in found.changes)
    sizes = {
        name: len(each)
        for name, each in values.items()
        if len(each) > 1 and all(map(is_number, each))
    }
    return max(sizes, key=lambda name: sizes[name], default=None)


def _panels(
    changes: Sequence[NumberChange], axis: str, varied: frozenset[str], writers: Writers
) -> dict[str, list[NumberChange]]:
    """What is asked beside the axis -> its comparisons."""
    found: dict[str, list[NumberChange]] = {}
    for one in changes:
        found.setdefault(named(one.asked, varied - {axis}, writers), []).append(one)
    return found


def _along(asked: Asked, axis: str) -> float | None:
    value = asked.values.get(axis)
    return float(value) if is_number(value) else None


def _is_wide(values: Iterable[float | None]) -> bool:
    """Whether an axis' values are too far apart for a linear one."""
    found = [value for value in values if value is not None]
    return bool(found) and min(found) > 0 and max(found) >= _WIDE * min(found)


class _Drawing:
    """Both curves of one number, a panel for each thing asked beside the axis."""

    def __init__(
        self, number: str, axis: str, panels: Mapping[str, Sequence[NumberChange]]
    ) -> None:
        self._number, self._axis, self._panels = number, axis, panels

    def sheet(self) -> Sheet:
        from matplotlib.figure import Figure as Sheet

        rows = len(self._panels)
        size = (_PANEL_IN[0], _PANEL_IN[1] * rows)
        sheet = Sheet(figsize=size, layout="constrained")
        grid = sheet.subplots(rows, 1, sharex=True, squeeze=False)
        for (axes,), (head, changes) in zip(grid, self._panels.items(), strict=True):
            if rows > 1:
                axes.set_title(head if len(head) <= _LONGEST_HEAD else f"{head[:_LONGEST_HEAD]}…")
            axes.set_ylabel(self._number)
            axes.grid(visible=True)
            self._draw(axes, changes)
        if _is_wide(
            _along(one.asked, self._axis) for each in self._panels.values() for one in each
        ):
            grid[-1][0].set_xscale("log")
        grid[-1][0].set_xlabel(self._axis)
        grid[0][0].legend()
        return sheet

    def _draw(self, axes: Axes, changes: Sequence[NumberChange]) -> None:
        placed = [(_along(one.asked, self._axis), one) for one in changes]
        found = sorted(((x, one) for x, one in placed if x is not None), key=lambda pair: pair[0])
        for side, label in enumerate("AB"):
            points = [(x, (one.here, one.there)[side], one.word) for x, one in found]
            xs = [x for x, _, _ in points]
            each: list[Estimate] = [estimate for _, estimate, _ in points]
            values = [one.value for one in each]
            errors = [[one.value - one.low for one in each], [one.high - one.value for one in each]]
            axes.errorbar(
                xs, values, errors, color=COLORS[side], capsize=2, linewidth=1, label=label
            )
            changed = [(x, one.value) for x, one, word in points if word is Word.CHANGED]
            axes.plot(
                *(zip(*changed, strict=True) if changed else ((), ())),
                linestyle="",
                marker=MARKERS[side],
                color=COLORS[side],
            )
