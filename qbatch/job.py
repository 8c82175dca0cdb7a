"""A job on its way, and several that are sent together.

Rules of this module: it knows no provider and no storage; a `Job` is a frozen value; every move
is one of the purchase table's (`qbatch.purchase`), mostly by `Job.after`. Providers map
their own words to its states; a word they do not know leaves the job where it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any

from qbatch.errors import JobStateError
from qbatch.frozen import dataclass
from qbatch.purchase import (
    COMPOSITES,
    FINAL,
    IN_FLIGHT,
    MOVES,
    CompositeEvent,
    Event,
    JobState,
    Next,
    Stage,
    follows,
)

__all__ = [
    "ACCOUNT",
    "DECIDED_AS",
    "FINAL",
    "ID_LOST",
    "IN_FLIGHT",
    "MOVES",
    "CompositeJob",
    "Job",
    "JobError",
    "JobState",
    "check_move",
    "stage_after",
]  # fmt: skip


#: The `status` of a held job that its provider certainly or possibly had, under an id that is lost
#: with the job's row: that the provider does not have it (any more) is no proof that it never did.
ID_LOST = "id lost"

#: The `status` of a job that is held for its account is not there, until it was looked for again.
_ELSEWHERE = "another account"

#: Where a composite job's memo names the account that it was made with.
ACCOUNT = "account"

#: Where it names the backend that its own was decided to be, of a backend that is one of others.
DECIDED_AS = "decided_as"

#: What was said of a job is no part of it when it is sent again; nor, under another key, its cost.
_UNSAID: Mapping[str, Any] = {"provider_job_id": None, "status": "", "error": ""}
_LEFT_OUT: Mapping[Next, Mapping[str, Any]] = {
    Next.SEND: _UNSAID,
    Next.SEND_ANEW: {**_UNSAID, "cost": None, "unit": ""},
}


def check_move(old: JobState, new: JobState) -> None:
    """Raise `JobStateError` unless the table allows `old` -> `new`."""
    if new not in MOVES[old]:
        raise JobStateError(f"a job cannot move from {old} to {new}")


def stage_after(stage: Stage, *events: CompositeEvent) -> Stage:
    """Return where events, one after the other, lead a composite job.

    Raises:
        JobStateError: By the table of purchases that cannot happen to it.
    """
    for event in events:
        after = COMPOSITES[stage].get(event)
        if after is None:
            raise JobStateError(f"a composite job is {stage}: {event.name} cannot happen to it")
        stage = after
    return stage


@dataclass(frozen=True, slots=True)
class Job:
    """One sweep point on its way through a provider.

    Attributes:
        id: The point's id, 64 hex digits.
        state: Ours.
        generation: 1 for the first attempt; one more for each new purchase of the same point.
        provider_job_id: The provider's id, once known.
        status: The provider's own last word, "" before the first.
        error: Why it failed, was cancelled or is held; "" otherwise. The cloud's own words.
        cost: What it cost in `unit`, once known.
        unit: "credits", "usd", "eur", "qpu_seconds", or "" (free).
    """

    id: str
    state: JobState = JobState.CREATED
    generation: int = 1
    provider_job_id: str | None = None
    status: str = ""
    error: str = ""
    cost: float | None = None
    unit: str = ""

    @property
    def was_taken(self) -> bool:
        """Whether its provider is known to have it, or to have had it: it may be billed."""
        return self.provider_job_id is not None or self.cost is not None or self.status == ID_LOST

    @property
    def is_held_for_account(self) -> bool:
        """Whether it is held for its account alone: nobody has looked for it since."""
        return self.state is JobState.HELD and self.status == _ELSEWHERE

    @property
    def error_code(self) -> int | str | None:
        """The cloud's own code of `error`, where it told one."""
        return JobError.of(self.error).code

    def moved_to(self, state: JobState, **changes: Any) -> Job:
        """Return the job in `state`, with `changes` to other attributes.

        Raises:
            JobStateError: The table does not allow the move.
        """
        if state is not self.state:
            check_move(self.state, state)
        return self.with_changes(state=state, **changes)

    def with_changes(self, **changes: Any) -> Job:
        """Return what `dataclasses.replace` does, in a third of its time: a run does it often."""
        had = changes.get
        made = Job(
            had("id", self.id),
            had("state", self.state),
            had("generation", self.generation),
            had("provider_job_id", self.provider_job_id),
            had("status", self.status),
            had("error", self.error),
            had("cost", self.cost),
            had("unit", self.unit),
        )
        if not changes.keys() <= _CHANGED:
            raise TypeError(
                f"a job has no {', '.join(sorted(changes.keys() - _CHANGED))} to change"
            )
        return made

    def after(self, event: Event, **changes: Any) -> Job:
        """Return the job as an event leaves it, with `changes` to other attributes.

        Where the table has it sent under another key, it is the next generation. That it is held
        for its account holds until something else happens than that a person vouches for it.

        Raises:
            JobStateError: By the table that cannot happen to it.
        """
        row = follows(self.state, event)
        if row is None:
            raise JobStateError(f"{self.id[:12]} is {self.state}: {event.name} cannot happen to it")
        if row.next in _LEFT_OUT:
            changes = {**_LEFT_OUT[row.next], **changes}
        if row.next is Next.SEND_ANEW:
            changes.setdefault("generation", self.generation + 1)
        if event is Event.ELSEWHERE:
            changes["status"] = _ELSEWHERE
        elif event is not Event.SAME_ACCOUNT and changes.get("status", self.status) == _ELSEWHERE:
            changes["status"] = ""
        return self.moved_to(row.state, **changes)


#: The attributes of a job.
_CHANGED = frozenset(each.name for each in fields(Job))


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job came to nothing, was cancelled or is held.

    A job keeps it as text, with the code at its end: what a driver writes as ``str(JobError(…))``
    is read again by `JobError.of`.

    Attributes:
        message: The cloud's own words.
        code: The cloud's own code, where it told one; a whole number wherever it is one.
    """

    message: str
    code: int | str | None = None

    @classmethod
    def of(cls, text: str) -> JobError:
        """Read what a job keeps.

        >>> JobError.of("the fridge is warm (code 102)")
        JobError(message='the fridge is warm', code=102)
        """
        found = _CODED.fullmatch(text)
        if found is None:
            return cls(text)
        return cls(found[1], int(found[2]) if _WHOLE.fullmatch(found[2]) else found[2])

    def __str__(self) -> str:
        return self.message + ("" if self.code is None else f" (code {self.code})")


_CODED = re.compile(r"(.*) \(code ([\w.:-]{1,64})\)", re.DOTALL)
_WHOLE = re.compile("-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class CompositeJob:
    """Jobs that are submitted and saved together.

    Attributes:
        id: Hash of the children's ids and the generation: stable over restarts.
        backend: The backend's name in the manifest.
        job_ids: The children, in the order sent.
        generation: Of its purchase; part of every key we choose at a cloud.
        memo: What the driver wants remembered between its calls (upload ids, session id, task
            ids). JSON; durable before the next call; never a secret.
    """

    id: str
    backend: str
    job_ids: tuple[str, ...]
    generation: int = 1
    memo: Mapping[str, Any] = field(default_factory=dict)
