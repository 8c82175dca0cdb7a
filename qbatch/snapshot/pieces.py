"""A point of which several jobs bought shots, read as one.

Rules: shots of one point are of one distribution, so the counts of its jobs add up, and so does
what they cost. All shots that there are count, also where fewer are wanted. The point stands where
that of its jobs stands which is furthest behind (`reading.PRECEDENCE`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qbatch.job import IN_FLIGHT, Job, JobState
from qbatch.snapshot.points import PointResult
from qbatch.snapshot.reading import PRECEDENCE


def whole(own: PointResult, further: Sequence[PointResult]) -> PointResult:
    """Return a point as a whole.

    Args:
        own: Its own row.
        further: The rows of its further shots.
    """
    wanted = own.bought if own.wanted is None else own.wanted
    pieces = [each for each in (own, *further) if each.bought and _counts(each)]
    if not pieces or pieces == [own]:
        return own if wanted == own.shots else replace(own, shots=wanted)
    pieces.sort(key=lambda piece: piece.start)
    job = _job([piece.job for piece in pieces], own.job.id)
    return replace(own, shots=wanted, job=job, pieces=tuple(pieces))


def _counts(piece: PointResult) -> bool:
    """Whether a job is one of its point's: what is not bought, and not needed, is none."""
    return piece.in_plan or piece.state is JobState.COMPLETED or piece.state in IN_FLIGHT


def _job(jobs: Sequence[Job], id_: str) -> Job:
    deciding = next(job for state in PRECEDENCE for job in jobs if job.state is state)
    costs = [job.cost for job in jobs if job.cost is not None]
    ids = [job.provider_job_id for job in jobs if job.provider_job_id is not None]
    return replace(
        deciding,
        id=id_,
        generation=max(job.generation for job in jobs),
        provider_job_id=",".join(dict.fromkeys(ids)) or None,
        cost=sum(costs) if costs else None,
        unit=next((job.unit for job in jobs if job.unit), ""),
    )
