"""``qbatch resolve``: the person's decision about a held job, or one that nobody ordered."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.completing import complete_points
from qbatch.cli.options import out_option, run_argument, yes_option
from qbatch.cli.tables import tell

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.snapshot import PointResult, Run

#: What clouds call jobs; it becomes a part of an address.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")


@click.command()
@run_argument
@click.argument("point", required=False, shell_complete=complete_points)
@click.option("--adopt", metavar="ID", help="It was taken: ID is its job at the provider.")
@click.option(
    "--resubmit",
    is_flag=True,
    help="`qbatch run` buys it again: what is known to have been taken is paid for twice.",
)
@click.option("--give-up", is_flag=True, help="Count it as failed: `qbatch run` buys it again.")
@click.option(
    "--same-account",
    is_flag=True,
    help="The account it was made with is the present one (a renewed credential, a moved address).",
)
@click.option(
    "--double",
    metavar="ID",
    help="Instead of POINT: the job ID, which RUN did not order, is over; say for how much.",
)
@click.option(
    "--cost",
    metavar="N",
    help="What --double ID was billed, in its unit; none: it never ran.",
)
@out_option
@yes_option
def resolve(
    run: Path,
    point: str | None,
    adopt: str | None,
    resubmit: bool,
    give_up: bool,
    same_account: bool,
    double: str | None,
    cost: str | None,
    out: Path | None,
    yes: bool,
) -> None:
    """Decide about a held job of RUN, whose outcome its cloud could not tell.

    POINT is named as `qbatch status` shows it, or by the beginning of its id; look the job up at
    the provider first. Only the person decides: nothing held is ever bought again by itself.

    With --double ID --cost N: about a job that RUN did not order, at a cloud that cannot be asked
    any more. What a later look at the cloud tells goes before.
    """
    from qbatch.cli.runs import open_named
    from qbatch.errors import SelectionError
    from qbatch.job import JobState

    is_decided = [adopt is not None, resubmit, give_up, same_account].count(True)
    if double is not None or cost is not None:
        if double is None or cost is None or point is not None or is_decided:
            raise click.UsageError(
                "--double ID goes with --cost N, without POINT and the others; "
                "say both, and nothing else"
            )
        _decide_double(run, out, double.strip(), _read_cost(cost), yes=yes)
        return
    if point is None:
        raise click.UsageError("say which POINT, or --double ID --cost N")
    if is_decided != 1:
        raise click.UsageError(
            "say exactly one of --adopt ID, --resubmit, --give-up, --same-account"
        )
    if adopt is not None and not _ID.fullmatch(adopt.strip()):
        raise click.UsageError(f"{adopt!r} is no job's id; --adopt needs the one at the provider")
    with open_named(run, out) as opened:
        found, folder, manifest = _named(opened, point), opened.folder, opened.manifest
    if found.state is not JobState.HELD:
        raise SelectionError(f"{found.name} is {found.state}, not held; see `qbatch status`")
    _ask_for(found.name, adopt, resubmit=resubmit, same_account=same_account, yes=yes)
    if adopt is not None:
        _look_up(folder, found, adopt.strip(), manifest)
    told = _decide(folder, found.own_id, adopt, resubmit=resubmit, same_account=same_account)
    tell(f"{found.name}: {told.format(folder=folder)}")


def _named(run: Run, point: str) -> PointResult:
    """Return the point that was named; of several settings the one that is held.

    Raises:
        SelectionError: Several of its settings are.
    """
    from qbatch.errors import SelectionError
    from qbatch.job import JobState

    found = run[point]
    held = [each for each in found.settings if each.state is JobState.HELD]
    if len(held) > 1:
        names = ", ".join(each.id[:8] for each in held)
        said = f"{len(held)} settings of it are held; name one of them by its id"
        raise SelectionError(f"{found.name}: {said}: {names}")
    return held[0] if held else found


def _ask_for(
    name: str, adopt: str | None, *, resubmit: bool, same_account: bool, yes: bool
) -> None:
    """Have what a decision may cost agreed to."""
    from qbatch.cli.runs import ask

    if adopt is not None and sys.stdin.isatty():
        ask(
            f"What job {adopt.strip()} gave is taken for the result of {name}. Is it?",
            yes=yes,
        )
    if resubmit:
        ask(f"If {name} was taken after all, it is paid twice. Submit it again?", yes=yes)
    if same_account:
        ask(
            f"If the account is another one after all, what {name} and others were made "
            "with there may be bought again here. Is it the same?",
            yes=yes,
        )


def _read_cost(text: str) -> float:
    """Read a price that a person tells; "none": it never ran.

    Raises:
        UsageError: It is none.
    """
    if text.strip().lower() == "none":
        return 0.0
    try:
        cost = float(text)
    except ValueError:
        cost = math.nan
    if not (math.isfinite(cost) and cost >= 0):
        raise click.UsageError(
            f"--cost: {text!r} is no price; write a number, 0 or more, or none where it never ran"
        )
    return cost


def _decide_double(run: Path, out: Path | None, id_: str, cost: float, *, yes: bool) -> None:
    """Write down that a job which the run did not order is over, and for how much."""
    from qbatch.cli.runs import ask, open_named
    from qbatch.notation import amount
    from qbatch.snapshot import Snapshot
    from qbatch.snapshot.doubles import read_doubles

    with open_named(run, out) as opened:
        folder, known = opened.folder, read_doubles(opened.meta).get(id_)
    if known is not None and not known.is_over and sys.stdin.isatty():
        ask(f"If job {id_} runs still, what it costs counts no more. Is it over?", yes=yes)
    with Snapshot(folder) as snapshot:
        told = snapshot.resolve_double(id_, cost)
    price = amount(cost, told.unit) if cost else "free"
    tell(f"{told.backend}: job {id_} is over, {price} {told.source}; its cloud's word goes before")


def _look_up(folder: Path, found: PointResult, adopt: str, manifest: Manifest) -> None:
    """See that the cloud knows the job, where it can be asked; say so where it cannot.

    Raises:
        SelectionError: It does not.
    """
    from qbatch.cli.permits import surroundings_of
    from qbatch.errors import CredentialsError, ProviderError, Refused, SelectionError
    from qbatch.executor.adopting import check_adopted

    try:
        is_known = check_adopted(
            folder, found.own_id, adopt, surroundings_of(manifest, trust=manifest.trust)
        )
        why = "" if is_known else "nothing is left to ask its cloud with"
    except CredentialsError as error:
        why = str(error)
    except Refused as error:
        raise SelectionError(
            f"{found.name}: {error}; it stays held: adopt it under the id that its cloud shows, or "
            "--resubmit or --give-up"
        ) from error
    except ProviderError as error:
        why = str(error)
    if why:
        tell(f"{found.name}: {adopt} was not looked up: {why}")


def _decide(
    folder: Path, id_: str, adopt: str | None, *, resubmit: bool, same_account: bool
) -> str:
    """Write the decision down; return what follows from it."""
    from qbatch.purchase import Event
    from qbatch.snapshot import Snapshot

    with Snapshot(folder) as snapshot:
        if same_account:
            account = snapshot.account_of(*snapshot.jobs_of([id_]))
            snapshot.resolve(id_, Event.SAME_ACCOUNT)
            return f"what was made with {account} is looked for by the next `qbatch run`"
        if adopt is not None:
            adopted = adopt.strip()
            snapshot.resolve(id_, Event.ADOPTED, provider_job_id=adopted, status="", error="")
            return (
                f"adopted as {adopted}; `qbatch run`, or `qbatch fetch --wait {{folder}}`, brings "
                "its result home, or holds it again if its cloud does not have it"
            )
        if resubmit:
            (held,) = snapshot.jobs_of([id_])
            snapshot.resolve(id_, Event.RESUBMITTED)
            counts = "; it was taken, so what it cost counts twice" if held.job.was_taken else ""
            return f"to be submitted again by `qbatch run`{counts}"
        told = "given up by hand while it was held"
        snapshot.resolve(id_, Event.GIVEN_UP, error=told)
        return "given up: it counts as failed, and the next `qbatch run` buys it again"
