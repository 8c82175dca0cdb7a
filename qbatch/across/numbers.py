"""What a number across points is, whatever it was made by: for tables, checks, files and Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.result import Estimate

if TYPE_CHECKING:
    from qbatch.manifest.models import Value


@dataclass(frozen=True, slots=True)
class AcrossNumber:
    """One number made from several points.

    Attributes:
        name: As checks call it: ``S``, ``t1.tau``.
        group: Axis -> value: which points it is of, where there is one for each value.
        label: The same as text: "backend=ideal"; "" where there is one number.
        estimate: Value and intervals; None where it is undecided.
        reason: Why it is undecided; "" where it is not.
        points: Names of the points that it is made from.
        note: What a reader should know of it, as where a largest is; "" for nothing.
    """

    name: str
    group: Mapping[str, Value]
    label: str
    estimate: Estimate | None
    reason: str = ""
    points: tuple[str, ...] = ()
    note: str = ""


#: Columns of the table of numbers across points.
ACROSS_COLUMNS = (
    "number",
    "group",
    "unit",
    "value",
    "se",
    "low",
    "high",
    "reason",
    "note",
    "points",
)


def across_rows(
    numbers: Iterable[AcrossNumber], units: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows under `ACROSS_COLUMNS`; None where there is no number."""
    for number in numbers:
        found = number.estimate
        ends: tuple[float | None, ...] = (None,) * 4
        if found is not None:
            ends = (found.value, found.se, found.low, found.high)
        told = (number.reason, number.note, len(number.points))
        yield (number.name, number.label, units.get(number.name, ""), *ends, *told)


def across_facts(number: AcrossNumber) -> dict[str, Any]:
    """Return a number across points as files have it; null where it is undecided."""
    estimate = number.estimate
    ends = ("value", "se", "low", "high")
    return {
        "name": number.name,
        "group": dict(number.group),
        **{end: None if estimate is None else getattr(estimate, end) for end in ends},
        "reason": number.reason,
        "note": number.note,
        "points": list(number.points),
    }
