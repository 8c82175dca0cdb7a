"""What a sweep point is to its readers, whoever keeps it: planned, or with what became of it.

Who reads more of a point says so in a protocol of its own that begins with one of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qbatch.job import Job
    from qbatch.manifest.models import Value
    from qbatch.result import Counts, Estimate


class PlacedPoint(Protocol):
    """Any point: where in its sweep it stands, parameters left out."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def circuit(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def shots(self) -> int: ...
    @property
    def repeat(self) -> int: ...


class PlannedPoint(PlacedPoint, Protocol):
    """One that is only planned (`plan.SweepPoint`)."""

    @property
    def parameters(self) -> tuple[tuple[str, Value], ...]: ...


class PointOfRun(PlacedPoint, Protocol):
    """One with what has become of it (`snapshot.PointResult`)."""

    @property
    def parameters(self) -> Mapping[str, Value]: ...
    @property
    def sampled(self) -> int: ...
    @property
    def done(self) -> int: ...
    @property
    def used(self) -> int: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def each_setting(self) -> Sequence[PointOfRun]: ...
    @property
    def basis(self) -> str: ...
    @property
    def job(self) -> Job: ...
    @property
    def counts(self) -> Counts | None: ...
    @property
    def counts_by_basis(self) -> Mapping[str, Counts]: ...
    @property
    def estimates(self) -> Mapping[str, Estimate]: ...
    @property
    def calibrating_jobs(self) -> Mapping[str, Sequence[tuple[int, Counts]]]: ...
    @property
    def undecided(self) -> Mapping[str, str]: ...
