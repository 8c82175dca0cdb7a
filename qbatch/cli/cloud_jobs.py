"""How jobs at clouds are told: a page of each list, one job in full, what came of a change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.tables import format_table, say, tell
from qbatch.errors import ProviderError, SelectionError
from qbatch.frozen import dataclass
from qbatch.instants import told_if_known

if TYPE_CHECKING:
    from qbatch.cli.clouds import Account
    from qbatch.executor.known_jobs import KnownJobs, Owner
    from qbatch.providers.listing import JobAtCloud, JobInFull, JobsAtCloud, Page

#: Facts of a job that are told in a line each, where there are any.
TOLD = ("name", "target", "tags", "session", "created_at")


@dataclass(frozen=True, slots=True)
class Listing:
    """What one cloud said of its jobs.

    Attributes:
        cloud: Its jobs; None where they cannot be had.
        answer: A page, or why there is none.
        known: The jobs of run folders here.
        command: By which a person asks this account.
    """

    account: Account
    cloud: JobsAtCloud | None
    answer: Page | ProviderError | SelectionError
    known: KnownJobs
    command: str

    @property
    def rows(self) -> list[tuple[JobAtCloud, list[Owner]]]:
        """Jobs, each with whose it is."""
        if isinstance(self.answer, Exception) or self.cloud is None:
            return []
        jobs = self.answer.jobs
        return [*zip(jobs, self.known.owners(jobs, self.cloud), strict=True)]

    @property
    def next(self) -> str:
        return "" if isinstance(self.answer, Exception) else self.answer.next

    @property
    def note(self) -> str:
        """Why this is no list of the cloud's, where it is none."""
        from qbatch.providers.listing import Deed

        return self.cloud.lacks.get(Deed.LIST, "") if self.cloud else ""


def tell_all(listings: Sequence[Listing], *, as_json: bool) -> int:
    """Tell every cloud's page; return the exit code."""
    from qbatch.cli.exits import Exit, code_of

    if as_json:
        click.echo(json.dumps([_listing_facts(each) for each in listings], ensure_ascii=False))
    for each in listings:
        if not as_json:
            _tell(each)
        for told in each.known.unread:
            tell(f"not looked at: {told}")
    errors = [each.answer for each in listings if isinstance(each.answer, Exception)]
    return min(map(code_of, errors), default=Exit.DONE)


def _tell(listing: Listing) -> None:
    name = listing.account.name
    heading = click.style(name, bold=True) + listing.account.mark
    if isinstance(listing.answer, Exception):
        told = str(listing.answer).removeprefix(f"{listing.account.provider}: ")
        tell(f"{heading}: {told}")
        return
    rows = listing.rows
    if listing.note:
        tell(f"{heading}: {listing.note}")
    if not rows:
        tell(f"{heading}: no jobs")
        return
    say(f"{heading}:")
    head = ["id", "state", "created", "cost", "job"]
    click.echo(format_table(head, [_cells(*row) for row in rows], indent="  "))
    for job, owners in rows:
        for owner in owners:
            if owner.is_double:
                tell(told_double(listing.command, job, owner))
    if listing.next:
        command = f"{listing.command} --page {listing.next}"
        tell(f"  there are more: `{command}`")


def _cells(job: JobAtCloud, owners: Sequence[Owner]) -> list[str]:
    whose = ", ".join("a double" if each.is_double else str(each) for each in owners)
    return [job.id, told_state(job), _short(job.created_at), told_cost(job), whose or job.name]


def _short(instant: str) -> str:
    """An instant to the minute, for a column."""
    return told_if_known(instant, "minute")


def told_state(job: JobAtCloud) -> str:
    """Its state, or the cloud's word where that is not known."""
    return str(job.state) if job.state else f"? {job.status or 'not told'}"


def told_cost(job: JobAtCloud) -> str:
    from qbatch.notation import amount

    return "" if job.cost is None else amount(job.cost, job.unit)


def told_double(command: str, job: JobAtCloud, owner: Owner) -> str:
    """Say of a job that was bought beside what a run knows of: which, how much, what to do.

    Args:
        command: By which a person asks this account.
        job: At the cloud.
        owner: Whose name it bears.
    """
    cost = told_cost(job) or _noted_cost(owner) or "price not known"
    is_over = job.state is not None and job.state.is_final
    stop = f"`{command} --cancel {job.id}` stops it"
    return f"job {job.id} is {owner}; {cost}" + ("" if is_over else f"; {stop}")


