"""Facts kept on disk between runs, so that planning needs no parsing.

One small SQLite file in the user's cache folder: opening it costs a millisecond, one of 10,000
rows some 10 µs, writers in several processes do not harm each other, and 10,000 new rows are one
transaction.

Rules: keyed by the text's SHA-256, with qbatch's format of facts and Qiskit's version in the
file's name. It never gets in the way: a file that cannot be opened, read or written is gone past.
"""

from __future__ import annotations

import atexit
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.circuit.facts import FORMAT, CircuitFacts

if TYPE_CHECKING:
    import sqlite3

#: Rows written in one transaction.
_GROUP = 500

#: Above this size the file is begun anew, bytes.
_LARGEST = 256 * 2**20


def cache_folder() -> Path:
    """Return the folder for what can be computed again: ``QBATCH_CACHE_DIR`` or the user's."""
    if own := os.environ.get("QBATCH_CACHE_DIR"):
        return Path(own)
    if users := os.environ.get("XDG_CACHE_HOME"):
        return Path(users) / "qbatch"
    return Path.home() / ".cache" / "qbatch"


def qiskit_version() -> str:
    """Find Qiskit's version without importing it; "" where there is none."""
    spec = find_spec("qiskit")
    try:
        return Path(str(spec and spec.origin)).with_name("VERSION.txt").read_text().strip()
    except OSError:
        return ""


class FactsCache:
    """Facts by the SHA-256 of their text; opened when first used."""

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None
        self._tried = False
        self._pending: dict[str, str] = {}

    def get(self, sha256: str) -> CircuitFacts | None:
        """Return the facts kept, or None."""
        database = self._open()
        if database is None:
            return None
        import sqlite3

        try:
            row = database.execute("SELECT facts FROM facts WHERE sha256 = ?", (sha256,)).fetchone()
            return None if row is None else CircuitFacts.from_json(json.loads(row[0]))
        except sqlite3.DatabaseError:
            self._begin_anew()
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # a row of something else: computed again and replaced
        return None

    def put(self, sha256: str, facts: CircuitFacts) -> None:
        """Keep facts; they are on disk after `flush`, at the latest when the process ends."""
        if self._open() is None:
            return
        self._pending[sha256] = json.dumps(facts.to_json(), separators=(",", ":"))
        if len(self._pending) >= _GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        rows, self._pending = self._pending, {}
        if not rows or self._database is None:
            return
        import sqlite3

        try:
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?)", rows.items()
                )
        except sqlite3.Error:
            self.close()

    def close(self) -> None:
        """Close the file; until the process ends the cache is gone past."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def _open(self) -> sqlite3.Connection | None:
        if not self._tried:
            self._tried = True
            self._database = _connect()
            if self._database is not None:
                atexit.register(self._finish)
        return self._database

    def _finish(self) -> None:
        self.flush()
        self.close()

    def _begin_anew(self) -> None:
        self.close()
        _remove()
        self._database = _connect()


def _file() -> Path:
    return cache_folder() / f"facts-{FORMAT}-{qiskit_version() or 'none'}.sqlite3"


def _remove() -> None:
    try:
        _file().unlink(missing_ok=True)
    except OSError:
        return


def _connect() -> sqlite3.Connection | None:
    import sqlite3

    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > _LARGEST:
            file.unlink()
        return _prepared(sqlite3.connect(file, timeout=0.5, check_same_thread=False))
    except sqlite3.OperationalError:
        return None
    except sqlite3.DatabaseError:
        _remove()
    except OSError:
        return None
    try:
        return _prepared(sqlite3.connect(file, timeout=0.5, check_same_thread=False))
    except sqlite3.Error:
        return None


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    database.execute("PRAGMA synchronous=OFF")
    database.execute(
        "CREATE TABLE IF NOT EXISTS facts (sha256 TEXT PRIMARY KEY, facts TEXT) WITHOUT ROWID"
    )
    return database
