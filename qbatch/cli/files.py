"""Files that the person named on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qbatch.cli.tables import tell
from qbatch.errors import SelectionError, UnwritableError


@contextmanager
def named_by_person() -> Iterator[None]:
    """A file that cannot be written where the person wants it is a usage error.

    Raises:
        SelectionError: It cannot.
        UnwritableError: Only room is missing.
    """
    from qbatch.report.files import NO_ROOM

    try:
        yield
    except UnwritableError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_ROOM:
            raise UnwritableError(error.problem, "make room, or name another place") from error
        raise SelectionError(f"{error.problem}; name another place") from error


def write_text(path: Path, text: str) -> None:
    """Write a file that the person named; a path that cannot be written is a usage error."""
    from qbatch.report.files import write_pieces

    with named_by_person():
        write_pieces(path, [text])
    tell(f"wrote {path}")
