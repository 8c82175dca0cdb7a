"""The files of manifests: read within bounds, as UTF-8, or refused with what to do about it."""

from __future__ import annotations

from pathlib import Path

from qbatch.errors import ManifestError, Place, SourceErrors
from qbatch.notation import listed

#: A manifest is written by hand; data belong in a file that an axis reads by `from`.
MAX_BYTES = 32 * 2**20


def refuse(place: Place, problem: str, excerpt: str = "") -> SourceErrors:
    """Make the error of a file with this one mistake."""
    return SourceErrors(
        f"{place.file}: 1 mistake", [ManifestError(place, problem, excerpt=excerpt)]
    )


def read_text(path: Path, file: str) -> str:
    """Read a manifest, at most `MAX_BYTES` of UTF-8.

    Raises:
        SourceErrors: No such file, too large, not UTF-8, or not readable.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise refuse(Place(file), _too_large(path.stat().st_size))
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        if path.is_symlink():
            told = f"leads to {path.readlink()}, which is not there; put that back"
        else:
            told = f"no such file{_nearest_file(path) or '; is the path right?'}"
        raise refuse(Place(file), told) from error
    except IsADirectoryError as error:
        raise refuse(Place(file), _told_folder(path)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refuse(Place(file), f"cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise refuse(Place(file), _too_large(len(data)))
    return _decode(data, file)


def _too_large(size: int) -> str:
    return (
        f"{size / 2**20:.0f} MiB is too large for a manifest (at most {MAX_BYTES // 2**20} MiB); "
        "keep long axes in a file and read them with {from: {file: …, column: …}}"
    )


def _nearest_file(path: Path) -> str:
    from qbatch.notation import did_you_mean

    return did_you_mean(path.name, _manifests_in(path.parent))


def _told_folder(path: Path) -> str:
    """Say which file of a folder may be meant, of one that was named instead."""
    names = _manifests_in(path)
    return f"is a folder; name a manifest{f' in it: {listed(names)}' if names else ''}"


def _manifests_in(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir() if one.suffix in {".yaml", ".yml"})
    except OSError:
        return []


def _decode(data: bytes, file: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse(Place(file, 1, 1), "is UTF-16; save the file as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line_start = data.rfind(b"\n", 0, error.start) + 1
        place = Place(
            file,
            data.count(b"\n", 0, error.start) + 1,
            len(data[line_start : error.start].decode("utf-8", "replace")) + 1,
        )
        raise refuse(
            place,
            f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8; "
            "save the file as UTF-8",
        ) from error
