"""Files that are whole or not there: written beside their place, then renamed into it.

What is no regular file (a device, a pipe, what stdout is) cannot be renamed into and must not be
replaced: it is written through, once all is there.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from qbatch.drafts import draft_beside
from qbatch.errors import UnwritableError

#: What the disk has no room for.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def json_file(value: Any) -> bytes:
    """Return what a file of JSON holds that people read, too.

    Raises:
        ValueError: A number in it is not finite.
    """
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path to write to; what was written there takes `path`'s place at the end.

    A reader sees the old file or the new one. After an error the old one stays. A link stays, and
    its target is replaced. Its folder is not made: a name that was mistyped is told.

    Raises:
        UnwritableError: The operating system refused: the text says why.
    """
    try:
        with _passing_through(path) if _is_passage(path) else _renamed_to(path) as fresh:
            yield fresh
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> UnwritableError:
    """Say what the operating system's `error` about `path` means to the person."""
    is_file = isinstance(error, FileExistsError | NotADirectoryError)  # where a folder should be
    reason = f"{error.filename} is no folder" if is_file else error.strerror or str(error)
    return UnwritableError(
        f"{path}: cannot be written ({reason})",
        "make room, or choose another folder with `qbatch report --to DIR`; nothing measured is "
        "lost",
    )


def _is_passage(path: Path) -> bool:
    """Whether `path` is no regular file, or is what this process's stdout goes to."""
    try:
        found = path.stat()
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode):
        return not stat.S_ISDIR(found.st_mode)
    return _is_stdout(found)


def _is_stdout(found: os.stat_result) -> bool:
    try:
        return os.path.samestat(found, os.fstat(1))
    except OSError:  # it is closed
        return False


def check_folder(path: Path) -> None:
    """See that a folder is there.

    Raises:
        OSError: It is not.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {path}", str(path))
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(path))


def make_folder(path: Path) -> None:
    """Make a folder that is a report's own, and those above it.

    Raises:
        UnwritableError: The operating system refused.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def _renamed_to(path: Path) -> Iterator[Path]:
    place = Path(os.path.realpath(path)) if path.is_symlink() else path
    fresh = draft_beside(place)
    try:
        check_folder(place.parent)
        yield fresh
        fresh.replace(place)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


@contextmanager
def _passing_through(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qbatch-") as folder:
        fresh = Path(folder) / (path.name or "file")
        yield fresh
        with fresh.open("rb") as written, _opened(path) as file:
            shutil.copyfileobj(written, file)


def _opened(path: Path) -> IO[bytes]:
    """Open for writing what is there; stdout where it stands, for it may be a file."""
    if not _is_stdout(path.stat()):
        return path.open("wb")
    sys.stdout.flush()
    return os.fdopen(os.dup(1), "wb")


@contextmanager
def replacing_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file whose content takes `path`'s place at the end; see `replacing`."""
    with replacing(path) as fresh, fresh.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file from its pieces; see `replacing`."""
    with replacing_text(path) as file:
        file.writelines(pieces)
