"""Finished points as columns, in a file beside the snapshot, from which reports read many at once.

Rules: the rows of ``snapshot.db`` are the truth and this file is made of them, by whoever reads all
points for a report; without it a report takes longer and says the same. A page is believed where
its digest holds, which is also of its rows' check values and of the analysis its numbers are by: so
what changed since, in the rows or in the page, is read from the rows. Only stretches of points that
are done, with nothing to remark on, have one; memory is that of one page.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, overload

from qbatch.circuit.earlier import MARK
from qbatch.drafts import draft_beside
from qbatch.job import Job, JobState
from qbatch.snapshot import rows
from qbatch.snapshot.column import Column, packed
from qbatch.snapshot.point_rows import parts_of
from qbatch.snapshot.points import Folder, PagedPoint, PointResult

if TYPE_CHECKING:
    from qbatch.result import Estimate

#: Raise it whenever what stands in a column, or how `Estimate`s are made, changes.
FORMAT = 2

#: In the run folder.
NAME = "points.pages"

#: Points of one page.
PAGE = 512

#: Runs with fewer points are read from their rows: the file would save nothing.
FROM_POINTS = 1_000

_BEGIN = b"qbatch: points as columns, 2\n"
#: Of a page: the first point's place, how many points, bytes of the columns, digest of all.
_HEAD = struct.Struct("<QIIxxxx16s")
#: More is no page of ours.
_MOST_BYTES = 1 << 26

#: Attributes of `PointResult` and `Job` that are columns by their own names.
_COLUMNS = (
    "id",
    "name",
    "circuit",
    "backend",
    "shots",
    "repeat",
    "seed",
    "ordinal",
    "setting",
    "composite",
)
_OF_JOB = ("generation", "provider_job_id", "status", "cost", "unit")
#: What of a page has columns by names of the run's own.
_OF_COLUMNS = ("parameters", "estimates")

#: The check values of a page's rows, in the order of the points.
CHECKS = """
SELECT group_concat(told, ',') FROM (
    SELECT points.crc || ' ' || jobs.crc || ' ' || results.crc AS told
    FROM points JOIN jobs USING (ordinal) JOIN results USING (ordinal)
    WHERE points.position >= ? AND points.position < ? ORDER BY points.position)
"""


class Page(Sequence[PointResult]):
    """Finished points of one stretch of the plan, whose attributes are columns.

    Each point has one job, which is completed and of which there is nothing to remark; all of them
    have the same parameters and analysed numbers.
    """

    def __init__(self, run: Folder, body: Mapping[str, Any], size: int) -> None:
        self._run = run
        self._body = body
        self._size = size

    def of(self, name: str) -> Column:
        """An attribute of the points, or of their jobs."""
        return self._columns[name]

    def column(self, name: str) -> list[Any]:
        """The values of an attribute."""
        return self._columns[name].values

    @cached_property
    def _columns(self) -> dict[str, Column]:
        named = (name for name in self._body if name not in _OF_COLUMNS)
        return {name: Column(self._body[name], self._size) for name in named}

    @property
    def ids(self) -> list[str]:
        """The points' ids."""
        return self.column("id")

    @cached_property
    def parameters(self) -> dict[str, Column]:
        """Swept parameter -> its values."""
        found = self._body["parameters"].items()
        return {name: Column(kept, self._size) for name, kept in found}

    @cached_property
    def fields(self) -> dict[str, list[Column]]:
        """Analysed number -> the arguments of `Estimate`, each a column."""
        return {
            name: [Column(each, self._size) for each in kept]
            for name, kept in self._body["estimates"].items()
        }

    @cached_property
    def estimates(self) -> dict[str, list[tuple[Any, ...]]]:
        """Analysed number -> the arguments of `Estimate`, of each point together."""
        return {
            name: list(zip(*(each.values for each in columns), strict=True))
            for name, columns in self.fields.items()
        }

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> PointResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[PointResult]: ...
    def __getitem__(self, index: int | slice) -> PointResult | list[PointResult]:
        if isinstance(index, slice):
            return list(self)[index]
        return next(itertools.islice(self, range(self._size)[index], None))

    def __iter__(self) -> Iterator[PointResult]:
        from qbatch.result import Estimate

        always, get = itertools.repeat, self.column
        ids, shots = self.ids, get("shots")
        done = always(JobState.COMPLETED)
        of_job = (get("generation"), get("provider_job_id"), get("status"), always(""))
        jobs = map(Job, ids, done, *of_job, get("cost"), get("unit"))
        told = (get(name) for name in ("name", "circuit", "backend"))
        swept = {name: column.values for name, column in self.parameters.items()}
        asked = (shots, get("repeat"), get("seed"), self._dicts(swept), jobs)
        placed = (always(True), get("ordinal"), get("setting"), shots, always(0), always(None))
        kept = (always(self._run), get("submitted_at"), get("at"), always(None), always(None))
        estimates = self._dicts(
            {name: itertools.starmap(Estimate, fields) for name, fields in self.estimates.items()}
        )
        sent = (get("composite"), always(""))
        return map(PagedPoint, ids, *told, *asked, *placed, *sent, *kept, estimates)

    def _dicts(self, columns: Mapping[str, Iterable[Any]]) -> Iterator[dict[str, Any]]:
        """Yield for each point what stands in these columns, by name."""
        if not columns:
            return ({} for _ in range(self._size))
        return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


