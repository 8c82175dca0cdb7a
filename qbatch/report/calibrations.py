"""What a report says of machines' calibrations: a row for each that jobs ran with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbatch.notation import is_number, whole
from qbatch.snapshot.machine_columns import HasCalibrations, MachineColumns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qbatch.calibration import Column, Value

#: Heads of `calibration_table`.
HEADS = ("backend", "calibration", "read", "jobs", "jobs unsure", "told, in the middle")

#: Said above the table.
NOTE = (
    "What the machines told of themselves while jobs ran. A job is unsure where the calibration "
    "changed between its sending and its result. `qbatch export --format calibrations` has all "
    "numbers."
)

#: Numbers told of one calibration.
_MOST = 6


def calibration_table(run: Any, *, is_page: bool = False) -> list[Sequence[str]]:
    """Return a row for each calibration, as `HEADS` names its cells; none where none is known.

    Args:
        run: Whose.
        is_page: Instants are marked, so that a page shows them in its reader's zone.
    """
    if not isinstance(run, HasCalibrations):
        return []
    known = run.calibrations
    return [
        (
            one.backend,
            one.digest,
            _marked_span(one.first_at, one.last_at)
            if is_page
            else _span(one.first_at, one.last_at),
            whole(one.jobs),
            whole(one.unsure),
            _medians(known.values(one.digest)),
        )
        for one in known
    ]


class MachineCells:
    """Numbers of points' machines, as the results table shows them.

    Args:
        run: Whose; `report: {columns: …}` of its manifest names them.

    Attributes:
        names: Those that there are; none where no calibration is known.
    """

    def __init__(self, run: Any) -> None:
        self._machines = MachineColumns(run)
        asked = run.manifest.report.columns
        self.names: tuple[str, ...] = tuple(n for n in asked if n in self._machines.names)

    def of(self, point: Any) -> list[tuple[str, float | None]]:
        """Return each in the unit that machines are told in, and as it is; "" where not known."""
        return [self._cell(name, self._machines.value(point, name)) for name in self.names]

    def _cell(self, name: str, value: Any) -> tuple[str, float | None]:
        if not is_number(value):  # the digest of a calibration
            return str(value or ""), None
        return _in_unit(value, self._machines.unit(name)), value


def on_a_page(run: Any) -> dict[str, Any]:
    """Return what the page's template asks for."""
    rows = calibration_table(run, is_page=True)
    return {"calibrations": rows, "calibration_heads": HEADS, "calibrations_note": NOTE}


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return "with results"
    start, end = f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"
    if start == end:
        return f"{start} UTC"
    return f"{start} to {end[11:] if start[:10] == end[:10] else end} UTC"


def _marked_span(first: datetime | None, last: datetime | None) -> str:
    from markupsafe import Markup

    if first is None or last is None:
        return _span(first, last)
    ends = [
        f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M} UTC</time>' for at in (first, last)
    ]
    is_one = f"{first:%Y-%m-%d %H:%M}" == f"{last:%Y-%m-%d %H:%M}"
    return Markup(ends[0] if is_one else " to ".join(ends))


def _in_unit(value: float, unit: str) -> str:
    """Write a number in the unit that machines are told in.

    >>> _in_unit(4.15e-5, "s"), _in_unit(6e-8, "s"), _in_unit(4.6e9, "Hz"), _in_unit(0.02, "")
    ('41.5 µs', '60 ns', '4.6 GHz', '0.02')
    """
    sizes = {"s": (("ns", 1e-9), ("µs", 1e-6)), "Hz": (("GHz", 1e9),)}.get(unit, ((unit, 1.0),))
    name, size = next((each for each in sizes if value < 1e3 * each[1]), sizes[-1])
    return f"{value / size:.3g} {name}".strip()


def _medians(values: Mapping[Column, Value]) -> str:
    """The median of each number over the machine's qubits, or pairs of them."""
    from statistics import median

    by_name: dict[str, list[Value]] = {}
    for column, value in values.items():
        if column.qubits:
            by_name.setdefault(column.name, []).append(value)
    told = []
    for name, those in [*by_name.items()][:_MOST]:
        told.append(f"{name} {_in_unit(median(each.value for each in those), those[0].unit)}")
    return ", ".join(told)
