"""The report as one HTML file that stands alone: no network, no fonts, no images beside it.

Rules: Jinja2 escapes whatever it is given; the only markup passed through is made here (rows, the
bar of states, rulers) or by `figures`, each escaping its own text. The Content-Security-Policy
allows this file's one style sheet and one script by their hashes and nothing else, so a name that
slipped through could not run. Rows are written as they are read, in constant memory.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.notation import is_number, whole
from qbatch.report.across import HEADS, THEORY_HEADS
from qbatch.report.calibrations import MachineCells, calibration_table, on_a_page
from qbatch.report.content import (
    FOLDED_FROM,
    MANY_POINTS,
    OUTCOMES,
    TIME_HEADS,
    Content,
    functions_of,
    others_text,
    settings_text,
    shown,
    where_text,
)
from qbatch.report.costs import COST_HEADS
from qbatch.report.drift import HEADS as DRIFT_HEADS
from qbatch.report.drift import drawing, rows_of
from qbatch.report.how_to_read import how_to_read
from qbatch.report.joining import Texts, joined
from qbatch.report.judging import CheckResult, Judgement
from qbatch.report.numbers import count_of, interval, outcomes, p_cell, short
from qbatch.report.overview import axis_values
from qbatch.report.reused import REUSED_HEADS, REUSED_NOTE
from qbatch.report.rows import POINT_AXES, Columns, Floors, Point
from qbatch.result import Estimate
from qbatch.snapshot.bulk import Page
from qbatch.snapshot.sources import read_sources

if TYPE_CHECKING:
    from jinja2 import Template

    from qbatch.manifest.models import Value

_MARKS = {"pass": "✔", "fail": "✘", "undecided": "?"}
_FOLDER = Path(__file__).parent / "page"
_IN_MEMORY = 2 << 20
_CHUNK = 1 << 16
_ROWS_AT_ONCE = 256
#: Cells kept, for they come again.
_MOST_CELLS = 10_000


class HtmlRows:
    """The results table's rows, taken in one by one and kept in a temporary file.

    Args:
        columns: Of the table.
        floors: To be told beside distances.
        machines: Numbers of machines that stand beside the axes.
    """

    def __init__(
        self, columns: Columns, floors: Floors, machines: MachineCells | None = None
    ) -> None:
        self.columns = columns
        self.machines = machines if machines is not None and machines.names else None
        self.number = 0
        #: Axes and parameters that hold numbers: their heads stand to the right.
        self.numeric: set[str] = set()
        self._floors = floors
        self._waiting: list[str] = []
        self._axis_cells: dict[tuple[str, type, Value | None], str] = {}
        self._number_cells: dict[tuple[Any, ...], str] = {}
        self._spool: IO[str] = SpooledTemporaryFile(  # noqa: SIM115 - closed by `close`
            _IN_MEMORY, "w+", encoding="utf-8", newline="\n"
        )

    def add_all(self, points: Sequence[Point]) -> None:
        """Take in points."""
        if isinstance(points, Page) and self.number and self.machines is None:
            self._add_page(points)
            return
        for point in points:
            self.add(point)

    def _add_page(self, page: Page) -> None:
        """Take in a page, which is done: a column of cells after the other."""
        titles = page.of("name").changed(escape)
        cells = [self._axis_cells_of(name, page) for name in self.columns.varied]
        cells = cells or [[f"<td>{title}</td>" for title in titles]]
        cells.append("<td>completed</td>")
        cells += [self._numbers_of(name, page) for name in self.columns.numbers]
        if not self.columns.numbers:
            cells.append([self._outcomes(point) for point in page])
        ids = [id_[:16] for id_ in page.ids]
        row = ('<tr id="p-', ids, '" title="', titles, '">', *cells, "</tr>\n")
        self._waiting.append(joined(row, len(page)))
        self.number += len(page)
        self._flush()

    def _axis_cells_of(self, name: str, page: Page) -> Texts:
        column = page.of(name) if name in POINT_AXES else page.parameters.get(name)
        if column is None or column.only:
            return self._axis_cell(name, column.only[0] if column is not None else None)
        if column.texts is None or name in self.columns.angles:
            return [self._axis_cell(name, value) for value in column.values]
        if not column.is_of_numbers:
            return [f"<td>{text}</td>" for text in column.changed(escape)]
        shown = zip(column.texts, self.columns.texts(name, column.values), strict=True)
        return [f'<td class="n" data-v="{exact}">{text}</td>' for exact, text in shown]

    def _numbers_of(self, name: str, page: Page) -> list[str]:
        """The cells of an analysed number; points with as many shots often have the same one."""
        found, made, cells = page.estimates.get(name), self._number_cells, []
        if found is None:
            return ["<td></td>"] * len(page)
        for fields, shots in zip(found, page.column("shots"), strict=True):
            cell = made.get((name, fields, shots))
            if cell is None or not fields[0]:  # 0.0 and -0.0 are one key, and read otherwise
                if len(made) >= _MOST_CELLS:
                    made.clear()
                cell = self._number(name, Estimate(*fields), shots)
                made[name, fields, shots] = cell
            cells.append(cell)
        return cells

    def add(self, point: Point) -> None:
        """Take in one point."""
        values = axis_values(point, self.columns)
        names = self.columns.varied
        cells = [self._axis_cell(n, v) for n, v in zip(names, values, strict=True)]
        if self.number == 0:
            self.numeric = {n for n, v in zip(names, values, strict=True) if is_number(v)}
        if not cells:
            cells = [f"<td>{escape(point.name)}</td>"]
        if self.machines is not None:
            cells += [_machine_cell(*each) for each in self.machines.of(point)]
        job, estimates = point.job, point.estimates
        if job.state is JobState.COMPLETED:
            cells.append("<td>completed</td>")
        else:
            why = f'<span class="why">{escape(job.error)}</span>' if job.error else ""
            chip = f'<span class="chip small {job.state}">{point.state_in_words}</span>'
            cells.append(f"<td>{chip}{why}</td>")
        for name in self.columns.numbers:
            estimate = estimates.get(name)
            cells.append(
                "<td></td>" if estimate is None else self._number(name, estimate, point.sampled)
            )
        if not self.columns.numbers:
            cells.append(self._outcomes(point))
        title = escape(point.name)
        self._waiting.append(f'<tr id="p-{point.id[:16]}" title="{title}">{"".join(cells)}</tr>\n')
        self.number += 1
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._flush()

    def _axis_cell(self, name: str, value: Value | None) -> str:
        known = self._axis_cells.get((name, value.__class__, value))
        if known is not None:
            return known
        if value is None:
            cell = "<td></td>"
        elif is_number(value):
            cell = f'<td class="n" data-v="{value!r}">{self.columns.text(name, value)}</td>'
        else:
            cell = f"<td>{escape(self.columns.text(name, value))}</td>"
        is_zero = isinstance(value, float) and not value  # 0.0 and -0.0 are one key
        if not is_zero and len(self._axis_cells) < _MOST_CELLS:
            self._axis_cells[name, value.__class__, value] = cell
        return cell

    def _outcomes(self, point: Point) -> str:
        told = outcomes(point.counts) if point.counts else ""
        return f'<td class="outcomes">{told}</td>'

    def _number(self, name: str, estimate: Estimate, shots: int) -> str:
        estimate = self._floors.beside(name, estimate, shots)
        below = interval(estimate.low, estimate.high)
        if estimate.floor is not None:
            below += f", floor {estimate.floor:.2g}"
        value = estimate.value
        return f'<td class="n" data-v="{value:.9g}">{short(estimate)}<i>{below}</i></td>'

    def _flush(self) -> None:
        self._spool.write("".join(self._waiting))
        self._waiting.clear()

    def chunks(self) -> Iterator[str]:
        """All rows, in pieces."""
        self._flush()
        self._spool.seek(0)
        while chunk := self._spool.read(_CHUNK):
            yield chunk

    def close(self) -> None:
        """Let the temporary file go. Repeatable."""
        self._spool.close()


def _machine_cell(text: str, value: float | None) -> str:
    exact = "" if value is None else f' data-v="{value!r}"'
    return f'<td class="n"{exact}>{escape(text)}</td>'


def html_pieces(content: Content, rows: HtmlRows) -> Iterator[str]:
    """The page, in pieces.

    Args:
        content: What to say.
        rows: Of the results table, all taken in.
    """
    from markupsafe import Markup

    style, script = inlined("page.css"), inlined("page.js")
    return _template().generate(
        content=content,
        style=style.markup,
        script=script.markup,
        style_hash=style.digest,
        script_hash=script.digest,
        states_bar=Markup(_states_bar(content)),
        sections=_sections(content),
        marks=_MARKS,
        ruler=lambda check, one: Markup(_ruler(check, one)),
        outcomes=OUTCOMES,
        safe=Markup,
        shown=shown,
        where_text=where_text,
        short=short,
        interval=interval,
        whole=whole,
        p_cell=p_cell,
        settings_text=settings_text,
        others_text=others_text,
        time_heads=TIME_HEADS,
        cost_heads=COST_HEADS,
        **on_a_page(content.run),
        reused_heads=REUSED_HEADS,
        reused_note=REUSED_NOTE,
        across_heads=HEADS,
        drift_heads=DRIFT_HEADS,
        drift_rows=rows_of(content.drift),
        drift_drawings=[Markup(drawing(each)) for each in content.drift if each.ones],
        theory_heads=THEORY_HEADS,
        count_of=count_of,
        many=content.overview.points > MANY_POINTS,
        folded=rows.number >= FOLDED_FROM,
        axes=_heads(content, rows),
        rows=rows.chunks(),
        reading=how_to_read(content),
        functions=functions_of(content.run),
        sources=read_sources(content.run.meta),
    )


def _heads(content: Content, rows: HtmlRows) -> list[tuple[str, bool]]:
    """What stands above what tells points apart, and whether it is of numbers."""
    axes = content.columns.varied or ["point"]
    machines = rows.machines.names if rows.machines else ()
    return [
        *((content.columns.head(name), name in rows.numeric) for name in axes),
        *((name, True) for name in machines),
    ]


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2")


@dataclass(frozen=True, slots=True)
class Inlined:
    """A text that stands inside a page, and what its Content-Security-Policy allows it by."""

    markup: str
    digest: str


def inlined(name: str) -> Inlined:
    """Return one of this package's own style sheets or scripts, to stand inside a page."""
    from markupsafe import Markup

    text = _asset(name)
    return Inlined(Markup(text), _hash(text))


@cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline text by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _sections(content: Content) -> list[tuple[str, str]]:
    """(id, title) of the sections that this page has."""
    overview = content.overview
    has: dict[str, Any] = {
        "failures": content.failures,
        "held": content.held,
        "checks": overview.checks,
        "figures": content.figures,
        "drift": content.drift,
        "fits": content.fits,
        "across": content.derived,
        "theory": content.theory,
        "results": True,
        "agreement": content.agreement,
        "backends": True,
        "calibrations": calibration_table(content.run),
        "reused": content.reused or content.aside,
        "cost": content.money.rows,
        "time": content.times,
        "reproduce": True,
    }
    titles = {
        "held": "Held jobs",
        "across": "Across points",
        "theory": "What theory says",
        "reused": "Shots from other runs",
    }
    named = [(name, titles.get(name, name.capitalize())) for name, there in has.items() if there]
    own = [(f"own-{n}", each.title) for n, each in enumerate(content.sections, start=1)]
    return [*named[:-1], *own, named[-1], ("reading", "How to read this")]


def _states_bar(content: Content) -> str:
    """A bar that shows how many points are in which state, and the same in words."""
    total, at, parts = max(1, content.overview.points), 0.0, []
    for state, number in content.states:
        width = 1000 * number / total
        parts.append(f'<rect class="{state}" x="{at:.2f}" width="{width:.2f}" height="10"/>')
        at += width
    words = escape(content.headline)
    return (
        f'<div class="states"><svg role="img" aria-label="{words}" viewBox="0 0 1000 10" '
        f'preserveAspectRatio="none">{"".join(parts)}</svg><p>{words}</p></div>'
    )


def _ruler(check: CheckResult, one: Judgement) -> str:
    """A small picture of an interval and of the number that is claimed."""
    estimate = one.estimate
    if estimate is None:
        return ""
    claims = [number for _, number in one.conditions]
    value, (low, high) = estimate.value, estimate.judged
    if check.check.absolute:
        claims += [-number for number in claims]
    left, right = min(low, *claims), max(high, *claims)
    scale = 130 / ((right - left) or 1.0)

    def at(x: float) -> str:
        return f"{10 + (x - left) * scale:.1f}"

    ticks = "".join(
        f'<path class="claim" d="M{at(number)} 1V13"/>' for number in dict.fromkeys(claims)
    )
    words = f"interval {interval(low, high)}, claimed {', '.join(f'{n:.6g}' for n in claims)}"
    return (
        f'<svg class="ruler {one.verdict}" role="img" aria-label="{escape(words)}" '
        f'viewBox="0 0 150 14"><path class="axis" d="M4 7H146"/>'
        f'<path class="span" d="M{at(low)} 7H{at(high)}"/>'
        f'<circle class="at" cx="{at(value)}" cy="7" r="3"/>{ticks}</svg>'
    )
