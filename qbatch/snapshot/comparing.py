"""A plan beside the rows it was registered in: how many of its points stand where they stood.

Which plan the rows are of is noted by a digest of its points. Where rows are known to stand as they
were left, a plan of the same digest need not be compared with each of them.
"""

from __future__ import annotations

import hashlib
import itertools
import marshal
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from qbatch.point import PlannedPoint
from qbatch.snapshot.reading import PLAN, REGISTERED, read_fact, write_meta
from qbatch.snapshot.schema import POINT_COLUMNS, checked_point

#: Points compared at once.
CHUNK = 1_000


class Point(PlannedPoint, Protocol):
    """What `register` needs of a sweep point."""

    @property
    def seed(self) -> int: ...
    @property
    def setting(self) -> str: ...
    @property
    def same_as(self) -> str: ...


#: Of a point: its id, name, circuit, backend, shots, and the key of its setting.
Identity = tuple[bytes, str, str, str, int, str]

#: Makes the identities of all points, in plan order, anew each time.
Identities = Callable[[], Iterable[Identity]]


class Digest:
    """Of points in order, by what tells each from another: of other points it is another one.

    Attributes:
        number: How many points it is of.
        has_settings: The keys of their settings are kept, and count.
    """

    def __init__(self, *, has_settings: bool = True) -> None:
        self.number, self.has_settings = 0, has_settings
        self._hash = hashlib.sha256()

    def add(self, identities: Iterable[Identity]) -> None:
        """Add the points that come next."""
        for identity in identities:
            # version 0 writes equal values alike, in a third of the time that JSON takes
            self._hash.update(marshal.dumps(_plain(identity), 0))
            self.number += 1

    def noting(self, points: Iterator[Point]) -> Iterator[Point]:
        """Yield points, each added before."""
        for point in points:
            self.add((_identity_of(point),))
            yield point

    @property
    def text(self) -> str:
        return f"{self.number} {self._hash.hexdigest()}"


def _plain(identity: Identity) -> Identity:
    """Return it with its shots as a number alone, where they are to give an accuracy."""
    id_, name, circuit, backend, shots, setting = identity
    if type(shots) is int:
        return identity
    return id_, name, circuit, backend, int(shots), setting


def compare(
    db: sqlite3.Connection,
    points: Iterator[Point],
    identities: Identities | None,
    digest: Digest,
    *,
    is_sound: bool,
) -> tuple[int, Iterator[Point]]:
    """Return how many points of a plan stand where they stood, and those behind them.

    Args:
        db: The writer.
        points: Of the plan, in order.
        identities: Of all of them, where these are made faster.
        digest: The points that were compared are added, if by their identities.
        is_sound: Rows stand as they were left.

    Raises:
        Mismatch: The next one does not because its row is damaged.
    """
    if is_sound and identities is not None and (same := _num_noted(db, identities)):
        return same, iter(())
    told = _told(points, identities, has_settings=digest.has_settings)
    same, rest = _skip_unchanged(db, told, Digest() if identities is None else digest)
    if identities is None:
        return same, itertools.chain((point for _, point in rest if point is not None), points)
    return same, itertools.islice(points, same, None) if rest else iter(())


def note_plan(db: sqlite3.Connection, digest: Digest, planned: int) -> None:
    """Note that the plan is of these points, where they are all; its number was noted before."""
    if digest.number != planned:
        return
    told = f"{read_fact(db, PLAN)} {digest.text}"
    if read_fact(db, REGISTERED) != told:
        write_meta(db, {REGISTERED: told})


def _num_noted(db: sqlite3.Connection, identities: Identities) -> int:
    """How many points a plan has, where it is the one that was noted; else 0."""
    noted = read_fact(db, REGISTERED)
    if noted is None or noted.partition(" ")[0] != read_fact(db, PLAN):
        return 0
    digest = Digest()
    digest.add(identities())
    return digest.number if noted == f"{read_fact(db, PLAN)} {digest.text}" else 0


def _told(
    points: Iterator[Point], identities: Identities | None, *, has_settings: bool
) -> Iterator[tuple[Identity, Point | None]]:
    """Yield the identity of each point, with the point where it had to be made for that."""
    found: Iterator[tuple[Identity, Point | None]]
    if identities is not None:
        found = ((identity, None) for identity in identities())
    else:
        found = ((_identity_of(point), point) for point in points)
    if has_settings:
        return found
    return (((*identity[:-1], ""), point) for identity, point in found)


def _skip_unchanged(
    db: sqlite3.Connection, told: Iterator[tuple[Identity, Point | None]], digest: Digest
) -> tuple[int, Sequence[tuple[Identity, Point | None]]]:
    """Return how many points stand where they stood, and what was read of `told` behind them.

    Raises:
        Mismatch: The next one does not because its row is damaged.
    """
    known, same = db.execute(_PLANNED), 0
    while chunk := list(itertools.islice(told, CHUNK)):
        rows = known.fetchmany(len(chunk))
        expected = [(*identity, same + at) for at, (identity, _) in enumerate(chunk)]
        if [row[:7] for row in rows] != expected:
            known.close()
            pairs = enumerate(zip(rows, expected, strict=False))
            at = next((at for at, (row, each) in pairs if row[:7] != each), len(rows))
            if at < len(rows):
                _check_row(db, rows[at][7])
            digest.add(identity for identity, _ in chunk[:at])
            return same + at, chunk[at:]
        digest.add(identity for identity, _ in chunk)
        same += len(chunk)
    known.close()
    return same, ()


#: The points of the plan in order, with their identities, positions and rows.
_PLANNED = """
SELECT coalesce(content, id), name, circuit, backend, coalesce(wanted, shots), setting,
    position AS at, ordinal
FROM points WHERE position IS NOT NULL AND start = 0
UNION ALL SELECT coalesce(points.content, points.id), places.name, places.circuit, places.backend,
    places.shots, points.setting, places.position AS at, points.ordinal
FROM places JOIN points ON points.ordinal = places.point
ORDER BY at
"""


def _identity_of(point: Point) -> Identity:
    """Its id, and what may change without it."""
    told = (point.name, point.circuit, point.backend, point.shots)
    return (bytes.fromhex(point.id), *told, point.setting)


def _check_row(db: sqlite3.Connection, ordinal: int) -> None:
    sql = f"SELECT {POINT_COLUMNS} FROM points WHERE ordinal = ?"
    checked_point(db.execute(sql, (ordinal,)).fetchone())
