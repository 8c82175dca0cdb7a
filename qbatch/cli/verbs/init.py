"""``qbatch init``: a manifest that runs, its circuit and schema, and what git should ignore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import click

from qbatch.cli.tables import tell
from qbatch.cli.verbs.schema import schema_text
from qbatch.errors import SelectionError
from qbatch.project import project_root

_FILES = ("bell.yaml", "circuits/bell.qasm")

#: What the first line of the manifest names, for editors.
_SCHEMA = "manifest.v1.schema.json"

#: What runs write at the root of the manifest's project and git need not keep.
_IGNORED = ("runs/",)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
def init(folder: Path) -> None:
    """Write a manifest to start from into FOLDER (here, if none is named).

    Files that are there already stay as they are; only the .gitignore of the project gets the
    lines that it lacks.
    """
    for name in _FILES:
        text = resources.files("qbatch.cli").joinpath("starter", name).read_text("utf-8")
        with _told(folder / name):
            _say(folder / name, _write_new(folder / name, text))
    with _told(folder / _SCHEMA):
        _say(folder / _SCHEMA, _write_new(folder / _SCHEMA, schema_text()))
    ignored = _shown(project_root(folder), folder) / ".gitignore"
    with _told(ignored):
        _say(ignored, _ignore(ignored))
    manifest = folder / _FILES[0]
    tell(f"\nNext:\n  qbatch plan {manifest}\n  qbatch run {manifest}")


def _shown(root: Path, folder: Path) -> Path:
    """Write the project's root as the folder is written, where it is that."""
    return folder if root == folder.resolve() else root


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        said = f"{path}: cannot be written ({error.strerror}); name another folder"
        raise SelectionError(said) from error


def _write_new(path: Path, text: str) -> bool:
    """Write a file unless it is there; say whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _ignore(path: Path) -> bool:
    """Add the lines that are missing; say whether any was."""
    old = path.read_text("utf-8") if path.is_file() else ""
    missing = [line for line in _IGNORED if line not in old.splitlines()]
    if missing:
        separator = "" if not old or old.endswith("\n") else "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(separator + "".join(f"{line}\n" for line in missing))
    return bool(missing)


def _say(path: Path, written: bool) -> None:
    word = click.style("wrote", fg="green") if written else "kept "
    tell(f"{word} {path}")