class Pages:
    """The file of a run folder: read from its beginning to its end, and written anew meanwhile.

    Nothing is written where all of it was believed, or where the folder takes no file.

    Args:
        run: What it is of.
        folder: The run folder.
    """

    def __init__(self, run: Folder, folder: Path) -> None:
        self._run = run
        self._path = folder / NAME
        self._old: IO[bytes] | None = None
        self._next: tuple[int, int, int, bytes] | None = None
        self._draft: IO[bytes] | None = None
        self._kept = len(_BEGIN)
        self._is_readonly = False
        self._num_pages = 0

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._old = self._path.open("rb")
            if self._old.read(len(_BEGIN)) == _BEGIN:
                self._read_head()
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._old, self._draft):
            if file is not None:
                file.close()
        if self._draft is not None:
            with suppress(OSError):
                Path(self._draft.name).unlink(missing_ok=True)

    def read(self, first: int, size: int, checks: Callable[[], str]) -> Page | None:
        """Return the page of a stretch, if there is one to be believed.

        Args:
            first: Place of the stretch's first point.
            size: How many points it has.
            checks: Tells the check values of its rows now.
        """
        while self._next is not None and self._next[0] < first:
            self._skip()
        if self._next is None or self._next[:2] != (first, size) or self._old is None:
            return None
        *_, length, digest = self._next
        body = self._old.read(length)
        if self._digest(first, checks(), body) != digest:
            self._begin()
            self._read_head()
            return None
        if self._draft is not None:
            self._write(_HEAD.pack(first, size, length, digest) + body)
        self._kept = self._old.tell()
        self._num_pages += 1
        self._read_head()
        return Page(self._run, json.loads(body), size)

    def keep(
        self, first: int, found: Sequence[Sequence[Any]], points: Sequence[PointResult]
    ) -> None:
        """Keep what was read from rows of `SELECT`, if it makes a page."""
        body = _body_of(found, points)
        if body is not None:
            self._begin()
            self._num_pages += 1
            checks = ",".join(map(_check_of, found))
            head = _HEAD.pack(first, len(points), len(body), self._digest(first, checks, body))
            self._write(head + body)

    def _digest(self, first: int, checks: str, body: bytes) -> bytes:
        """Of a page, its rows' check values, and what was made of them by: analysis and doubts."""
        told = f"{first} {_columns()} {self._run.analysis_key} {MARK} {checks}\n"
        found = hashlib.blake2b(told.encode(), digest_size=16)
        found.update(body)
        return found.digest()

    def finish(self) -> None:
        """Put what was kept in place: all has been read."""
        if self._next is not None:
            self._begin()
        if self._draft is None or not self._num_pages:
            return
        with suppress(OSError):
            self._draft.close()
            Path(self._draft.name).replace(self._path)

    def _read_head(self) -> None:
        self._next = None
        if self._old is None:
            return
        head = self._old.read(_HEAD.size)
        if len(head) == _HEAD.size:
            found = _HEAD.unpack(head)
            self._next = found if found[2] <= _MOST_BYTES else None

    def _skip(self) -> None:
        assert self._next is not None
        assert self._old is not None
        self._begin()
        self._old.seek(self._next[2], 1)
        self._read_head()

    def _begin(self) -> None:
        """From now on all is written: so far the old file is as it should be."""
        if self._draft is not None or self._is_readonly:
            return
        try:
            self._draft = draft_beside(self._path).open("wb")
        except OSError:
            self._is_readonly = True
            return
        self._write(_BEGIN)
        if self._old is not None and self._kept > len(_BEGIN):
            back = self._old.tell()
            self._old.seek(len(_BEGIN))
            left = self._kept - len(_BEGIN)
            while left and (piece := self._old.read(min(left, 1 << 20))):
                self._write(piece)
                left -= len(piece)
            self._old.seek(back)

    def _write(self, piece: bytes) -> None:
        if self._draft is None:
            return
        try:
            self._draft.write(piece)
        except OSError:  # no room: what is there already stays
            self._is_readonly = True
            with suppress(OSError):
                self._draft.close()
            with suppress(OSError):
                Path(self._draft.name).unlink(missing_ok=True)
            self._draft = None


