"""What a provider says of one job: one type for each thing that can be said, whatever was asked.

Rules: `submit`, `locate`, `poll` and `cancel` answer with these, one for each job they speak of. An
answer says what is seen now and keeps no time: where something proves itself only by lasting, it
says how long it must, and the executor, which alone has a clock, waits and asks again. Those that
tell nothing more than all do are plain classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from qbatch.frozen import dataclass
from qbatch.purchase import Event


@dataclass(frozen=True, slots=True)
class Answer:
    """What all answers may tell.

    Attributes:
        job_id: Ours.
        status: The provider's own word.
        provider_job_id: Once known.
        error: The provider's own words, why a job came to nothing; of what is not clear, where a
            person would look.
        cost: In the target's unit, when the provider told it.
        not_before_s: The provider asked not to be asked about this job for so long.
        raw: The reply as received, redacted.
        log: What the provider logged about the whole composite job; with one of its children.
        settle_s: It holds once it is said for so long, seconds, and nothing else meanwhile.
    """

    event: ClassVar[Event]

    job_id: str
    status: str = ""
    provider_job_id: str | None = None
    error: str = ""
    cost: float | None = None
    not_before_s: float = 0.0
    raw: bytes = b""
    log: bytes = b""
    settle_s: float = 0.0


class Taken(Answer):
    """The provider has it, and it waits."""

    __slots__ = ()
    event: ClassVar[Event] = Event.TAKEN


class Running(Answer):
    """It runs."""

    __slots__ = ()
    event: ClassVar[Event] = Event.RUNNING


class Done(Answer):
    """It is completed: `fetch` brings its result."""

    __slots__ = ()
    event: ClassVar[Event] = Event.DONE


class Failed(Answer):
    """The provider had it, and it ended without a result."""

    __slots__ = ()
    event: ClassVar[Event] = Event.FAILED


class Cancelled(Answer):
    """It was cancelled."""

    __slots__ = ()
    event: ClassVar[Event] = Event.CANCELLED


class Strange(Answer):
    """The provider has it, and `status` is a word that is not known: never taken for an end."""

    __slots__ = ()
    event: ClassVar[Event] = Event.STRANGE


@dataclass(frozen=True, slots=True)
class NotTaken(Answer):
    """The provider certainly never took it: it may be sent, or sent again.

    Attributes:
        memo: The composite job's from then on, if all of it is sent again; None: as before.
    """

    event: ClassVar[Event] = Event.NOT_TAKEN

    memo: Mapping[str, Any] | None = None


class Declined(Answer):
    """The provider refused it, and certainly took nothing: sending it again would not help."""

    __slots__ = ()
    event: ClassVar[Event] = Event.REFUSED


class GivenBack(Answer):
    """The provider had it and will not do it: another purchase may be made, under another key."""

    __slots__ = ()
    event: ClassVar[Event] = Event.GIVEN_BACK


@dataclass(frozen=True, slots=True)
class Missing(Answer):
    """It is not there now. That it was never taken, or is lost, is settled by time.

    Attributes:
        is_proof: After `settle_s` it certainly was never taken, if nobody ever saw it: as
            `NotTaken`. Else nobody can tell then.
        look_s: Pause between looks until then, seconds; None: look at the end only.
        memo: As in `NotTaken`.
    """

    event: ClassVar[Event] = Event.MISSING

    is_proof: bool = False
    look_s: float | None = None
    memo: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Unclear(Answer):
    """Whether it was taken cannot be seen now: `error` tells a person where to look.

    Attributes:
        again_s: Look again after so many seconds; None: nobody can tell, also later.
        is_patient: That may go on until the job's time-out: something must come to its end first.
    """

    event: ClassVar[Event] = Event.UNCLEAR

    again_s: float | None = None
    is_patient: bool = False


@dataclass(frozen=True, slots=True)
class Repeatable(Answer):
    """Whether it was taken is told by sending the same again (`Repeats`), and by nothing else.

    Only of what its provider promises to take once under one key, however often it is sent, and
    only for as long as that is trusted. `error` tells a person where to look otherwise.

    Attributes:
        life_s: So long after it was first sent, seconds; later nobody can tell.
    """

    event: ClassVar[Event] = Event.REPEATABLE

    life_s: float = math.inf


class Part(list[Answer]):
    """Those answers to `poll` that are there already: it is asked again, at once, for the others.

    Where jobs are asked about one by one and many are over, the first results need not wait for the
    last answer. It holds at least one end of a job that was not told before.
    """


#: Answers after which nothing more comes of a job at its provider.
ENDS = (Done, Failed, Cancelled)

#: A provider's word, in lower case -> what it says. A word that is in no such table is `Strange`.
Words = Mapping[str, type[Answer]]


def kind_of(words: Words, status: str) -> type[Answer]:
    """Return what a provider's word says, however it is capitalised."""
    return words.get(status.lower(), Strange)
