"""Bringing the points of a snapshot in line with a plan: one pass, one step, constant memory.

Points the snapshot knows keep all their state, new ones begin as `created`, those that are in the
plan no more keep their rows and lose their position. A point of more shots than one job may take
has a row for each of its jobs; what is bought stays as it was cut.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from qbatch.bases import point_of
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.purchase import BOUGHT
from qbatch.shots import ANY, Bounds, job_id, to_buy
from qbatch.snapshot.comparing import Digest, Identities, Point, compare, note_plan
from qbatch.snapshot.reading import (
    BOUNDS,
    FORGOTTEN,
    PIECES,
    PLACES,
    PLAN,
    POINTS,
    SETTINGS,
    forgotten_settings,
    name_points,
    num_settings,
    read_fact,
    write_meta,
)
from qbatch.snapshot.schema import (
    ROOM_BYTES,
    Mismatch,
    StoredPoint,
    crc_of,
    parameters_text,
    place_values,
    point_values,
)

#: Points placed by one statement.
CHUNK = 1_000

#: Distinct settings remembered while placing; more are looked up again.
MAX_SETTINGS = 10_000


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
    db: sqlite3.Connection,
    points: Iterable[Point],
    setting_of: SettingOf | None,
    bounds: Mapping[str, Bounds],
    identities: Identities | None = None,
    *,
    has_bases: bool = False,
    is_sound: bool = False,
) -> tuple[Registered, set[int]]:
    """Do it, inside the caller's transaction.

    Args:
        db: The writer.
        points: In plan order; never held in memory.
        setting_of: Text of a point's `setting`, kept to explain later changes; None: keep none.
        bounds: Backend -> how many shots one job of it may take; where one is missing, as before.
        identities: Makes those of all the points, where that is faster than the points are.
        has_bases: Some may be settings in bases of their own.
        is_sound: Rows stand as they were left.

    Returns:
        What was found; rows whose jobs, not bought yet, take other shots than before.
    """
    fresh, planned, digest = iter(points), 0, Digest(has_settings=setting_of is not None)
    former = _known_bounds(db)
    bounds = {**former, **bounds}
    if bounds == former and not (_is_any_misfit(db, bounds) or _is_any_cut_left(db)):
        planned, fresh = compare(db, fresh, identities, digest, is_sound=is_sound)
    first_changed = next(fresh, None)
    before, was_planned = _num_points(db)
    had = was_planned + _count(db, "SELECT count(*) FROM places")
    if first_changed is None and planned == had and not forgotten_settings(db):
        note_plan(db, digest, planned)
        return Registered(planned, 0, before - was_planned), set()
    if before:
        _check_indexes(db)
    _clear_places(db, planned)
    placing = Placing(db, setting_of, bounds)
    if first_changed is not None:
        fresh = itertools.chain((first_changed,), fresh)
        planned = placing.place(digest.noting(fresh) if identities else fresh, planned)
    begin_jobs(db)
    note_forgotten(db, {})
    note_numbers(db, has_bases=has_bases)
    write_meta(db, {BOUNDS: json.dumps(bounds)})
    note_plan(db, digest, planned)
    after, now_planned = _num_points(db)
    return Registered(planned, after - before, after - now_planned), placing.resized


def _clear_places(db: sqlite3.Connection, first: int) -> None:
    """Take points out of the plan from a place on."""
    db.execute(
        "UPDATE points SET position = NULL, crc = crc & 0xFFFFFFFF WHERE position >= ?", (first,)
    )
    db.execute("DELETE FROM places WHERE position >= ?", (first,))


def begin_jobs(db: sqlite3.Connection) -> None:
    """Give each new row of a point its job."""
    last = _count(db, "SELECT coalesce(max(ordinal), 0) FROM jobs")
    db.execute(
        "INSERT INTO jobs SELECT ordinal, 'created', 1, NULL, NULL, '', '', NULL, '', NULL,"
        " 0.0, 0, zeroblob(?) FROM points WHERE ordinal > ?",
        (ROOM_BYTES, last),
    )


def _known_bounds(db: sqlite3.Connection) -> dict[str, Bounds]:
    told = json.loads(read_fact(db, BOUNDS) or "{}")
    return {backend: Bounds(*numbers) for backend, numbers in told.items()}


def _is_any_misfit(db: sqlite3.Connection, bounds: Mapping[str, Bounds]) -> bool:
    """Whether a job would be bought with more or fewer shots than it may take.

    It was on its way when other bounds held, and came to nothing since.
    """
    marks = ", ".join("?" * len(BOUGHT))
    return any(
        db.execute(
            "SELECT 1 FROM points JOIN jobs USING (ordinal) WHERE backend = ? AND shots > 0"
            " AND (shots < ? OR shots > ?) AND position IS NOT NULL"
            f" AND state NOT IN ({marks}) LIMIT 1",
            (backend, least, most, *(state.value for state in BOUGHT)),
        ).fetchone()
        for backend, (least, most) in bounds.items()
    )


def _is_any_cut_left(db: sqlite3.Connection) -> bool:
    """Whether a job is still to be bought of a point that is cut, or planned with other shots.

    Since it was cut, others of the point may have come to nothing, or been had from elsewhere: what
    is missing now is told by `to_buy` alone, here as where a price is agreed to.
    """
    marks = ", ".join("?" * len(BOUGHT))
    found = db.execute(
        "SELECT 1 FROM points JOIN jobs USING (ordinal)"
        f" WHERE shots > 0 AND position IS NOT NULL AND state NOT IN ({marks})"
        " AND (start > 0 OR wanted IS NOT NULL OR EXISTS ("
        "SELECT 1 FROM points AS further WHERE further.start > 0 AND further.shots > 0"
        " AND further.content = coalesce(points.content, points.id))) LIMIT 1",
        [state.value for state in BOUGHT],
    )
    return found.fetchone() is not None


def _num_points(db: sqlite3.Connection) -> tuple[int, int]:
    """How many points there are, and how many of them are planned, without further shots."""
    found: tuple[int, int] = db.execute(
        "SELECT count(*), count(position) FROM points WHERE start = 0"
    ).fetchone()
    return found


def note_forgotten(db: sqlite3.Connection, gone: Mapping[str, int]) -> None:
    """Note which settings are gone whose points have others; nothing else knows of them.

    Args:
        db: The writer.
        gone: Name -> shots asked for.
    """
    if gone != forgotten_settings(db):
        write_meta(db, {FORGOTTEN: json.dumps(gone, ensure_ascii=False)})


def settings_left(db: sqlite3.Connection, names: Iterable[str]) -> list[str]:
    """Of these settings those whose points have others in the plan."""
    name_points(db)
    left = (
        "SELECT 1 FROM points WHERE position IS NOT NULL AND point_of(name) = ?1"
        " UNION ALL SELECT 1 FROM places WHERE point_of(name) = ?1 LIMIT 1"
    )
    return [name for name in names if db.execute(left, (point_of(name),)).fetchone()]


def note_numbers(db: sqlite3.Connection, *, has_bases: bool = False) -> None:
    """Note how many rows of points there are, and that the plan is another one.

    Args:
        db: The writer.
        has_bases: Some may be settings in bases of their own; once one was, they are looked for.
    """
    known = read_fact(db, PLAN)
    serial = 0 if known is None else int(known.partition("/")[2]) + 1
    rows, planned = db.execute("SELECT count(*), count(position) FROM points").fetchone()
    further = "{}/{}".format(
        *db.execute("SELECT count(*), count(position) FROM points WHERE start > 0").fetchone()
    )
    shown = _count(db, "SELECT count(*) FROM places")
    facts = {POINTS: str(rows), PLAN: f"{planned}/{serial}", PIECES: further, PLACES: str(shown)}
    if has_bases or num_settings(db) is not None:
        name_points(db)
        further, rotated = db.execute(_COUNT_SETTINGS).fetchone()
        if rotated or num_settings(db) is not None:
            facts[SETTINGS] = f"{further}/{rotated + len(forgotten_settings(db))}"
    write_meta(db, facts)


#: How many rows of the plan are further settings of a point, and how many in another basis.
_COUNT_SETTINGS = """
SELECT count(*) - count(DISTINCT point_of(name)), coalesce(sum(point_of(name) <> name), 0) FROM (
    SELECT name FROM points WHERE position IS NOT NULL AND start = 0
    UNION ALL SELECT name FROM places)
