"""Paths that a manifest's values have: relative, and of its folder or its project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from qbatch.manifest.fields import Known, Text, amiss, known_to, wrong
from qbatch.project import may_name, outside


def check_read_path(value: str, info: ValidationInfo) -> str:
    """Return a path of the manifest's folder or project, symbolic links followed; see `project`."""
    if not value or "\0" in value or "\n" in value:
        raise amiss("is no path; write a file's path relative to the manifest's folder")
    known = known_to(info)
    if value.startswith(("/", "~")) or ".." in value.split("/"):
        if inside := _inside(value, known):
            raise wrong(f"is written from elsewhere; write {inside!r}, from the manifest's folder")
        if value.startswith(("/", "~")) or known.folder is None:
            raise wrong(_told_outside(known))
        if _is_barred(known.folder / value, known, known.folder):
            raise wrong(_told_outside(known))
    if known.folder is not None and _leaves(value, known, known.folder):
        raise wrong(_told_outside(known))
    if known.folder is not None:
        known.files_read.append(value)
    return value


def check_path(value: str, info: ValidationInfo) -> str:
    """Return a path as `check_read_path` does; of a manifest that was kept with a run, any path.

    That run may be elsewhere by now, without its project. Who opens a file checks its path anew.
    """
    return value if known_to(info).sums is not None else check_read_path(value, info)


def _told_outside(known: Known) -> str:
    return outside((known.folder and known.resolved(known.folder)) or Path())


def _is_barred(path: Path, known: Known, folder: Path) -> bool:
    """Tell whether a file is none that a manifest in `folder` may name."""
    home, there = known.resolved(folder), known.resolved(path)
    return home is None or there is None or not may_name(there, home)


def _inside(value: str, known: Known) -> str:
    """Return a path as it is from the manifest's folder; "" where it lies elsewhere."""
    if known.folder is None or value.startswith("~"):
        return ""
    home, there = known.resolved(known.folder), known.resolved(known.folder / value)
    is_inside = home is not None and there is not None and there.is_relative_to(home)
    return str(there.relative_to(home)) if is_inside and there and home else ""


def _leaves(value: str, known: Known, folder: Path) -> bool:
    """Say whether a path leaves what the manifest may name by a symbolic link."""
    head, _, name = value.rpartition("/")
    home, inner = known.resolved(folder), known.resolved(folder / head)
    if home is None or inner is None or not may_name(inner, home):
        return True
    if not os.path.islink(f"{inner}/{name}"):  # noqa: PTH114 (Path.is_symlink is 5 times slower)
        return False
    return _is_barred(inner / name, known, folder)


LocalPath = Annotated[Text, AfterValidator(check_path)]
