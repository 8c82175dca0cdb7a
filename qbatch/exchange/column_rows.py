"""What stands in the columns of ``results.csv``, whose head has their names alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from qbatch.manifest.columns import ENDS, OF_CURVE, table_columns, without_noise
from qbatch.report.rows import Columns, Run
from qbatch.snapshot.machine_columns import MachineColumns

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis

#: Head of the table.
COLUMNS_OF_COLUMNS = ("column", "label", "unit", "meaning")

#: Ending of a number's column -> what stands there.
_MEANINGS = {
    "_se": "standard error of {name}",
    "_low": "lower end of the interval of {name} at level {level:g}",
    "_high": "upper end of the interval of {name} at level {level:g}",
}


def column_rows(run: Run) -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows under `COLUMNS_OF_COLUMNS`, in the order of the columns."""
    columns = Columns.of(run)
    labels, units = columns.labels, columns.units
    ends = dict(_ends(columns, run.manifest.analysis))
    billed = any(True for _ in run.ledger())
    for column in table_columns(columns.parameters, columns.numbers, billed=billed):
        swept = "swept" if column in columns.parameters else ""
        name, meaning = ends.get(column, (column, swept))
        yield column, labels.get(name, ""), units.get(name, ""), meaning
    machines = MachineColumns(run)
    for column in machines.names:
        yield column, "", machines.unit(column), machines.meaning(column)


def _ends(columns: Columns, analysis: Analysis) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each column of a number with the number and what stands there."""
    for name in columns.numbers:
        for end in ENDS:
            told = _MEANINGS.get(end, "").format(name=name, level=columns.level)
            yield f"{name}{end}", (name, told or _meaning(name, analysis))
    for name in without_noise(columns.numbers):
        for end, told in OF_CURVE.items():
            yield f"{name}{end}", ("", f"{told}, of {name}")


def _meaning(name: str, analysis: Analysis) -> str:
    """What a number is, as the manifest says."""
    texts: Mapping[str, str] = {**analysis.observables, **analysis.probabilities}
    return texts.get(name, "")