"""


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


@dataclass(frozen=True, slots=True)
class _Known:
    """A row that there is of a point."""

    ordinal: int
    id: str
    start: int
    shots: int
    seed: int
    is_bought: bool


class Placing:
    """Writes the rows of points as the plan has them.

    Attributes:
        resized: Rows whose jobs, not bought yet, take other shots than before.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        setting_of: SettingOf | None,
        bounds: Mapping[str, Bounds],
    ) -> None:
        self._db = db
        self._setting_of = setting_of
        self._bounds = bounds
        self._settings: set[str] = set()
        self._last = _count(db, "SELECT coalesce(max(ordinal), 0) FROM points")
        self._has_others = self._last > 0
        self.resized: set[int] = set()

    def place(self, points: Iterator[Point], position: int) -> int:
        """Write points from `position` on; return the position after the last."""
        while chunk := list(itertools.islice(points, CHUNK)):
            if self._setting_of is not None:
                _keep_settings(self._db, self._setting_of, chunk, self._settings)
            may_know = self._has_others or any(point.same_as for point in chunk)
            known = _rows_of(self._db, chunk) if may_know else {}
            own = {id_: rows[0].ordinal for id_, rows in known.items()}
            rows, places = [], []
            for point in chunk:
                if point.same_as:
                    places.append(place_values(point, own[point.id], position))
                else:
                    pieces = self._pieces(point, known.get(point.id, ()))
                    own[point.id] = next(piece.ordinal for piece in pieces if not piece.start)
                    told = parameters_text(point)
                    rows += [point_values(piece, position, told) for piece in pieces]
                position += 1
            self._db.executemany(PLACE, rows)
            self._db.executemany("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", places)
        return position

    def pieces_of(self, point: Point) -> list[StoredPoint]:
        """Return what jobs buy of a point that is known, or bought."""
        return self._pieces(point, _rows_of(self._db, [point])[point.id])

    def _pieces(self, point: Point, known: Sequence[_Known]) -> list[StoredPoint]:
        """Return what jobs buy of a point, or bought: its own row, and those of further shots.

        What is bought stays as it is. Where nothing from the first shot on is bought, or to be, the
        point's own row buys nothing.
        """
        found = [self._piece(point, row.start, row.shots, row) for row in known if row.is_bought]
        runs = to_buy(known, point.shots, self._bounds.get(point.backend, ANY))
        if not any(start == 0 for start in (*(p.start for p in found), *(r[0] for r, _ in runs))):
            own = next((row for row in known if not row.start), None)
            runs.append(((0, 0), own))
        for (start, shots), row in runs:
            if row is not None and row.shots != shots:
                self.resized.add(row.ordinal)
            found.append(self._piece(point, start, shots, row))
        return found

    def _piece(self, point: Point, start: int, shots: int, known: _Known | None) -> StoredPoint:
        if known is None:
            self._last += 1
            ordinal, id_, seed = self._last, job_id(point.id, start), point.seed
        else:
            ordinal, id_ = known.ordinal, known.id
            seed = known.seed if known.is_bought else point.seed
        return StoredPoint(
            id_,
            point.name,
            point.circuit,
            point.backend,
            shots,
            point.repeat,
            point.parameters,
            seed,
            "" if self._setting_of is None else point.setting,
            ordinal,
            content="" if id_ == point.id else point.id,
            start=start,
            wanted=None if start or shots == point.shots else point.shots,
        )


