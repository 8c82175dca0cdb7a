"""What theory says in a table: ``expected: {energy: {file: exact.csv}}``.

A file of comma-separated values has a column for each axis that it names and one of the number.
What it says is kept with a run, which is read without it. Where the axes have a row's values,
theory says that row's number; between rows it says nothing of points, and is drawn as straight
lines.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from qbatch.arithmetic import ExpressionError, evaluate
from qbatch.frozen import dataclass
from qbatch.manifest.fields import Mistakes, amiss, known_to, wrong
from qbatch.manifest.functions import mistakes_under
from qbatch.manifest.local_paths import check_read_path
from qbatch.manifest.nodes import Plain
from qbatch.manifest.theory_function import CalledTheory
from qbatch.notation import did_you_mean, listed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.manifest.fields import Known

    Floats = npt.NDArray[np.float64]

#: Rows of a table, at most.
MOST_ROWS = 100_000

#: Values of an axis within this share of one another are the same.
_SAME = 1e-9

_HOW = "write a formula, as -cos(theta), or {file: exact.csv}, or {python: FILE.py:FUNCTION}"


@dataclass(frozen=True, slots=True)
class Table:
    """A number at places, called as a formula is.

    Attributes:
        file: That it was read from.
        names: Of the axes.
        rows: The values of the axes, then the number.
    """

    file: str
    names: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, text: str) -> Table | None:
        """Read what stands for a table in the analysis; None for a formula."""
        if not text.startswith("{"):
            return None
        told = json.loads(text)
        rows = tuple(tuple(map(float, row)) for row in told["rows"])
        return cls(told["table"], tuple(told["axes"]), rows)

    @property
    def text(self) -> str:
        """As it stands in the analysis."""
        told = {"table": self.file, "axes": self.names, "rows": self.rows}
        return json.dumps(told, separators=(",", ":"))

    def __call__(self, given: Mapping[str, Any]) -> Floats:
        """Look up where axes have these values; along an axis of several, lines between rows."""
        import numpy as np

        long = [name for name in self.names if np.ndim(given[name])]
        fixed = {at: float(given[n]) for at, n in enumerate(self.names) if n not in long}
        rows = [r for r in self.rows if all(_is_same(r[at], v) for at, v in fixed.items())]
        if not long:
            return np.array(rows[0][-1] if rows else math.nan)
        places = np.asarray(given[long[0]], dtype=float)
        if len(long) > 1 or not rows:
            return np.full(places.shape, math.nan)
        at = self.names.index(long[0])
        rows = sorted(rows, key=lambda row: row[at])
        x, y = [row[at] for row in rows], [row[-1] for row in rows]
        found: Floats = np.interp(places, x, y, left=math.nan, right=math.nan)
        return found


def _is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=1e-12)


def read_tables(expected: Any, info: ValidationInfo) -> Any:
    """Return what theory says as texts, tables in files read; functions are not loaded."""
    if not isinstance(expected, Mapping):
        return expected
    mistakes = Mistakes()
    found = {}
    for name, written in expected.items():
        found[name] = written
        try:
            if isinstance(written, Mapping) and "python" in written:
                made = CalledTheory.model_validate(written, context=known_to(info))
                found[name] = made.text
            elif isinstance(written, Mapping):
                found[name] = _read(str(name), written, known_to(info), info)
            elif isinstance(written, str) and written.startswith("{"):
                mistakes.add((name,), wrong(f"is no formula; {_HOW}"))
        except PydanticCustomError as error:
            mistakes.add((name,), error)
        except ValidationError as error:
            mistakes.found += mistakes_under(name, error)
    mistakes.raise_any()
    return found


def _read(name: str, written: Mapping[Any, Any], known: Known, info: ValidationInfo) -> str:
    file, column = written.get("file"), written.get("column", name)
    strange = [key for key in written if key not in ("file", "column")]
    if strange or not isinstance(file, str) or not isinstance(column, str):
        raise amiss(f"is no theory; {_HOW}, with column: NAME where that is not {name!r}")
    key = f"{file} {column}"
    if known.sums is not None and key in known.sums:
        return known.sums_read.setdefault(key, known.sums[key])
    if known.folder is None:
        raise wrong("names a file, and the manifest has no folder; read it from a file")
    table = _read_table(known.folder / check_read_path(file, info), file, column)
    return known.sums_read.setdefault(key, table.text)


def _read_table(path: Path, file: str, column: str) -> Table:
    try:
        rows = [*csv.reader(path.read_text("utf-8-sig").splitlines())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise amiss(f"{file} cannot be read: {error}") from error
    head = [cell.strip() for cell in rows[0]] if rows else []
    if column not in head:
        hint = did_you_mean(column, head)
        said = f"{file}:1 has no column {column!r} ({listed(head) or 'it is empty'}){hint}"
        raise amiss(f"{said}; write column: NAME")
    if len(rows) > MOST_ROWS + 1:
        raise amiss(f"{file} has {len(rows) - 1:,} rows; {MOST_ROWS:,} are taken at most")
    at = head.index(column)
    axes = [place for place in range(len(head)) if place != at]
    found: dict[tuple[float, ...], float] = {}
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        numbers = _numbers(row, len(head), f"{file}:{line}")
        place = tuple(numbers[each] for each in axes)
        if place in found:
            raise amiss(f"{file}:{line} has the same place as a row above; keep one of them")
        found[place] = numbers[at]
    if not axes or not found:
        raise amiss(
            f"{file} needs a column for each axis that it is of, and a row for each place; "
            "add what is missing"
        )
    names = tuple(head[each] for each in axes)
    return Table(file, names, tuple((*place, value) for place, value in found.items()))


def _numbers(row: Sequence[str], columns: int, place: str) -> list[float]:
    if len(row) != columns:
        raise amiss(
            f"{place} has {len(row)} cells where the first row has {columns}; "
            "give every row as many"
        )
    try:
        found = [float(evaluate(Plain(cell.strip()), {})) for cell in row]
    except ExpressionError as error:
        raise amiss(f"{place}: {error}") from error
    return found
