"""How rows become points, and several jobs of one point that point.

Rule: a page of rows is checked and decoded together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.job import IN_FLIGHT, Job, JobState
from qbatch.purchase import PRECEDENCE
from qbatch.snapshot import rows
from qbatch.snapshot.points import PointResult
from qbatch.snapshot.reading import checked
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_JOB_COLUMNS,
    NUM_PLACE_COLUMNS,
    NUM_POINT_COLUMNS,
    PLACE_COLUMNS,
    POINT_COLUMNS,
    Mismatch,
    checked_job,
    checked_point,
    decoded,
    place_from_row,
    result_crc,
)

if TYPE_CHECKING:
    from qbatch.snapshot.points import Folder

SELECT = (
    f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS}, {rows.columns('results', rows.Result)}"
    " FROM points JOIN jobs USING (ordinal) LEFT JOIN results USING (ordinal)"
)
#: The points that stand at other places of the plan, too.
SELECT_PLACES = SELECT.replace(" FROM points", f", {PLACE_COLUMNS} FROM points").replace(
    " LEFT JOIN", " JOIN places ON places.point = points.ordinal LEFT JOIN"
)
#: Where `points.position` and `points.start` stand in a row.
POSITION, START = map(rows.Point._fields.index, ("position", "start"))
_RESULT = NUM_POINT_COLUMNS + NUM_JOB_COLUMNS
_END = _RESULT + len(rows.Result._fields)


def parts_of(row: Sequence[Any]) -> tuple[rows.Point, rows.Job, rows.Result]:
    """The rows of the tables that a row of `SELECT` is of."""
    return (
        rows.Point._make(row[:NUM_POINT_COLUMNS]),
        rows.Job._make(row[NUM_POINT_COLUMNS:_RESULT]),
        rows.Result._make(row[_RESULT:_END]),
    )


def read_points(run: Folder, found: Sequence[Sequence[Any]]) -> list[PointResult]:
    """Read rows of `SELECT`, each by itself.

    Raises:
        SnapshotError: One is damaged.
    """
    with checked(run.path):
        read = [_checked(row) for row in found]
        parameters = decoded([each.point.parameters for each in read])
        estimates = decoded([each.result.estimates or "null" for each in read])
    return [
        _point(run, each, dict(pairs), numbers)
        for each, pairs, numbers in zip(read, parameters, estimates, strict=True)
    ]


def place_of(point: PointResult, row: Sequence[Any]) -> PointResult:
    """Return a point as it stands at another place of the plan, of a row of `SELECT_PLACES`."""
    place = place_from_row(row[-NUM_PLACE_COLUMNS:])
    job = replace(point.job, cost=None)  # told once, where it was bought
    return replace(point, **place, job=job, same_as=point.name)


class _Read(NamedTuple):
    """A row of `SELECT`; all that is in `result` is None where there is none."""

    point: rows.Point
    stored: rows.Job
    job: Job
    result: rows.Result


def _checked(row: Sequence[Any]) -> _Read:
    """Return the parts of a row, all of which match their CRCs."""
    point, stored = checked_point(row), rows.Job._make(row[NUM_POINT_COLUMNS:_RESULT])
    job, result = checked_job(stored, point.id.hex()), rows.Result._make(row[_RESULT:_END])
    if job.state is JobState.COMPLETED:
        if result.crc is None:
            raise Mismatch(f"result row {point.ordinal} is missing")
        if result.crc != result_crc(*result[:-1]):
            raise Mismatch(f"result row {point.ordinal}")
    return _Read(point, stored, job, result)


def _point(
    run: Folder,
    read: _Read,
    parameters: dict[str, bool | int | float | str],
    estimates: dict[str, list[float]],
) -> PointResult:
    point, result = read.point, read.result
    is_measured = read.job.state is JobState.COMPLETED
    return PointResult(
        read.job.id if point.content is None else point.content.hex(),
        point.name,
        point.circuit,
        point.backend,
        point.shots,
        point.repeat,
        point.seed,
        parameters,
        read.job,
        point.position is not None,
        point.ordinal,
        point.setting or "",
        point.shots,
        point.start,
        point.wanted,
        read.stored.composite,
        "",
        run,
        read.stored.submitted_at,
        result.at,
        (result.counts, result.facts, result.analysis, estimates) if is_measured else None,
    )


def as_one(own: PointResult, further: Sequence[PointResult]) -> PointResult:
    """Return a point as a whole.

    Args:
        own: Its own row.
        further: The rows of its further shots.
    """
    wanted = own.bought if own.wanted is None else own.wanted
    pieces = [each for each in (own, *further) if each.bought and _is_part(each)]
    if not pieces or pieces == [own]:
        return own if wanted == own.shots else replace(own, shots=wanted)
    pieces.sort(key=lambda piece: piece.start)
    job = job_of([piece.job for piece in pieces], own.job.id)
    return replace(own, shots=wanted, job=job, pieces=tuple(pieces))


def _is_part(piece: PointResult) -> bool:
    """Whether a job is one of its point's: what is not bought, and not needed, is none."""
    return piece.in_plan or piece.state is JobState.COMPLETED or piece.state in IN_FLIGHT


def job_of(jobs: Sequence[Job], id_: str) -> Job:
    """Return several jobs as one: it stands where the one furthest behind does, and costs all."""
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
