"""What a report says of numbers across points, whatever it is written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qbatch.across.expected import UNLIKELY
from qbatch.frozen import dataclass
from qbatch.report.numbers import count_of, full, p_cell

if TYPE_CHECKING:
    from qbatch.across import Across, AcrossNumber, Agreement
    from qbatch.manifest.models import Manifest

#: Heads of the table of derived numbers.
HEADS = ("number", "of", "value and interval", "made")

#: Rows of it.
MAX_ROWS = 500


@dataclass(frozen=True, slots=True)
class AcrossRow:
    """One number across points.

    Attributes:
        name: With its unit.
        label: Which points it is of, where there are several numbers.
        text: Value and interval, or why there is none.
        made_of: From which points, and what a reader should know.
        is_decided: Whether there is a value.
    """

    name: str
    label: str
    text: str
    made_of: str
    is_decided: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """Under `HEADS`."""
        return self.name, self.label or "all points together", self.text, self.made_of


def derived_rows(across: Across, manifest: Manifest) -> list[AcrossRow]:
    """Tell derived numbers, and those of own functions of groups, a row each."""
    units, labels = manifest.units, manifest.report.texts
    numbers = [*across.derived, *across.own][:MAX_ROWS]
    return [_row(number, units, labels) for number in numbers]


def _row(number: AcrossNumber, units: Mapping[str, str], labels: Mapping[str, str]) -> AcrossRow:
    unit, told = units.get(number.name, ""), labels.get(number.name, number.name)
    name = f"{told} ({unit})" if unit else told
    points = number.points
    made_of = f"from {count_of(len(points), 'point')}"
    notes = [number.note, made_of if points else ""]
    estimate = number.estimate
    text = f"undecided: {number.reason}" if estimate is None else full(estimate)
    return AcrossRow(name, number.label, text, "; ".join(filter(None, notes)), estimate is not None)


#: Heads of the table of what theory says.
THEORY_HEADS = (
    "number",
    "theory",
    "backend",
    "points",
    "χ² / degrees of freedom",
    "p",
    "farthest off",
)


def theory_rows(across: Across, labels: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Tell how well theory and points agree, a row for each number, under `THEORY_HEADS`.

    Args:
        across: Of a run.
        labels: Number -> what stands for its name.
    """
    return [_theory_row(one, labels.get(one.name, one.name)) for one in across.expected]


def _theory_row(one: Agreement, name: str) -> tuple[str, ...]:
    points = str(len(one.residuals))
    if one.waiting:
        points += f" ({one.waiting} not measured)"
    if one.left_out:
        points += f" ({one.left_out} without a value)"
    if one.without_error:
        points += f" ({one.without_error} without an error, left out of χ²)"
    if one.reason:
        points += f"; {one.reason}"
    worst, p_value = one.worst, one.p_value
    if worst is None or worst.pull is None or p_value is None:
        return name, one.formula, one.backend, points, "", "", ""
    told = f"{worst.pull:+.1f} standard errors at {worst.point}"
    squares = f"{one.chi_squared:.4g} / {one.freedom}"
    verdict = "agree" if p_value >= UNLIKELY else "do not agree"
    head = name, one.formula, one.backend, points
    return *head, squares, f"{p_cell(p_value)}: {verdict}", told


def formulas(manifest: Manifest) -> list[tuple[str, str]]:
    """(name, formula) of each derived number; of own functions what they are, over which axis."""
    derived = [(name, each.value) for name, each in manifest.analysis.derived.items()]
    own = [
        (number, f"{each.python or f'installed {each.installed}'} over {each.over}")
        for each in manifest.analysis.own_over_axes.values()
        for number in each.returns
    ]
    return derived + own
