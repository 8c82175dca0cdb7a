"""Whether the parts of an archive belong together: digests, ids, and counts job by job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbatch.errors import QbatchError
from qbatch.exchange.archived.contents import JOBS, METADATA, RESULTS
from qbatch.exchange.archived.points import ArchivedPoint, Finding, references_of
from qbatch.result import pool

if TYPE_CHECKING:
    from qbatch.exchange.archived.jobs import ArchivedJob, ArchivedJobs
    from qbatch.exchange.archived.reading import Archive


def check_files(archive: Archive) -> Iterator[Finding]:
    """See that each file is the one that was archived, by its digest."""
    digests, listed = archive.digests, archive.listed
    for name in sorted({*digests, *listed} - {METADATA}):
        if name not in digests:
            yield Finding(name, "is listed, and missing")
        elif name not in listed:
            yield Finding(name, "is there, and not listed")
        elif digests[name] != listed[name]:
            yield Finding(name, "was changed since it was archived: its SHA-256 is another one")


def id_problem(setting: ArchivedPoint) -> Iterator[Finding]:
    """See that an id is that of what was run."""
    if setting.has_shots_axis is None:
        said = "its id is not that of its circuit, backend and parameters"
        yield Finding(f"{RESULTS}: {setting.name}", said)


def check_jobs(
    archive: Archive, told: ArchivedJobs, settings: Sequence[ArchivedPoint]
) -> Iterator[Finding]:
    """See that jobs and points have the same counts, and that references are what they say.

    Args:
        archive: That keeps them.
        told: Its jobs.
        settings: All measured settings of its points.
    """
    by_id: dict[str, list[ArchivedJob]] = defaultdict(list)
    for job in told.jobs:
        by_id[job.id].append(job)
    for setting in settings:  # of which several may be of the same jobs
        yield from _check_setting(setting, by_id.get(setting.id, []))
    for id_ in {setting.id for setting in settings}:
        by_id.pop(id_, None)
    problems: list[Finding] = []
    for reference in references_of(archive, problems):
        yield from id_problem(reference)
        yield from _check_setting(reference, by_id.pop(reference.id, []))
    yield from problems
    for jobs in by_id.values():
        yield Finding(f"{JOBS}: {jobs[0].point}", "is no point of the archive")


def _check_setting(setting: ArchivedPoint, jobs: Sequence[ArchivedJob]) -> Iterator[Finding]:
    where = f"{JOBS}: {setting.name}"
    if sorted(job.shots for job in jobs) != sorted(shots for _, shots in setting.facts["jobs"]):
        yield Finding(where, "its jobs are not those that it was bought in")
        return
    try:
        counts = [job.measured for job in jobs]
        if pool(counts).to_dict() != setting.counts.to_dict():
            yield Finding(where, "the counts of its jobs are not those of the point")
    except (ValueError, QbatchError) as error:
        yield Finding(where, str(error))
