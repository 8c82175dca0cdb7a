"""Where a secret comes from, and nothing that could show it.

A manifest holds pointers only: ``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USER``; without one,
the vendor's own environment variables are read. A `Secret` prints as ``***``; only `Secret.reveal`
gives its text, at the moment a header is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from qbatch.errors import CredentialsError, Refused
from qbatch.providers.kit.untrusted import said


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A credential's text, and where it came from.

    Attributes:
        source: For `qbatch auth` and messages: "env:OQC_TOKEN"; never the text.
    """

    _text: str
    source: str

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret(*** from {self.source})"

    __str__ = __repr__


def read_pointer(pointer: str, environ: Mapping[str, str]) -> Secret:
    """Follow a manifest's ``credentials:`` pointer.

    Raises:
        CredentialsError: Nothing is there, or the pointer has none of the three forms.
    """
    kind, _, where = pointer.partition(":")
    if kind == "env":
        return read_environment([where], environ)
    if kind == "file":
        return _read_file(where)
    if kind == "keyring":
        return _read_keyring(where)
    raise CredentialsError(
        f"credentials: {pointer!r} is no pointer; write env:NAME, file:PATH or keyring:SERVICE/USER"
    )


def find_credential(
    pointer: str | None, variables: Sequence[str], environ: Mapping[str, str]
) -> Secret:
    """Return the credential that a manifest points to, else the first that a variable holds.

    Raises:
        CredentialsError: There is none; the message names the variables to set.
    """
    if pointer is not None:
        return read_pointer(pointer, environ)
    return read_environment(variables, environ)


def read_environment(names: Sequence[str], environ: Mapping[str, str]) -> Secret:
    """Return the first of the variables `names` that is set and not empty.

    Raises:
        CredentialsError: None is.
    """
    for name in names:
        if environ.get(name, "").strip():
            return Secret(environ[name].strip(), f"env:{name}")
    told = " or ".join(dict.fromkeys(names))
    raise CredentialsError(f"no credential: set the environment variable {told}")


def address(url: str, source: str = "") -> str:
    """Return a service's base URL, without a slash at its end.

    Args:
        url: As a person wrote it.
        source: Where: a variable, or a key of the manifest.

    Raises:
        CredentialsError: It holds a user, a query or a fragment: an address is shown and kept, and
            what they may hold must not be.
        Refused: It is no address.
    """
    where = source or "an address of a service"
    if "@" in url.partition("//")[2].partition("/")[0] or set("?#") & set(url):
        raise CredentialsError(f"{where} holds a user, query or fragment; write the base URL alone")
    if not _is_address(url):
        raise Refused(f"{where}: {said(url, 100)!r} is no address; write https://HOST or so")
    return url.rstrip("/")


def find_address(
    url: str | None, variables: Sequence[str], environ: Mapping[str, str], otherwise: str
) -> str:
    """Return where a service is: the manifest's word, the first variable's that is set, or its own.

    Raises:
        Refused: That is no address.
    """
    if url:
        return address(url, "url")
    source = next((name for name in variables if environ.get(name)), None)
    return otherwise if source is None else address(environ[source], source)


def _is_address(url: str) -> bool:
    try:
        read = urlsplit(url)
        return read.scheme in ("http", "https") and bool(read.hostname) and read.port != 0
    except ValueError:  # brackets or a port that are none
        return False


def _read_file(where: str) -> Secret:
    path = Path(where).expanduser()
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(f"credentials: cannot read file:{where} ({error})") from error
    if not text:
        raise CredentialsError(f"credentials: file:{where} is empty")
    return Secret(text, f"file:{where}")


def _read_keyring(where: str) -> Secret:
    service, _, user = where.partition("/")
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise CredentialsError(
            f"credentials: keyring:{where} needs the extra: pip install 'qbatch[keyring]'"
        ) from error
    try:
        text = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise CredentialsError(f"credentials: keyring:{where}: {error}") from error
    if not text:
        raise CredentialsError(
            f"credentials: keyring:{where} holds nothing; "
            f"store it with: keyring set {service} {user!r}"
        )
    return Secret(text, f"keyring:{where}")
