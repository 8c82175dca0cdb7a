"""What shots are taken from: a run folder, or an archive of one."""

from __future__ import annotations

import zipfile
from collections.abc import Container, Iterator, Mapping, Set
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from qbatch.plan.pinning.stored import stored_in
from qbatch.snapshot.lending import Lender, Lent

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.plan.pinning.reasons import Stored


class Lends(Protocol):
    """What finished jobs are taken of.

    Attributes:
        folder: Where it is kept: a folder, or a file.
        is_rehearsal: All of it comes from emulated clouds.
        is_running: A runner is at work in it.
        places: Which circuits it has on which backends, in words.
        set_aside: Keys (`Reused.key`) of jobs that a person set aside there; a copy may have them.
    """

    folder: Path

    @property
    def is_rehearsal(self) -> bool: ...
    @property
    def is_running(self) -> bool: ...
    @property
    def places(self) -> list[str]: ...
    @property
    def set_aside(self) -> Set[tuple[str, str]]: ...
    def check_can_lend(self) -> None: ...
    def finished(self, ids: Container[str]) -> Iterator[Lent]: ...
    def stored(self, plan: Plan) -> Mapping[str, Stored]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


class FolderLender(Lender):
    """A run folder of which finished jobs are taken."""

    @property
    def places(self) -> list[str]:
        """Which circuits it has on which backends, in words."""
        return sorted({f"{point.circuit} on {point.backend}" for point, _ in self.stored_points()})

    @property
    def set_aside(self) -> Set[tuple[str, str]]:
        """Keys of jobs that a person set aside there."""
        return {each.reused.key for each in self.put_aside() if each.why}

    def stored(self, plan: Plan) -> Mapping[str, Stored]:
        """Its points as a plan is held against them."""
        return stored_in(self, plan)


def is_archive(path: Path) -> bool:
    """Whether a file is to be read as an archive of a run."""
    return path.is_file() and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))


def open_lender(path: Path) -> Lends:
    """Open a run folder, or an archive.

    Raises:
        SelectionError: It is a file, and no archive.
        SnapshotError: There is no run, or it is damaged.
    """
    if path.is_dir():
        return FolderLender(path)
    from qbatch.exchange.archived.lending import ArchiveLender

    return ArchiveLender(path)
