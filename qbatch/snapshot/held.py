"""Held jobs: whether the provider took them nobody can tell, so a person must look them up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.manifest.models import Backend
    from qbatch.snapshot.points import PointResult

#: What a driver remembers of a composite job, and a child's place in it.
Memo = tuple[Mapping[str, Any], int]

#: Of a text that is worth searching for.
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Held:
    """Everything needed to look one job up by hand.

    Attributes:
        id: The point's; of a job that buys further shots of one, its own.
        point: The point's name.
        shots: Which of the point's shots it buys; "" where it buys all of them.
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
    shots: str
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
            "shots": self.shots,
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


def described(
    point: PointResult, backend: Backend | None, target: str | None, key: str | None, memo: Memo
) -> Held:
    """Gather what is known of a held job.

    Args:
        point: Its.
        backend: The manifest's; None: it has it no more.
        target: As the provider resolved it.
        key: Of the purchase.
        memo: Of its composite job, and its place among the children.
    """
    known, place = memo
    is_part = point.start > 0 or point.wanted is not None
    return Held(
        id=point.own_id,
        point=point.name,
        shots=f"[{point.start}, {point.start + point.bought})" if is_part else "",
        backend=point.backend,
        provider=backend.provider if backend else None,
        target=target,
        sent_at=point.submitted_at,
        provider_job_id=point.job.provider_job_id,
        key=key,
        known_as={
            name: value[place] if isinstance(value, list) and place < len(value) else value
            for name, value in known.items()
        },
        why=point.job.error,
    )
