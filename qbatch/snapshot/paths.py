"""Paths as a run folder keeps them: the bytes they are, whatever the locale calls these.

A path's bytes are nearly always UTF-8 and are then kept as that text, so that a run made under one
locale is read under any other. Others are kept percent-encoded behind a mark.
"""

from __future__ import annotations

import os
from urllib.parse import quote_from_bytes, unquote_to_bytes

#: Of the file in a run folder that is its snapshot.
SNAPSHOT = "snapshot.db"

#: What the names of files and folders begin with, in a run folder, that no report may replace.
RESERVED = (
    *("snapshot.", "points.pages", "running.json", "rehearsal.json"),
    *("figures", "slurm", "."),
)

#: Facts of a run that are paths.
FACTS = frozenset({"manifest_path", "manifest_folder", "run_folder"})

#: Before a path whose bytes are no UTF-8.
MARK = "bytes:"


def kept(path: str) -> str:
    r"""Return a path as it is kept.

    >>> kept("/data/caf\udce9")
    'bytes:/data/caf%E9'
    """
    name = os.fsencode(path)
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return MARK + quote_from_bytes(name)
    return MARK + quote_from_bytes(name) if text.startswith(MARK) else text


def read(text: str) -> str:
    """Return a path that was kept."""
    if text.startswith(MARK):
        return os.fsdecode(unquote_to_bytes(text.removeprefix(MARK)))
    return os.fsdecode(text.encode("utf-8"))