def _noted_cost(owner: Owner) -> str:
    """What the run said that a double costs; "" where it did not."""
    from qbatch.notation import amount

    noted = owner.noted
    if noted is None or noted.cost is None:
        return ""
    return f"{amount(noted.cost, noted.unit)} {noted.source}"


def tell_one(
    account: Account, command: str, found: JobInFull, owners: Sequence[Owner], *, as_json: bool
) -> None:
    """Tell all that is known of one job."""
    if as_json:
        facts = _facts(found.job, owners)
        facts |= {"raw": found.job.raw, "circuit": found.circuit, "results": [*found.results]}
        facts |= {"log": found.log, "elsewhere": {**found.elsewhere}}
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    job = found.job
    said = f" ({job.status})" if job.state and job.status.lower() != job.state else ""
    where = f"{account.name}{account.mark}"
    say(f"{click.style(job.id, bold=True)} at {where}: {told_state(job)}{said}")
    for key in TOLD:
        value = getattr(job, key)
        if value:
            told = ", ".join(value) if isinstance(value, tuple) else value
            told = told_if_known(value) if key.endswith("_at") else told
            say(f"  {key.removesuffix('_at'):<9}{told}")
    if cost := told_cost(job):
        say(f"  cost     {cost}{account.mark}")
    for owner in owners or ():
        told = told_double(command, job, owner) if owner.is_double else f"of {owner}"
        say(f"  run      {told}")
    if not owners:
        say("  run      of no run folder here")
    for what, place in found.elsewhere.items():
        say(f"  {what:<9}not here: {place}")
    _tell_text("circuit", found.circuit)
    for at, text in enumerate(found.results, 1):
        _tell_text(f"result {at}" if len(found.results) > 1 else "result", text)
    _tell_text("log", found.log)
    _tell_text("as told", json.dumps(job.raw, indent=2, ensure_ascii=False))


def _tell_text(what: str, text: str) -> None:
    if text:
        say(f"{what}:")
        click.echo("\n".join(f"  {line}" for line in text.rstrip().splitlines()))


def tell_done(account: Account, done: Mapping[str, Any], *, as_json: bool) -> int:
    """Tell what came of a change: id -> the job then, None where it is gone, or an error."""
    from qbatch.cli.exits import Exit, code_of

    if as_json:
        facts = {id_: _done_facts(came) for id_, came in done.items()}
        click.echo(json.dumps(facts, ensure_ascii=False))
    for id_, came in done.items():
        if isinstance(came, Exception):
            tell(f"{account.name}: {id_}: {came}")
        elif not as_json and came is None:
            say(f"{account.name}: {id_}: gone")
        elif not as_json:
            tags = f", tags {', '.join(came.tags)}" if came.tags else ""
            name = f", named {came.name}" if came.name else ""
            say(f"{account.name}: {id_}: {told_state(came)}{name}{tags}")
    return min((code_of(e) for e in done.values() if isinstance(e, Exception)), default=Exit.DONE)


# -- as JSON ----------------------------------------------------------------------------------


def _listing_facts(listing: Listing) -> dict[str, Any]:
    answer = listing.answer
    return {
        "provider": listing.account.provider,
        "backends": list(listing.account.backends),
        "error": str(answer) if isinstance(answer, Exception) else None,
        "note": listing.note,
        "jobs": [_facts(*row) for row in listing.rows],
        "next": listing.next,
    }


def _facts(job: JobAtCloud, owners: Sequence[Owner]) -> dict[str, Any]:
    facts = {key: value for key, value in asdict(job).items() if key not in ("claim", "raw")}
    return {
        **facts,
        "state": job.state,
        "tags": list(job.tags),
        "runs": [_owner_facts(each) for each in owners],
    }


def _owner_facts(owner: Owner) -> dict[str, Any]:
    return {
        "folder": str(owner.folder),
        "points": list(owner.points),
        "state": owner.state,
        "needed": owner.is_needed,
        "double": owner.is_double,
    }


def _done_facts(came: JobAtCloud | Exception | None) -> dict[str, Any]:
    if isinstance(came, Exception):
        return {"error": str(came)}
    return {"gone": True} if came is None else {"state": came.state, "status": came.status}
