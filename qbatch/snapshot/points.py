"""One point of a run as it is read.

Rule: this is done a hundred thousand times for a report, so what few readers ask for (counts,
facts, times) is decoded when it is asked for.

Of a point several jobs may have bought shots. They are of one distribution, so the jobs' counts
add up, and so does what they cost. All shots that there are count, also where fewer are wanted. The
point stands where that of its jobs stands which is furthest behind (`PRECEDENCE`). How rows become
points: see `point_rows`, and `settings` for a point that is measured in several.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.bases import Setting, is_calibration, is_reference, is_shared_out, is_twirled, shots_of
from qbatch.circuit.earlier import MARK
from qbatch.errors import ManifestError
from qbatch.job import Job, JobError, JobState
from qbatch.notation import whole
from qbatch.snapshot.attempts import Attempt, instant
from qbatch.snapshot.estimates import read_estimates
from qbatch.snapshot.reading import checked
from qbatch.snapshot.schema import StoredPoint
from qbatch.snapshot.uneven import uneven_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from qbatch.manifest import Manifest
    from qbatch.manifest.models import Analysis
    from qbatch.result import Counts, Estimate


class Folder(Protocol):
    """What a point asks of the run it is read from."""

    path: Path

    @property
    def manifest(self) -> Manifest: ...
    @property
    def analysis_key(self) -> str: ...
    def doubt_of(self, point: PointResult) -> str: ...
    def statevector_of(self, ordinal: int) -> Any: ...
    def result_at(self, ordinal: int) -> Packed | None: ...
    def ran_at(self, ordinal: int) -> float | None: ...


#: Of a result: counts, facts, key of the analysis, and the numbers by it.
Packed = tuple[bytes, str, str, dict[str, list[float]]]


@dataclass(slots=True, eq=False)
class PointResult:
    """One point of a run: what was asked for, how its job stands, what was measured.

    Attributes:
        id: SHA-256 of all that decides the distribution of its shots, 64 hex digits.
        name: Readable.
        circuit: Name in the manifest.
        backend: Name in the manifest.
        shots: Asked for; how many there are, `counts` says.
        repeat: 1 for the first copy.
        seed: The point's own.
        parameters: Swept parameter -> value, in the order of the plan's axes.
        job: State, provider's id, error, cost.
        in_plan: False when the manifest no longer has it.
        ordinal: Its row; stays for life.
        setting: Key of what it shares with others, "" when none was kept.
        bought: Shots that its job buys; where it has several `pieces`, the first one.
        start: So many shots of its sample come before those.
        wanted: As in `StoredPoint`.
        composite: Row of the composite job it was sent in last.
        same_as: Name of the place before it in the plan that comes to the same content: the job is
            that one's, and its cost is told there alone; "" for the first or only one.
        pieces: Where several jobs bought shots of it: each alone, by where it starts; else empty.
        settings: Where it is measured in several settings, or in another basis than as its circuit
            is written: each alone; else empty. Shots are those of each.
        is_setting: It is a setting alone, which has those numbers only that come of it alone.
        forgotten: Basis of a setting that was forgotten -> shots asked for; 0 where not known.
    """

    id: str
    name: str
    circuit: str
    backend: str
    shots: int
    repeat: int
    seed: int
    parameters: dict[str, bool | int | float | str]
    job: Job
    in_plan: bool
    ordinal: int
    setting: str
    bought: int
    start: int
    wanted: int | None
    composite: int | None
    same_as: str
    _run: Folder
    _submitted_at: float | None
    _completed_at: float | None
    _packed: Packed | None
    _counts: Counts | None = None
    _estimates: dict[str, Estimate] | None = None
    pieces: tuple[PointResult, ...] = ()
    settings: tuple[PointResult, ...] = ()
    is_setting: bool = False
    forgotten: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<PointResult {self.name!r}: {self.state}>"

    @property
    def point(self) -> StoredPoint:
        """What was asked for, alone."""
        return StoredPoint(
            self.job.id,
            self.name,
            self.circuit,
            self.backend,
            self.shots,
            self.repeat,
            tuple(self.parameters.items()),
            self.seed,
            self.setting,
            self.ordinal,
            self.in_plan,
            "" if self.id == self.job.id else self.id,
            self.start,
            self.wanted,
        )

    @property
    def own_id(self) -> str:
        """Its id; of a job that buys further shots, the job's own, which finds that job alone."""
        return self.job.id if self.start else self.id

    @property
    def jobs(self) -> tuple[PointResult, ...]:
        """Each of its jobs alone, those that it shares with other points too: see `jobs_of`."""
        if self.settings:
            return tuple(job for setting in self.settings for job in setting.jobs)
        return self.pieces or (self,)

    @property
    def each_setting(self) -> tuple[PointResult, ...]:
        """Each of its settings alone; where it has one, as its circuit is written, itself."""
        return self.settings or (self,)

    @property
    def basis(self) -> str:
        """With what a setting is measured; "" as its circuit is written, and for a point."""
        return Setting.of(self.parameters).text if self.is_setting else ""

    @property
    def done(self) -> int:
        """Shots that there are, and that its numbers come from; 0 before it is measured.

        Of a point in several settings the fewest that one has, as `qbatch.bases.shots_of` counts.
        """
        if self.settings:
            if any(not is_calibration(basis) for basis in self.forgotten):
                return 0
            return min(shots_of([(each.basis, each.done) for each in self.settings]), default=0)
        if not self.pieces:
            return self.bought if self.job.state is JobState.COMPLETED else 0
        return sum(job.bought for job in self.pieces if job.state is JobState.COMPLETED)

    @property
    def counted(self) -> int:
        """Shots that there are of all its settings, those left out that others are bought with."""
        return sum(each.done for each in self.each_setting if not each.same_as)

    @property
    def asked(self) -> int:
        """Shots asked for of all its settings, those left out that others are bought with."""
        there = sum(each.shots for each in self.each_setting if not each.same_as)
        form = next((each.shots for each in self.settings if is_twirled(each.basis)), self.shots)
        gone = (n or (form if is_twirled(of) else self.shots) for of, n in self.forgotten.items())
        return there + sum(gone)

    @property
    def used(self) -> int:
        """Shots that the numbers which it has come from; 0 before it has any shots.

        Of a point in several settings the fewest of one that has some, no calibration and no form
        of a twirled circuit: readers show what is there, and `missing` says what is not.
        """
        if not self.settings:
            return self.done
        there = (each.done for each in self.settings if not is_shared_out(each.basis))
        return min(filter(None, there), default=0)

    @property
    def missing(self) -> tuple[str, ...]:
        """Bases of its settings that have no shots, "" as the circuit is written."""
        none = (each.basis for each in self.settings if not each.done)
        return (*none, *self.forgotten)

    @property
    def sampled(self) -> int:
        """Shots that its numbers come from; while there are none yet, those that are asked for."""
        uneven = uneven_of(self.settings)
        used = self.used if uneven is None or self.missing else uneven.mean
        return used or self.shots

    @property
    def state_in_words(self) -> str:
        """Its state; of a point that has some of its shots or settings, not all, how many."""
        return _state_in_words(self)

    @property
    def is_short(self) -> bool:
        """Whether it has fewer shots than it asks for, in some setting."""
        uneven = uneven_of(self.settings)
        return self.done < self.shots if uneven is None else not self.done or uneven.is_short

    @property
    def point_id(self) -> str:
        """Its id; a `StoredPoint` calls it so."""
        return self.id

    @property
    def state(self) -> JobState:
        return self.job.state

    @property
    def error(self) -> JobError | None:
        """Why it failed, was cancelled or is held, with the cloud's code; None otherwise."""
        return JobError.of(self.job.error) if self.job.error else None

    @property
    def attempt(self) -> Attempt:
        """The attempt that its job stands for."""
        return _attempt_of(self)

    @property
    def submitted_at(self) -> datetime | None:
        """When the latest attempt was sent; UTC, or None."""
        return instant(self._submitted_at)

    @property
    def completed_at(self) -> datetime | None:
        """When the result was stored, the last of several; UTC, or None."""
        times = [piece._completed_at for piece in self.jobs if piece._completed_at is not None]
        return instant(max(times, default=None))

    @property
    def counts(self) -> Counts | None:
        """True counts, our bit order, of all its jobs so far; None before one is completed.

        Of a point in several settings those of its circuit as it is written; None without that.
        """
        if self.settings:
            return self.counts_by_basis.get("")
        if self._counts is None and self.pieces:
            self._counts = self._pooled()
        elif self._counts is None and (packed := self._result()) is not None:
            from qbatch.result import Counts

            with checked(self._run.path):
                self._counts = Counts.unpack(packed[0])
        return self._counts

    @property
    def counts_by_basis(self) -> dict[str, Counts]:
        """Setting -> its counts, if it has some; "" as the circuit is written.

        Of calibrations that are bought again as they grow old those by which it is mended.
        """
        from qbatch.snapshot.calibrated import counts_of

        return counts_of(self)

    @property
    def calibrating_jobs(self) -> Mapping[str, Sequence[tuple[int, Counts]]]:
        """Setting of each calibration by which it is mended -> its jobs: row, and counts."""
        from qbatch.snapshot.calibrated import calibrating_jobs

        return calibrating_jobs(self)

    def _result(self) -> Packed | None:
        """What is kept of its result."""
        return self._packed

    def _pooled(self) -> Counts | None:
        from qbatch.result import pool

        found = [piece.counts for piece in self.pieces if piece.counts is not None]
        return pool(found) if found else None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the provider said about how it ran: timings, method, versions."""
        return _facts(self)

    @property
    def warning(self) -> str:
        """What the provider warned of with the result, or why it is doubtful; "" for neither."""
        if parts := self.settings or self.pieces:
            return next((part.warning for part in parts if part.warning), "")
        if self._packed is None:
            return ""
        if '"warning"' in self._packed[1]:
            return str(self.facts.get("warning", ""))
        is_earlier = '"engine"' in self._packed[1] and f'"{MARK}"' not in self._packed[1]
        return self._run.doubt_of(self) if is_earlier else ""

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The manifest's named analyses, each with its interval; empty before completion.

        Raises:
            ManifestError: The manifest's analysis was edited, and does not fit the registers.
        """
        if self._estimates is None:
            self._estimates = self._read_estimates()
        return self._estimates

    def _read_estimates(self) -> dict[str, Estimate]:
        if self.settings or self.pieces:
            return _analysed(self)
        if self._packed is None:
            return {}
        if self.has_kept_estimates:
            return read_estimates(self._packed[3])
        return _analysed(self)

    @property
    def has_kept_estimates(self) -> bool:
        """Whether its numbers were kept beside its result, by the analysis that holds now."""
        packed = self._packed
        if packed is None or self.settings or self.pieces or self.basis or is_reference(self.name):
            return False
        return packed[2] == self._run.analysis_key and not self._run.manifest.analysis.varying

    @property
    def undecided(self) -> Mapping[str, str]:
        """Numbers of the analysis that there are none of here -> why; asked once more."""
        return {} if not self.used or self.has_kept_estimates else _undecided(self)

    @property
    def statevector(self) -> Any:
        """Final state, complex128, length 2**num_qubits, index bit k = qubit k; or None.

        Of a point in several settings that of its circuit as it is written.
        """
        if self.settings:
            own = next((each for each in self.settings if not each.basis), None)
            return None if own is None else own.statevector
        states = (self._run.statevector_of(piece.ordinal) for piece in self.jobs)
        return next((state for state in states if state is not None), None)


