"""The project that a manifest belongs to: where its runs are kept, and which files it may name.

A stranger's manifest reads nothing of the person's files but those of its folder and of its
project, and of these nothing hidden (`.env`, `.git`). Where the home folder is a project, or lies
in one, a manifest's folder stands alone for that.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path


def project_root(folder: Path) -> Path:
    """Return the project that a manifest's folder belongs to, or that folder itself.

    It is the nearest folder upwards that holds ``qbatch.toml``, a ``pyproject.toml`` with
    ``[tool.qbatch]``, or ``.git``.
    """
    return _root_of(folder.resolve())


@lru_cache(maxsize=256)
def _root_of(start: Path) -> Path:
    return next((each for each in (start, *start.parents) if _is_root(each)), start)


def _is_root(folder: Path) -> bool:
    if any((folder / name).exists() for name in ("qbatch.toml", ".git")):
        return True
    try:
        told = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):  # there is none, or it says nothing that could be read
        return False
    return "qbatch" in told.get("tool", {})


def may_name(path: Path, folder: Path) -> bool:
    """Tell whether a manifest in `folder` may name a file.

    Args:
        path: The file's, with its symbolic links followed.
        folder: The manifest's, with its symbolic links followed.
    """
    if path.is_relative_to(folder):
        return True
    root = _readable_root(folder)
    if not path.is_relative_to(root):
        return False
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def outside(folder: Path) -> str:
    """Say where a file lies that a manifest in `folder` may not name, and what to do.

    Args:
        folder: The manifest's, with its symbolic links followed.
    """
    if _readable_root(folder) == folder:
        return (
            "lies outside the manifest's folder; copy it in and write its relative path, or make "
            "a folder above both a project with a file qbatch.toml in it"
        )
    return (
        "lies outside the manifest's project, or is hidden there; copy it in and write its "
        "relative path"
    )


def _readable_root(folder: Path) -> Path:
    root = project_root(folder)
    return folder if holds_home(root) else root


def holds_home(root: Path) -> bool:
    """Tell whether a folder is the person's home, or one above it.

    Args:
        root: With its symbolic links followed.
    """
    try:
        return Path.home().resolve().is_relative_to(root)
    except (RuntimeError, OSError):  # nobody says where that is
        return False
