"""The points of a run folder: in plan order, by name, by id, by place.

Rules: points come lazily, a page at a time, so a run of any size needs the same memory; that none
is missing is checked at the end. What a point holds is decoded in `points`.
"""

from __future__ import annotations

import heapq
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from qbatch.bases import is_reference, point_of, setting_of
from qbatch.errors import SelectionError
from qbatch.job import IN_FLIGHT, Job
from qbatch.snapshot import database
from qbatch.snapshot.bulk import CHECKS, FROM_POINTS, PAGE, Pages
from qbatch.snapshot.faults import damaged, translated
from qbatch.snapshot.names import with_plain_numbers
from qbatch.snapshot.numbers import OF_REFERENCES, Numbered
from qbatch.snapshot.point_rows import (
    POSITION,
    SELECT,
    SELECT_PLACES,
    START,
    as_one,
    place_of,
    read_points,
)
from qbatch.snapshot.points import Packed, PointResult
from qbatch.snapshot.reading import (
    check_planned,
    checked,
    forgotten_settings,
    name_points,
    steady,
)
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_PLACE_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    StoredPoint,
    job_from_row,
    point_from_row,
)
from qbatch.snapshot.settings import as_point, as_points, as_settings

#: Points read at once, one by one.
ROWS = 256


#: Characters of an id's beginning by which a point is found.
SHORTEST_ID = 4


HEX = "0123456789abcdef"


