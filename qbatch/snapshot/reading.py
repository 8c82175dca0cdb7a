"""What the runner's own view and a reader's view of a snapshot share."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from qbatch.bases import point_of
from qbatch.job import JobState
from qbatch.notation import whole
from qbatch.purchase import PRECEDENCE
from qbatch.snapshot import paths, rows
from qbatch.snapshot.faults import damaged, translated
from qbatch.snapshot.schema import Mismatch, crc_of

#: Facts about the rows of points: how many there are; how many of them are planned, with a number
#: that grows whenever that changes.
POINTS, PLAN = "points", "plan"

#: Facts that are of no use without one another.
OF_MANIFEST = frozenset({"manifest", "manifest_path", "manifest_folder", "overrides"})

#: Of which plan the rows are: the second fact, as it was then, and a digest of its points.
REGISTERED = "registered"

#: How many rows buy further shots of a point; how many of them the plan needs: ``3/2``.
PIECES = "pieces"

#: How many places of the plan show a point that stands in it before.
PLACES = "places"

#: How many rows of the plan are further settings of a point; how many are in another basis than as
#: the circuit is written: ``24/36``; missing where no plan ever had such.
SETTINGS = "settings"

#: Name -> shots asked for, of settings that were forgotten of points that have others, as JSON;
#: each is gone from it when the folder is brought in line with a plan.
FORGOTTEN = "forgotten_settings"

#: How many shots one job of each backend may take, as it was when the points were last placed.
BOUNDS = "bounds"

#: Of which kind the points' ids are: `BY_CONTENT`; missing: of a former kind.
IDS, BY_CONTENT = "ids", "content"

#: The second fact before any point was registered.
NO_PLAN = "0/0"

#: How many purchases the ledger has.
PURCHASES = "purchases"


@contextmanager
def checked(path: Path) -> Iterator[None]:
    """Turn what reading a damaged row raises into a `SnapshotError`.

    `schema.Mismatch`, an unknown state, broken JSON and a short id are all ValueErrors.
    """
    try:
        yield
    except (ValueError, zlib.error, json.JSONDecodeError) as error:
        raise damaged(path, str(error)) from error


@contextmanager
def steady(db: sqlite3.Connection) -> Iterator[None]:
    """While inside, a reader sees one state, whatever a runner writes."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:
            db.execute("COMMIT")


def read_meta(db: sqlite3.Connection) -> dict[str, str]:
    """Facts of the run as a whole.

    Raises:
        Mismatch: One is damaged.
    """
    found = {}
    for row in db.execute("SELECT key, value, crc FROM meta"):
        fact = _checked(row)
        found[fact.key] = told_by(fact)
    return found


def _checked(row: Sequence[Any]) -> rows.Fact:
    fact = rows.Fact._make(row)
    if fact.crc != crc_of(fact[:-1]):
        raise Mismatch(f"fact {fact.key!r}")
    return fact


def told_by(fact: rows.Fact) -> str:
    """What a fact says; of a path as it is on this machine."""
    return paths.read(fact.value) if fact.key in paths.FACTS else fact.value


def read_fact(db: sqlite3.Connection, key: str) -> str | None:
    """One fact of the run as a whole, or None.

    Raises:
        Mismatch: It is damaged.
    """
    row = db.execute("SELECT key, value, crc FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    return told_by(_checked(row))


def write_meta(db: sqlite3.Connection, values: Mapping[str, str]) -> None:
    """Note facts of the run as a whole, inside the caller's transaction."""
    kept = {
        key: paths.kept(value) if key in paths.FACTS else value for key, value in values.items()
    }
    db.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?, ?)",
        [(key, value, crc_of((key, value))) for key, value in kept.items()],
    )


