"""What stands at a cloud under an account, whoever made it: listed, shown, stopped, tidied up.

Rules: beside `Driver`, and optional. Only what a cloud documents is offered; what it lacks is said
by name, with the reason, before anything is sent. Nothing here spends, retries or waits. A row says
what the cloud says; whether it is one of ours is judged by who knows the run folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from qbatch.errors import SelectionError
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.providers.answers import (
    Answer,
    Cancelled,
    Done,
    Failed,
    Running,
    Taken,
    Words,
    kind_of,
)


class Deed(StrEnum):
    """What may be asked of a cloud about its jobs."""

    LIST = "list"
    SHOW = "show"
    CANCEL = "cancel"
    DELETE = "delete"
    RENAME = "rename"
    TAG = "tag"


#: What a cloud's word says -> our state; what is `Strange` has none.
STATES: Mapping[type[Answer], JobState] = {
    Taken: JobState.SUBMITTED,
    Running: JobState.RUNNING,
    Done: JobState.COMPLETED,
    Failed: JobState.FAILED,
    Cancelled: JobState.CANCELLED,
}

#: Pages of a list that are read where all of a run's jobs are meant.
MOST_PAGES = 1_000


def state_of(words: Words, status: str) -> JobState | None:
    """Return what a status comes to in our words; None for one that is not known."""
    return STATES.get(kind_of(words, status))


@dataclass(frozen=True, slots=True)
class Claim:
    """What the name of a job says of the run that made it.

    Attributes:
        run_id: As in `Surroundings`.
        point: The beginning of the point's id; "" where the name has none.
        generation: Of the purchase.
    """

    run_id: str
    point: str
    generation: int


@dataclass(frozen=True, slots=True)
class JobAtCloud:
    """One job as its cloud tells of it.

    Attributes:
        id: The cloud's.
        status: The cloud's own word.
        state: Ours; None: the word is not known.
        name: "" where the cloud has none.
        target: What it runs on, as the cloud calls it; "" where that is not told.
        tags: In the cloud's order.
        session: Its id; "" where there are none.
        created_at: UTC, ISO 8601, to the second; "" where it is not told.
        cost: What it cost so far, in `unit`; None: not told.
        never_began: It ended before it began, at a cloud that bills what ran.
        unit: As in `Job`.
        claim: What its name says, where that is one of qbatch's.
        raw: The record as received, redacted.
    """

    id: str
    status: str
    state: JobState | None
    name: str = ""
    target: str = ""
    tags: tuple[str, ...] = ()
    session: str = ""
    created_at: str = ""
    cost: float | None = None
    unit: str = ""
    claim: Claim | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    never_began: bool = False


@dataclass(frozen=True, slots=True)
class JobInFull:
    """What a cloud tells of one job.

    Attributes:
        job: Its record.
        circuit: As it was sent, where the cloud gives it back; else "".
        results: What is there of them now, as text, oldest first.
        log: What the cloud wrote about it while it ran, where it gives that.
        elsewhere: Circuit, result or log that could not be had: where it lies, and why not.
    """

    job: JobAtCloud
    circuit: str = ""
    results: tuple[str, ...] = ()
    log: str = ""
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs are to be listed.

    Attributes:
        tag: Only those that bear it.
        session: Only those of it.
        page: Where to go on, as the page before said; "" begins with the newest.
        most: Rows of a page; the cloud may give fewer.
    """

    tag: str = ""
    session: str = ""
    page: str = ""
    most: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first.

    Attributes:
        next: Where to go on; "" at the end.
    """

    jobs: tuple[JobAtCloud, ...]
    next: str = ""


class JobsAtCloud(Protocol):
    """The jobs of one account; errors as in `Driver`. A job that is not there is None."""

    #: Of `Wanted`, what a list can be sifted by.
    sifts: frozenset[str]
    #: What the cloud does not have, each with the reason; all else it offers.
    lacks: Mapping[Deed, str]

    async def find_job(self, job_id: str) -> JobAtCloud | None:
        """Read a job's record."""
        ...

    async def show_job(self, job_id: str) -> JobInFull | None:
        """Read all that the cloud tells of a job."""
        ...

    async def cancel_job(self, job_id: str) -> JobAtCloud | None:
        """Ask for it to be stopped; return how it stands then. One that has ended stays so."""
        ...


@runtime_checkable
class HasList(Protocol):
    """A cloud that lists its jobs."""

    async def list_jobs(self, wanted: Wanted) -> Page:
        """Read one page of the list."""
        ...


@runtime_checkable
class TellsEmulated(Protocol):
    """A driver that knows whether an emulator answers in the place of its cloud."""

    @property
    def is_emulated(self) -> bool:
        """What is billed there is no money, as far as was answered so far."""
        ...


@runtime_checkable
class TellsDoubles(Protocol):
    """A cloud whose list shows what was bought under our names, also by no wish of ours."""

    async def jobs_of_run(self, run_id: str, since: str) -> Sequence[JobAtCloud]:
        """List all that may stand there under the names and ids of a run.

        Args:
            run_id: As in `Surroundings`.
            since: When the run first sent anything; UTC, ISO 8601. What is older is not meant.
        """
        ...


@runtime_checkable
class Deletes(Protocol):
    """A cloud that removes jobs for good. Ids of removed jobs may be given again."""

    async def delete_job(self, job_id: str) -> None:
        """Remove a job; one that is not there is none.

        Raises:
            Refused: It has not ended.
        """
        ...

    def is_same(self, job: JobAtCloud, facts: Mapping[str, Any]) -> bool:
        """Tell whether a job is the one that gave a result, kept with `facts`, under its id."""
        ...


@runtime_checkable
class Changes(Protocol):
    """A cloud whose jobs can be called otherwise."""

    async def change_job(
        self, job_id: str, *, name: str | None = None, tags: Sequence[str] | None = None
    ) -> JobAtCloud | None:
        """Give a job another name, or other tags; None leaves them."""
        ...


@runtime_checkable
class Lists(Protocol):
    """What a driver offers whose cloud can be asked about jobs."""

    def jobs_at_cloud(self) -> JobsAtCloud:
        """Return the jobs of the account."""
        ...


async def all_pages(cloud: HasList, wanted: Wanted, since: str) -> list[JobAtCloud]:
    """Read a list, newest first, to its end, or until a page whose jobs are all older."""
    found: list[JobAtCloud] = []
    for _ in range(MOST_PAGES):
        page = await cloud.list_jobs(wanted)
        young = [job for job in page.jobs if not job.created_at or job.created_at >= since]
        found += young
        if not page.next or (page.jobs and not young):
            break
        wanted = replace(wanted, page=page.next)
    return found


def page_of(jobs: Sequence[JobAtCloud], wanted: Wanted, cloud: str) -> Page:
    """Cut a page from a list that came whole, newest first.

    Raises:
        SelectionError: There is no such page.
    """
    begin = begin_of(wanted.page, cloud)
    end = begin + wanted.most
    return Page(tuple(jobs[begin:end]), str(end) if end < len(jobs) else "")


def begin_of(page: str, cloud: str) -> int:
    """Read where a page begins in a list that came whole.

    Raises:
        SelectionError: There is no such page.
    """
    if not page:
        return 0
    if not (page.isascii() and page.isdigit() and len(page) < 10):
        raise no_page(cloud, page)
    return int(page)


def no_page(cloud: str, page: str) -> SelectionError:
    """Say that a page is none."""
    return SelectionError(f"{cloud}: {page!r} is no page; give what the page before said")
