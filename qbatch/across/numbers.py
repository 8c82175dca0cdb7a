"""What a number across points is, whatever it was made by: for tables, checks, files and Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qbatch.result import Estimate

if TYPE_CHECKING:
    from qbatch.manifest.models import Value


@dataclass(frozen=True, slots=True)
class AcrossNumber:
    """One number made from several points.

    Attributes:
        name: As checks call it: ``S``, ``t1.tau``.
        group: Axis -> value: which points it is of, where there is one for each value.
        estimate: Value and intervals; None where it is undecided.
        reason: Why it is undecided; "" where it is not.
        points: Names of the points that it is made from.
        place: Of a largest or smallest: axis -> where it was found.
        note: What a reader should know of it; "" for nothing.
    """

    name: str
    group: Mapping[str, Value]
    estimate: Estimate | None
    reason: str = ""
    points: tuple[str, ...] = ()
    place: Mapping[str, Value] = field(default_factory=dict)
    note: str = ""