def check_number_of_points(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a snapshot with fewer rows than were written.

    Raises:
        SnapshotError: Points or jobs are missing.
    """
    with translated(path), checked(path), steady(db):
        expected = read_fact(db, POINTS)
        jobs, points = db.execute(
            "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM points NOT INDEXED)"
        ).fetchone()
    for what, found in (("jobs", jobs), ("points", points)):
        if expected != str(found):
            raise damaged(path, f"{found} of {expected or '?'} {what} are left")


def num_planned(db: sqlite3.Connection) -> tuple[int, str]:
    """How many points are planned, as was written down; and which plan that was.

    Raises:
        Mismatch: It is damaged or missing.
    """
    plan = read_fact(db, PLAN)
    if plan is None:
        raise Mismatch("the number of planned points")
    return int(plan.partition("/")[0]), plan


def num_further(db: sqlite3.Connection) -> tuple[int, int]:
    """How many rows buy further shots of a point, and how many of them the plan needs.

    Raises:
        Mismatch: The fact is damaged.
    """
    everywhere, _, planned = (read_fact(db, PIECES) or "0/0").partition("/")
    return int(everywhere), int(planned)


def num_shown(db: sqlite3.Connection) -> int:
    """At how many places of the plan a point stands that stands in it before.

    Raises:
        Mismatch: The fact is damaged.
    """
    return int(read_fact(db, PLACES) or 0)


def num_settings(db: sqlite3.Connection) -> tuple[int, int] | None:
    """How many rows of the plan are further settings of a point, and how many in another basis.

    None: no plan ever had a setting in another basis than as its circuit is written.

    Raises:
        Mismatch: The fact is damaged.
    """
    told = read_fact(db, SETTINGS)
    if told is None:
        return None
    further, _, rotated = told.partition("/")
    return int(further), int(rotated)


def forgotten_settings(db: sqlite3.Connection) -> dict[str, int]:
    """Settings that were forgotten while their points have others: name -> shots asked for.

    Folders of before that was kept tell 0 shots.

    Raises:
        Mismatch: The fact is damaged.
    """
    found: dict[str, int] | list[str] = json.loads(read_fact(db, FORGOTTEN) or "{}")
    return dict.fromkeys(found, 0) if isinstance(found, list) else found


def name_points(db: sqlite3.Connection) -> None:
    """Let statements of a connection ask for the point of a setting, by its name."""
    db.create_function("point_of", 1, point_of, deterministic=True)


def check_planned(found: int, expected: int, path: Path) -> None:
    """Refuse to show fewer points than are planned.

    Raises:
        SnapshotError: Some were not found.
    """
    if found != expected:
        raise damaged(path, f"{found} of {expected} planned points are found")


_RANKS = " ".join(f"WHEN '{state.value}' THEN {rank}" for rank, state in enumerate(PRECEDENCE))

_COUNT_JOBS = """
SELECT state, count(*) FROM points JOIN jobs USING (ordinal)
WHERE points.position IS NOT NULL {} GROUP BY state
"""
_COUNT_BY_BACKEND = """
SELECT backend, state, count(*) FROM points JOIN jobs USING (ordinal)
WHERE position IS NOT NULL AND shots > 0 GROUP BY backend, state
"""
_COUNT_PLACES = """
SELECT state, count(*) FROM places JOIN points ON points.ordinal = places.point
JOIN jobs ON jobs.ordinal = places.point WHERE points.position IS NOT NULL {} GROUP BY state
"""

#: Row of a point -> at how many further places of the plan it stands.
_SHOWN = "(SELECT point, count(*) AS shown FROM places GROUP BY point)"

_COUNT_SEVERAL = f"""
SELECT rank, sum(1 + coalesce(shown, 0)) FROM (
    SELECT min(iif(shots > 0, CASE state {_RANKS} END, NULL)) AS rank,
        max(iif(start = 0, ordinal, 0)) AS own
    FROM points JOIN jobs USING (ordinal)
    WHERE position IN (SELECT position FROM points WHERE start > 0) GROUP BY position
) LEFT JOIN {_SHOWN} ON point = own GROUP BY rank
"""


def counts_by_state(db: sqlite3.Connection, path: Path) -> dict[JobState, int]:
    """Points of the plan in each state, each place of it; states without points are left out."""
    sole = (
        "AND points.position NOT IN"
        " (SELECT position FROM points WHERE start > 0 AND position IS NOT NULL)"
    )
    counts: Counter[JobState] = Counter()
    with translated(path), checked(path), steady(db):
        if (settings := num_settings(db)) is not None and settings[1]:
            return _points_by_state(db)
        expected, further, shown = num_planned(db)[0], num_further(db)[1], num_shown(db)
        for sql in (_COUNT_JOBS, _COUNT_PLACES) if shown else (_COUNT_JOBS,):
            for state, number in db.execute(sql.format(sole if further else "")):
                counts[JobState(state)] += number
        for rank, number in db.execute(_COUNT_SEVERAL) if further else ():
            counts[PRECEDENCE[rank]] += number
    check_planned(sum(counts.values()), expected - further + shown, path)
    return dict(counts)


_COUNT_BY_POINT = f"""
SELECT rank, count(*) FROM (
    SELECT min(CASE state {_RANKS} END) AS rank FROM (
        SELECT point_of(name) AS point, state FROM points JOIN jobs USING (ordinal)
        WHERE position IS NOT NULL AND shots > 0
        UNION ALL SELECT point_of(places.name), state
        FROM places JOIN points AS own ON own.ordinal = places.point
        JOIN points AS piece ON piece.position = own.position
        JOIN jobs ON jobs.ordinal = piece.ordinal WHERE piece.shots > 0
        UNION ALL SELECT point_of(value), '{JobState.CREATED}' FROM json_each(?)
    ) GROUP BY point
) GROUP BY rank
"""


def _points_by_state(db: sqlite3.Connection) -> dict[JobState, int]:
    """Points in each state, of which some have several settings."""
    name_points(db)
    forgotten = json.dumps([*forgotten_settings(db)])
    found = db.execute(_COUNT_BY_POINT, (forgotten,))
    return {PRECEDENCE[rank]: number for rank, number in found}


class InPart(NamedTuple):
    """Points that have some of the shots that they ask for, together.

    Attributes:
        points: How many; each place of the plan. Their shots are bought once, and count once.
        done: Shots that they have.
        wanted: Shots that they ask for.
    """

    points: int = 0
    done: int = 0
    wanted: int = 0

    def and_one(self, done: int, wanted: int, *, is_counted: bool = False) -> InPart:
        """Return the sum with one more point, whose shots may be counted already."""
        if is_counted:
            return self._replace(points=self.points + 1)
        return InPart(self.points + 1, self.done + done, self.wanted + wanted)

    def __str__(self) -> str:
        points = "1 point has" if self.points == 1 else f"{whole(self.points)} points have"
        return f"{points} some of the shots wanted: {whole(self.done)} of {whole(self.wanted)} done"


_IN_PART = f"""
SELECT coalesce(sum(1 + coalesce(shown, 0)), 0), coalesce(sum(done), 0), coalesce(sum(wanted), 0)
FROM (
    SELECT sum(shots * (state = 'completed')) AS done,
        max(iif(start = 0, coalesce(wanted, shots), 0)) AS wanted,
        max(iif(start = 0, ordinal, 0)) AS own
    FROM points JOIN jobs USING (ordinal)
    WHERE position IN (SELECT position FROM points WHERE start > 0) GROUP BY position
) LEFT JOIN {_SHOWN} ON point = own WHERE 0 < done AND done < wanted
"""


def points_in_part(db: sqlite3.Connection, path: Path) -> InPart:
    """Sum up the points of the plan that have some of their shots, not all."""
    with translated(path), checked(path):
        if not num_further(db)[1]:
            return InPart()
        return InPart(*db.execute(_IN_PART).fetchone())


def jobs_by_backend(db: sqlite3.Connection, path: Path) -> dict[tuple[str, JobState], int]:
    """Jobs of the plan of each backend in each state; where there are none is left out."""
    with translated(path), checked(path):
        rows = db.execute(_COUNT_BY_BACKEND).fetchall()
        return {(backend, JobState(state)): number for backend, state, number in rows}
