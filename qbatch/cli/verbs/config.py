"""``qbatch config``: what of this machine and person decides, and where each value comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from qbatch.cli.options import json_option
from qbatch.cli.tables import format_table


@dataclass(frozen=True)
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
@json_option
def config(as_json: bool) -> None:
    """Show what is set outside of manifests, and where each value comes from.

    None of it changes a point or its counts. The first row says which your own configuration file
    is: what a manifest may send where stands there. A project's file has the other keys, too.
    """
    found = list(_settings())
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    rows = [[each.key, each.value or "-", each.source] for each in found]
    click.echo(format_table(["key", "value", "from"], rows))


def _settings() -> Iterator[Setting]:
    """Yield all there is to know.

    Raises:
        SourceError: The configuration file is wrong.
    """
    from qbatch.configuration.places import CONFIGURATION, configuration_file
    from qbatch.project import project_root
    from qbatch.providers.kit.permission import read_permission
    from qbatch.state import state_folder

    file = configuration_file(os.environ)
    there = "" if file.is_file() else " (not there)"
    by = _first_set(CONFIGURATION, "XDG_CONFIG_HOME")
    yield Setting("configuration", f"{file}{there}", by)
    allowed = read_permission(os.environ)
    for key, values in (
        ("manifests.credentials", allowed.pointers),
        ("manifests.hosts", allowed.hosts),
        ("manifests.engines", allowed.engines),
    ):
        yield Setting(key, ", ".join(sorted(values)), str(file) if values else "default")
    yield from _defaults()
    yield Setting("project", str(project_root(Path())), "the current folder")
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
