"""``qbatch init``: a manifest that runs, its circuit and schema, and what git should ignore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import click

from qbatch.cli.completing import complete_examples
from qbatch.cli.tables import tell
from qbatch.cli.verbs.schema import schema_text
from qbatch.errors import SelectionError
from qbatch.project import project_root

_FILES = ("bell.yaml", "circuits/bell.qasm")

#: What the first line of the manifest names, for editors.
_SCHEMA = "manifest.v1.schema.json"

#: A function of a file that a manifest names.
_CODE = re.compile(r"^[^#\n]*\bpython:", re.MULTILINE)

#: What runs write at the root of the manifest's project and git need not keep.
_IGNORED = ("runs/",)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option(
    "--example",
    metavar="NAME",
    shell_complete=complete_examples,
    help="One of the examples instead; `--example list` lists them.",
)
def init(folder: Path, example: str | None) -> None:
    """Write a manifest to start from into FOLDER (here, if none is named).

    Files that are there already stay as they are; only the .gitignore of the project gets the
    lines that it lacks.
    """
    if example == "list":
        from qbatch.cli import gallery

        click.echo(gallery.described())
        return
    files = _starter() if example is None else _example(example)
    for name, text in files.items():
        with _told(folder / name):
            _say(folder / name, _write_new(folder / name, text))
    with _told(folder / _SCHEMA):
        _say(folder / _SCHEMA, _write_new(folder / _SCHEMA, schema_text()))
    ignored = _shown(project_root(folder), folder) / ".gitignore"
    with _told(ignored):
        _say(ignored, _ignore(ignored))
    name = next(iter(files))
    tell("\nNext:\n" + "\n".join(f"  {line}" for line in _next(folder / name, files[name])))


def _starter() -> dict[str, str]:
    """Path of each file to start from -> its text, the manifest first."""
    starter = resources.files("qbatch.cli").joinpath("starter")
    return {name: starter.joinpath(name).read_text("utf-8") for name in _FILES}


def _example(name: str) -> dict[str, str]:
    """Path of each file of an example -> its text, the manifest first, for editors."""
    from qbatch.cli import gallery

    files = dict(gallery.files_of(name))
    manifest = next(iter(files))
    return {**files, manifest: f"# yaml-language-server: $schema={_SCHEMA}\n{files[manifest]}"}


def _next(path: Path, text: str) -> list[str]:
    """Return the commands that come next."""
    from qbatch.manifest import parse_manifest
    from qbatch.providers import is_local

    manifest = parse_manifest(text, folder=path.parent)
    trust = " --trust" if _CODE.search(text) else ""
    if not all(is_local(backend.provider) for backend in manifest.backends.values()):
        return [
            f"qbatch run {path} --rehearse    # emulated clouds, no account",
            f"qbatch auth {path}              # what the clouds themselves need",
        ]
    return [f"qbatch plan {path}{trust}", f"qbatch run {path}{trust}"]


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
