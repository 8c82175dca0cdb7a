"""Held jobs: whether the provider took them nobody can tell, so a person must look them up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qbatch.job import JobState

if TYPE_CHECKING:
    from qbatch.snapshot.points import PointResult
    from qbatch.snapshot.run import Run

#: Of a text that is worth searching for.
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Held:
    """Everything needed to look one job up by hand.

    Attributes:
        id: The point's.
        point: Its name.
        backend: In the manifest.
        provider: Where to look; None: the manifest does not have the backend any more.
        target: As the provider resolved it.
        sent_at: When; None: not known.
        provider_job_id: What the provider called it, where it did.
        key: Which we chose for the purchase.
        known_as: What else the provider may know it by, from before it was sent.
        why: It is held.
    """

    id: str
    point: str
    backend: str
    provider: str | None
    target: str | None
    sent_at: datetime | None
    provider_job_id: str | None
    key: str | None
    known_as: Mapping[str, Any]
    why: str

    @property
    def traces(self) -> dict[str, str]:
        """What to look for, in words: what is known, by what it is."""
        found = {
            "where": " ".join(filter(None, (self.provider, self.target or self.backend))),
            "sent": self.sent_at and self.sent_at.isoformat(timespec="seconds"),
            "key": self.key,
            "its id there": self.provider_job_id,
            **{name: value for name, value in self.known_as.items() if _is_name(value)},
        }
        return {name: str(value) for name, value in found.items() if value}


def _is_name(value: Any) -> bool:
    """Tell what can be searched for from prices, switches and bodies."""
    return isinstance(value, str) and len(value) <= LONGEST_NAME and not value.startswith("{")


def read_held(run: Run) -> Iterator[Held]:
    """Yield the held jobs of a run, those in the plan no more included."""
    for point in run.in_flight():
        if point.state is JobState.HELD:
            yield _held(run, point)


def _held(run: Run, point: PointResult) -> Held:
    memo, place = run.memo_of(point)
    backend = run.manifest.backends.get(point.backend)
    return Held(
        id=point.id,
        point=point.name,
        backend=point.backend,
        provider=backend.provider if backend else None,
        target=run.targets.get(point.backend, {}).get("name"),
        sent_at=point.submitted_at,
        provider_job_id=point.job.provider_job_id,
        key=run.intent_key_of(point),
        known_as={
            name: value[place] if isinstance(value, list) and place < len(value) else value
            for name, value in memo.items()
        },
        why=point.job.error,
    )
