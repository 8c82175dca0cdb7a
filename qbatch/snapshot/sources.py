"""The files that a run's manifest was made of: itself, and the bases that it extends.

A run keeps its manifest whole, with its bases in it, so that it is read wherever the run lies. What
the files were, each as it was read, is noted beside it; of a manifest without bases nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.manifest.extending import Base

#: The fact of a run that holds them.
SOURCES = "sources"


def sources_fact(manifest: Manifest) -> str:
    """Return what to note of a manifest's files as JSON."""
    return json.dumps([[each.path, each.text] for each in manifest.sources], ensure_ascii=False)


def read_sources(meta: Mapping[str, str]) -> tuple[Base, ...]:
    """Return what was noted, the manifest's own file first; none of one without bases."""
    found = json.loads(meta.get(SOURCES) or "[]")
    if not found:
        return ()
    from qbatch.manifest.extending import Base

    return tuple(Base(str(path), str(path), str(text)) for path, text in found)
