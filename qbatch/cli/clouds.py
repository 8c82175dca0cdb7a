"""The clouds a person can use: those of a manifest, and all whose credentials are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qbatch.errors import CredentialsError, ProviderError
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.manifest.models import Backend
    from qbatch.providers import Driver, Surroundings


@dataclass(frozen=True, slots=True)
class Account:
    """One way to talk to one cloud.

    Attributes:
        name: The provider's, with the backend's where a manifest has several accounts there.
        backends: The manifest's backends that use it; empty for one from the environment.
        driver: Opened; None where that failed.
        source: Where the credential comes from; "" where there is none, or none is needed.
        hosts: Where it goes, and by which proxy.
        error: Why it cannot be used; None when nothing is known against it.
    """

    name: str
    provider: str
    backends: tuple[str, ...]
    driver: Driver | None
    source: str
    hosts: tuple[str, ...]
    error: ProviderError | None

    @property
    def is_configured(self) -> bool:
        """A credential is there, or a manifest asks for one."""
        return self.error is None or bool(self.backends)

    @property
    def is_emulated(self) -> bool:
        """An emulator answers: what it says of money is of none."""
        from qbatch.providers.listing import TellsEmulated

        return isinstance(self.driver, TellsEmulated) and self.driver.is_emulated

    @property
    def mark(self) -> str:
        """What stands beside its name and its money where an emulator answers; else ""."""
        return " (emulated)" if self.is_emulated else ""


def find_accounts(
    manifest: Manifest | None, around: Surroundings, provider: str | None = None
) -> list[Account]:
    """Find the accounts of a manifest, then every other cloud's from the environment.

    Args:
        manifest: None: only the environment's.
        around: What drivers may see of the world.
        provider: Only this cloud's.

    Raises:
        SelectionError: There is no such provider.
    """
    found: dict[tuple[str | None, ...], list[str]] = {}
    for name, backend in manifest.known_backends.items() if manifest else ():
        found.setdefault(_key(backend), []).append(name)
    accounts = [
        _account(manifest.known_backends[names[0]], tuple(names), manifest.folder, around)
        for names in found.values()
        if manifest is not None
    ]
    mentioned = {account.provider for account in accounts}
    others = [each for each in _known(provider) if each not in mentioned]
    accounts += [_from_environment(each, around) for each in others]
    wanted = [each for each in accounts if provider in (None, each.provider)]
    return _named(wanted)


def _key(backend: Backend) -> tuple[str | None, ...]:
    """What tells accounts apart; of the simulator, where it computes."""
    from qbatch.providers import account_options

    names = sorted(account_options(backend.provider))
    account = str([backend.options.get(name) for name in names])
    engine = None if backend.engine is None else str(backend.engine)
    return (backend.provider, backend.url, backend.credentials, account, engine)


def _known(provider: str | None) -> list[str]:
    from importlib.metadata import entry_points

    from qbatch.errors import SelectionError
    from qbatch.providers import BUILT_IN, ENTRY_POINTS

    built_in = [name for name, package in BUILT_IN.items() if find_spec(package) is not None]
    known = [*built_in, *sorted({point.name for point in entry_points(group=ENTRY_POINTS)})]
    if provider is not None and provider not in known:
        raise SelectionError(f"there is no provider {provider!r}; known are {', '.join(known)}")
    return known


def _from_environment(provider: str, around: Surroundings) -> Account:
    from qbatch.manifest.models import Backend

    return _account(Backend(provider=provider), (), Path(), around)


def _account(
    backend: Backend, names: tuple[str, ...], folder: Path, around: Surroundings
) -> Account:
    from qbatch.providers import open_driver

    driver, source, error = None, "", None
    hosts: tuple[str, ...] = ()
    try:
        driver = open_driver(
            backend,
            name=names[0] if names else backend.provider,
            folder=folder,
            surroundings=around,
        )
        source = _source(driver)
        hosts = _hosts(driver)
    except ProviderError as found:
        error = found
    except ValueError as found:  # a driver's own options model
        error = ProviderError(
            f"{backend.provider}: its options are wrong: {found}; mend them in the manifest"
        )
    return Account(backend.provider, backend.provider, names, driver, source, hosts, error)


def _source(driver: Any) -> str:
    """Where its credential comes from; "" where it needs none or cannot say."""
    asked = getattr(driver, "credential_source", None)
    return "" if asked is None else str(asked())


def _hosts(driver: Any) -> tuple[str, ...]:
    """Where its credential goes, and by which proxy."""
    from qbatch.providers.kit.proxies import proxy_to

    asked = getattr(driver, "base_urls", None)
    urls: Sequence[str] = () if asked is None else asked()
    roads = {urlsplit(url).netloc: proxy_to(url) for url in urls}
    return tuple(f"{host} by {proxy}" if proxy else host for host, proxy in roads.items())


def _named(accounts: Sequence[Account]) -> list[Account]:
    """Tell two accounts at one cloud apart by their backends."""
    from dataclasses import replace

    names = [account.provider for account in accounts]
    return [
        account
        if names.count(account.provider) == 1
        else replace(account, name=f"{account.provider} ({', '.join(account.backends)})")
        for account in accounts
    ]


def missing(account: Account) -> bool:
    """Tell whether what it lacks is a credential."""
    return isinstance(account.error, CredentialsError)