class Listing(Numbered):
    """The points of a run folder, one by one."""

    def __len__(self) -> int:
        self._trust.check("positions", "places")
        return self._num_shown() - self._num_references()

    def references(self) -> Iterator[PointResult]:
        """Yield what is run again and again between the points, by backend, in order."""
        if self.has_references:
            rows = self._rows(f"{SELECT} WHERE {OF_REFERENCES} ORDER BY points.position")
            yield from self._whole(rows)

    def __iter__(self) -> Iterator[PointResult]:
        """Yield the points of the plan, lazily, in plan order; references are none of them."""
        found = self._each()
        if self.has_settings:
            found = as_points(as_settings(found), self._forgotten())
        return self._own(found)

    def _own(self, points: Iterable[PointResult]) -> Iterator[PointResult]:
        """Leave out references."""
        if not self.has_references:
            return iter(points)
        return (point for point in points if not is_reference(point.name))

    def _forgotten(self) -> dict[str, dict[str, int]]:
        """Name of a point -> basis of a setting that was forgotten -> shots asked for."""
        with translated(self.path), checked(self.path):
            gone = forgotten_settings(self._db)
        found: dict[str, dict[str, int]] = {}
        for name, shots in gone.items():
            found.setdefault(point_of(name), {})[setting_of(name)] = shots
        return found

    def settings(self) -> Iterator[PointResult]:
        """Yield each setting of each point of the plan alone, lazily; references come last."""
        return as_settings(self._each()) if self.has_settings else self._each()

    def _each(self) -> Iterator[PointResult]:
        points = self._placed_points()
        if not self._num_places():
            return (point for _, point in points)
        both = heapq.merge(points, self._other_places(), key=operator.itemgetter(0))
        return (point for _, point in both)

    @property
    def is_plan_alone(self) -> bool:
        """Whether each job is the only one of a point of the plan."""
        points, planned, _ = self._numbers()
        return points == planned and not self._num_further()[0] and not self.has_settings

    def stretches(self) -> Iterator[Sequence[PointResult]]:
        """Yield the points of the plan, in plan order, many at once.

        Where finished points are kept as columns (`bulk.Page`) they are read from these; else from
        their rows, and kept so, where the run is long and its folder takes a file.
        """
        _, planned, plan = self._numbers()
        is_plain = not (self._num_places() or self._num_further()[0] or self.has_settings)
        is_plain = is_plain and not self.has_references
        if planned < FROM_POINTS or not is_plain:
            points = iter(self)
            while stretch := list(itertools.islice(points, PAGE)):
                yield stretch
            return
        found = 0
        with Pages(self, self.folder) as pages:
            for first in range(0, planned, PAGE):
                size = min(PAGE, planned - first)
                page = self._stretch(pages, first, size)
                found += len(page)
                yield page
            if self._numbers()[2] == plan:
                check_planned(found, planned, self.path)
                pages.finish()

    def _stretch(self, pages: Pages, first: int, size: int) -> Sequence[PointResult]:
        between = (first, first + size)
        page = pages.read(first, size, lambda: str(self._rows(CHECKS, between)[0][0]))
        if page is not None:
            return page
        where = "points.position >= ? AND points.position < ? ORDER BY points.position"
        rows = self._rows(f"{SELECT} WHERE {where}", between)
        points = self._whole(rows)
        if len(points) == size:
            pages.keep(first, rows, points)
        return points

    def result_at(self, ordinal: int) -> Packed | None:
        """What is kept of a job's result, by the row of its point."""
        points = read_points(self, self._rows(f"{SELECT} WHERE points.ordinal = ?", (ordinal,)))
        return points[0]._packed if points else None

    def __getitem__(self, key: str | int) -> PointResult:
        """Find a point by its name, by the beginning of its id (4 digits or more), or by its place.

        Args:
            key: Numbers in a name may be written in any way; a number counts from 0 in plan order,
                or from the end where it is negative.

        The id of a job that buys further shots of a point finds that job alone; so do name and id
        of a setting, but for those that its point has as well.

        Raises:
            IndexError: There is no such place.
            SelectionError: There is no such point, or more than one.
            TypeError: The key is something else.
        """
        if isinstance(key, int):
            return self._at(key)
        if not isinstance(key, str):
            raise TypeError(
                f"a point is found by its name, id or place, not by {key!r}; give one of these"
            )
        try:
            return self._called(key)
        except SelectionError:
            if (name := self._written_otherwise(key)) is None:
                raise
            return self._called(name)

    def _written_otherwise(self, key: str) -> str | None:
        """Find the name that says the same with its numbers written otherwise: ``t=1.0``."""
        if "=" not in key:
            return None
        name_points(self._db)
        wanted, found = with_plain_numbers(key), set[str]()
        for table in ("points", "places"):
            own = "position IS NOT NULL" + (" AND start = 0" if table == "points" else "")
            names = self._rows(f"SELECT DISTINCT point_of(name) FROM {table} WHERE {own}")
            found.update(name for (name,) in names if with_plain_numbers(name) == wanted)
        return found.pop() if len(found) == 1 else None

    def _called(self, key: str) -> PointResult:
        if not self.has_settings:
            return self._found(key)
        if settings := self._settings_of(key):
            return as_point(settings, self._forgotten().get(key, {}))
        found = self._found(key)
        settings = () if found.start else self._settings_of(point_of(found.name))
        if settings and settings[0].name == found.name:
            return as_point(settings, self._forgotten().get(found.name, {}))
        return replace(found, is_setting=True)

    def _settings_of(self, name: str) -> Sequence[PointResult]:
        """The settings of the point of that name, in their order; empty where there is none."""
        name_points(self._db)
        is_of = "point_of(points.name) = ?"
        own = f"points.position IS NOT NULL AND points.start = 0 AND {is_of}"
        rows = self._rows(f"{SELECT} WHERE {own} ORDER BY points.position", (name,))
        found = list(zip((row[POSITION] for row in rows), self._whole(rows), strict=True))
        if self._num_places():
            places = f"{SELECT_PLACES} WHERE {is_of.replace('points', 'places')}"
            rows = self._rows(f"{places} ORDER BY places.position", (name,))
            at = -NUM_PLACE_COLUMNS
            found += zip((row[at] for row in rows), self._at_places(rows), strict=True)
        return [*as_settings(each for _, each in sorted(found, key=operator.itemgetter(0)))]

    def _found(self, key: str) -> PointResult:
        """Find a row of the plan by its name, or by the beginning of its id."""
        is_own = "points.position IS NOT NULL AND points.start = 0"
        rows = self._rows(f"{SELECT} WHERE {is_own} AND points.name = ?", (key,))
        if not rows and (places := self._rows(f"{SELECT_PLACES} WHERE places.name = ?", (key,))):
            return self._at_places(places)[0]
        if not rows:
            rows = self._by_id(key.lower())
        if not rows:
            self._check_points()
            raise SelectionError(f"{self.folder}: {_no_such_point(key)}")
        if len(rows) > 1:
            raise SelectionError(f"{self.folder}: {key!r} fits several points; give more digits")
        is_piece = rows[0][START] > 0
        return read_points(self, rows)[0] if is_piece else self._whole(rows)[0]

    def removed(self) -> Iterator[PointResult]:
        """Yield the points that were planned once and are in the plan no more."""
        select = f"{SELECT} WHERE points.position IS NULL AND points.start = 0 AND"
        further, planned_further = self._num_further()
        unplanned = further - planned_further
        number = lambda points, planned: points - planned - unplanned  # noqa: E731
        had_settings = self._had_settings
        for page in self._pages(select, "points.ordinal", 0, number):
            yield from as_settings(self._whole(page)) if had_settings else self._whole(page)

    def stored_points(self) -> Iterator[tuple[StoredPoint, Job]]:
        """Yield every job the folder knows with what it buys, without results: fast."""
        select = (
            f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal) WHERE"
        )
        for page in self._pages(select, "points.ordinal", 0, lambda points, _: points):
            with checked(self.path):
                for row in page:
                    point = point_from_row(row[:NUM_POINT_COLUMNS])
                    yield point, job_from_row(row[NUM_POINT_COLUMNS:], point.id).job

    def in_flight(self) -> Iterator[PointResult]:
        """Yield the jobs a provider may hold work for, removed points' too, each by itself."""
        states = [state.value for state in IN_FLIGHT]
        chosen = f"state IN ({', '.join('?' * len(states))})"
        self._trust.check("jobs")
        with translated(self.path), steady(self._db):
            rows = self._rows(f"{SELECT} WHERE jobs.{chosen} ORDER BY ordinal", states)
            ((number,),) = self._rows(f"SELECT count(*) FROM jobs WHERE {chosen}", states)
        check_planned(len(rows), number, self.path)
        points = read_points(self, rows)
        yield from as_settings(points) if self._had_settings else points

    def _placed_points(self) -> Iterator[tuple[int, PointResult]]:
        """Yield each point of the plan with its first position."""
        select, further = f"{SELECT} WHERE points.start = 0 AND", self._num_further()[1]
        number = lambda _, planned: planned - further  # noqa: E731
        for page in self._pages(select, "points.position", POSITION, number):
            yield from zip((row[POSITION] for row in page), self._whole(page), strict=True)

    def _other_places(self) -> Iterator[tuple[int, PointResult]]:
        """Yield the points that stand at further positions, once for each."""
        self._trust.check("places")
        select, at = f"{SELECT_PLACES} WHERE", -NUM_PLACE_COLUMNS
        places = self._num_places()
        for page in self._pages(select, "places.position", at, lambda *_: places):
            yield from zip((row[at] for row in page), self._at_places(page), strict=True)

    def _at_places(self, rows: Sequence[Sequence[Any]]) -> list[PointResult]:
        """Read rows of `SELECT_PLACES`."""
        points = self._whole([row[:-NUM_PLACE_COLUMNS] for row in rows])
        with checked(self.path):
            return [place_of(point, row) for point, row in zip(points, rows, strict=True)]

    def _whole(self, rows: Sequence[Sequence[Any]]) -> list[PointResult]:
        """Read points by their own rows, each with all of its jobs."""
        points = read_points(self, rows)
        if not self._num_further()[0]:
            return [as_one(point, ()) for point in points]
        marks = ", ".join("?" * len(points))
        ids = [bytes.fromhex(point.id) for point in points]
        further: dict[str, list[PointResult]] = {}
        select = f"{SELECT} WHERE points.start > 0 AND points.content IN ({marks})"
        for piece in read_points(self, self._rows(select, ids)):
            further.setdefault(piece.id, []).append(piece)
        return [as_one(point, further.get(point.id, ())) for point in points]

    def _pages(
        self, select: str, key: str, column: int, number: Callable[[int, int], int]
    ) -> Iterator[list[Any]]:
        """Yield rows, a page at a time, in the order of a key.

        Args:
            select: With its conditions; one on the key is added.
            key: A whole number, 0 or more.
            column: Where it stands.
            number: How many rows there must be, given how many points there are and are planned.

        Raises:
            SnapshotError: There are fewer, in a plan that stayed the same meanwhile.
        """
        points, planned, plan = self._numbers()
        found, last = 0, -1
        while page := self._rows(f"{select} {key} > ? ORDER BY {key} LIMIT {ROWS}", (last,)):
            last = page[-1][column]
            found += len(page)
            yield page
        if self._numbers()[2] == plan:
            check_planned(found, number(points, planned), self.path)

    def _at(self, place: int) -> PointResult:
        number = len(self)
        offset = place + number if place < 0 else place
        if not 0 <= offset < number:
            raise IndexError(f"{self.folder}: there is no point {place}; there are {number}")
        if self.has_settings or self.has_references:
            return next(itertools.islice(self, offset, None))
        for select, key, read in (
            (f"{SELECT} WHERE points.start = 0 AND", "points.position", self._whole),
            (f"{SELECT_PLACES} WHERE", "places.position", self._at_places),
        ):
            if rows := self._rows(f"{select} {key} = ?", (offset,)):
                return read(rows)[0]
        raise damaged(self.path, f"no point stands at place {offset}")

    def _check_points(self) -> None:
        """Believe that there is no such point only where none can have been overlooked."""
        with translated(self.path):
            database.check_by(self._db, self.path, "integrity_check(points)")
        self._trust.check("points", "positions")

    def _by_id(self, prefix: str) -> list[Any]:
        if not SHORTEST_ID <= len(prefix) <= 64 or set(prefix) - set(HEX):
            return []
        low, high = (bytes.fromhex(prefix.ljust(64, end)) for end in "0f")
        sql = (
            "((content IS NULL OR points.start > 0) AND points.id BETWEEN ?1 AND ?2)"
            " OR (points.start = 0 AND content BETWEEN ?1 AND ?2)"
        )
        return self._rows(f"{SELECT} WHERE {sql} LIMIT 2", (low, high))


def _no_such_point(key: str) -> str:
    told = f"no point is called {key!r}"
    if key and len(key) < SHORTEST_ID and not set(key.lower()) - set(HEX):
        return f"{told}; of an id, write {SHORTEST_ID} characters or more"
    return f"{told} or has such an id; `qbatch show RUN` lists them"