class PagedPoint(PointResult):
    """A point of a page of `bulk`, which is done: what no page holds is read when asked for."""

    __slots__ = ()

    def _result(self) -> Packed | None:
        if self._packed is None:
            self._packed = self._run.result_at(self.ordinal)
        return self._packed

    @property
    def warning(self) -> str:
        return ""  # else it would have no page


def jobs_of(points: Iterable[PointResult]) -> Iterator[PointResult]:
    """Yield each job of these points alone, and once, where several of the points share it.

    A job shared goes by the name of the first of them.
    """
    met: set[int] = set()
    for point in points:
        for part in point.jobs:
            if part.ordinal not in met:
                met.add(part.ordinal)
                yield part


def _state_in_words(point: PointResult) -> str:
    if point.used and point.missing:
        several = len(point.settings) + len(point.forgotten)
        return f"{point.state}: {several - len(point.missing)} of {several} settings measured"
    uneven = uneven_of(point.settings)
    told = (point.done, point.shots) if uneven is None else (uneven.done, uneven.asked)
    return in_words(point.state, *told)


def in_words(state: JobState, done: int, wanted: int) -> str:
    """Return how points stand that are in a state and have so many of the shots they ask for.

    >>> in_words(JobState.CREATED, 0, 700), in_words(JobState.CREATED, 300, 700)
    ('created', 'more shots: 300 of 700 done')
    >>> in_words(JobState.FAILED, 100, 400), in_words(JobState.COMPLETED, 700, 700)
    ('failed: 100 of 400 done', 'completed')
    """
    if state is JobState.COMPLETED or not 0 < done < wanted:
        return state.value
    word = "more shots" if state is JobState.CREATED else state.value
    return f"{word}: {whole(done)} of {whole(wanted)} done"


