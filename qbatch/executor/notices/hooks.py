"""Who is told of a run, as its manifest says and the person allows.

Rules: a manifest may be a stranger's. A command is run, and an address asked, only with
``--trust`` or where the person's own configuration lists it, word for word; also on loopback, where
services of this machine listen. What is listed means one program, whichever manifest names it: a
command that is a path is listed in full, and a listed one runs in the person's home folder, so that
nothing of a stranger's folder is run by a name that is listed. An address may be a secret: messages
name its host alone, but for the one that says what to write into the configuration, which has the
manifest's own words.
"""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qbatch.errors import CredentialsError, NotAllowed
from qbatch.frozen import dataclass
from qbatch.providers.kit.credentials import Secret, read_pointer
from qbatch.providers.kit.permission import Door, is_plain, normal_pointer

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.manifest.notify import Notify
    from qbatch.providers import Surroundings


@dataclass(frozen=True, slots=True)
class Hooks:
    """All that are told.

    Attributes:
        desktop: Whether the screen of this machine shows it.
        command: Its words; () for none.
        webhook: The address; None for none.
        send: What they are told, beside that something happened.
        folder: Where the command runs.
    """

    desktop: bool = False
    command: tuple[str, ...] = ()
    webhook: Secret | None = None
    send: Literal["nothing", "summary"] = "nothing"
    folder: Path = Path()


def hooks_of(manifest: Manifest, around: Surroundings) -> Hooks:
    """Return who is told of a manifest's runs; nobody where it names nobody.

    Args:
        manifest: The manifest.
        around: With the person's permission, and the variables that secrets are read from.

    Raises:
        NotAllowed: The person did not agree to the command or the address.
        CredentialsError: There is nothing where the manifest points to for the address.
    """
    wanted = manifest.run.notify
    if wanted is None:
        return Hooks()
    command = _in_full(wanted.command or (), manifest.folder)
    around.permission.check_doors("notify", _doors(wanted, command))
    webhook = None
    if wanted.webhook is not None:
        webhook = _address(wanted.webhook, around)
    folder = manifest.folder if around.permission.is_trusted else _home()
    return Hooks(wanted.desktop, command, webhook, wanted.send, folder)


def _in_full(command: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return a command whose program, where it is a path, is one from the root."""
    if not command or not {"/", os.sep} & set(command[0]):
        return command
    return (os.path.normpath(folder.absolute() / command[0]), *command[1:])


def _home() -> Path:
    """The person's home folder; the root where nobody says which that is."""
    with suppress(RuntimeError):
        return Path.home()
    return Path(Path.cwd().anchor)


def _doors(wanted: Notify, command: tuple[str, ...]) -> Iterator[Door]:
    if command:
        yield Door("run.notify.command", shlex.join(command), "would be run")
    if wanted.webhook is not None:
        words = normal_pointer(wanted.webhook)
        yield Door("run.notify.webhook", words, "would be sent a request")


def _pointed(text: str, around: Surroundings) -> Secret:
    """The address that is written, or that a pointer leads to."""
    if text.startswith(("http://", "https://")):
        return Secret(text, "run.notify.webhook")
    try:
        return read_pointer(text, around.environ)
    except CredentialsError as error:
        said = str(error).removeprefix("credentials: ").replace("no credential:", "no address;")
        told = CredentialsError(f"run.notify.webhook: {said}").about("notices")
        told.remedy = ""  # `qbatch auth` is for clouds
        raise told from error


def _address(text: str, around: Surroundings) -> Secret:
    import httpx

    secret = _pointed(text, around)
    try:
        url = httpx.URL(secret.reveal())
        is_address = url.scheme in ("http", "https") and bool(url.host)
    except (httpx.InvalidURL, ValueError):
        is_address = False
    if not is_address:
        raise NotAllowed(
            f"run.notify.webhook: {secret.source} is no address; write https://HOST/PATH there"
        ).about("notices")
    if is_plain(url):
        raise NotAllowed(
            f"run.notify.webhook: {url.host} would be asked over plain http, where others can "
            "read it; write https://"
        ).about("notices")
    return secret
