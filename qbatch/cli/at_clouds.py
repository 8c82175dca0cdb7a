"""Jobs at clouds as `qbatch jobs` lists and changes them; how it tells of them is `cloud_jobs`.

Rules: what a cloud lacks is refused by name before anything is sent. What a run folder here still
needs is never touched, and nothing is stopped or removed without the person's word on exact ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qbatch.errors import ConsentError, CredentialsError, ProviderError, SelectionError
from qbatch.frozen import dataclass
from qbatch.notation import listed

if TYPE_CHECKING:
    from qbatch.cli.cloud_jobs import Listing
    from qbatch.cli.clouds import Account
    from qbatch.executor.known_jobs import KnownJobs
    from qbatch.providers import Driver
    from qbatch.providers.listing import Deed, JobAtCloud, JobInFull, JobsAtCloud, Page

T = TypeVar("T")

#: Options of the list -> what they are called in `Wanted`.
SIFTS = ("tag", "session")


@dataclass(frozen=True, slots=True)
class Sieve:
    """Which jobs are to be listed, as the person said it."""

    state: str | None = None
    tag: str = ""
    session: str = ""
    page: str = ""
    most: int = 50

    @property
    def is_set(self) -> bool:
        return bool(self.state or self.tag or self.session or self.page)

    def lets(self, job: JobAtCloud) -> bool:
        """Whether a job is in the state that was asked for."""
        return self.state in (None, job.state or "unknown")


@dataclass(frozen=True, slots=True)
class Deeds:
    """What is to be done about single jobs."""

    show: str | None = None
    cancel: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    rename: tuple[str, str] | None = None
    tags: tuple[str, str] | None = None

    @property
    def number(self) -> int:
        return sum(map(bool, (self.show, self.cancel, self.delete, self.rename, self.tags)))

    @property
    def deed(self) -> Deed:
        """The one that is meant."""
        from qbatch.providers.listing import Deed

        if self.show:
            return Deed.SHOW
        if self.cancel:
            return Deed.CANCEL
        if self.delete:
            return Deed.DELETE
        return Deed.RENAME if self.rename else Deed.TAG

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the jobs that are meant, each once."""
        single = self.show or (self.rename or self.tags or ("",))[0]
        return tuple(dict.fromkeys(self.cancel or self.delete or (single,)))


def open_accounts(
    manifest: Path | None, provider: str | None, backend: str | None, *, trust: bool
) -> list[Account]:
    """Find the clouds that are meant.

    Raises:
        SelectionError: There is no such provider or backend, or it is this machine.
    """
    from qbatch.cli.clouds import find_accounts
    from qbatch.cli.permits import surroundings_of
    from qbatch.manifest import load_manifest
    from qbatch.notation import did_you_mean
    from qbatch.providers import is_local

    if backend is not None and manifest is None:
        raise SelectionError("--backend names one of a manifest: give the manifest too")
    loaded = None if manifest is None else load_manifest(manifest, trust=trust)
    if loaded is not None and backend is not None and backend not in loaded.backends:
        hint = did_you_mean(backend, loaded.backends) or f"; it has {listed(loaded.backends)}"
        raise SelectionError(f"{manifest}: there is no backend {backend!r}{hint}")
    accounts = find_accounts(loaded, surroundings_of(loaded, trust=trust), provider)
    if backend is not None:
        accounts = [each for each in accounts if backend in each.backends]
    clouds = [each for each in accounts if not is_local(each.provider)]
    if not clouds:
        raise SelectionError("local: this machine keeps no jobs; `qbatch status` tells of a run's")
    is_named = bool(provider or backend)
    usable = [each for each in clouds if each.is_configured or is_named]
    if not usable:
        raise CredentialsError("no cloud has a credential here; `qbatch auth` says what to set")
    return usable


def only_one(accounts: Sequence[Account]) -> Account:
    """Return the account that is meant.

    Raises:
        SelectionError: There are several.
        ProviderError: It cannot be used.
    """
    if len(accounts) > 1:
        names = listed([each.name for each in accounts])
        raise SelectionError(f"say which cloud with --provider or --backend: {names}")
    (account,) = accounts
    if account.error is not None:
        raise account.error
    return account