def _facts(point: PointResult) -> Mapping[str, Any]:
    """What is told of the first of its settings, and of the others by their bases."""
    if not point.settings:
        packed = point._result()
        alone = {} if packed is None else json.loads(packed[1])
        return _facts_of(point.pieces) if point.pieces else alone
    first, *others = point.settings
    further = {each.basis: each.facts for each in others if each.facts}
    return {**first.facts, **({"settings": further} if further else {})}


def _facts_of(pieces: Sequence[PointResult]) -> Mapping[str, Any]:
    """What the latest of the jobs tells, and which shots each of them bought."""
    done = [piece for piece in pieces if piece.state is JobState.COMPLETED]
    if not done:
        return {}
    jobs = {f"{each.start}+{each.bought}": each.job.provider_job_id or "" for each in done}
    return {**done[-1].facts, "jobs": jobs}


def asked_of(point: PointResult, manifest: Manifest) -> Analysis:
    """Return what is asked of a point's counts, with the observables that are its own.

    Nothing is asked of a reference: the analysis is that of the sweep's circuits.
    """
    if is_reference(point.name):
        from qbatch.manifest.models import Analysis

        return Analysis()
    own = {"circuit": point.circuit, "backend": point.backend}
    return manifest.analysis.at({**own, **point.parameters})


