"""What machines told of their calibrations, as `exports` has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qbatch.calibration import PREFIX
from qbatch.snapshot.machine_columns import HasCalibrations

if TYPE_CHECKING:
    from datetime import datetime

    from qbatch.snapshot.points import PointResult

#: Of the format ``calibrations``.
CALIBRATION_COLUMNS = (
    *("backend", "calibration", "first_read_at", "last_read_at", "jobs", "unsure"),
    *("name", "qubits", "value", "unit"),
)


def calibration_rows(run: Any) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each number of each calibration; for one without any, a row without."""
    if not isinstance(run, HasCalibrations):
        return
    known = run.calibrations
    for one in known:
        times = _instant(one.first_at), _instant(one.last_at)
        head = (one.backend, one.digest, *times, one.jobs, one.unsure)
        values = known.values(one.digest)
        for column, value in values.items():
            yield (*head, column.name, " ".join(map(str, column.qubits)), value.value, value.unit)
        if not values:
            yield (*head, "", "", "", "")


def calibration_facts(run: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the calibrations of a run as JSON; {} where none is known."""
    if not isinstance(run, HasCalibrations) or not run.calibrations.is_known:
        return {}
    known = run.calibrations
    return {
        "calibrations": [
            {
                "backend": one.backend,
                "calibration": one.digest,
                "first_read_at": _instant(one.first_at) or None,
                "last_read_at": _instant(one.last_at) or None,
                "jobs": one.jobs,
                "unsure": one.unsure,
                "values": {
                    f"{column}".removeprefix(PREFIX): {"value": value.value, "unit": value.unit}
                    for column, value in known.values(one.digest).items()
                },
            }
            for one in known
        ]
    }


def facts_of_jobs(run: Any, point: PointResult) -> dict[str, Any]:
    """Return which calibrations held for a point's jobs as JSON; {} where that is not known."""
    found = run.calibrations.of_point(point) if isinstance(run, HasCalibrations) else ()
    told = [
        {
            "provider_job_id": job.job.provider_job_id,
            "shots": job.done,
            "calibrations": [*held.digests],
            "how": held.how,
        }
        for job, held in found
    ]
    return {"calibrations": told} if told else {}


def _instant(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")
