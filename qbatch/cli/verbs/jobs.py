"""``qbatch jobs``: what stands at a cloud under an account, whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.amounts import Number
from qbatch.cli.completing import complete_backends, complete_providers
from qbatch.cli.options import json_option, trust_option, yes_option

if TYPE_CHECKING:
    from qbatch.cli.at_clouds import Deeds
    from qbatch.cli.clouds import Account

#: States a cloud's word can come to.
STATES = ("submitted", "running", "completed", "failed", "cancelled", "unknown")


@click.command()
@click.argument("manifest", required=False, type=click.Path(path_type=Path))
@click.option(
    "--provider", metavar="NAME", shell_complete=complete_providers, help="Only this cloud's."
)
@click.option(
    "--backend",
    metavar="NAME",
    shell_complete=complete_backends,
    help="Only of the account that this backend uses.",
)
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--tag", default="", metavar="TAG", help="Only jobs that bear it.")
@click.option("--session", default="", metavar="ID", help="Only jobs of this session.")
@click.option("--page", default="", metavar="NEXT", help="Go on where the page before ended.")
@click.option(
    "--most",
    type=Number(1, 1000, is_whole=True),
    default=50,
    metavar="N",
    help="Jobs on a page (50).",
)
@click.option("--show", metavar="ID", help="Tell all that the cloud has of one job.")
@click.option("--cancel", multiple=True, metavar="ID", help="Stop a job. Repeatable.")
@click.option("--delete", multiple=True, metavar="ID", help="Remove an ended job. Repeatable.")
@click.option("--rename", nargs=2, metavar="ID NAME", help="Give a job another name.")
@click.option("--tags", nargs=2, metavar="ID TAGS", help="Give a job these tags (a,b) instead.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="A run folder to look in beside runs/*.",
)
@trust_option
@yes_option
@json_option
def jobs(
    manifest: Path | None,
    provider: str | None,
    backend: str | None,
    state: str | None,
    tag: str,
    session: str,
    page: str,
    most: int,
    show: str | None,
    cancel: tuple[str, ...],
    delete: tuple[str, ...],
    rename: tuple[str, str] | None,
    tags: tuple[str, str] | None,
    out: Path | None,
    trust: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """List the jobs at every configured cloud, newest first: of MANIFEST, and of the environment.

    Jobs of the run folders here (in ./runs) are marked. So are those that bear the name of one and
    are not that job: they were bought beside it, and are in no ledger. What a run here still needs
    is not cancelled, deleted, renamed or tagged from here: `qbatch cancel` does that. Exit code 2
    where a cloud does not have what is asked for, or no such job.
    """
    from qbatch.cli import at_clouds, cloud_jobs
    from qbatch.cli.runs import run_folders

    deeds = at_clouds.Deeds(show, cancel, delete, rename, tags)
    sieve = at_clouds.Sieve(state, tag, session, page, most)
    if deeds.number > 1:
        raise click.UsageError("say one of --show, --cancel, --delete, --rename, --tags")
    if deeds.number and sieve.is_set:
        raise click.UsageError(
            "--state, --tag, --session and --page are for the list alone; leave them out"
        )

    if rename and not rename[1].strip():
        raise click.UsageError("--rename needs a name")

    def opened() -> list[Account]:
        return at_clouds.open_accounts(manifest, provider, backend, trust=trust)

    folders = run_folders(out)
    if not deeds.number:
        listings = at_clouds.list_all(opened(), manifest, sieve, folders)
        return cloud_jobs.tell_all(listings, as_json=as_json)
    return _do(opened, manifest, deeds, folders, yes=yes, as_json=as_json)


def _do(
    opened: Callable[[], list[Account]],
    manifest: Path | None,
    deeds: Deeds,
    folders: Sequence[Path],
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """Look the jobs up, see that nobody here needs them, ask, and do it."""
    from qbatch.cli import at_clouds, cloud_jobs
    from qbatch.cli.runs import ask
    from qbatch.executor.known_jobs import find_known

    account = at_clouds.only_one(opened())
    cloud, known = at_clouds.check(account, deeds), find_known(account.provider, folders)
    if deeds.show:
        found = at_clouds.show_job(account, cloud, deeds.show)
        (owners,) = known.owners([found.job], cloud)
        command = at_clouds.command_for(account, manifest)
        cloud_jobs.tell_one(account, command, found, owners, as_json=as_json)
        return 0
    jobs = at_clouds.find_jobs(account, cloud, deeds.ids)
    at_clouds.check_unneeded(account, cloud, jobs, known, deeds.deed)
    if deeds.cancel or deeds.delete:
        verb = "Cancel" if deeds.cancel else "Delete for good"
        ask(f"{verb} at {account.name}: {', '.join(deeds.ids)}?", yes=yes)
    again = at_clouds.only_one(opened())  # what was asked with is closed
    done = at_clouds.carry_out(again, deeds)
    return cloud_jobs.tell_done(account, done, as_json=as_json)
