"""Bringing the points of a snapshot in line with a plan: one pass, one step, constant memory.

Points the snapshot knows keep all their state, new ones begin as `created`, those that are in the
plan no more keep their rows and lose their position.
"""

from __future__ import annotations

import itertools
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from qbatch.snapshot.reading import PLACES, PLAN, POINTS, num_planned, read_fact, write_meta
from qbatch.snapshot.schema import (
    POINT_COLUMNS,
    ROOM_BYTES,
    Mismatch,
    checked_point,
    crc_of,
    place_values,
    point_values,
)

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
    @property
    def same_as(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Registered:
    """What `Snapshot.register` found.

    Attributes:
        planned: Points of the plan; each place counts.
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
    planned, first_changed = _skip_unchanged(db, fresh, has_settings=setting_of is not None)
    before, was_planned = _count(db, "SELECT count(*) FROM points"), num_planned(db)[0]
    shown = _count(db, "SELECT count(*) FROM places")
    if first_changed is None and planned == was_planned + shown:
        return Registered(planned, 0, before - was_planned)
    if before:
        _check_indexes(db)
    db.execute(
        "UPDATE points SET position = NULL, crc = crc & 0xFFFFFFFF WHERE position >= ?", (planned,)
    )
    db.execute("DELETE FROM places WHERE position >= ?", (planned,))
    if first_changed is not None:
        rest = itertools.chain((first_changed,), fresh)
        planned += _place(db, rest, planned, setting_of)
    last = _count(db, "SELECT coalesce(max(ordinal), 0) FROM jobs")
    db.execute(
        "INSERT INTO jobs SELECT ordinal, 'created', 1, NULL, NULL, '', '', NULL, '', NULL,"
        " 0.0, 0, zeroblob(?) FROM points WHERE ordinal > ?",
        (ROOM_BYTES, last),
    )
    after = note_numbers(db)
    return Registered(planned, after - before, after - num_planned(db)[0])


def note_numbers(db: sqlite3.Connection) -> int:
    """Note how many points there are, and that the plan is another one; return the number."""
    known = read_fact(db, PLAN)
    points = _count(db, "SELECT count(*) FROM points")
    planned = _count(db, "SELECT count(*) FROM points WHERE position IS NOT NULL")
    serial = 0 if known is None else int(known.partition("/")[2]) + 1
    shown = _count(db, "SELECT count(*) FROM places")
    write_meta(db, {POINTS: str(points), PLAN: f"{planned}/{serial}", PLACES: str(shown)})
    return points


def _count(db: sqlite3.Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])


def _check_indexes(db: sqlite3.Connection) -> None:
    """Points are looked up by their ids: one that is not found is added, and bought, anew.

    Raises:
        Mismatch: An index is damaged.
    """
    verdict = str(db.execute("PRAGMA main.integrity_check(points)").fetchone()[0])
    if verdict != "ok":
        raise Mismatch(verdict)


def _skip_unchanged(
    db: sqlite3.Connection, fresh: Iterator[Point], *, has_settings: bool
) -> tuple[int, Point | None]:
    """Return how many points stand where they stood, and the first of `fresh` that does not.

    Raises:
        Mismatch: It does not because its row is damaged.
    """
    known = db.execute(_PLANNED)
    same = 0
    for point in fresh:
        row = known.fetchone()
        setting = point.setting if has_settings else ""
        if row is None or row[:7] != _facts_of(point, setting, same):
            known.close()
            if row is not None:
                _check_row(db, row[7])
            return same, point
        same += 1
    known.close()
    return same, None


#: The points of the plan in order, with what `_facts_of` returns, and their rows.
_PLANNED = """
SELECT coalesce(content, id), name, circuit, backend, shots, setting, position AS at, ordinal
FROM points WHERE position IS NOT NULL
UNION ALL SELECT coalesce(points.content, points.id), places.name, places.circuit, places.backend,
    places.shots, points.setting, places.position AS at, points.ordinal
FROM places JOIN points ON points.ordinal = places.point
ORDER BY at
"""


def _facts_of(point: Point, setting: str, position: int) -> tuple[object, ...]:
    """Its id, and what may change without it."""
    told = (point.name, point.circuit, point.backend, point.shots)
    return bytes.fromhex(point.id), *told, setting, position


def _check_row(db: sqlite3.Connection, ordinal: int) -> None:
    sql = f"SELECT {POINT_COLUMNS} FROM points WHERE ordinal = ?"
    checked_point(db.execute(sql, (ordinal,)).fetchone())


def _place(
    db: sqlite3.Connection, points: Iterator[Point], start: int, setting_of: SettingOf | None
) -> int:
    position, settings = start, set[str]()
    ordinal = _count(db, "SELECT coalesce(max(ordinal), 0) FROM points")
    has_others = ordinal > 0
    while chunk := list(itertools.islice(points, CHUNK)):
        if setting_of is not None:
            _keep_settings(db, setting_of, chunk, settings)
        has_others = has_others or any(point.same_as for point in chunk)
        known = _rows_of(db, chunk) if has_others else {}
        rows, places = [], []
        for point in chunk:
            if point.id not in known:
                ordinal += 1
                known[point.id] = ordinal, None
            at, job_id = known[point.id]
            if point.same_as:
                places.append(place_values(point, at, position))
            else:
                setting = "" if setting_of is None else point.setting
                rows.append(point_values(point, at, position, setting, job_id))
            position += 1
        db.executemany(_PLACE, rows)
        db.executemany("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", places)
    return position - start


def _rows_of(
    db: sqlite3.Connection, points: Sequence[Point]
) -> dict[str, tuple[int, bytes | None]]:
    """Id -> row and, where that is another, id of the job, of those points that are known."""
    marks = ", ".join("?" * len(points))
    keys = [bytes.fromhex(point.id) for point in points]
    found: dict[str, tuple[int, bytes | None]] = {
        key.hex(): (ordinal, None)
        for key, ordinal in db.execute(
            f"SELECT id, ordinal FROM points WHERE content IS NULL AND id IN ({marks})", keys
        )
    }
    for key, ordinal, job_id in db.execute(
        f"SELECT content, ordinal, id FROM points WHERE content IN ({marks})", keys
    ):
        found[key.hex()] = ordinal, job_id
    return found


_PLACE = """
INSERT INTO points(ordinal, id, name, circuit, backend, shots, repeat, seed, parameters, setting,
                   crc, position, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(ordinal) DO UPDATE SET position = excluded.position, setting = excluded.setting,
    name = excluded.name, circuit = excluded.circuit, backend = excluded.backend,
    shots = excluded.shots, repeat = excluded.repeat, seed = excluded.seed,
    parameters = excluded.parameters, crc = excluded.crc
"""


def _keep_settings(
    db: sqlite3.Connection, setting_of: SettingOf, points: Iterable[Point], known: set[str]
) -> None:
    fresh = {point.setting for point in points} - known
    rows = []
    for key in fresh:
        body = zlib.compress(setting_of(key).encode(), 1)
        body_crc = zlib.crc32(body)
        rows.append((key, body_crc, crc_of((key, body_crc)), body))
    db.executemany("INSERT OR IGNORE INTO settings VALUES (?, ?, ?, ?)", rows)
    known |= fresh
    if len(known) > MAX_SETTINGS:
        known.clear()
