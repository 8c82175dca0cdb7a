"""The read view of a run folder: what reports, exports, `status` and notebooks are made from.

Rules: it never writes and takes no lock, so it works beside a runner and sees each finished step;
points come lazily in plan order, a page at a time, so a run of any size needs the same memory.
Nothing is shown that was not checked: see `trust`. What a point holds is decoded in `points`.
"""

from __future__ import annotations

import heapq
import json
import operator
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from qbatch.circuit.earlier import doubt
from qbatch.errors import SelectionError, SnapshotError
from qbatch.job import IN_FLIGHT, Job, JobState
from qbatch.snapshot import attempts, database
from qbatch.snapshot.estimates import analysis_key
from qbatch.snapshot.faults import damaged, translated
from qbatch.snapshot.held import Held, described
from qbatch.snapshot.ledger import Purchase, read_purchases, total_up
from qbatch.snapshot.lock import holder_of
from qbatch.snapshot.points import (
    POSITION,
    SELECT,
    SELECT_PLACES,
    PointResult,
    as_one,
    place_of,
    read_points,
)
from qbatch.snapshot.reading import (
    BY_CONTENT,
    IDS,
    NO_PLAN,
    PLACES,
    POINTS,
    check_number_of_points,
    check_planned,
    checked,
    counts_by_state,
    num_further,
    num_planned,
    read_fact,
    read_meta,
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
from qbatch.snapshot.standing import read_standing
from qbatch.snapshot.times import Times, read_times
from qbatch.snapshot.trust import RULES, Trust, check_large

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from qbatch.manifest import Manifest
    from qbatch.result import CountsArray, Estimate

#: Points read at once.
PAGE = 256

#: Characters of an id's beginning by which a point is found.
SHORTEST_ID = 4

#: Keys of a manifest that may change when results are there.
ANALYSED = ("description", "tags", "vars", "analysis", "checks", "report")

HEX = "0123456789abcdef"


class Run:
    """A run folder, opened for reading.

    Iterating yields a `PointResult` for every point of the plan, lazily and in plan order;
    ``run[…]`` finds one by name or by the beginning of its id.

    Args:
        folder: The run folder.

    Raises:
        SnapshotError: There is no run, or it is damaged or newer than this qbatch.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / database.NAME
        #: What the latest `run` of this process did; None for a run that was only opened.
        self.summary: Any = None
        self._is_closed = False
        self._doubts: dict[str, str] = {}  # by setting
        self._db = database.open_reader(folder)
        self._trust = Trust(self._db, self.path)
        try:
            check_number_of_points(self._db, self.path)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        db = getattr(self, "_db", None)
        if db is not None:
            db.close()

    def close(self) -> None:
        """Close the files. Repeatable."""
        self._is_closed = True
        self._db.close()

    def _rows(self, sql: str, values: Sequence[Any] = (), *, of: Sequence[str] = ()) -> list[Any]:
        """Ask for rows; the tables they are `of` are checked before, where they are not after."""
        self._trust.check(*of)
        with translated(self.path):
            return self._db.execute(sql, values).fetchall()

    # -- the run as a whole -------------------------------------------------------------------

    @property
    def meta(self) -> dict[str, str]:
        """Facts of the run as a whole: id, name, times, versions."""
        with translated(self.path), checked(self.path):
            return read_meta(self._db)

    @cached_property
    def name(self) -> str:
        return self.meta.get("name") or self.folder.name

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of the latest `run`, from the text kept with the results."""
        from qbatch.manifest import parse_manifest

        meta = self.meta
        if "manifest" not in meta:
            raise SnapshotError(
                f"{self.path}: its manifest is not kept here, for the run was cut off early or "
                "mended; `qbatch run` with the manifest puts it back"
            )
        return parse_manifest(
            meta["manifest"],
            file=meta["manifest_path"],
            folder=Path(meta["manifest_folder"]),
            overrides=json.loads(meta["overrides"]),
        )

    def analyse_as(self, manifest: Manifest) -> bool:
        """From now on take analysis, checks and report from `manifest`, not from what is kept.

        Numbers come from the stored counts, whichever analysis they are for; nothing is written.

        Returns:
            Whether all else in it is as it was when the run began.
        """
        kept = self.manifest
        about = {name: getattr(manifest, name) for name in ANALYSED}
        is_same = all(
            getattr(kept, name) == getattr(manifest, name)
            for name in type(kept).model_fields
            if name not in ANALYSED
        )
        self.manifest = manifest if is_same else kept.model_copy(update=about)
        self.__dict__.pop("analysis_key", None)
        return is_same

    @cached_property
    def analysis_key(self) -> str:
        """Which stored estimates are of the manifest's own analysis."""
        return analysis_key(self.manifest.analysis)

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Names of the swept axes, in the plan's order."""
        return tuple(json.loads(self.meta.get("axes", "[]")))

    @property
    def has_plan(self) -> bool:
        """False where it was cut off before its points were registered."""
        return self._numbers()[2] != NO_PLAN

    @cached_property
    def has_former_ids(self) -> bool:
        """True in a folder of an earlier version that no run has converted yet."""
        with translated(self.path), checked(self.path):
            return read_fact(self._db, IDS) != BY_CONTENT

    @property
    def is_running(self) -> bool:
        """True while a runner holds the folder."""
        try:
            return holder_of(self.folder) is not None
        except SnapshotError:  # without locks there is no runner
            return False

    def standing(self) -> Mapping[str, Any] | None:
        """How far its runner is and what it waits for, as that told last; None without one."""
        found = read_standing(self.folder)
        return found if found is not None and self.is_running else None

    @property
    def is_rehearsal(self) -> bool:
        """True when all of it comes from emulated clouds."""
        return "rehearsal" in self.meta

    @property
    def targets(self) -> dict[str, Any]:
        """Backend -> what its provider said about it when the latest run began; JSON."""
        found: dict[str, Any] = json.loads(self.meta.get("targets", "{}"))
        return found

    def counts_by_state(self) -> dict[JobState, int]:
        """Points of the plan in each state; states without points are left out."""
        self._trust.check("jobs", "positions")
        return counts_by_state(self._db, self.path)

    def completed_since(self, moment: datetime) -> int:
        """How many points of the plan have results that came at `moment` or later."""
        rows = self._rows(
            "SELECT count(*) FROM results JOIN points USING (ordinal)"
            " WHERE position IS NOT NULL AND at >= ?",
            (moment.timestamp(),),
            of=("results", "points"),
        )
        return int(rows[0][0])

    def spent(self) -> dict[str, float]:
        """Unit -> what all attempts cost so far, also of points in the plan no more.

        By the ledger where a job stands in it, else by what was noted beside its result.
        """
        rows = self._rows(
            "WITH bought AS (SELECT DISTINCT job FROM ledger) SELECT unit, sum(cost) FROM ("
            "SELECT unit, cost FROM jobs WHERE ordinal NOT IN bought UNION ALL "
            "SELECT attempts.unit, attempts.cost FROM attempts JOIN jobs ON ordinal = job "
            "WHERE attempts.generation < jobs.generation AND job NOT IN bought) "
            "WHERE cost IS NOT NULL AND unit <> '' GROUP BY unit",
            of=("jobs", "attempts", "ledger"),
        )
        spent = {unit: float(cost) for unit, cost in rows}
        for (_, unit), total in total_up(each.entry for each in self.ledger()).items():
            if total.jobs > total.open:
                spent[unit] = spent.get(unit, 0.0) + total.spent
        return spent

    def ledger(self) -> list[Purchase]:
        """Every purchase that may be billed, in the order of the points, then of the attempts."""
        self._trust.check("ledger")
        with translated(self.path), checked(self.path):
            return list(read_purchases(self._db))

    def held(self) -> list[Held]:
        """The jobs of which nobody can tell whether the provider took them."""
        return [
            described(
                point,
                self.manifest.backends.get(point.backend),
                self.targets.get(point.backend, {}).get("name"),
                self.intent_key_of(point),
                self.memo_of(point),
            )
            for point in self.in_flight()
            if point.state is JobState.HELD
        ]

    def times(self, backends: Collection[str]) -> dict[str, Times]:
        """Backend -> how long its completed jobs took; those without any are left out."""
        self._trust.check("events", "jobs", "points")
        with translated(self.path):
            return read_times(self._db, backends)

    def composites_by_stage(self) -> dict[tuple[str, str], int]:
        """(backend, stage) -> composite jobs."""
        sql = "SELECT backend, stage, count(*) FROM composites GROUP BY 1, 2"
        rows = self._rows(sql, of=("composites",))
        return {(backend, stage): number for backend, stage, number in rows}

    # -- points -------------------------------------------------------------------------------

    def __len__(self) -> int:
        self._trust.check("positions", "places")
        planned, further = self._numbers()[1], self._num_further()[1]
        return planned - further + self._num_places()

    def _num_places(self) -> int:
        """How many points of the plan are shown that stand in it before."""
        with translated(self.path), checked(self.path):
            return int(read_fact(self._db, PLACES) or 0)

    def _num_further(self) -> tuple[int, int]:
        """How many rows buy further shots of a point, and how many of them are planned."""
        with translated(self.path), checked(self.path):
            return num_further(self._db)

    def _numbers(self) -> tuple[int, int, str]:
        """How many rows of points there are, how many are planned, and in which plan."""
        with translated(self.path), checked(self.path):
            planned, plan = num_planned(self._db)
            return int(read_fact(self._db, POINTS) or 0), planned, plan

    def __iter__(self) -> Iterator[PointResult]:
        """Yield the points of the plan, lazily, in plan order."""
        points = self._placed_points()
        if not self._num_places():
            return (point for _, point in points)
        both = heapq.merge(points, self._other_places(), key=operator.itemgetter(0))
        return (point for _, point in both)

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

    def removed(self) -> Iterator[PointResult]:
        """Yield the points that were planned once and are in the plan no more."""
        select = f"{SELECT} WHERE points.position IS NULL AND points.start = 0 AND"
        further, planned_further = self._num_further()
        unplanned = further - planned_further
        number = lambda points, planned: points - planned - unplanned  # noqa: E731
        for page in self._pages(select, "points.ordinal", 0, number):
            yield from self._whole(page)

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
        while page := self._rows(f"{select} {key} > ? ORDER BY {key} LIMIT {PAGE}", (last,)):
            last = page[-1][column]
            found += len(page)
            yield page
        if self._numbers()[2] == plan:
            check_planned(found, number(points, planned), self.path)

    def in_flight(self) -> Iterator[PointResult]:
        """Yield the jobs a provider may hold work for, removed points' too, each by itself."""
        states = [state.value for state in IN_FLIGHT]
        chosen = f"state IN ({', '.join('?' * len(states))})"
        self._trust.check("jobs")
        with translated(self.path), steady(self._db):
            rows = self._rows(f"{SELECT} WHERE jobs.{chosen} ORDER BY ordinal", states)
            ((number,),) = self._rows(f"SELECT count(*) FROM jobs WHERE {chosen}", states)
        check_planned(len(rows), number, self.path)
        yield from read_points(self, rows)

    def __getitem__(self, key: str | int) -> PointResult:
        """Find a point by its name, by the beginning of its id (4 digits or more), or by its place.

        Args:
            key: A number counts from 0 in plan order, or from the end where it is negative.

        The id of a job that buys further shots of a point finds that job alone.

        Raises:
            IndexError: There is no such place.
            SelectionError: There is no such point, or more than one.
            TypeError: The key is something else.
        """
        if isinstance(key, int):
            return self._at(key)
        if not isinstance(key, str):
            raise TypeError(f"a point is found by its name, id or place, not by {key!r}")
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
        is_piece = rows[0][POSITION + 2] > 0
        return read_points(self, rows)[0] if is_piece else self._whole(rows)[0]

    def _at(self, place: int) -> PointResult:
        number = len(self)
        offset = place + number if place < 0 else place
        if not 0 <= offset < number:
            raise IndexError(f"{self.folder}: there is no point {place}; there are {number}")
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

    def estimates(self, point: PointResult) -> dict[str, Estimate]:
        """The manifest's named analyses of `point`, each with its interval."""
        return point.estimates

    def statevector_of(self, ordinal: int) -> Any:
        """The final state of the point at row `ordinal`, or None."""
        rows = self._rows(
            "SELECT statevector, vector_crc FROM results WHERE ordinal = ?", (ordinal,)
        )
        if not rows or rows[0][0] is None:
            return None
        packed, crc = rows[0]
        if zlib.crc32(packed) != crc:
            raise damaged(self.path, f"state vector of row {ordinal}")
        import numpy as np

        return np.frombuffer(packed, dtype=np.complex128)

    def setting_of(self, point: PointResult | StoredPoint) -> dict[str, Any]:
        """What `point` shares with others: ``{"backend": …, "circuit": text, "seed": …}``."""
        body = self._large("settings", "key = ?", (point.setting,))
        with checked(self.path):
            setting: dict[str, Any] = json.loads(zlib.decompress(body[0][-1])) if body else {}
        return setting

    def circuit_of(self, point: PointResult) -> str | None:
        """The circuit's text as `point` ran it, free parameters left in."""
        return self.setting_of(point).get("circuit")

    def doubt_of(self, point: PointResult) -> str:
        """Say why a result simulated by an earlier version may be wrong; "" where it is not."""
        if point.setting not in self._doubts:
            self._doubts[point.setting] = doubt(self.circuit_of(point) or "")
        return self._doubts[point.setting]

    def raw_of(self, point: PointResult) -> list[tuple[str, bytes]]:
        """Every reply kept about `point`, as sent, oldest first.

        Each with its kind: "update", "result", "log".
        """
        rows = self._large("raw", f"job IN {_marks(point)} ORDER BY at", _ordinals(point))
        with checked(self.path):
            return [(row[2], zlib.decompress(row[-1])) for row in rows]

    def log_of(self, point: PointResult) -> str:
        """What the provider logged about `point`'s composite job; "" for nothing."""
        self._trust.check("jobs", "composites")
        rows = self._large(
            "raw",
            "kind = 'log' AND job IN (SELECT value FROM json_each("
            "(SELECT jobs FROM composites WHERE ordinal ="
            " (SELECT composite FROM jobs WHERE ordinal = ?)))) ORDER BY at DESC LIMIT 1",
            (point.ordinal,),
        )
        with checked(self.path):
            return zlib.decompress(rows[0][-1]).decode("utf-8", "replace") if rows else ""

    def _large(self, table: str, where: str, values: Sequence[Any]) -> list[Any]:
        """Rows of a table with what is large in them, at their ends."""
        sql = f"SELECT {RULES[table].all_columns} FROM {table} WHERE {where}"
        rows = self._rows(sql, values, of=(table,))
        with checked(self.path):
            for row in rows:
                check_large(table, row)
        return rows

    def history_of(self, point: PointResult) -> list[tuple[datetime, JobState, str]]:
        """All moves of `point`'s jobs: when, to which state, why; oldest first."""
        rows = self._rows(
            f"SELECT at, state, note FROM events WHERE job IN {_marks(point)} ORDER BY seq",
            _ordinals(point),
            of=("events",),
        )
        return [
            (datetime.fromtimestamp(at, UTC), JobState(state), note) for at, state, note in rows
        ]

    def attempts_of(self, point: PointResult) -> list[attempts.Attempt]:
        """Every attempt at `point`, oldest first; the last is where its job stands.

        Where several jobs bought shots of it, job after job.
        """
        if point.pieces:
            return [each for piece in point.pieces for each in self.attempts_of(piece)]
        rows = self._rows(
            f"SELECT {attempts.COLUMNS} FROM attempts WHERE job = ? ORDER BY generation",
            (point.ordinal,),
            of=("attempts",),
        )
        with checked(self.path):
            ended = [attempts.read(row) for row in rows]
        if ended and ended[-1].generation == point.job.generation:
            return ended
        return [*ended, point.attempt]

    def memo_of(self, point: PointResult) -> tuple[dict[str, Any], int]:
        """What the driver remembers of `point`'s composite job, and its place among the children.

        ``({}, 0)`` where it was in none yet.
        """
        rows = self._rows(
            "SELECT memo, jobs FROM composites WHERE ordinal = "
            "(SELECT composite FROM jobs WHERE ordinal = ?)",
            (point.ordinal,),
            of=("jobs", "composites"),
        )
        if not rows:
            return {}, 0
        with checked(self.path):
            return json.loads(rows[0][0]), json.loads(rows[0][1]).index(point.ordinal)

    def intent_key_of(self, point: PointResult) -> str | None:
        """The key we chose for the purchase that `point`'s job was last part of, or None."""
        rows = self._rows(
            "SELECT key FROM intents WHERE composite = (SELECT composite FROM jobs"
            " WHERE ordinal = ?)",
            (point.ordinal,),
            of=("jobs", "intents"),
        )
        return str(rows[0][0]) if rows else None

    # -- tables -------------------------------------------------------------------------------

    def counts_array(
        self,
        register: str | None = None,
        *,
        bit_order: Literal["right", "left"] = "right",
        points: Iterable[PointResult] | None = None,
    ) -> CountsArray:
        """How often each outcome came, a row per completed point, a column per outcome seen.

        Args:
            register: One classical register; None: all of them together.
            bit_order: Where in the labels bit 0 stands: "right" as everywhere in qbatch, "left" as
                OQC writes.
            points: Of this run; None: all of it.

        Raises:
            SelectionError: No completed point, or none with that register, or the points'
                registers differ: choose points of one kind, or a register that they share.
        """
        from qbatch.snapshot.tables import counts_array

        return counts_array(self, register, bit_order, points)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per point, columns as in ``results.csv`` (needs the extra ``[data]``)."""
        from qbatch.snapshot.tables import to_dataframe

        return to_dataframe(self)

    def to_xarray(self) -> xr.Dataset:
        """Sweep axes as dimensions, NaN where a point is missing (needs the extra ``[data]``).

        Zipped axes are one dimension, on which each is a coordinate.
        """
        from qbatch.snapshot.tables import to_xarray

        return to_xarray(self)

    def __repr__(self) -> str:
        if self._is_closed:
            return f"<Run in {self.folder}, closed>"
        states = ", ".join(f"{number} {state}" for state, number in self.counts_by_state().items())
        return f"<Run {self.name!r} in {self.folder}: {states or 'no points'}>"

    def _repr_html_(self) -> str:
        from qbatch.snapshot.tables import to_html

        return to_html(self)


def _ordinals(point: PointResult) -> list[int]:
    """The rows of all of its jobs."""
    return [piece.ordinal for piece in point.jobs]


def _marks(point: PointResult) -> str:
    """A list of as many parameters."""
    return f"({', '.join('?' * len(point.jobs))})"


def _no_such_point(key: str) -> str:
    told = f"no point is called {key!r}"
    if key and len(key) < SHORTEST_ID and not set(key.lower()) - set(HEX):
        return f"{told}; of an id, write {SHORTEST_ID} characters or more"
    return f"{told} or has such an id"