def command_for(account: Account, manifest: Path | None) -> str:
    """Return the command by which a person asks this account."""
    if manifest is not None and account.backends:
        return f"qbatch jobs {manifest} --backend {account.backends[0]}"
    return f"qbatch jobs --provider {account.provider}"


def jobs_of(driver: Driver, name: str) -> JobsAtCloud:
    """Return the jobs of a driver's account.

    Raises:
        SelectionError: Its driver does not offer that.
    """
    from qbatch.providers.listing import Lists

    if not isinstance(driver, Lists):
        raise SelectionError(
            f"{name}: its driver cannot be asked what stands there; look at the cloud's own page"
        )
    return driver.jobs_at_cloud()


# -- lists ------------------------------------------------------------------------------------


def list_all(
    accounts: Sequence[Account], manifest: Path | None, sieve: Sieve, folders: Sequence[Path]
) -> list[Listing]:
    """Read a page of each cloud's list."""
    from qbatch.cli.cloud_jobs import Listing
    from qbatch.executor.enquire import enquire
    from qbatch.executor.known_jobs import find_known
    from qbatch.providers.listing import Lists

    known = {
        provider: find_known(provider, folders)
        for provider in dict.fromkeys(each.provider for each in accounts)
    }
    providers = {each.name: each.provider for each in accounts}
    names = {id(each.driver): each.name for each in accounts}

    async def ask(driver: Driver) -> Page | SelectionError:
        name = names[id(driver)]
        try:
            return await _page(jobs_of(driver, name), name, sieve, known[providers[name]])
        except SelectionError as error:
            return error

    if sieve.page:
        only_one(accounts)
    drivers = {each.name: each.driver for each in accounts if each.driver and not each.error}
    pages = enquire(drivers, ask)
    listings = []
    for account in accounts:
        driver, answer = account.driver, pages.get(account.name, account.error)
        assert answer is not None, "what was not asked has an error"
        cloud = driver.jobs_at_cloud() if isinstance(driver, Lists) else None
        command = command_for(account, manifest)
        listings.append(Listing(account, cloud, answer, known[account.provider], command))
    return listings


async def _page(cloud: JobsAtCloud, name: str, sieve: Sieve, known: KnownJobs) -> Page:
    """Read on until a page shows something, or nothing is left."""
    from qbatch.providers.listing import HasList, Page, Wanted

    for option in SIFTS:
        if getattr(sieve, option) and option not in cloud.sifts:
            has = listed([f"--{each}" for each in ("state", *sorted(cloud.sifts))])
            raise SelectionError(f"{name}: its jobs cannot be sifted by --{option}; by {has} only")
    if not isinstance(cloud, HasList):
        return await _page_of_known(cloud, name, sieve, known)
    page = sieve.page
    while True:
        found = await cloud.list_jobs(Wanted(sieve.tag, sieve.session, page, sieve.most))
        jobs = tuple(filter(sieve.lets, found.jobs))
        if jobs or not found.next:
            return Page(jobs, found.next)
        page = found.next


async def _page_of_known(cloud: JobsAtCloud, name: str, sieve: Sieve, known: KnownJobs) -> Page:
    """Ask one by one about the jobs that run folders here know, where a cloud has no list."""
    from qbatch.providers.kit.asking import ask_all
    from qbatch.providers.listing import Page, begin_of

    ids, begin = known.ids(), begin_of(sieve.page, name)
    end = begin + sieve.most
    found, failures = await ask_all([partial(cloud.find_job, one) for one in ids[begin:end]])
    if failures:
        raise failures[0]
    jobs = tuple(each for each in found if each is not None and sieve.lets(each))
    return Page(jobs, str(end) if end < len(ids) else "")


# -- deeds ------------------------------------------------------------------------------------


def show_job(account: Account, cloud: JobsAtCloud, job_id: str) -> JobInFull:
    """Read all that the cloud tells of a job; errors as `find_jobs`."""
    return _read(account, cloud.show_job, [job_id])[0]