def _has_x_or_y(manifest: Manifest) -> bool:
    """Whether an observable may need a setting that the point does not have."""
    if manifest.analysis.varying:
        return True
    return any("X" in text or "Y" in text for text in manifest.analysis.observables.values())


def _analysed(point: PointResult) -> dict[str, Estimate]:
    """The numbers of a point, made of its counts."""
    from qbatch.result import analyse, analyse_settings

    counts, manifest = point.counts_by_basis, point._run.manifest
    if not counts:
        return {}
    try:
        bases = [each.basis for each in point.each_setting]
        if point.settings or point.is_setting or _has_x_or_y(manifest):
            return analyse_settings(counts, bases, asked_of(point, manifest))
        return analyse(counts[""], asked_of(point, manifest))
    except ValueError as error:
        said = f"does not fit the results of {point.name}: {error}"
        raise ManifestError(manifest.place_of("analysis"), said) from error


def _undecided(point: PointResult) -> Mapping[str, str]:
    from qbatch.snapshot.calibrated import why_uncalibrated
    from qbatch.snapshot.undecided import undecided

    analysis = asked_of(point, point._run.manifest)
    settings, why = [each.basis for each in point.settings], why_uncalibrated(point)
    return undecided(analysis, point.estimates, point.counts_by_basis, settings, why)


def _attempt_of(point: PointResult) -> Attempt:
    """The attempt that a point's job stands for."""
    job = point.job
    return Attempt(
        job.generation,
        job.state,
        job.provider_job_id,
        job.status,
        job.error,
        job.cost,
        job.unit,
        point.submitted_at,
        point.completed_at,
        point.composite,
        point.start,
        point.bought,
        point.setting,
    )
