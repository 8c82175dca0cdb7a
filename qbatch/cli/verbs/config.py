"""``qbatch config``: what of this machine and person decides, and where each value comes from."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap

import click

from qbatch.cli.options import json_option
from qbatch.cli.tables import format_table, width_of
from qbatch.frozen import dataclass

#: Characters of a value that stand on a line at least.
LEAST_ROOM = 20


@dataclass(frozen=True, slots=True)
class Setting:
    """One value.

    Attributes:
        key: As it is called.
        value: As it is now; "" for nothing.
        source: The file or variable that says so, or ``default``.
    """

    key: str
    value: str
    source: str


@click.command()
@click.argument("path", metavar="[MANIFEST|RUN]", required=False, type=click.Path(path_type=Path))
@json_option
def config(path: Path | None, as_json: bool) -> None:
    """Show what is set outside of manifests, and where each value comes from.

    It is what holds for MANIFEST or RUN; without one, where you stand.
    None of it changes a point or its counts. The first row says which your own configuration file
    is: what a manifest may send where stands there. A project's file has the other keys, too.
    """
    found = list(_settings(path))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    own = found[0].value.removesuffix(" (not there)")
    rows = [
        (
            each.key,
            _brief(each.value) or "-",
            "your own" if each.source == own else _brief(each.source),
        )
        for each in found
    ]
    click.echo(format_table(["key", "value", "from"], [*_folded(rows)]))


def _folded(rows: Sequence[tuple[str, str, str]]) -> Iterator[list[str]]:
    """Yield rows that a terminal has room for: a value that is too long takes several."""
    keys, values, sources = (max(map(len, cells)) for cells in zip(*rows, strict=True))
    width = width_of(sys.stdout)
    room = values if width is None else width - keys - sources - 2 * len("  ")
    for key, value, source in rows:
        is_folded = len(value) > room >= LEAST_ROOM
        first, *more = wrap(value, room, break_on_hyphens=False) if is_folded else [value]
        yield [key, first, source]
        yield from (["", each, ""] for each in more)


def _brief(text: str) -> str:
    """What is shown, with the home folder as a shell writes it, in a pointer to a file, too."""
    home = os.environ.get("HOME") or ""
    pointer = "file:" if text.startswith("file:") else ""
    path = text.removeprefix(pointer)
    return f"{pointer}~{path[len(home) :]}" if home and path.startswith(f"{home}{os.sep}") else text


def _settings(path: Path | None) -> Iterator[Setting]:
    """Yield all there is to know.

    Args:
        path: The manifest or run for which it holds; None: the current folder.

    Raises:
        SourceError: The configuration file is wrong.
    """
    from qbatch.cli.configured import folder_of
    from qbatch.configuration.places import CONFIGURATION, configuration_file
    from qbatch.project import project_root
    from qbatch.providers.kit.permission import read_permission
    from qbatch.state import state_folder

    file = configuration_file(os.environ)
    there = "" if file.is_file() else " (not there)"
    by = _first_set(CONFIGURATION, "XDG_CONFIG_HOME")
    yield Setting("configuration", f"{file}{there}", by)
    allowed = read_permission(os.environ)
    for provider, pointer in allowed.accounts.items():
        yield Setting(f"accounts.{provider}", pointer, str(file))
    for key, values in (
        ("manifests.credentials", allowed.pointers),
        ("manifests.hosts", allowed.hosts),
        ("manifests.engines", allowed.engines),
        ("manifests.notify", allowed.notify),
    ):
        yield Setting(key, ", ".join(sorted(values)), str(file) if values else "default")
    yield from _defaults()
    folder = Path() if path is None else folder_of(path)
    by = "the current folder" if path is None else str(path)
    yield Setting("project", str(project_root(folder)), by)
    yield Setting("state", str(state_folder()), _first_set("QBATCH_STATE_DIR", "XDG_STATE_HOME"))
    for name in ("NO_COLOR", "QBATCH_DEBUG"):
        yield Setting(name, os.environ.get(name, ""), _first_set(name))


def _defaults() -> Iterator[Setting]:
    """Yield what holds where no flag says more, and no manifest."""
    from qbatch.cli.configured import settings
    from qbatch.manifest.analysis import Report

    found = settings()
    formats = found.formats or Report().formats
    yield Setting("color", found.color, found.source("color"))
    yield Setting("report.formats", ", ".join(formats), found.source("report.formats"))
    yield Setting("figure.style", found.style, found.source("figure.style"))


def _first_set(*names: str) -> str:
    """Return the first variable that is set, as the source of a value."""
    return next((f"variable {name}" for name in names if os.environ.get(name)), "default")
