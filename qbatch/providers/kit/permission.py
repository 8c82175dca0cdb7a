"""Where a credential may go, and which of a person's a manifest may point at: the one place.

Rules: manifests are strangers' files, and so are answers. A credential goes to its vendor's own
hosts, to loopback, and where the person said: by the vendor's own variables (``QBATCH_OQC_URL``),
in the configuration, or for one call by ``--trust`` or a yes to a question that names host and
credential. It goes over plain http to loopback only, and loopback is what is written as such:
another name may lead anywhere tomorrow. ``credentials:`` of a manifest names the vendor's own
variables or what the configuration lists; no flag lifts that.

`CredentialRule.admit` is asked when a driver is opened, for each address that it knows;
`CredentialRule.check` by the wire before each request, so that an address in an answer leads a
credential nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from qbatch.configuration.files import read_own
from qbatch.configuration.places import configuration_file
from qbatch.errors import Elsewhere, NotAllowed
from qbatch.frozen import dataclass
from qbatch.notation import is_loopback

if TYPE_CHECKING:
    import httpx

    from qbatch.manifest.models import Backend


@dataclass(frozen=True, slots=True)
class Vendor:
    """What belongs to one cloud.

    Attributes:
        hosts: Domains, each with all below it.
        urls: Environment variables that say where its services are.
        variables: Environment variables that hold its credentials.
    """

    hosts: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


#: Key of ``[manifests]`` -> the guide's page about what it allows.
_PAGES = {"engines": "engines", "notify": "notices"}


class Door(NamedTuple):
    """Something that a manifest would have done with what is the person's.

    Attributes:
        where: It stands in the manifest.
        words: That stand there; what the person has to agree to.
        what: Would become of them: "would be run".
    """

    where: str
    words: str
    what: str


@dataclass(frozen=True, slots=True)
class Permission:
    """What a person lets manifests do with credentials.

    Attributes:
        hosts: Domains that any credential may be sent to, each with all below it.
        pointers: What a manifest may write under ``credentials``, beside a vendor's own variables.
        engines: What a manifest may write under ``engine`` of what a shell or a batch system would
            run, and of schedulers' addresses, word for word.
        notify: Commands and addresses that a manifest may have told of its run, word for word.
        accounts: Provider -> where the credential is of its backends that name none.
        is_trusted: This manifest may send them wherever it says.
        file: The configuration, for messages.
    """

    hosts: frozenset[str] = frozenset()
    pointers: frozenset[str] = frozenset()
    engines: frozenset[str] = frozenset()
    notify: frozenset[str] = frozenset()
    accounts: Mapping[str, str] = field(default_factory=dict)
    is_trusted: bool = False
    file: Path = Path("~/.config/qbatch/config.toml")

    def with_host(self, host: str) -> Permission:
        return replace(self, hosts=self.hosts | {host})

    def check_doors(self, key: Literal["engines", "notify"], doors: Iterable[Door]) -> None:
        """See that the person agrees to all that a manifest would have done.

        Args:
            key: Of ``[manifests]``: where the person lists what is allowed.
            doors: What would be done.

        Raises:
            NotAllowed: There are words that need the person's; all of them are told.
        """
        listed = self.engines if key == "engines" else self.notify
        closed = [] if self.is_trusted else [door for door in doors if door.words not in listed]
        if not closed:
            return
        told = ", ".join(f"{door.where}: {door.words!r} {door.what}" for door in closed)
        wanted = dict.fromkeys(door.words for door in closed)
        words = ", ".join(json.dumps(text, ensure_ascii=False) for text in wanted)
        # what is listed already may be an address that is a secret: it is not repeated
        write = f"add {words} to {key}" if listed else f"write {key} = [{words}]"
        raise NotAllowed(
            f"{told}, and a manifest may be a stranger's: nothing was done. If you want that, say "
            f"--trust, or {write} under [manifests] in {self.file}"
        ).about(_PAGES[key])


def read_permission(environ: Mapping[str, str], *, is_trusted: bool = False) -> Permission:
    """Read what the person's configuration allows; nothing where there is none.

    Raises:
        SourceError: It cannot be read, or has one mistake.
        SourceErrors: It has several.
    """
    path = configuration_file(environ)
    own = read_own(environ)
    if own is None:
        return Permission(is_trusted=is_trusted, file=path)
    allowed = own.manifests
    return Permission(
        frozenset(allowed.hosts),
        frozenset(normal_pointer(each, path.parent) for each in allowed.credentials),
        frozenset(allowed.engines),
        frozenset(normal_pointer(each, path.parent) for each in allowed.notify),
        {name: normal_pointer(each, path.parent) for name, each in own.accounts.items()},
        is_trusted,
        path,
    )


def normal_pointer(pointer: str, folder: Path = Path()) -> str:
    """Write a pointer so that two to the same thing are equal.

    Args:
        pointer: Or other words, which stay as they are.
        folder: That of the file it is written in, from which a path goes.
    """
    kind, _, where = pointer.partition(":")
    if kind == "file":
        return f"file:{(folder / Path(where).expanduser()).resolve()}"
    return pointer


def is_plain(url: httpx.URL) -> bool:
    """Tell whether what is sent there could be read on its way."""
    return url.scheme != "https" and not is_loopback(url.host)


def _is_below(host: str, domains: Iterable[str]) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in domains)


@dataclass(slots=True)
class CredentialRule:
    """Where one backend's credential may go. Without anything said: to loopback alone.

    Attributes:
        provider: For messages.
        environ: Of which the vendor's own variables say where its services are.
        source: Where the credential comes from, for messages; known once the driver is open.
    """

    provider: str = ""
    vendor: Vendor = Vendor()
    permission: Permission = Permission()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    source: str = ""
    #: Scheme and host of what was asked about before, and may be.
    _passed: set[tuple[str, str]] = field(default_factory=set)

    def check_pointer(self, pointer: str | None) -> None:
        """See that a manifest may point there.

        Raises:
            NotAllowed: It may not.
        """
        if pointer is None or normal_pointer(pointer) in self.permission.pointers:
            return
        kind, _, name = pointer.partition(":")
        own = self.vendor.variables
        if kind == "env" and any(_is_own(name, one) for one in own):
            return
        theirs = f" (it may name {', '.join(own)})" if own else ""
        raise NotAllowed(
            f"{self.provider}: credentials: {pointer}: a manifest may not name that{theirs}; if "
            f"it is meant for manifests, write credentials = [{pointer!r}] under [manifests] in "
            f"{self.permission.file}"
        )

    def pointer_of(self, backend: Backend) -> str | None:
        """Return where a backend's credential is: as the manifest says, or as the person does.

        None: a variable of the vendor's holds it, or nobody says where it is.

        Raises:
            NotAllowed: The manifest may not point there.
        """
        self.check_pointer(backend.credentials)
        if backend.credentials or any(self.environ.get(each) for each in self.vendor.variables):
            return backend.credentials
        return self.permission.accounts.get(backend.provider)

    def admit(self, url: str) -> None:
        """Let the credential go where the manifest says, if the person does.

        Raises:
            Elsewhere: It may not go there.
        """
        there = _parsed(url)
        if there is None:  # nothing is sent there, and who sends says why
            return
        if self.permission.is_trusted and not is_plain(there):
            self._passed.add((there.scheme, there.host))
        self.check(there)

    def check(self, url: httpx.URL) -> None:
        """See that the credential may go there.

        Raises:
            Elsewhere: It may not.
        """
        host = url.host
        if (url.scheme, host) in self._passed:
            return
        what = f"the credential from {self.source}" if self.source else "the credential"
        if is_plain(url):
            raise Elsewhere(
                f"{self.provider}: {what} would go to {host} over plain http, where others can "
                "read it; write https://"
            )
        if (
            is_loopback(host)
            or _is_below(host, self.vendor.hosts)
            or _is_below(host, self.permission.hosts)
            or host in self._told()
        ):
            self._passed.add((url.scheme, host))
            return
        own = f" is not {' or '.join(self.vendor.hosts)}" if self.vendor.hosts else " is a stranger"
        raise Elsewhere(
            f"{self.provider}: {what} would go to {host}, which{own}: nothing was sent. If you "
            f"want that, say --trust, or write hosts = [{host!r}] under [manifests] in "
            f"{self.permission.file}",
            host=host,
            source=self.source,
        )

    def check_bare(self, url: httpx.URL) -> None:
        """See that an address that opens something by itself is not read on its way.

        Raises:
            Elsewhere: It would be.
        """
        if is_plain(url):
            raise Elsewhere(
                f"{self.provider}: a signed address at {url.host} would be asked over plain http, "
                "where others can read it; tell the cloud; nothing was sent"
            )

    def _told(self) -> set[str]:
        """Hosts that the vendor's own variables name."""
        own = (*self.vendor.urls, f"QBATCH_{self.provider.upper().replace('-', '_')}_URL")
        said = [
            value
            for name, value in self.environ.items()
            if value and any(_is_own(name, one) for one in own)
        ]
        return {url.host for one in said if (url := _parsed(one)) is not None}


def _is_own(name: str, variable: str) -> bool:
    """Tell whether a variable is a vendor's own; ``LAB_OQC_TOKEN`` is, for a second account."""
    return name == variable or name.endswith(f"_{variable}")


def _parsed(url: str) -> httpx.URL | None:
    """Read an address as it is read when something is sent there; None where it is none."""
    import httpx

    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    return read if read.host else None
