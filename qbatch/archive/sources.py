"""The files that an archived manifest was made of: kept beside it, and merged anew to compare.

Their table names them from the folder that all of them lie below, so that a path from one to
another is the same here as it was there.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from qbatch.errors import QbatchError
from qbatch.exchange.archived.contents import MANIFEST, SOURCE_FILES, SOURCES
from qbatch.exchange.archived.reading import Archive
from qbatch.manifest.construction import merged_text
from qbatch.manifest.extending import Base
from qbatch.manifest.source import Source


def source_files(sources: Sequence[Base], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of what is kept of them; nothing of a manifest without bases.

    Args:
        sources: The manifest's own file, and its bases.
        folder: The manifest's, from the root.
    """
    if not sources:
        return
    names = [
        f"{SOURCE_FILES}/{number}-{Path(each.path).name}" for number, each in enumerate(sources)
    ]
    above = max(each.path.split("/").count("..") for each in sources)
    home = "/".join(folder.parts[-above:]) if above else ""
    paths = [posixpath.normpath(posixpath.join(home, each.path)) for each in sources]
    table = dict(zip(paths, names, strict=True))
    yield SOURCES, (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()
    for name, each in zip(names, sources, strict=True):
        yield name, each.text.encode()


def is_source(name: str) -> bool:
    """Tell whether a file of an archive is one that the manifest was made of."""
    return name == SOURCES or name.startswith(f"{SOURCE_FILES}/")


def wrong_with_sources(archive: Archive) -> str:
    """Say what is wrong with the files that the manifest was made of; "" where all is right."""
    if SOURCES not in archive.files:
        return ""
    table = archive.json(SOURCES)
    try:
        own, *others = [Base(path, path, archive.text(name)) for path, name in table.items()]
        home = posixpath.dirname(own.path)
        if home.startswith("/") or ".." in home.split("/"):
            raise ValueError(
                f"{own.path} leads out of where it is kept; keep it below the manifest"
            )
        bases = [
            Base(posixpath.relpath(each.path, home or "."), each.file, each.text) for each in others
        ]
        with TemporaryDirectory(prefix="qbatch-verify-") as nothing_in_it:
            source = Source(own.path, own.text, Path(nothing_in_it, home), bases=(*bases,))
            merged = merged_text(source)
    except (QbatchError, AttributeError, OSError, TypeError, ValueError) as error:
        return f"cannot be merged: {error}"
    return "" if merged == archive.text(MANIFEST) else f"{MANIFEST} is not what they come to"
