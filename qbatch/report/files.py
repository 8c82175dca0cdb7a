"""Files that are whole or not there: written beside their place, then renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from qbatch.errors import SnapshotError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path to write to; what was written there takes `path`'s place at the end.

    A reader sees the old file or the new one. After an error the old one stays.

    Raises:
        SnapshotError: The operating system refused: the text says why.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield fresh
        fresh.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SnapshotError(
            f"{path}: cannot be written ({reason}); make room, or choose another folder with "
            "`qbatch report --to DIR`; nothing measured is lost"
        ) from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


@contextmanager
def replacing_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file whose content takes `path`'s place at the end; see `replacing`."""
    with replacing(path) as fresh, fresh.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file from its pieces; see `replacing`."""
    with replacing_text(path) as file:
        file.writelines(pieces)
