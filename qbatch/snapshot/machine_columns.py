"""Columns that tables of results have beside what was asked: the machine as it was for each point.

There are none in a run that knows of no calibration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from qbatch.calibration import PREFIX

if TYPE_CHECKING:
    from qbatch.snapshot.calibrations import Calibrations
    from qbatch.snapshot.points import PointResult

#: The digests of the calibrations that a point's jobs ran with, each once, a space between.
CALIBRATION = f"{PREFIX}calibration"


@runtime_checkable
class HasCalibrations(Protocol):
    """A run that may know its machines' calibrations (`snapshot.Run`)."""

    @property
    def calibrations(self) -> Calibrations: ...


class MachineColumns:
    """The columns of one run.

    Args:
        run: Whose they are.
    """

    def __init__(self, run: Any) -> None:
        known = run.calibrations if isinstance(run, HasCalibrations) else None
        self._known = known if known is not None and known.is_known else None
        #: Their names, in order.
        self.names: tuple[str, ...] = (CALIBRATION,) if self._known is not None else ()

    def cells(self, point: PointResult) -> list[Any]:
        """What stands in them for a point; None for nothing."""
        if self._known is None:
            return []
        return [" ".join(self._known.digests_of(point)) or None]

    def meaning(self, name: str) -> str:
        """What stands in a column."""
        if name == CALIBRATION:
            return "digests of the calibrations that its jobs ran with"
        return "of the machine, by its calibration as the jobs ran"

    def unit(self, name: str) -> str:
        """The unit of a column's numbers; "" for none."""
        del name
        return ""