def _rows_of(db: sqlite3.Connection, points: Sequence[Point]) -> dict[str, list[_Known]]:
    """Id -> rows of those points that are known, the point's own first."""
    marks = ", ".join("?" * len(points))
    keys = [bytes.fromhex(point.id) for point in points]
    found: dict[str, list[_Known]] = {}
    for column, of in (("id", "content IS NULL AND "), ("content", "")):
        for key, ordinal, id_, start, shots, seed, state in db.execute(
            f"SELECT {column}, ordinal, id, start, shots, seed, state FROM points"
            f" LEFT JOIN jobs USING (ordinal) WHERE {of}{column} IN ({marks})",
            keys,
        ):
            is_bought = shots > 0 and state is not None and JobState(state) in BOUGHT
            row = _Known(ordinal, id_.hex(), start, shots, seed, is_bought)
            found.setdefault(key.hex(), []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.start)
    return found


#: Writes a row of `points`, as `point_values` has it.
PLACE = """
INSERT INTO points(ordinal, id, name, circuit, backend, shots, repeat, seed, parameters, setting,
                   crc, position, content, start, wanted)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(ordinal) DO UPDATE SET position = excluded.position, setting = excluded.setting,
    name = excluded.name, circuit = excluded.circuit, backend = excluded.backend,
    shots = excluded.shots, repeat = excluded.repeat, seed = excluded.seed,
    parameters = excluded.parameters, crc = excluded.crc, wanted = excluded.wanted
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
