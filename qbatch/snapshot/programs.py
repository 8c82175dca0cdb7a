"""The programs that a run's circuits were translated to for their machines, each kept once.

Rules: they stand among what many points share (table `settings`), under ``program:`` and the key of
the setting that they are of; whoever merges folders copies them. Nothing here is needed to go on
with a run: what is lost or damaged of it is not told, and no error.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from qbatch.errors import SnapshotError
from qbatch.snapshot.schema import crc_of

#: What a program's key begins with.
KEY = "program:"


class Folder(Protocol):
    """What is asked of a run (`snapshot.Run`)."""

    def _large(self, table: str, where: str, values: Sequence[Any]) -> list[Any]: ...


def keep_programs(db: sqlite3.Connection, programs: Mapping[str, str]) -> None:
    """Keep programs by the keys of their settings, in the caller's transaction.

    Where a machine changed since, the one that it was before stays beside the new one, which is the
    last.
    """
    for setting, text in programs.items():
        key = f"{KEY}{setting}"
        row = db.execute("SELECT body FROM settings WHERE key = ?", (key,)).fetchone()
        known = _texts(row[0]) if row else []
        if known and known[-1] == text:
            continue
        others = [each for each in known if each != text]
        body = zlib.compress(json.dumps([*others, text]).encode(), 6)
        values = (key, zlib.crc32(body))
        db.execute(
            "INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)", (*values, crc_of(values), body)
        )


def read_programs(run: Folder, setting: str | None) -> tuple[str, ...]:
    """Return what a setting's circuit was translated to, the latest last; () where nothing is kept.

    All parameters are a half in it.
    """
    try:
        rows = run._large("settings", "key = ?", (f"{KEY}{setting}",))
        return (*_texts(rows[0][-1]),) if rows else ()
    except (SnapshotError, ValueError, zlib.error):
        return ()


def _texts(body: bytes) -> list[str]:
    return [str(text) for text in json.loads(zlib.decompress(body))]
