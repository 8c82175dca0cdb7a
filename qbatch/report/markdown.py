"""The report as Markdown: reads well as plain text, and on any forge that renders it.

Rule: texts of others are put in by `cell` (inside of a line or a table), `line` (where one begins),
`code` (a span of code, where escapes would be shown as they are) or `fenced`, and make neither
markup nor links.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from qbatch.notation import whole
from qbatch.report.across import HEADS, THEORY_HEADS
from qbatch.report.calibrations import HEADS as CALIBRATION_HEADS
from qbatch.report.calibrations import NOTE as CALIBRATIONS_NOTE
from qbatch.report.calibrations import MachineCells, calibration_table
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
from qbatch.report.drift import rows_of
from qbatch.report.how_to_read import how_to_read
from qbatch.report.numbers import count_of, full, outcomes, p_cell
from qbatch.report.overview import axis_values
from qbatch.report.own_sections import Section
from qbatch.report.reused import REUSED_HEADS, REUSED_NOTE
from qbatch.report.rows import Columns, Floors, Point
from qbatch.result import Verdict
from qbatch.snapshot.sources import read_sources

#: Rows of the results table; beyond, the CSV beside the report has them.
MAX_ROWS = 1_000

#: How a page shows a verdict.
VERDICTS = {Verdict.PASS: "✔ pass", Verdict.FAIL: "✘ fail", Verdict.UNDECIDED: "? undecided"}
_SPECIAL = str.maketrans({"\\": r"\\", "|": r"\|", "\n": " ", "\r": " ", "`": "'"})

#: Where a text in brackets would become a link, an image or what a link refers to.
_LINK = re.compile(r"\](?=[(\[:])")

#: Where what reads as an entity begins.
_ENTITY = re.compile(r"&(?=#?\w+;)")

#: What makes a heading, a quotation, a list, a rule or a fence of a line that begins with it.
_OPENS = re.compile(r"#|>|~~~|[*+-](?=\s|$)|([*_-])(?:\s*\1){2}")


def cell(text: str) -> str:
    r"""Text made safe inside a table: no new column, no new row, no markup of HTML, no link.

    >>> cell("a|b <i>"), cell("![x](y)"), cell("AT&T &lt;")
    ('a\\|b &lt;i>', '![x\\](y)', 'AT&T &amp;lt;')
    """
    text = _ENTITY.sub("&amp;", text.translate(_SPECIAL)).replace("<", "&lt;")
    return _LINK.sub(r"\]", text)


def line(text: str) -> str:
    r"""Text made safe at the beginning of a line, of which it is the first words or all.

    >>> line("  ~~~ a")
    '\\~~~ a'
    """
    text = cell(text).strip()
    return f"\\{text}" if _OPENS.match(text) else text


def code(text: str, *, in_table: bool = False) -> str:
    r"""A span of code that shows a text as it is: entities and backslashes say nothing inside one.

    In a table a pipe needs a backslash even there, which the table's reader takes away; so one that
    has a backslash already would end the column, and is told apart by a space.

    >>> code("zz <= -0.9"), code("|x| < 1", in_table=True), code("a`b")
    ('`zz <= -0.9`', '`\\|x\\| < 1`', '``a`b``')
    """
    text = " ".join(text.split())
    if in_table:
        text = re.sub(r"(?<=\\)(?=\|)", " ", text).replace("|", r"\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if not text.strip("`") or text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def fenced(kind: str, text: str) -> Iterator[str]:
    """Lines of a block of code, inside a fence that nothing in it closes."""
    fence = "```"
    while fence in text:
        fence += "`"
    yield from (f"{fence}{kind}", text, fence)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table whose cells are safe already, padded so that it reads as plain text."""
    filled = [list(map(str, head)), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    lines = [
        "| " + " | ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) + " |"
        for row in filled
    ]
    yield lines[0]
    yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield from lines[1:]


class MarkdownRows:
    """The results table's rows, taken in one by one.

    Args:
        columns: Of the table.
        floors: To be told beside distances.
        limit: Rows kept; None for all.
        machines: Numbers of machines that stand beside the axes.
    """

    def __init__(
        self,
        columns: Columns,
        floors: Floors,
        limit: int | None = MAX_ROWS,
        *,
        machines: MachineCells | None = None,
    ) -> None:
        self.columns = columns
        self.machines = machines
        self.rows: list[list[str]] = []
        self.left_out = 0
        self._floors = floors
        self._limit = limit

    @property
    def head(self) -> list[str]:
        """Of the table."""
        numbers = [*map(self.columns.head, self.columns.numbers)] or [OUTCOMES]
        axes = [*map(self.columns.head, self.columns.varied)] or ["point"]
        machines = self.machines.names if self.machines else ()
        return [*map(cell, (*axes, *machines)), "state", *map(cell, numbers)]

    def has_room_for(self, rows: int) -> bool:
        """Whether none of so many rows is left out."""
        return self._limit is None or rows <= self._limit

    def add_all(self, points: Sequence[Point]) -> None:
        """Take in points; those without room are not looked at."""
        room = len(points) if self._limit is None else max(0, self._limit - len(self.rows))
        for point in itertools.islice(points, room) if room else ():
            self.add(point)
        self.left_out += max(0, len(points) - room)

    def add(self, point: Point) -> None:
        """Take in one point."""
        if not self.has_room_for(len(self.rows) + 1):
            self.left_out += 1
            return
        values = axis_values(point, self.columns)
        texts = map(self.columns.text, self.columns.varied, values)
        row = [cell(text) for text in texts] or [cell(point.name)]
        if self.machines:
            row += [cell(text) for text, _ in self.machines.of(point)]
        row.append(point.state_in_words)
        estimates = point.estimates
        for name in self.columns.numbers:
            estimate = estimates.get(name)
            text = (
                "" if estimate is None else full(self._floors.beside(name, estimate, point.sampled))
            )
            row.append(text)
        if not self.columns.numbers:
            row.append(outcomes(point.counts) if point.counts else "")
        self.rows.append(row)

    def lines(self) -> Iterator[str]:
        """The whole table."""
        yield from table(self.head, self.rows)


def markdown_lines(content: Content, rows: MarkdownRows, figures: str = "figures") -> Iterator[str]:
    """Lines of the report, without line ends.

    Args:
        content: What to say.
        rows: Of the results table.
        figures: Folder of the figures, as seen from the report.
    """
    manifest = content.manifest
    yield f"# {cell(content.title)}"
    yield ""
    if content.banner:
        yield from (f"> **{content.banner}**", "")
    for warning in content.warnings:
        yield from (f"> **Warning:** {line(warning)}", "")
    if manifest.description:
        yield from (line(manifest.description), "")
    yield f"**{content.headline}.** " + " · ".join(
        f"{figure} {what}" for figure, what in content.tiles[1:]
    )
    yield ""
    if begun := content.begun_at:
        yield from (f"The run was begun on {begun:%Y-%m-%d at %H:%M} UTC.", "")
    yield from _checks(content)
    yield from _failures(content)
    yield from _held(content)
    yield from _figures(content, figures)
    yield from _drift(content)
    yield from _fits(content)
    yield from _across(content)
    yield from _theory(content)
    yield from _results(content, rows)
    yield from _agreement(content)
    yield from _backends(content)
    yield from _calibrations(content)
    yield from _reused(content)
    yield from _costs(content)
    yield from _times(content)
    for section in content.sections:
        yield from _own(section)
    yield from _reproduce(content)
    yield from ("## How to read this", "")
    for paragraph in how_to_read(content):
        yield from (f"- {paragraph}",)


def _own(section: Section) -> Iterator[str]:
    yield from (f"## {cell(section.title)}", "")
    for paragraph in section.paragraphs:
        yield from (line(paragraph), "")
    if section.rows:
        yield from table([*map(cell, section.head)], [[*map(cell, row)] for row in section.rows])
        yield ""


def _checks(content: Content) -> Iterator[str]:
    if not content.overview.checks:
        return
    yield from ("## Checks", "")
    rows = []
    for check in content.overview.checks:
        where = cell(where_text(check.where, content.columns)) or "all points"
        rows.append(
            [VERDICTS[check.verdict], code(check.check.text, in_table=True), where, check.summary]
        )
    yield from table(["verdict", "claim", "where", "points"], rows)
    yield ""
    told = [(check, one) for check in content.overview.checks for one in shown(check)]
    for check, one in told:
        claim = f"{code(check.check.text)} at {cell(one.name)}"
        yield f"- {VERDICTS[one.verdict]}: {claim}: {cell(one.reason)}"
    if told:
        yield ""
    if content.left_out_note:
        yield from (content.left_out_note, "")
    if content.equalities_note:
        yield from (content.equalities_note, "")


def _failures(content: Content) -> Iterator[str]:
    if not content.failures:
        return
    yield from ("## Failures", "")
    for failure in content.failures:
        names = ", ".join(failure.names) + (", …" if failure.number > len(failure.names) else "")
        where, error = ", ".join(sorted(failure.backends)), failure.error or "no reason given"
        number = count_of(failure.number, "point")
        yield f"- **{number} {failure.state}** on {cell(where)}: {cell(error)}"
        yield f"  ({cell(names)}); {failure.remedy}."
    if content.overview.untold:
        further = count_of(content.overview.untold, "further point")
        yield f"- {further} with other errors: see the CSV."
    yield ""


def _figures(content: Content, folder: str) -> Iterator[str]:
    if not content.figures:
        return
    yield from ("## Figures", "")
    for figure in content.figures:
        yield from (f"### {cell(figure.title)}", "")
        if figure.note:
            yield from (figure.note, "")
            continue
        alt = cell(figure.title).translate(str.maketrans("[]", "()"))
        yield from (f"![{alt}]({folder}/{figure.slug}.svg)", "", cell(figure.caption), "")


def _results(content: Content, rows: MarkdownRows) -> Iterator[str]:
    yield from ("## Results", "")
    overview = content.overview
    if overview.points > MANY_POINTS:
        extremes = []
        for name in content.columns.numbers:
            summary = overview.numbers.get(name)
            if summary is None:
                continue
            for what, one in summary.extremes:
                place = cell(one.name) + others_text(one)
                extremes.append([cell(content.columns.head(name)), what, full(one.estimate), place])
        if extremes:
            yield from table(["number", "", "value", "point"], extremes)
            yield ""
    if content.constant_note:
        yield from (line(content.constant_note), "")
    if overview.points >= FOLDED_FROM:
        points = count_of(overview.points, "point")
        yield from (f"<details><summary>All {points}</summary>", "", *rows.lines(), "")
        yield from ("</details>", "")
    else:
        yield from (*rows.lines(), "")
    if rows.left_out:
        yield from (f"… and {whole(rows.left_out)} more rows: all are in `results.csv`.", "")
    if content.repeats_note:
        yield from (cell(content.repeats_note), "")


def _drift(content: Content) -> Iterator[str]:
    if not content.drift:
        return
    yield from ("## Drift", "")
    rows = [[cell(text) for text in row] for row in rows_of(content.drift)]
    yield from table(DRIFT_HEADS, rows)
    yield ""
    for each in content.drift:
        yield from (f"- **Warning:** {line(warning)}" for warning in each.warnings)
    yield from (f"- {line(note)}" for note in content.set_aside)
    yield ""


def _fits(content: Content) -> Iterator[str]:
    if content.fits:
        yield from ("## Fits", "")
    for each in content.fits:
        yield from (f"### {cell(each.title)}", "", code(each.formula), "")
        yield from table(each.head, [[cell(text) for text in row] for row in each.rows])
        yield ""
        if each.note:
            yield from (each.note, "")


def _across(content: Content) -> Iterator[str]:
    if not content.derived:
        return
    yield from ("## Across points", "")
    yield from table(HEADS, [[cell(text) for text in row.cells] for row in content.derived])
    yield ""
    yield from (f"- {line(name)} = {code(formula)}" for name, formula in content.formulas)
    yield ""


def _theory(content: Content) -> Iterator[str]:
    if not content.theory:
        return
    yield from ("## What theory says", "")
    rows = [
        [cell(name), code(formula, in_table=True), *map(cell, rest)]
        for name, formula, *rest in content.theory
    ]
    yield from table(THEORY_HEADS, rows)
    yield ""


def _agreement(content: Content) -> Iterator[str]:
    verdicts, note = content.agreement, content.agreement_note
    if not verdicts and not note:
        return
    yield from ("## Agreement between backends", "")
    if note:
        yield from (cell(note), "")
    if not verdicts:
        return
    heads = ["number", "verdict", "settings", "differing", "least likely setting", "p", "values"]
    rows = [
        [
            cell(one.number),
            one.word,
            settings_text(one),
            whole(one.differing),
            cell(one.least_likely.setting),
            p_cell(one.least_likely.p_value),
            cell(one.least_likely.told),
        ]
        for one in verdicts
    ]
    yield from table(heads, rows)
    yield ""


def _backends(content: Content) -> Iterator[str]:
    yield from ("## Backends", "")
    rows = [
        [
            cell(one.name),
            one.provider,
            cell(one.target),
            f"{whole(one.share.completed)} of {whole(one.share.points)}",
            whole(one.share.shots),
        ]
        for one in content.backends
    ]
    yield from table(["backend", "provider", "target", "points", "shots"], rows)
    yield from ("", "<details><summary>Settings and facts</summary>", "")
    for one in content.backends:
        yield f"- {line(one.name)}"
        yield from (f"  - {line(key)}: {cell(value)}" for key, value in (*one.settings, *one.facts))
    yield from ("", "</details>", "")


def _held(content: Content) -> Iterator[str]:
    if not content.held:
        return
    yield from ("## Held jobs", "", content.held_note, "")
    for one in content.held:
        yield f"- **{cell(one.point)}** ({code(one.id[:8])}): {cell(one.why)}"
        yield from (f"  - {line(name)}: {cell(text)}" for name, text in one.traces.items())
    yield ""


def _calibrations(content: Content) -> Iterator[str]:
    if found := calibration_table(content.run):
        yield from ("## Calibrations", "", CALIBRATIONS_NOTE, "")
        rows = [[*map(cell, row)] for row in found]
        yield from (*table(CALIBRATION_HEADS, rows), "")


def _reused(content: Content) -> Iterator[str]:
    if not content.reused and not content.aside:
        return
    yield from ("## Shots from other runs", "")
    if content.reused:
        yield from (REUSED_NOTE, "")
        yield from table(REUSED_HEADS, [[*map(cell, row)] for row in content.reused])
        yield ""
    for note in content.aside:
        yield f"- {line(note)}"
    yield from ("",) if content.aside else ()


def _costs(content: Content) -> Iterator[str]:
    if not content.money.rows:
        return
    yield from ("## Cost", "")
    yield from table(COST_HEADS, [[cell(name), *rest] for name, *rest in content.money.rows])
    yield ""
    yield from (f"- {line(note)}" for note in content.money.notes)
    yield ""


def _times(content: Content) -> Iterator[str]:
    if not content.times:
        return
    yield from ("## Time", "")
    yield from table(TIME_HEADS, [[cell(name), *rest] for name, *rest in content.times])
    yield ""


def _reproduce(content: Content) -> Iterator[str]:
    yield from ("## Reproduce", "", *fenced("sh", content.command), "")
    versions = ", ".join(f"{name} {number}" for name, number in content.versions.items())
    yield f"- versions: {cell(versions)}"
    if content.revision:
        yield f"- git: {cell(content.revision)}"
    for source in read_sources(content.run.meta):
        yield f"- manifest file {cell(source.path)}: SHA-256 {source.digest}"
    for what, function in functions_of(content.run):
        yield f"- {what} {cell(function)}"
    yield f"- root seed: {content.seeds}"
    yield f"- points (SHA-256 over their ids): {code(content.overview.points_digest)}"
    if content.circuits:
        yield from ("", "<details><summary>Circuits</summary>", "")
        for name, text in content.circuits:
            yield from (line(name), "", *fenced("qasm", text.rstrip("\n")), "")
        yield "</details>"
    yield from ("", "<details><summary>Manifest</summary>", "")
    text = content.manifest.text.rstrip("\n")
    yield from (*fenced("yaml", text), "", "</details>", "")
