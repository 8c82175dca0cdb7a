"""``run: {notify: …}``: who is told when a run ends, or needs a person."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from qbatch.configuration.words import POINTER
from qbatch.manifest.fields import Flag, Model, Text, amiss, wrong
from qbatch.notation import is_loopback

#: The ways to tell, of which one at least is wanted.
WAYS = ("desktop", "command", "webhook")


def _check_webhook(value: str) -> str:
    """Return an address, or a pointer to one: it may be a secret, and is not shown."""
    if POINTER.fullmatch(value):
        return value
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in ("http", "https") or re.search(r"\s", value):
        raise amiss("is no address; write https://HOST/PATH, or env:NAME where that is a secret")
    if parts.username is not None or parts.fragment:
        raise amiss("holds a user or a fragment; write https://HOST/PATH")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise amiss("would be asked over plain http, where others can read it; write https://")
    return value


def _check_word(value: str) -> str:
    if "\0" in value:
        raise amiss("holds a NUL, which no command can be given; take it out")
    return value


_Word = Annotated[Text, AfterValidator(_check_word)]


class Notify(Model):
    """Who is told when a run ends, a job is held, or a limit is asked about.

    Attributes:
        desktop: A notice on the screen of this machine.
        command: Its words, run without a shell: with --trust in the manifest's folder, or, where
            your own configuration lists it, in your home folder.
        webhook: An address that is sent a POST, or a pointer to it: env:NAME, file:PATH or
            keyring:SERVICE/USER; only with --trust, or where your own configuration lists it.
        send: nothing: only that something happened; summary: also the run's name, what happened
            and how many points are in each state, as JSON.
    """

    desktop: Flag = False
    command: Annotated[tuple[_Word, ...], Field(min_length=1)] | None = None
    webhook: Annotated[Text, AfterValidator(_check_webhook)] | None = None
    send: Literal["nothing", "summary"] = "nothing"

    @model_validator(mode="before")
    @classmethod
    def read_word(cls, data: Any) -> Any:
        """Read the bare word ``desktop``."""
        if data == "desktop":
            return {"desktop": True}
        if isinstance(data, str):
            raise wrong("is no way to tell; write desktop, {command: […]} or {webhook: …}")
        return data

    @model_validator(mode="after")
    def check_any(self) -> Self:
        """See that somebody is told."""
        if not (self.desktop or self.command or self.webhook):
            raise amiss(f"tells nobody; write one of {', '.join(WAYS)}")
        return self
