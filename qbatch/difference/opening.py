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
        name: A run folder, a manifest, a ``.json`` or ``.csv`` file, ``REV:path`` of one, or an
            archive, whose numbers are taken as an exported file's.
        open_run: Opens a run folder or manifest.

    Raises:
        SelectionError: There is no such thing, it is no export of qbatch, or it has no points that
            were measured, or more than `MOST_POINTS`.
        SnapshotError: The run folder is damaged.
        SourceErrors: The manifest is wrong.
    """
    path = Path(name)
    if path.exists():
        if path.suffix.lower() == ".zip" and path.is_file():
            side = read_export(name, ".json", _archived(path))
        elif path.suffix.lower() in (".json", ".csv") and path.is_file():
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
        raise SelectionError(
            f"{name}: none of its points has a result{waiting}; `qbatch run` or `fetch` it"
        )
    return side


def _archived(path: Path) -> str:
    """Return the numbers of an archive; nothing of it is written to disk or run.

    Raises:
        SelectionError: It is none, or its numbers are not those that were archived.
    """
    from qbatch.exchange.archived.contents import RESULTS, digest_of
    from qbatch.exchange.archived.reading import read_archive

    archive = read_archive(path)
    if archive.listed.get(RESULTS) != digest_of(archive.files[RESULTS]):
        raise SelectionError(
            f"{path}: {RESULTS} was changed since it was archived; `qbatch verify` says all of it"
        )
    return archive.text(RESULTS)
