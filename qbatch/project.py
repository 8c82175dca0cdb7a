"""Which files a manifest may name: those of its folder, and those of the project around it.

A stranger's manifest reads nothing else of the person's files. The project is the nearest folder
upwards with a repository or a Python project in it, never the home folder or one that holds it;
without one the manifest's folder stands alone. Outside the manifest's own folder hidden files and
folders (`.env`, `.git`) are not reached.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

#: What makes a folder a project's.
MARKS = (".git", "pyproject.toml", "qbatch.toml")


@lru_cache(maxsize=256)
def project_of(folder: Path) -> Path:
    """Return the folder of the project around a manifest's.

    Args:
        folder: The manifest's, with its symbolic links followed.
    """
    home = _home()
    for each in (folder, *folder.parents):
        if home is not None and home.is_relative_to(each):
            break
        if any((each / mark).exists() for mark in MARKS):
            return each
    return folder


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (RuntimeError, OSError):
        return None


def may_name(path: Path, folder: Path) -> bool:
    """Tell whether a manifest in `folder` may name a file.

    Args:
        path: The file's, with its symbolic links followed.
        folder: The manifest's, with its symbolic links followed.
    """
    if path.is_relative_to(folder):
        return True
    project = project_of(folder)
    if not path.is_relative_to(project):
        return False
    return not any(part.startswith(".") for part in path.relative_to(project).parts)


def outside(folder: Path) -> str:
    """Say where a file lies that a manifest in `folder` may not name, and what to do.

    Args:
        folder: The manifest's, with its symbolic links followed.
    """
    if project_of(folder) == folder:
        return "lies outside the manifest's folder; copy it in and write its relative path"
    return (
        "lies outside the manifest's project, or is hidden there; copy it in and write its "
        "relative path"
    )
