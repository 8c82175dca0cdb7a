"""Run folders as such: found from what a person wrote, opened, moved out of the way."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from qbatch.errors import SnapshotError, SourceErrors
from qbatch.project import project_root
from qbatch.snapshot.faults import translated
from qbatch.snapshot.home import RUNS, is_believed, is_same, told_home
from qbatch.snapshot.lock import RunLock, read_note
from qbatch.snapshot.paths import SNAPSHOT

if TYPE_CHECKING:
    from qbatch.snapshot.run import Run


class Owner(Protocol):
    """Whose run a folder keeps: a manifest, or a circuit without one."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def folder(self) -> Path: ...


def open_run(path: str | Path) -> Run:
    """Open a run for reading.

    Args:
        path: A run folder, or a manifest: then its run, see `run_folder_of`.

    Raises:
        SnapshotError: There is no run there, or it is damaged or newer than this qbatch.
    """
    return _opened(find_run_folder(Path(path)))


def _opened(folder: Path) -> Run:
    from qbatch.snapshot.run import Run  # to see that there is no run takes none of it

    return Run(folder)


def find_run_folder(path: Path, out: Path | None = None) -> Path:
    """Return the run folder that `path`, a run folder or a manifest, stands for.

    Args:
        path: As the person wrote it.
        out: The run folder of a manifest, where it is not its usual one.

    Raises:
        SnapshotError: There is nothing at `path`, or its run folder is another manifest's.
        SourceErrors: It is a manifest, and wrong.
    """
    if path.is_dir():
        return path
    if path.name == SNAPSHOT:
        return path.parent
    if not path.exists():
        raise SnapshotError(
            f"{path}: no such run folder or manifest; `qbatch status` lists the runs below here"
        )
    if out is not None:
        return out
    from qbatch.manifest import load_manifest
    from qbatch.manifest.bare import BareCircuit, is_circuit

    owner: Owner = BareCircuit(path) if is_circuit(path) else load_manifest(path)
    folder = run_folder_of(owner)
    check_owner(folder, owner)
    return folder


def run_folder_of(manifest: Owner, suffix: str = "") -> Path:
    """Where the run of a manifest is kept: the same from wherever it is called.

    That is ``runs/NAME`` under the project's root, as a path from the current folder where it leads
    no further up than to that root; of a manifest without a file, under the current folder.

    Args:
        manifest: Whose.
        suffix: Of the folder's name.
    """
    name = manifest.name + suffix
    if manifest.path is None:
        return Path(RUNS) / name
    start, root = manifest.folder.resolve(), project_root(manifest.folder)
    usual = root / RUNS / name
    if not is_run_folder(usual):
        # It lies in its run folder (an import), the project had another root before, or an earlier
        # version kept the run under the current folder.
        others = [each / RUNS / name for each in (start, *start.parents, Path.cwd().resolve())]
        for other in (start, *others):
            if is_run_folder(other) and is_same(owner_of(other) or "", manifest.path):
                return as_seen(other)
    return as_seen(usual)


def check_owner(folder: Path, manifest: Owner) -> None:
    """See that a run folder is not another manifest's: each would take the other's points out.

    A manifest that was moved or renamed, or whose project was copied, keeps its run.

    Raises:
        SnapshotError: It is another's, which is still there and still has that name.
    """
    from qbatch.manifest import load_manifest

    if manifest.path is None or not is_run_folder(folder):
        return
    owner = owner_of(folder)
    if owner is None or not owner.is_file() or is_same(owner, manifest.path):
        return
    name = _name_of(folder)
    try:
        if is_believed(owner.parent, folder) and load_manifest(owner).name != name:
            return
    except SourceErrors:  # as it is now it is nobody's
        return
    what = (
        "give one of them another name, or this one" if name == manifest.name else "give this one"
    )
    raise SnapshotError(
        f"{folder}: the run {name} of {as_seen(owner.resolve())} is kept here, and {manifest.path} "
        f"is another manifest; {what} a folder of its own with --out DIR"
    )


def check_made(folder: Path, name: str, text: str) -> None:
    """See that the run of a file is gone on with only by the manifest that the file holds.

    Args:
        folder: The run folder.
        name: Of a manifest that was made in Python.
        text: As which it would be saved.

    Raises:
        SnapshotError: The run is that of a file which holds another.
    """
    owner = owner_of(folder) if is_run_folder(folder) else None
    if owner is None or not owner.is_file():
        return
    if is_believed(owner.parent, folder) and owner.read_text("utf-8", "replace") == text:
        return
    raise SnapshotError(
        f"{folder}: the run of {as_seen(owner.resolve())} is kept here, and the manifest {name!r} "
        "made in Python is another; give it another name, or a folder of its own with out="
    )


def _name_of(folder: Path) -> str:
    with _opened(folder) as known:
        return known.name


def owner_of(folder: Path) -> Path | None:
    """Return the manifest whose run a folder keeps; None where it does not tell.

    Where a project was copied with its run, that is the copied manifest.
    """
    try:
        with _opened(folder) as known:
            meta = known.meta
    except SnapshotError:  # damaged: whoever reads or takes it will tell
        return None
    if "manifest_folder" not in meta or "manifest_path" not in meta:
        return None
    return told_home(meta, folder) / Path(meta["manifest_path"]).name


def as_seen(path: Path) -> Path:
    """An absolute path as one from the current folder, where both are in one project."""
    here = Path.cwd().resolve()
    if path.is_relative_to(project_root(here)):
        return Path(os.path.relpath(path, here))
    return path


def is_run_folder(folder: Path) -> bool:
    """Whether a run is or was kept there, also one whose snapshot is lost."""
    return (folder / SNAPSHOT).exists() or read_note(folder).journal != "new"


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
        with _opened(folder) as run:
            return sum(1 for _ in run.in_flight())
    except SnapshotError:
        return 0
