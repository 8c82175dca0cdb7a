"""By which calibration a point is mended, where calibrations are bought again as they grow old.

Each time bought further shots of the same circuits, which have their own time. A point is mended by
those of each circuit that ran nearest to all of its own shots, as many as are asked for; where
they ran longer before or after than is asked, by none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.bases import Setting, is_calibration
from qbatch.frozen import dataclass
from qbatch.instants import in_zone
from qbatch.notation import duration

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.result import Counts


class Folder(Protocol):
    """What is asked of a run folder."""

    @property
    def manifest(self) -> Manifest: ...
    def ran_at(self, ordinal: int) -> float | None: ...


class PointLike(Protocol):
    """What is asked of a point, a setting or a job (`PointResult`)."""

    @property
    def _run(self) -> Folder: ...
    @property
    def ordinal(self) -> int: ...
    @property
    def backend(self) -> str: ...
    @property
    def basis(self) -> str: ...
    @property
    def is_setting(self) -> bool: ...
    @property
    def settings(self) -> Sequence[PointLike]: ...
    @property
    def each_setting(self) -> Sequence[PointLike]: ...
    @property
    def jobs(self) -> Sequence[PointLike]: ...
    @property
    def done(self) -> int: ...
    @property
    def counts(self) -> Counts | None: ...


@dataclass(frozen=True, slots=True)
class Calibrated:
    """By what a point is mended.

    Attributes:
        jobs: Setting of a calibration -> its jobs; without those that are not young enough.
        ran: When the calibrations ran, seconds since 1970; empty where there are none.
        age_s: The longest time between them and the point's shots; None where there is none.
        is_before: They ran before the point's shots.
        untold: Why there is no calibration; "" where there is one.
    """

    jobs: Mapping[str, Sequence[PointLike]] = field(default_factory=dict)
    ran: tuple[float, ...] = ()
    age_s: float | None = None
    is_before: bool = True
    untold: str = ""

    @property
    def counts(self) -> Mapping[str, Counts]:
        """Setting of a calibration -> counts of its jobs together."""
        return {text: _pooled(jobs) for text, jobs in self.jobs.items()}

    def __str__(self) -> str:
        if self.age_s is None:
            return ""
        when = "before" if self.is_before else "after"
        return f"{in_zone(max(self.ran))}, {duration(self.age_s)} {when} its shots"

    def facts(self) -> dict[str, Any]:
        """Return it as JSON has it, with the counts that numbers are made with."""
        if self.age_s is None:
            return {"ran_at": None, "age_s": None, "why": self.untold, "counts": {}}
        counts = {
            Setting.parse(text).prepared: found.to_dict() for text, found in self.counts.items()
        }
        at = datetime.fromtimestamp(max(self.ran), UTC)
        return {"ran_at": at.isoformat(), "age_s": self.age_s, "counts": counts}


def longest_age_s(point: PointLike) -> float | None:
    """Return how old a point's calibration may be; None where it is the only one."""
    if point.is_setting or not point.settings:
        return None
    from qbatch.providers import calibration_age_s

    return calibration_age_s(point._run.manifest, point.backend)


def calibrated(point: PointLike) -> Calibrated | None:
    """Return by what a point is mended; None where its calibrations are bought once."""
    every_s = longest_age_s(point)
    if every_s is None:
        return None
    times = [at for each in point.settings if not is_calibration(each.basis) for at, _ in ran(each)]
    calibrations = [each for each in point.settings if is_calibration(each.basis)]
    if not times or not calibrations:
        return Calibrated(untold="no shots yet" if calibrations else "it was forgotten")
    jobs: dict[str, Sequence[PointLike]] = {}
    used: list[float] = []
    for each in calibrations:
        found = sorted(ran(each), key=lambda one: _age(times, one[0]))
        if not found:
            return Calibrated(untold=f"{each.basis} has no shots yet")
        (at, _), *_ = found
        if (age_s := _age(times, at)) > every_s:
            when = "before" if at <= max(times) else "after"
            said = f"none ran within {duration(every_s)} of its shots, as `every` asks"
            return Calibrated(untold=f"{said}; the nearest {duration(age_s)} {when} them")
        near = [one for one in found if _age(times, one[0]) <= every_s]
        own = _enough(near, _asked(point))
        jobs[each.basis] = [job for _, job in own]
        used += [at for at, _ in own]
    age_s = max(_age(times, at) for at in used)
    return Calibrated(jobs, (*used,), age_s, is_before=max(used) <= max(times))


def counts_of(point: PointLike) -> dict[str, Counts]:
    """Return a point's counts by setting; of calibrations those by which it is mended."""
    aged, own = calibrated(point), point.each_setting
    if aged is not None:
        own = tuple(each for each in own if not is_calibration(each.basis))
    found = {each.basis: each.counts for each in own}
    there = {basis: counts for basis, counts in found.items() if counts is not None}
    return there if aged is None else {**there, **aged.counts}


def calibrating_jobs(point: PointLike) -> dict[str, list[tuple[int, Counts]]]:
    """Return the jobs by which a point is mended, by setting: each one's row, and its counts."""
    aged = calibrated(point)
    own = [each for each in point.settings if is_calibration(each.basis)]
    jobs = {each.basis: each.jobs for each in own} if aged is None else aged.jobs
    return {
        text: [(job.ordinal, job.counts) for job in several if job.counts is not None]
        for text, several in jobs.items()
    }


def why_uncalibrated(point: PointLike) -> str:
    """Say why there is no calibration for a point that has aged ones; "" where there may be."""
    aged = calibrated(point)
    return "" if aged is None else aged.untold


def _asked(point: PointLike) -> int:
    readout = point._run.manifest.analysis.mitigation.readout
    return 1 if readout is None else readout.shots


def _age(times: Sequence[float], at: float) -> float:
    """How far from an instant these times are at most."""
    return max(abs(min(times) - at), abs(max(times) - at))


def ran(setting: PointLike) -> Sequence[tuple[float, PointLike]]:
    """When jobs of a setting ran, as far as that is known, each with the job."""
    run = setting._run
    found = ((run.ran_at(job.ordinal), job) for job in setting.jobs if job.done)
    return [(at, job) for at, job in found if at is not None]


def _enough(near: Sequence[tuple[float, PointLike]], shots: int) -> list[tuple[float, PointLike]]:
    """Return the first jobs that have so many shots together; all, where they have fewer."""
    found: list[tuple[float, PointLike]] = []
    for at, job in near:
        if sum(each.done for _, each in found) >= shots:
            break
        found.append((at, job))
    return found


def _pooled(jobs: Iterable[PointLike]) -> Counts:
    from qbatch.result import pool

    return pool([job.counts for job in jobs if job.counts is not None])


def calibrated_facts(point: PointLike) -> dict[str, Any]:
    """Return by what a point is mended, as JSON; nothing where its calibrations are bought once."""
    found = calibrated(point)
    return {} if found is None else {"calibrated": found.facts()}