def find_jobs(account: Account, cloud: JobsAtCloud, ids: Sequence[str]) -> list[JobAtCloud]:
    """Read the records of jobs.

    Raises:
        SelectionError: One is not there.
        ProviderError: The cloud cannot tell.
    """
    return _read(account, cloud.find_job, ids)


def _read(
    account: Account, read: Callable[[str], Awaitable[T | None]], ids: Sequence[str]
) -> list[T]:
    from qbatch.executor.enquire import enquire
    from qbatch.providers.kit.untrusted import identifier

    for one in ids:
        if identifier(one) is None:
            raise SelectionError(f"{one!r} is no job's id; `qbatch jobs` lists them")
    assert account.driver is not None

    async def ask(_: Driver) -> list[T | None]:
        return [await read(one) for one in ids]

    answer = enquire({account.name: account.driver}, ask)[account.name]
    if isinstance(answer, ProviderError):
        raise answer
    found = [each for each in answer if each is not None]
    absent = [one for one, each in zip(ids, answer, strict=True) if each is None]
    if absent:
        raise SelectionError(
            f"{account.name}: there is no job {listed(absent)}; `qbatch jobs` lists them"
        )
    return found


def check(account: Account, deeds: Deeds) -> JobsAtCloud:
    """See that the cloud has what is asked for, and return its jobs.

    Raises:
        SelectionError: It does not; the message says why.
    """
    assert account.driver is not None
    cloud = jobs_of(account.driver, account.name)
    if why := cloud.lacks.get(deeds.deed):
        raise SelectionError(f"{account.name}: no --{_OPTIONS.get(deeds.deed, deeds.deed)}: {why}")
    return cloud


#: Where an option is not called as the deed.
_OPTIONS: Mapping[str, str] = {"tag": "tags"}


def check_unneeded(
    account: Account,
    cloud: JobsAtCloud,
    jobs: Sequence[JobAtCloud],
    known: KnownJobs,
    deed: Deed,
) -> None:
    """See that no run folder here needs any of the jobs.

    Raises:
        ConsentError: One does.
    """
    for job, owners in zip(jobs, known.owners(jobs, cloud), strict=True):
        for owner in owners:
            if owner.is_needed:
                raise ConsentError(
                    f"{account.name}: job {job.id} is not to be {_DONE[deed]}: {owner.folder} "
                    f"still needs it for {owner.told_points}; `qbatch fetch {owner.folder}` brings "
                    f"its result home, `qbatch cancel {owner.folder}` gives it up"
                )


_DONE: Mapping[str, str] = {
    "cancel": "cancelled",
    "delete": "deleted",
    "rename": "renamed",
    "tag": "tagged",
}


def carry_out(account: Account, deeds: Deeds) -> dict[str, Any]:
    """Do it: id -> how the job stands then, None where it is gone, or what went wrong."""
    from qbatch.executor.enquire import enquire

    assert account.driver is not None
    cloud = jobs_of(account.driver, account.name)
    done: dict[str, Any] = {}

    async def act(_: Driver) -> None:
        for one in deeds.ids:
            if one not in done:
                done[one] = await _act(cloud, one, deeds)

    answer = enquire({account.name: account.driver}, act)[account.name]
    if isinstance(answer, ProviderError):
        left = [one for one in deeds.ids if one not in done]
        done |= dict.fromkeys(left, answer)
    return done


async def _act(cloud: JobsAtCloud, job_id: str, deeds: Deeds) -> Any:
    from qbatch.errors import Refused
    from qbatch.providers.listing import Changes, Deletes

    try:
        if deeds.cancel:
            return await cloud.cancel_job(job_id)
        if deeds.delete:
            assert isinstance(cloud, Deletes), "what it lacks was checked"
            return await cloud.delete_job(job_id)
        assert isinstance(cloud, Changes), "what it lacks was checked"
        if deeds.rename:
            return await cloud.change_job(job_id, name=deeds.rename[1])
        tags = [tag.strip() for tag in (deeds.tags or ("", ""))[1].split(",")]
        return await cloud.change_job(job_id, tags=[tag for tag in tags if tag])
    except Refused as error:  # of this job; the others go on
        return error
