"""Manifests to copy from: those of ``manifests/``, which come with the package.

An example is its manifest and every file that a text in it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import qbatch
from qbatch.cli.tables import wrapped
from qbatch.errors import SelectionError
from qbatch.notation import did_you_mean

_DESCRIPTION = re.compile(r"^description: (.*)$", re.MULTILINE)

#: What may be the path of a file.
_PATH = re.compile(r"[\w./-]+\.\w+")


def folder() -> Path:
    """Return where the examples lie: in the package, or beside it in a checkout."""
    package = Path(qbatch.__file__).parent
    inside = package / "examples"
    return inside if inside.is_dir() else package.parent / "manifests"


def names() -> list[str]:
    """Return the names of all examples."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def described() -> str:
    """List all examples, a line each; what a narrow terminal has no room for stands beneath."""
    width = max(map(len, names()))
    lines = (f"  {name.ljust(width)}  {_description(name)}" for name in names())
    return wrapped("\n".join(lines), further=" " * (width + 4))


def files_of(name: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file of an example, its manifest first.

    Raises:
        SelectionError: There is no example of that name.
    """
    name = name.removesuffix(".yaml").replace("-", "_")
    if name not in names():
        hint = did_you_mean(name, names()) or "; there are these"
        raise SelectionError(f"there is no example {name!r}{hint}\n{described()}")
    text = _text(f"{name}.yaml")
    yield f"{name}.yaml", text
    yield from ((path, _text(path)) for path in _named_in(text))


def _named_in(text: str) -> list[str]:
    """Return the paths of all files that a manifest names."""
    code = re.sub(r"(^|\s)#.*", "", text)
    found = (match[0] for match in _PATH.finditer(code))
    return sorted({path for path in found if (folder() / path).is_file()})


def _text(path: str) -> str:
    return (folder() / path).read_text("utf-8")


def _description(name: str) -> str:
    found = _DESCRIPTION.search(_text(f"{name}.yaml"))
    return found[1] if found else ""
