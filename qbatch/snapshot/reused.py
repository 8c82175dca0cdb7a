"""Shots of other runs: how it is kept where they come from, and by what a purchase is known again.

It stands among the facts of the result that they are (`REUSED`), so that it is written, copied and
lost with the shots alone. What was taken from a run that had it from another tells of that one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Self

from qbatch.errors import SnapshotError
from qbatch.frozen import dataclass

#: Among the facts of a result.
REUSED = "reused"

#: Kind of what is kept of a job that was imported from another program's file.
IMPORTED = "imported"

#: What is kept of each text, at most: a stranger wrote it.
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Reused:
    """Where the shots of a job come from that this run did not buy.

    Attributes:
        run: Id of the run that bought, or computed, them.
        name: Of that run.
        folder: Where it was read.
        job: Id under which the job was sent.
        start: So many shots of the point's sample came before, there.
        provider_job_id: The cloud's; "" where none was told.
        account: With which it was bought; "" where that was not kept.
        user: Who sent it; "" where that was not kept.
        host: From which machine; "" likewise.
        sent_at: UTC, seconds since 1970; None where nothing was sent.
        completed_at: When its result was there.
        cost: What it was charged there, in `unit`; None where that is not known.
        unit: "" likewise.
        imported: Name of the file from which that run imported it; "" where it ran there. What
            such a file numbers as it likes is known by the cloud's id alone.
    """

    run: str
    name: str
    folder: str
    job: str
    start: int
    provider_job_id: str = ""
    account: str = ""
    user: str = ""
    host: str = ""
    sent_at: float | None = None
    completed_at: float | None = None
    cost: float | None = None
    unit: str = ""
    imported: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """By what the purchase is known wherever it is kept: the job, and the cloud's id of it.

        What was computed has no such id: there the content and the number of its shots say all.
        """
        return self.job, self.provider_job_id

    @property
    def who(self) -> str:
        """Who sent it, and from where; "" where neither was kept."""
        return "@".join(filter(None, (self.user, self.host)))

    def facts(self) -> dict[str, Any]:
        """All of it as JSON, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self | None:
        """Read it of the facts of a result; None where they are of this run's own.

        Raises:
            SnapshotError: It is none: nothing of qbatch wrote it.
        """
        told = facts.get(REUSED)
        if told is None:
            return None
        known = {each.name for each in fields(cls)}
        if not isinstance(told, Mapping) or not set(told) <= known or not _is_plain(told):
            raise SnapshotError(f"it is not said as qbatch says it where shots come from: {told!r}")
        try:
            return cls(**told)
        except TypeError as error:
            raise SnapshotError(f"where shots come from is said in part: {error}") from error


def reused_of(facts: str) -> Reused | None:
    """Read it of the facts of a result as they are kept: most have none, which is seen at once."""
    return Reused.of(json.loads(facts)) if f'"{REUSED}"' in facts else None


def _is_plain(told: Mapping[str, Any]) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "start": (int,),
        "sent_at": (int, float),
        "completed_at": (int, float),
        "cost": (int, float),
    }
    return all(
        isinstance(value, kinds.get(name, (str,))) and len(str(value)) <= LONGEST
        for name, value in told.items()
    )
