"""Run folders as such: found from what a person wrote, opened, moved out of the way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from qbatch.errors import SnapshotError
from qbatch.job import IN_FLIGHT
from qbatch.snapshot import database
from qbatch.snapshot.faults import translated
from qbatch.snapshot.lock import RunLock, read_note
from qbatch.snapshot.run import Run


def open_run(path: str | Path) -> Run:
    """Open a run for reading.

    Args:
        path: A run folder, or a manifest: then its run under ``runs/`` of the current folder.

    Raises:
        SnapshotError: There is no run there, or it is damaged or newer than this qbatch.
    """
    return Run(find_run_folder(Path(path)))


def find_run_folder(path: Path, out: Path | None = None) -> Path:
    """Return the run folder that `path`, a run folder or a manifest, stands for.

    Args:
        path: As the person wrote it.
        out: The run folder of a manifest, where it is not ``runs/<name>``.

    Raises:
        SnapshotError: There is nothing at `path`.
        SourceErrors: It is a manifest, and wrong.
    """
    if path.is_dir():
        return path
    if path.name == database.NAME:
        return path.parent
    if not path.exists():
        raise SnapshotError(f"{path}: no such run folder or manifest")
    if out is not None:
        return out
    from qbatch.manifest import load_manifest

    return Path("runs") / load_manifest(path).name


def is_run_folder(folder: Path) -> bool:
    """Whether a run is or was kept there, also one whose snapshot is lost."""
    return (folder / database.NAME).exists() or read_note(folder).journal != "new"


def set_aside(folder: Path) -> tuple[Path, int] | None:
    """Move a run folder out of the way: ``NAME`` becomes ``NAME.<UTC time>``.

    Returns:
        Where it is now, and how many of its jobs a provider may still hold (0 when it is too
        damaged to say); None if there was no run.

    Raises:
        RunLockedError: A runner holds it.
        SnapshotError: It cannot be moved.
    """
    if not is_run_folder(folder):
        return None
    lock = RunLock(folder)
    try:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        target = folder.with_name(f"{folder.name}.{stamp}")
        in_flight = _num_in_flight(folder)
        with translated(folder):
            folder.rename(target)
    finally:
        lock.release()
    return target, in_flight


def _num_in_flight(folder: Path) -> int:
    try:
        with Run(folder) as run:
            return sum(n for state, n in run.counts_by_state().items() if state in IN_FLIGHT)
    except SnapshotError:
        return 0
