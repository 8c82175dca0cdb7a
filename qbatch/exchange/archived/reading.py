"""An archive to its files. It may be a stranger's: nothing of it is written to disk, or run.

Files are read from the zip into memory, within limits: names lead nowhere, sizes are counted as the
bytes come, not as the archive says.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from qbatch.errors import SelectionError
from qbatch.exchange.archived.contents import METADATA, NEEDED, digest_of
from qbatch.frozen import dataclass

#: Files of an archive, and bytes of all of them.
MOST_FILES = 100_000
MOST_BYTES = 2 << 30
#: So many times its own size an archive may unpack to, beyond `FREE_BYTES`; one of ids and counts
#: makes five to twenty times.
MOST_TIMES = 200
FREE_BYTES = 64 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds.

    Attributes:
        path: Of the zip file.
        files: Name -> content.
        listed: Name -> SHA-256, as its metadata has it.
    """

    path: Path
    files: Mapping[str, bytes]
    listed: Mapping[str, str]

    @property
    def digests(self) -> dict[str, str]:
        """Name -> SHA-256, of the files as they are."""
        return {name: digest_of(body) for name, body in self.files.items()}

    def json(self, name: str) -> Any:
        """Read one of its JSON files.

        Raises:
            SelectionError: It is none.
        """
        try:
            return json.loads(self.files[name])
        except (ValueError, RecursionError) as error:
            raise _none(self.path, f"{name} is no JSON: {error}") from error

    def text(self, name: str) -> str:
        """Read one of its text files.

        Raises:
            SelectionError: It is none.
        """
        try:
            return self.files[name].decode("utf-8")
        except UnicodeDecodeError as error:
            raise _none(self.path, f"{name} is no text: {error}") from error
        except KeyError:
            raise _none(self.path, f"{name} is missing") from None


def read_archive(path: Path) -> Archive:
    """Read an archive.

    Raises:
        SelectionError: It is none, is damaged, or holds more than the limits.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            files = _read_all(path, packed)
    except OSError as error:
        raise SelectionError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _none(path, f"it is no zip file, or damaged: {error}") from error
    for name in (*NEEDED, METADATA):
        if name not in files:
            raise _none(path, f"{name} is missing")
    return Archive(path, files, _listed(path, files[METADATA]))


def _read_all(path: Path, packed: zipfile.ZipFile) -> dict[str, bytes]:
    members = packed.infolist()
    if len(members) > MOST_FILES:
        raise _none(path, f"it has more than {MOST_FILES:,} files")
    files: dict[str, bytes] = {}
    most = min(MOST_BYTES, FREE_BYTES + MOST_TIMES * path.stat().st_size)
    left = most
    for member in members:
        if member.is_dir():
            continue
        if member.filename in files:
            raise _none(path, f"it has {member.filename!r} twice")
        body = BytesIO()
        with packed.open(member) as file:
            while chunk := file.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise _none(path, f"its files are larger than {most >> 20:,} MiB")
                body.write(chunk)
        files[member.filename] = body.getvalue()
    return files


def _listed(path: Path, metadata: bytes) -> dict[str, str]:
    """Name -> SHA-256 of the files that the metadata lists."""
    try:
        graph = json.loads(metadata)["@graph"]
        entities = [one for one in graph if isinstance(one, dict) and one.get("@type") == "File"]
        return {str(one["@id"]): str(one["sha256"]) for one in entities}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _none(path, f"{METADATA} lists no files with their digests") from error


def _none(path: Path, problem: str) -> SelectionError:
    return SelectionError(
        f"{path}: is no archive of qbatch: {problem}; `qbatch archive RUN -o run.zip` writes one"
    )