def is_whole(folder: Path) -> bool:
    """Whether the file, if there is one, reads as pages from its beginning to its end.

    Whether these are of the rows as they are now, a report finds out.
    """
    try:
        with (folder / NAME).open("rb") as file:
            if file.read(len(_BEGIN)) != _BEGIN:
                return False
            while head := file.read(_HEAD.size):
                length = _HEAD.unpack(head)[2] if len(head) == _HEAD.size else -1
                if not 0 <= length <= _MOST_BYTES or len(file.read(length)) < length:
                    return False
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _check_of(row: Sequence[Any]) -> str:
    point, job, result = parts_of(row)
    return f"{point.crc} {job.crc} {result.crc}"


def _body_of(found: Sequence[Sequence[Any]], points: Sequence[PointResult]) -> bytes | None:
    """The columns of these points; None where they make no page."""
    parts = [parts_of(row) for row in found]
    if not points or not all(map(_is_plain, points, parts)):
        return None
    names, numbers = tuple(points[0].parameters), tuple(points[0].estimates)
    if {(*point.parameters,) for point in points} != {names}:
        return None
    if {(*point.estimates,) for point in points} != {numbers}:
        return None
    columns: dict[str, list[Any]] = {
        **{name: [getattr(point, name) for point in points] for name in _COLUMNS},
        **{name: [getattr(point.job, name) for point in points] for name in _OF_JOB},
        "submitted_at": [job.submitted_at for _, job, _ in parts],
        "at": [result.at for *_, result in parts],
    }
    body: dict[str, Any] = {name: packed(values) for name, values in columns.items()}
    body["parameters"] = {
        name: packed([point.parameters[name] for point in points]) for name in names
    }
    estimates = {name: [point.estimates[name] for point in points] for name in numbers}
    body["estimates"] = {
        name: [packed(list(column)) for column in zip(*map(_fields_of, found), strict=True)]
        for name, found in estimates.items()
    }
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def _is_plain(point: PointResult, parts: tuple[rows.Point, rows.Job, rows.Result]) -> bool:
    """Whether there is nothing to be said of a point but what has a column."""
    stored, job, result = parts
    is_alone = not point.pieces and stored.wanted is None and stored.content is None
    if not is_alone or point.state is not JobState.COMPLETED or job.error:
        return False
    facts = result.facts
    is_doubtful = '"engine"' in facts and f'"{MARK}"' not in facts
    return not is_doubtful and '"warning"' not in facts and point.has_kept_estimates


def _columns() -> str:
    """Which columns the code makes and reads."""
    from qbatch.result import Estimate

    return ",".join((str(FORMAT), *_COLUMNS, *_OF_JOB, *Estimate.__slots__))


def _fields_of(estimate: Estimate) -> tuple[float | None, ...]:
    return tuple([getattr(estimate, name) for name in estimate.__slots__])
