"""What the configuration says of this call: read once at its beginning, before anything runs."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from qbatch.configuration.settings import Settings, read_settings
from qbatch.errors import SourceError, SourceErrors

if TYPE_CHECKING:
    from qbatch.snapshot import Run

#: What click calls colours at a terminal, everywhere, nowhere.
_COLORS = {"auto": None, "always": True, "never": False}

#: Verbs that a person needs to mend a configuration.
_WITHOUT = frozenset({"help", "explain"})

#: Threads that write reports while a run goes on see it, too.
_READ: ContextVar[Settings | SourceError | SourceErrors | None] = ContextVar("_READ", default=None)


def begin_configured() -> bool | None:
    """Read the configuration; return what click is to do about colours.

    A mistake in it is kept for `see_configured`: help is given in spite of it.
    """
    read: Settings | SourceError | SourceErrors
    try:
        read = read_settings(os.environ, Path())
    except (SourceError, SourceErrors) as mistake:
        read = mistake
    _READ.set(read)
    return None if isinstance(read, Exception) else _COLORS[read.color]


def see_configured(verb: str | None) -> None:
    """See that the configuration is right before a verb begins.

    Raises:
        SourceError: It has a mistake.
        SourceErrors: It has several.
    """
    if verb not in _WITHOUT:
        settings()


def settings() -> Settings:
    """Return what holds for this call.

    Raises:
        SourceError: The configuration has a mistake.
        SourceErrors: It has several.
    """
    read = _READ.get()
    if isinstance(read, Exception):
        raise read
    return read or Settings()


def report_formats(run: Run) -> tuple[str, ...] | None:
    """Return what to write of a run's report; None: as its manifest says, or as is usual."""
    said = run.manifest.report.model_fields_set
    return None if "formats" in said else settings().formats


def is_plain(stream: IO[str]) -> bool:
    """Tell whether what goes to a stream is without colours."""
    context = click.get_current_context(silent=True)
    wanted = context.color if context else None
    return not stream.isatty() if wanted is None else not wanted
