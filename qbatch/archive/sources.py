"""The files that an archived manifest was made of: kept beside it, and merged anew to compare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from qbatch.errors import QbatchError
from qbatch.exchange.archived.contents import MANIFEST, SOURCE_FILES, SOURCES
from qbatch.exchange.archived.reading import Archive
from qbatch.manifest.construction import merged_text
from qbatch.manifest.extending import Base
from qbatch.manifest.source import Source


def source_files(sources: Sequence[Base]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of what is kept of them; nothing of a manifest without bases."""
    if not sources:
        return
    names = [
        f"{SOURCE_FILES}/{number}-{Path(each.path).name}" for number, each in enumerate(sources)
    ]
    table = {each.path: name for each, name in zip(sources, names, strict=True)}
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
        own, *bases = [Base(path, path, archive.text(name)) for path, name in table.items()]
        with TemporaryDirectory(prefix="qbatch-verify-") as nothing_in_it:
            source = Source(own.path, own.text, Path(nothing_in_it), bases=(*bases,))
            merged = merged_text(source)
    except (QbatchError, AttributeError, TypeError, ValueError) as error:
        return f"cannot be merged: {error}"
    return "" if merged == archive.text(MANIFEST) else f"{MANIFEST} is not what they come to"
