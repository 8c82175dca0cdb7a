"""The rows of ``results.csv``, as they stand in its format in `exports`.

Rule: a page of points is written column by column, and what all its points have in common is made
text once; the file is the same, byte for byte, as if each point were written by itself.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

from qbatch.job import JobState
from qbatch.manifest.columns import FIGURES, OF_CURVE, table_columns, without_noise
from qbatch.notation import visible
from qbatch.report.joining import Texts, joined
from qbatch.report.rows import Columns, Point, Run
from qbatch.snapshot.bulk import Page
from qbatch.snapshot.column import Column
from qbatch.snapshot.extrapolated import extrapolations_of
from qbatch.snapshot.ledger import figures_by_point, figures_of
from qbatch.snapshot.machine_columns import MachineColumns

if TYPE_CHECKING:
    from qbatch.manifest.models import Value
    from qbatch.snapshot.points import PointResult

#: With what a cell begins that a spreadsheet computes, or runs.
_FORMULA = frozenset("=+-@\t\r")

#: What is put between quotation marks where it is in a cell, besides a comma.
_QUOTED = ('"', "\n", "\r")


def cell(value: Any) -> Any:
    """A cell of a CSV file that shows what it holds.

    >>> cell("=1+1"), cell("-XX"), cell("-0.5"), cell(-0.5), cell("a=1")
    ("'=1+1", "'-XX", '-0.5', -0.5, 'a=1')
    """
    if not isinstance(value, str) or value[:1] not in _FORMULA:
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _value_cell(value: Value | None) -> Any:
    """The cell of a swept value."""
    if value.__class__ is float:
        return value
    return ("true" if value else "false") if value.__class__ is bool else cell(value)


class CsvRows:
    """The rows of ``results.csv``, written as they come.

    Args:
        run: Whose; its points are added as they are read.
        columns: Which parameters and numbers there are.
        file: Where to; its lines end as written.
    """

    def __init__(self, run: Run, columns: Columns, file: IO[str]) -> None:
        machines = MachineColumns(run)
        self._machines = machines if machines.names else None
        self._emulated = run.emulated
        self._bought = figures_by_point(run.ledger())
        self._parameters = columns.parameters
        self._numbers = columns.numbers
        self._curves = without_noise(columns.numbers)
        self._manifest = run.manifest
        self._file = file
        head = table_columns(columns.parameters, columns.numbers, billed=bool(self._bought))
        self._write(_written([(*head, *(self._machines.names if self._machines else ()))]))

    def add_all(self, points: Sequence[Point]) -> None:
        """Write points."""
        if isinstance(points, Page):
            self._write(joined(self._texts_of(points), len(points), between=",", end="\n"))
        else:
            self._write(_written(map(self._row, points)))

    def _write(self, text: str) -> None:
        self._file.write(visible(text))

    def _texts_of(self, page: Page) -> Iterator[Texts]:
        """Yield the columns that `_row` would make of its points."""
        yield texts_in_file(page.of("id"))
        yield texts_in_file(page.of("name"))
        yield JobState.COMPLETED.value
        for name in ("circuit", "backend", "shots", "repeat"):
            yield texts_in_file(page.of(name))
        for name in self._parameters:
            swept = page.parameters.get(name)
            yield "" if swept is None else texts_in_file(swept, is_swept=True)
        for name in self._numbers:
            fields = page.fields.get(name)
            yield from ("",) * 4 if fields is None else map(texts_in_file, fields[:4])
        yield from ("",) * len(self._curves) * len(OF_CURVE)  # no page has points of many settings
        for name in ("cost", "unit", "provider_job_id"):
            yield texts_in_file(page.of(name))
        yield from ("", "")  # what is done has no error
        yield self._emulated_of(page.of("backend"))
        if self._bought:
            nothing = (None,) * len(FIGURES)
            bought = [self._bought.get(id_, nothing) for id_ in page.ids]
            yield from (_shown(list(column)) for column in zip(*bought, strict=True))
        if self._machines:
            told = [self._machines.cells(point) for point in page]
            yield from (_shown(list(column)) for column in zip(*told, strict=True))

    def _emulated_of(self, backends: Column) -> Texts:
        if backends.only:
            return "yes" if backends.only[0] in self._emulated else ""
        return ["yes" if name in self._emulated else "" for name in backends.values]

    def _of_curves(self, point: Point) -> Iterator[float | None]:
        """Yield how a point's numbers without noise lie about their curves."""
        if self._curves:
            told = extrapolations_of(cast("PointResult", point), self._manifest)
            for name in self._curves:
                each = told.get(name)
                yield from (None,) * 3 if each is None else (each.chi2, each.dof, each.p)

    def _row(self, point: Point) -> list[Any]:
        job, parameters, estimates = point.job, point.parameters, point.estimates
        row = [
            point.id,
            cell(point.name),
            job.state,
            cell(point.circuit),
            cell(point.backend),
            point.sampled,
            point.repeat,
        ]
        row += (_value_cell(parameters.get(name)) for name in self._parameters)
        for name in self._numbers:
            estimate = estimates.get(name)
            if estimate is None:
                row += (None, None, None, None)
            else:
                row += (estimate.value, estimate.se, estimate.low, estimate.high)
        row += self._of_curves(point)
        row += (job.cost, *map(cell, (job.unit, job.provider_job_id, job.error, job.error_code)))
        row.append("yes" if point.backend in self._emulated else "")
        if self._bought:
            row += map(cell, figures_of(self._bought, point.each_setting))
        if self._machines:
            row += map(cell, self._machines.cells(cast("PointResult", point)))
        return row


def _written(rows: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def texts_in_file(column: Column, *, is_swept: bool = False) -> Texts:
    """What stands in the file of a column; of swept values as `_value_cell` has them."""
    if column.only:
        (text,) = _shown([_value_cell(column.only[0]) if is_swept else column.only[0]])
        return text
    if column.texts is None:
        return _shown([*map(_value_cell, column.values)] if is_swept else column.values)
    return column.texts if column.is_of_numbers else _quoted(column.texts)


def _shown(values: Iterable[Any]) -> list[str]:
    """What stands in the file of these values."""
    return _quoted(["" if value is None else str(value) for value in values])


def _quoted(texts: list[str]) -> list[str]:
    """What stands in the file of these texts, as `cell` and `csv.writer` have it."""
    if not _FORMULA.isdisjoint({text[:1] for text in texts}):
        texts = list(map(cell, texts))
    joined = "".join(texts)
    if any(mark in joined for mark in _QUOTED):
        return [_written([(text, "")])[:-2] for text in texts]
    return [f'"{text}"' if "," in text else text for text in texts] if "," in joined else texts
