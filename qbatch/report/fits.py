"""What a report says of fits: a table for each, a row for each of its groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.notation import whole
from qbatch.report.numbers import full, p_cell
from qbatch.report.ticks import Unit
from qbatch.result import Estimate

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Manifest

#: Rows of one table; further ones are counted.
MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class FitTable:
    """One fit, over all of its groups.

    Attributes:
        title: Its name, and what is fitted along what.
        formula: The curve.
        head: Of the columns.
        rows: Cells of each group.
        more: Groups that are not shown.
    """

    title: str
    formula: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    more: int = 0

    @property
    def note(self) -> str:
        """What the table leaves out; "" for nothing."""
        return f"and {whole(self.more)} more groups" if self.more else ""


def fit_tables(fitted: Sequence[Fitted], manifest: Manifest) -> list[FitTable]:
    """Tell all fits of a run."""
    groups = groupby(fitted, key=lambda one: one.name)
    return [_table(name, list(found), manifest) for name, found in groups]


def _table(name: str, found: Sequence[Fitted], manifest: Manifest) -> FitTable:
    first, shown = found[0], found[:MAX_ROWS]
    spec = first.spec
    columns = [_Column.of(one, shown, manifest) for one in first.names]
    label = manifest.report.texts
    title = f"{name}: {label.get(spec.y, spec.y)} over {label.get(spec.x, spec.x)}"
    held = ", ".join(f"{one} = {value:g} held" for one, value in spec.fixed.items())
    formula = f"{spec.y} = {first.curve.formula.text}, x = {spec.x}"
    several = any(one.label for one in found)
    head = (
        *(("of",) if several else ()),
        *(column.head for column in columns),
        "points",
        "χ² (degrees of freedom)",
        "p",
        "verdict",
    )
    rows = [
        (
            *((one.label,) if several else ()),
            *(column.cell(one) for column in columns),
            whole(len(one.points)),
            *_quality(one),
        )
        for one in shown
    ]
    return FitTable(
        title, f"{formula}, {held}" if held else formula, head, rows, len(found) - len(shown)
    )


def _quality(one: Fitted) -> Iterator[str]:
    solution = one.solution
    yield "" if solution is None else f"{solution.chi2:.3g} ({solution.dof})"
    yield "" if solution is None or solution.p is None else p_cell(solution.p)
    if solution is None:
        yield one.quality
    elif solution.is_poor:
        yield f"poor; errors × {solution.scale:.2g}{one.missing_text}"
    else:
        yield f"{one.verdict}{one.missing_text}"


@dataclass(frozen=True, slots=True)
class _Column:
    """One parameter's: all its values are multiples of the same power of ten."""

    name: str
    unit: Unit

    @classmethod
    def of(cls, name: str, found: Sequence[Fitted], manifest: Manifest) -> _Column:
        values = [one.parameters[name].value for one in found if name in one.parameters]
        unit = manifest.units.get(f"{found[0].name}.{name}", "")
        return cls(name, Unit.of(values, unit) if unit else Unit())

    @property
    def head(self) -> str:
        return f"{self.name} ({self.unit.text})" if self.unit.text else self.name

    def cell(self, one: Fitted) -> str:
        if self.name not in one.parameters:
            return ""
        return full(_scaled(one.parameters[self.name], 10.0**-self.unit.power))


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(*(factor * getattr(estimate, each) for each in ("value", "se", "low", "high")))
