"""Numbers of machines beside what was measured on them: what figures and tables are given.

A point's number is that of the calibration its jobs ran with; of several jobs the mean by their
shots. It is not known where a job's calibration is not, or changed meanwhile to another number.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from qbatch.calibration import Column, told_of
from qbatch.manifest.machine import CALIBRATION, is_of_machine
from qbatch.manifest.machine_names import machine_names

if TYPE_CHECKING:
    from qbatch.snapshot.calibrations import Calibrations


@runtime_checkable
class HasCalibrations(Protocol):
    """A run that may know its machines' calibrations (`snapshot.Run`)."""

    @property
    def calibrations(self) -> Calibrations: ...


class MachineColumns:
    """What is told of the machines of one run.

    Args:
        run: Whose they are.
    """

    def __init__(self, run: Any) -> None:
        known = run.calibrations if isinstance(run, HasCalibrations) else None
        self._known = known if known is not None and known.is_known else None
        asked = [*machine_names(run.manifest)] if self._known is not None else []
        first = (CALIBRATION,) if self._known is not None else ()
        #: Names of the columns that tables have, in order.
        self.names: tuple[str, ...] = (*dict.fromkeys((*first, *asked)),)
        self._without: Counter[tuple[str, str]] = Counter()

    def cells(self, point: Any) -> list[Any]:
        """What stands in the columns of tables for a point; None for nothing."""
        return [self.value(point, name) for name in self.names]

    def value(self, point: Any, name: str) -> Any:
        """What a name stands for at a point; None where that is not known."""
        if self._known is None:
            return None
        if name == CALIBRATION:
            return " ".join(self._known.digests_of(point)) or None
        column = Column.of(name)
        found = None if column is None else self._known.value_of(point, column)
        if found is None and point.used:
            self._without[name, point.backend] += 1
        return None if found is None else found.value

    def unit(self, name: str) -> str:
        """The unit of a column's numbers; "" for none."""
        return self._units.get(name, "")

    def attributes(self, name: str) -> dict[str, str]:
        """What a dataset says of a column beside its name."""
        return {"units": unit} if (unit := self.unit(name)) else {}

    def meaning(self, name: str) -> str:
        """What stands in a column."""
        if name == CALIBRATION:
            return "digests of the calibrations that its jobs ran with"
        return "of the machine, by its calibration as the jobs ran"

    @cached_property
    def _units(self) -> dict[str, str]:
        if self._known is None:
            return {}
        found: dict[str, str] = {}
        for each in self._known:
            for column, value in self._known.values(each.digest).items():
                found.setdefault(str(column), value.unit)
        return found

    def why_not(self, name: str) -> str:
        """Say why points have no number of a machine; "" where all have, or it is no such name."""
        if not is_of_machine(name):
            return ""
        if self._known is None:
            return f"{name}: no calibration is known of this run's machines."
        missing = {backend: n for (of, backend), n in self._without.items() if of == name}
        told = [self._why(name, backend, number) for backend, number in missing.items()]
        return " ".join(told)

    def _why(self, name: str, backend: str, number: int) -> str:
        assert self._known is not None
        there = self._known.columns(backend)
        points = f"{number} point{'s' if number > 1 else ''} of {backend}"
        if not there:
            return f"{points} left out: its calibration is not known."
        if Column.of(name) not in there:
            return (
                f"{points} left out: no calibration of it tells {name}; there are {told_of(there)}."
            )
        return f"{points} left out: it is not known, or changed while jobs ran."
