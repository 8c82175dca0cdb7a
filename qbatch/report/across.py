"""What a report says of numbers across points, whatever it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.report.numbers import count_of, full

if TYPE_CHECKING:
    from qbatch.across import Across, AcrossNumber
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
    """Tell derived numbers, a row each."""
    return [_row(number, manifest) for number in across.derived[:MAX_ROWS]]


def _row(number: AcrossNumber, manifest: Manifest) -> AcrossRow:
    unit = manifest.units.get(number.name, "")
    name = f"{number.name} ({unit})" if unit else number.name
    points = number.points
    made_of = f"from {count_of(len(points), 'point')}"
    notes = [number.note, made_of if points else ""]
    estimate = number.estimate
    text = f"undecided: {number.reason}" if estimate is None else full(estimate)
    return AcrossRow(name, number.label, text, "; ".join(filter(None, notes)), estimate is not None)


def formulas(manifest: Manifest) -> list[tuple[str, str]]:
    """(name, formula) of each derived number."""
    return [(name, derived.value) for name, derived in manifest.analysis.derived.items()]
