"""What the configuration says of this call: read once at its beginning, before anything runs.

The project is that of the manifest or run that is named; of the current folder where none is.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from qbatch.cli.tables import tell
from qbatch.configuration.files import check_names, leaving_out, read_own
from qbatch.configuration.places import configuration_file
from qbatch.configuration.settings import Settings, read_settings
from qbatch.errors import SnapshotError
from qbatch.project import project_root

if TYPE_CHECKING:
    from qbatch.snapshot import Run

#: What click calls colours at a terminal, everywhere, nowhere.
_COLORS = {"auto": None, "always": True, "never": False}

#: Verbs that a person needs to mend a configuration.
_WITHOUT = frozenset({"completion", "explain", "help", "schema"})

#: Verbs that save what is bought or measured: a wrong configuration does not stop them.
SAVING = frozenset(
    (
        "archive",
        "cancel",
        "doctor",
        "export",
        "fetch",
        "jobs",
        "resolve",
        "show",
        "status",
        "verify",
    )
)

#: Threads that write reports while a run goes on see it, too.
_READ: ContextVar[Settings | None] = ContextVar("_READ", default=None)


def begin_configured() -> bool | None:
    """Read what configures the current folder; return what click is to do about colours.

    A mistake in it is for `see_configured` to tell: help is given in spite of it.
    """
    with leaving_out():
        read = read_settings(os.environ, Path())
    _READ.set(read)
    return _COLORS[read.color]


def see_configured(context: click.Context, verb: str | None, named: Path | None) -> None:
    """Read what configures the place that a verb is called for, before the verb begins.

    Args:
        context: Of the whole call; what is read holds until it ends.
        verb: That is called.
        named: The manifest or run that it names; None: it is for the current folder.

    Raises:
        SourceError: It has a mistake, and the verb saves nothing.
        SourceErrors: It has several.
    """
    if verb in _WITHOUT:
        return
    folder = Path() if named is None else folder_of(named)
    if verb in SAVING:
        told = context.with_resource(leaving_out())
        read = _read(folder)
        for mistake in told:
            tell(f"{click.style('qbatch: warning:', fg='red', bold=True)} {mistake}")
        if told:
            tell(f"  `{verb}` goes on without {'it' if len(told) == 1 else 'them'}")
    else:
        read = _read(folder)
    _READ.set(read)
    context.color = _COLORS[read.color]
    if isinstance(context.obj, click.Context):
        context.obj.color = context.color


def _read(folder: Path) -> Settings:
    read = read_settings(os.environ, folder)
    if (own := read_own(os.environ)) is not None and own.accounts:
        from qbatch.providers.registry import provider_names

        file = str(configuration_file(os.environ))
        check_names(own.accounts, provider_names(), "accounts", "provider", file)
    return read


def folder_of(named: Path) -> Path:
    """Return the folder by which the project of a manifest or run is found."""
    if not named.is_dir():
        return named.parent
    from qbatch.snapshot.home import RUNS, home_of
    from qbatch.snapshot.paths import SNAPSHOT

    usual = named.resolve().parent == project_root(named) / RUNS
    if usual or not (named / SNAPSHOT).is_file():
        return named
    from qbatch.snapshot import Run

    try:  # it was run with --out: its manifest says which project it is of
        with Run(named) as run:
            return home_of(run.meta, named)
    except (KeyError, SnapshotError):  # who opens it for what is in it tells what is wrong
        return named


def settings() -> Settings:
    """Return what holds for this call."""
    return _READ.get() or Settings()


def report_formats(run: Run) -> tuple[str, ...] | None:
    """Return what to write of a run's report; None: as its manifest says, or as is usual."""
    said = run.manifest.report.model_fields_set
    return None if "formats" in said else settings().formats


def is_plain(stream: IO[str]) -> bool:
    """Tell whether what goes to a stream is without colours."""
    context = click.get_current_context(silent=True)
    wanted = context.color if context else None
    return not stream.isatty() if wanted is None else not wanted
