"""What a notice tells: a run ended, jobs are held, or a question waits for an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Literal

from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.notation import whole

Happened = Literal["ended", "held", "asks"]

#: How a run can end: all is done; points failed or were cancelled; a person has to decide about
#: jobs; there is work left; an error ended it.
Outcome = Literal["done", "failed", "held", "pending", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened to a run.

    Attributes:
        event: What: it ended, jobs are held, or it asks whether a limit is to be raised.
        name: The manifest's.
        outcome: Of an end; None where the run goes on.
        points: State -> points; of a run that goes on only those that are held now.
        at: When.
    """

    event: Happened
    name: str
    outcome: Outcome | None = None
    points: Mapping[JobState, int] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def facts(self) -> dict[str, Any]:
        """What ``send: summary`` sends; instants are UTC, ISO 8601."""
        points = {state.value: number for state, number in self.points.items()}
        outcome = {"outcome": self.outcome} if self.outcome else {}
        at = self.at.isoformat(timespec="seconds")
        return {"event": self.event, "name": self.name, **outcome, "points": points, "at": at}

    def text(self) -> str:
        """The same in words, for a screen."""
        return f"{self.name}: {'; '.join(self._sentences())}"

    def _sentences(self) -> Iterator[str]:
        if self.event == "asks":
            yield "a limit of the budget is reached, and the run asks whether to raise it"
            return
        if self.event == "ended":
            yield _ENDS[self.outcome or "done"]
        numbers = [f"{whole(number)} {state.value}" for state, number in self.points.items()]
        if numbers:
            yield ", ".join(numbers)
        if self.points.get(JobState.HELD):
            yield "`qbatch status` says what to do"


_ENDS: Mapping[Outcome, str] = {
    "done": "done",
    "failed": "ended, some points failed",
    "held": "ended, and needs you",
    "pending": "ended with work left",
    "error": "ended with an error",
}


def outcome_of(points: Mapping[JobState, int]) -> Outcome:
    """Return how a run ended whose points are in these states.

    >>> outcome_of({JobState.COMPLETED: 3, JobState.FAILED: 1})
    'failed'
    """
    if points.get(JobState.HELD):
        return "held"
    if any(number for state, number in points.items() if not state.is_final):
        return "pending"
    if points.get(JobState.FAILED) or points.get(JobState.CANCELLED):
        return "failed"
    return "done"
