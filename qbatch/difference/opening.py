"""Finds what a person names as one side of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.difference.exported import read_export, text_in_git
from qbatch.difference.sides import Side, side_of
from qbatch.errors import SelectionError

if TYPE_CHECKING:
    from qbatch.snapshot import Run


def open_side(name: str, open_run: Callable[[Path], Run]) -> Side:
    """Read one side.

    Args:
        name: A run folder, a manifest, a ``.json`` or ``.csv`` file, or ``REV:path`` of one.
        open_run: Opens a run folder or manifest.

    Raises:
        SelectionError: There is no such thing, it is no export of qbatch, or it has no points that
            were measured, or more than `MOST_POINTS`.
        SnapshotError: The run folder is damaged.
        SourceErrors: The manifest is wrong.
    """
    path = Path(name)
    if path.exists():
        if path.suffix.lower() in (".json", ".csv") and path.is_file():
            side = read_export(name, path.suffix.lower(), path.read_text("utf-8", "replace"))
        else:
            with open_run(path) as run:
                side = side_of(name, run)
    elif ":" in name:
        side = read_export(name, Path(name).suffix.lower(), text_in_git(name))
    else:
        raise SelectionError(
            f"{name}: there is no such run folder, manifest or exported file; of a commit it is "
            "REV:path, as in HEAD~1:results.json"
        )
    if not side.told:
        waiting = f"; {side.unmeasured} are not measured yet" if side.unmeasured else ""
        raise SelectionError(f"{name}: none of its points has a result{waiting}")
    return side
