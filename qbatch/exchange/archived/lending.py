"""An archive of which another run takes finished jobs: as a run folder gives them (`Lender`).

Rules: it is read in memory and nothing of it is run. Before any job is given, every file must have
the digest that the archive lists, every point the id of its circuit, backend and parameters, and
every point's counts must be those of its jobs. Whether somebody made all of it up, nobody can
compute: that is a matter of who gave it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.calibration import text_of
from qbatch.errors import SnapshotError
from qbatch.exchange.archived.checking import check_files, check_jobs, id_problem
from qbatch.exchange.archived.contents import CALIBRATIONS, POINTS, RESULTS, SETTINGS
from qbatch.exchange.archived.jobs import ArchivedJob, read_jobs
from qbatch.exchange.archived.points import Finding, points_of
from qbatch.exchange.archived.reading import read_archive
from qbatch.job import JobState
from qbatch.plan.pinning.had import Had
from qbatch.plan.pinning.reasons import Stored
from qbatch.snapshot.epochs import held_by
from qbatch.snapshot.lending import Lent
from qbatch.snapshot.schema import StoredPoint

if TYPE_CHECKING:
    from qbatch.plan import Plan


class ArchiveLender:
    """An archive, read and checked.

    Args:
        path: Of the zip file.

    Raises:
        SelectionError: It is none.
    """

    is_running = False

    def __init__(self, path: Path) -> None:
        self.folder = path
        self._archive = read_archive(path)
        self._told = read_jobs(self._archive)
        self.is_rehearsal = self._told.rehearsal

    def __enter__(self) -> ArchiveLender:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def check_can_lend(self) -> None:
        """See that its parts belong together.

        Raises:
            SnapshotError: They do not.
        """
        findings: list[Finding] = [*check_files(self._archive)]
        settings = [one for point in points_of(self._archive, findings) for one in point]
        for one in settings:
            findings += id_problem(one)
        findings += check_jobs(self._archive, self._told, settings)
        if findings:
            first, more = findings[0], len(findings) - 1
            others = f" ({more} more)" if more else ""
            raise SnapshotError(
                f"{self.folder}: {first.where}: {first.problem}{others}; `qbatch verify` says all "
                "of it; nothing was taken from it"
            )

    def finished(self, ids: Container[str]) -> Iterator[Lent]:
        """Yield the finished jobs of these contents.

        Raises:
            SnapshotError: Of one it is not said where it comes from.
        """
        for number, job in enumerate(self._told.jobs):
            if job.id in ids:
                yield self._lent(number, job)

    def _lent(self, number: int, job: ArchivedJob) -> Lent:
        try:
            origin = job.origin(str(self.folder))
        except SnapshotError as error:
            raise SnapshotError(f"{self.folder}: {job.point}: {error}") from error
        point = StoredPoint(
            origin.job,
            job.point,
            job.circuit,
            job.backend,
            job.shots,
            repeat=1,
            parameters=(),
            seed=0,
            ordinal=number,
            content=job.id,
            start=origin.start,
        )
        return Lent(
            point,
            job.measured.pack(),
            dict(job.facts),
            None,
            origin,
            is_emulated=job.emulated,
            lacks_vector=job.state,
            calibrations=self._calibrations(job),
        )

    def _calibrations(self, job: ArchivedJob) -> tuple[str, ...]:
        """Texts of those that a job ran with, as far as they are here."""
        names = (f"{CALIBRATIONS}/{digest}.json" for digest in held_by(job.facts).digests)
        there = (name for name in names if name in self._archive.files)
        return tuple(text_of(self._archive.json(name)) for name in there)

    def stored(self, _: Plan) -> Mapping[str, Stored]:
        """Its points as a plan is held against them."""
        settings, facts = self._archive.json(SETTINGS), self._archive.json(POINTS)
        told = {one.id: one for one in self._told.jobs}
        parameters = {
            one.id: dict(one.fields["parameters"])
            for point in points_of(self._archive, [])
            for one in point
        }
        return {
            id_: Stored(
                name=told[id_].point,
                state=JobState.COMPLETED,
                shots=sum(shots for _, shots in own["jobs"]),
                repeat=own["repeat"],
                parameters=parameters[id_],
                setting=_Setting(self._archive, settings[own["setting"]]),
                jobs=[Had(start, shots, JobState.COMPLETED) for start, shots in own["jobs"]],
            )
            for id_, own in facts.items()
            if id_ in told and id_ in parameters
        }

    @property
    def places(self) -> list[str]:
        """Which circuits it has on which backends, in words."""
        return sorted({f"{job.circuit} on {job.backend}" for job in self._told.jobs})

    @property
    def set_aside(self) -> Set[tuple[str, str]]:
        """Keys of jobs that a person set aside there; what is not said as it should be is none."""
        results = self._archive.json(RESULTS)
        told = results.get("put_aside") if isinstance(results, dict) else None
        rows = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        origins = [one.get("reused") for one in rows if one.get("why")]
        return {
            (str(one.get("job", "")), str(one.get("provider_job_id", "")))
            for one in origins
            if isinstance(one, dict)
        }


class _Setting:
    """What a point shares with others, read when a change is to be explained."""

    def __init__(self, archive: Any, setting: Mapping[str, Any]) -> None:
        self._archive, self._setting = archive, setting

    def __call__(self) -> dict[str, Any]:
        circuit = self._archive.text(self._setting["circuit_file"])
        told = {name: self._setting[name] for name in ("backend", "seed")}
        return {**told, "circuit": circuit}
