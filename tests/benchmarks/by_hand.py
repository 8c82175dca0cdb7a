"""The rows of a run, written by a loop: what recording costs where nothing else is done.

They are as qbatch's, in its tables, each with its check value; nothing is planned, decided, told or
looked up. What computes or packs is the caller's.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Make a snapshot without anything in it, for a simulator's run."""
    from qbatch.snapshot.database import make_new

    with closing(make_new(path)) as db:
        db.execute("PRAGMA synchronous=NORMAL")
        yield db


def counts_by_hand() -> bytes:
    """Write two outcomes of two bits as `Counts.pack` does."""
    body = struct.pack("<HH1sIQB2B2B", 1, 1, b"c", 2, 2, 1, 0, 3, 50, 50)
    return b"qbc\x01\x00" + hashlib.blake2b(body, digest_size=16, key=b"\0").digest() + body


def write_points(db: sqlite3.Connection, parameters: Sequence[str]) -> None:
    """Write points and their jobs, in one step; each has an id made of its parameters."""
    rows = []
    for at, told in enumerate(parameters):
        digest = hashlib.sha256(told.encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
        head = (at + 1, digest, f"point={at}", "flip", "local", 100, 1, seed, told, "0" * 64)
        *shown, crc = _with_crc(head)
        rows.append((*shown[:2], at, *shown[2:], crc, None, 0, None))
    db.execute("BEGIN IMMEDIATE")
    db.executemany(f"INSERT INTO points VALUES ({', '.join('?' * 15)})", rows)
    db.execute(
        "INSERT INTO jobs SELECT ordinal, 'created', 1, NULL, NULL, '', '', NULL, '', NULL, 0.0, 0,"
        " zeroblob(64) FROM points"
    )
    db.execute("COMMIT")


def write_jobs(db: sqlite3.Connection, first: int, counts: Sequence[bytes]) -> None:
    """Write all that becomes of jobs: three moves, a step each, and their results with the last.

    Args:
        db: With their points.
        first: The row of the first of them.
        counts: Of each.
    """
    ordinals = range(first, first + len(counts))
    _write_moves(db, ordinals, "submitting")
    _write_moves(db, ordinals, "running")
    _write_moves(db, ordinals, "completed", counts)


def _write_moves(
    db: sqlite3.Connection, ordinals: Sequence[int], state: str, counts: Sequence[bytes] = ()
) -> None:
    now = time.time()
    moved, events, results = [], [], []
    for ordinal in ordinals:
        _, *columns = _with_crc((ordinal, state, 1, 1, None, state, "", None, "", now, now))
        moved.append((*columns, ordinal))
        events.append(_with_crc((None, now, ordinal, state, "")))
    for ordinal, packed in zip(ordinals, counts, strict=False):
        numbers = json.dumps({"zz": [1.0, 0.0, 0.9, 1.0, None, 0.9, 1.0]})
        told = ("{}", "0" * 16, numbers, None)
        *_, crc = _with_crc((ordinal, now, zlib.crc32(packed), *told))
        results.append((ordinal, now, packed, *told, crc, None))
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        "UPDATE jobs SET state = ?, generation = ?, composite = ?, provider_job_id = ?, status = ?,"
        " error = ?, cost = ?, unit = ?, submitted_at = ?, updated_at = ?, crc = ?, room = NULL"
        " WHERE ordinal = ?",
        moved,
    )
    db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", events)
    db.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", results)
    db.execute("COMMIT")


def _with_crc(values: tuple[object, ...]) -> tuple[object, ...]:
    return (*values, zlib.crc32(repr(values).encode()))
