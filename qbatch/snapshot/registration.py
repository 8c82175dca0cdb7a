"""Bringing the points of a snapshot in line with a plan: one pass, one step, constant memory.

Points the snapshot knows keep all their state, new ones begin as `created`, those that are in the
plan no more keep their rows and lose their position.
"""

from __future__ import annotations

import itertools
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from qbatch.snapshot.schema import ROOM_BYTES, point_values

#: Points placed by one statement.
CHUNK = 1_000

#: Distinct settings remembered while placing; more are looked up again.
MAX_SETTINGS = 10_000


class Point(Protocol):
    """What `register` needs of a sweep point."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def circuit(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def shots(self) -> int: ...
    @property
    def repeat(self) -> int: ...
    @property
    def parameters(self) -> tuple[tuple[str, bool | int | float | str], ...]: ...
    @property
    def seed(self) -> int: ...
    @property
    def setting(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Registered:
    """What `Snapshot.register` found.

    Attributes:
        planned: Points of the plan.
        added: Of these, new to the snapshot.
        removed: Points of the snapshot that the plan does not have any more (kept).
    """

    planned: int
    added: int
    removed: int


#: Key of a setting -> its canonical text.
SettingOf = Callable[[str], str]


def register(
    db: sqlite3.Connection, points: Iterable[Point], setting_of: SettingOf | None
) -> Registered:
    """Do it, inside the caller's transaction.

    Args:
        db: The writer.
        points: In plan order; never held in memory.
        setting_of: Text of a point's `setting`, kept to explain later changes; None: keep none.
    """
    fresh = iter(points)
    planned, first_changed = _skip_unchanged(db, fresh)
    before = _count(db, "SELECT count(*) FROM points")
    db.execute("UPDATE points SET position = NULL WHERE position >= ?", (planned,))
    if first_changed is not None:
        rest = itertools.chain((first_changed,), fresh)
        planned += _place(db, rest, planned, setting_of)
    last = _count(db, "SELECT coalesce(max(ordinal), 0) FROM jobs")
    db.execute(
        "INSERT INTO jobs SELECT ordinal, 'created', 1, NULL, NULL, '', '', NULL, '', NULL,"
        " 0.0, 0, zeroblob(?) FROM points WHERE ordinal > ?",
        (ROOM_BYTES, last),
    )
    after = _count(db, "SELECT count(*) FROM points")
    db.execute("UPDATE meta SET value = ? WHERE key = 'points'", (str(after),))
    return Registered(planned, after - before, after - planned)


def _count(db: sqlite3.Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])


def _skip_unchanged(db: sqlite3.Connection, fresh: Iterator[Point]) -> tuple[int, Point | None]:
    """Return how many points stand where they stood, and the first of `fresh` that does not."""
    known = db.execute(
        "SELECT id, name, circuit, backend FROM points WHERE position IS NOT NULL ORDER BY position"
    )
    same = 0
    for point in fresh:
        row = (bytes.fromhex(point.id), point.name, point.circuit, point.backend)
        if known.fetchone() != row:
            known.close()
            return same, point
        same += 1
    known.close()
    return same, None


def _place(
    db: sqlite3.Connection, points: Iterator[Point], start: int, setting_of: SettingOf | None
) -> int:
    position, settings = start, set[str]()
    while chunk := list(itertools.islice(points, CHUNK)):
        if setting_of is not None:
            _keep_settings(db, setting_of, chunk, settings)
        rows = [
            (position + i, point.setting, *point_values(point)) for i, point in enumerate(chunk)
        ]
        db.executemany(_PLACE, rows)
        position += len(chunk)
    return position - start


_PLACE = """
INSERT INTO points(position, setting, id, name, circuit, backend, shots, repeat, seed, parameters,
                   crc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(id) DO UPDATE SET position = excluded.position, setting = excluded.setting,
    name = excluded.name, circuit = excluded.circuit, backend = excluded.backend,
    shots = excluded.shots, repeat = excluded.repeat, seed = excluded.seed,
    parameters = excluded.parameters, crc = excluded.crc
"""


def _keep_settings(
    db: sqlite3.Connection, setting_of: SettingOf, points: Iterable[Point], known: set[str]
) -> None:
    fresh = {point.setting for point in points} - known
    db.executemany(
        "INSERT OR IGNORE INTO settings VALUES (?, ?)",
        [(key, zlib.compress(setting_of(key).encode(), 1)) for key in fresh],
    )
    known |= fresh
    if len(known) > MAX_SETTINGS:
        known.clear()
