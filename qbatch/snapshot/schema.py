"""The tables of ``snapshot.db``, version 4, and how a row is turned into a value and back.

Rules: a row that changes is small and never shares a page with one that does not (`jobs` beside
`points`, `intents` beside `composites`), and no index stands on anything that changes: so a step
costs the same at a hundred and at a million jobs. Every row carries a CRC over all of its values
(large ones stand in it by their own CRC); a row that does not match is damage, never an answer.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from qbatch.frozen import dataclass
from qbatch.job import Job, JobState
from qbatch.snapshot import rows

SCHEMA_VERSION = 4

APPLICATION_ID = 0x71626368

#: Small pages: a step dirties two or three of them, and each is written whole.
PAGE_BYTES = 2048

TABLES = """
CREATE TABLE meta(
    key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a job buys: `shots` shots of a point, from `start` on, and what that point is, written when
-- it is planned. The row with start 0 is the point's own. It may have no shots, then it has no job.
-- Its `wanted` says how many the plan asks for, where that is another number than its own.
-- Position is NULL once the plan does not need it any more. `crc` holds it once more, above its 32
-- bits, so that a plan is changed without reading its rows.
-- `id` never changes: what a job is called at its provider is made from it. `content` is the id of
-- the point where that is another one, else NULL.
CREATE TABLE points(
    ordinal INTEGER PRIMARY KEY, id BLOB NOT NULL, position INTEGER, name TEXT NOT NULL,
    circuit TEXT NOT NULL, backend TEXT NOT NULL, shots INTEGER NOT NULL, repeat INTEGER NOT NULL,
    seed INTEGER NOT NULL, parameters TEXT NOT NULL, setting TEXT, crc INTEGER NOT NULL,
    content BLOB, start INTEGER NOT NULL DEFAULT 0, wanted INTEGER
) STRICT;
CREATE UNIQUE INDEX points_by_id ON points(id);
CREATE INDEX points_by_position ON points(position) WHERE position IS NOT NULL;
CREATE INDEX points_by_content ON points(content) WHERE content IS NOT NULL;

-- Where else in the plan a point stands: places of the sweep that come to one content.
CREATE TABLE places(
    position INTEGER PRIMARY KEY, point INTEGER NOT NULL, name TEXT NOT NULL,
    circuit TEXT NOT NULL, backend TEXT NOT NULL, shots INTEGER NOT NULL, repeat INTEGER NOT NULL,
    parameters TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT;

-- What many points share (circuit text, backend settings), deflated JSON. It goes into their ids.
CREATE TABLE settings(
    key TEXT PRIMARY KEY, body_crc INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Where a point is. A row is made with room to grow: else its first move would split its page.
CREATE TABLE jobs(
    ordinal INTEGER PRIMARY KEY, state TEXT NOT NULL, generation INTEGER NOT NULL,
    composite INTEGER, provider_job_id TEXT, status TEXT NOT NULL, error TEXT NOT NULL,
    cost REAL, unit TEXT NOT NULL, submitted_at REAL, updated_at REAL NOT NULL,
    crc INTEGER NOT NULL, room BLOB
) STRICT;

-- `moved` is the CRC of what changes as it moves: stage and times.
CREATE TABLE composites(
    ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL, backend TEXT NOT NULL,
    generation INTEGER NOT NULL, jobs TEXT NOT NULL, num_jobs INTEGER NOT NULL, memo TEXT NOT NULL,
    crc INTEGER NOT NULL, stage TEXT NOT NULL, created_at REAL NOT NULL, sent_at REAL,
    closed_at REAL, moved INTEGER NOT NULL
) STRICT;
-- The last one of each composite job. Another attempt at buying is another composite job.
CREATE TABLE intents(
    composite INTEGER PRIMARY KEY, key TEXT NOT NULL, at REAL NOT NULL, body_crc INTEGER NOT NULL,
    crc INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;

-- All moves. A step that moves no job leaves a row as well: `seq` tells whether steps are missing.
CREATE TABLE events(
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, job INTEGER, state TEXT NOT NULL,
    note TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT;

-- Attempts that ended without a result, written as they end. From `composite` on: what was bought,
-- as it was then, for a point may ask for others now. NULL: an earlier version did not keep it.
CREATE TABLE attempts(
    job INTEGER NOT NULL, generation INTEGER NOT NULL, state TEXT NOT NULL, provider_job_id TEXT,
    status TEXT NOT NULL, error TEXT NOT NULL, cost REAL, unit TEXT NOT NULL, submitted_at REAL,
    ended_at REAL NOT NULL, crc INTEGER NOT NULL, composite INTEGER, start INTEGER, shots INTEGER,
    setting TEXT, PRIMARY KEY (job, generation)
) STRICT, WITHOUT ROWID;

-- What purchases cost: an entry per attempt that may be billed. From `composite` on as in attempts.
CREATE TABLE ledger(
    job INTEGER NOT NULL, generation INTEGER NOT NULL, backend TEXT NOT NULL, unit TEXT NOT NULL,
    quoted REAL NOT NULL, quoted_by TEXT NOT NULL, reserved REAL NOT NULL, billed REAL,
    billed_by TEXT NOT NULL, refunded REAL NOT NULL, refunded_by TEXT NOT NULL,
    crc INTEGER NOT NULL, composite INTEGER, start INTEGER, shots INTEGER, setting TEXT,
    PRIMARY KEY (job, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE results(
    ordinal INTEGER PRIMARY KEY, at REAL NOT NULL, counts BLOB NOT NULL, facts TEXT NOT NULL,
    analysis TEXT NOT NULL, estimates TEXT NOT NULL, vector_crc INTEGER, crc INTEGER NOT NULL,
    statevector BLOB
) STRICT;

-- Replies as sent, deflated. Secrets were removed by the driver.
CREATE TABLE raw(
    job INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, body_crc INTEGER NOT NULL,
    crc INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (job, at, kind)
) STRICT, WITHOUT ROWID;
"""


_BOUGHT = tuple(
    f"CREATE TEMP VIEW {table} AS SELECT *, NULL AS composite, NULL AS start, NULL AS shots,"
    f" NULL AS setting FROM main.{table}"
    for table in ("attempts", "ledger")
)
_POINTS = (
    "CREATE TEMP VIEW points AS SELECT *, NULL AS content, 0 AS start, NULL AS wanted"
    " FROM main.points",
    "CREATE TEMP VIEW places AS SELECT 0 AS position, 0 AS point, '' AS name, '' AS circuit,"
    " '' AS backend, 0 AS shots, 0 AS repeat, '' AS parameters, 0 AS crc WHERE 0",
)

#: A version that can be read as it is, and is written anew by the next run -> what its readers see
#: in place of what its tables do not have.
FORMER_VIEWS = {2: (*_POINTS, *_BOUGHT), 3: _BOUGHT}


class Mismatch(ValueError):
    """A row's CRC does not match: the text names the row."""


def crc_of(values: Sequence[Any]) -> int:
    """Check value of a row, from the exact values SQLite gives back."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def with_crcs(found: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield rows with their check values: in half the time, where only the first column differs.

    Args:
        found: Rows that begin with a whole number; none has -0.0 or True in it, which are equal to
            what is written in another way.
    """
    rest: tuple[Any, ...] = ()
    told = b""
    for row in found:
        if row[1:] != rest:
            rest = row[1:]
            told = repr(rest)[1:].encode("utf-8", "surrogatepass")
        yield (*row, zlib.crc32(told, zlib.crc32(b"(%d, " % row[0])))


def event_rows(
    first: int, at: float, moves: Iterable[tuple[int | None, str]], note: str
) -> list[tuple[Any, ...]]:
    """Return rows of moves that are made together.

    Args:
        first: The number of the first.
        at: When.
        moves: Row of a job, and its state.
        note: Why.
    """
    written, rows_ = repr(at), []
    for seq, (job, state) in enumerate(moves, first):
        told = f"({seq}, {written}, {job}, {state!r}, {note!r})"
        crc = zlib.crc32(told.encode("utf-8", "surrogatepass"))
        rows_.append((seq, at, job, state, note, crc))
    return rows_


def crc_with_more(before: Sequence[Any], more: tuple[Any, ...], silent: tuple[Any, ...]) -> int:
    """Check value of a row whose last columns came with a later version.

    Args:
        before: The columns that there always were.
        more: The others.
        silent: What stands in these where they say nothing, as in the rows of before.
    """
    return crc_of(before if more == silent else (*before, *more))


_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def dump(value: Any) -> str:
    """Compact JSON; keys keep their order."""
    return _COMPACT.encode(value)


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """What a job buys of a sweep point; attributes not told here as in `plan.SweepPoint`.

    Attributes:
        id: Of its job, and the point's own, unless `content` says otherwise.
        shots: That the job buys.
        setting: Key of its canonical setting, "" when none was kept.
        ordinal: Its row; stays for life.
        in_plan: False when the manifest no longer has it.
        content: The point's own id, where its job has another one: it buys further shots, or was
            planned by an earlier qbatch; else "".
        start: So many shots of the point's sample come before.
        wanted: How many the plan asks for, where it is the point's own row and that is another
            number than `shots`; else None.
        same_as: Name of the place before it that comes to the same content; "" where it is stored.
    """

    id: str
    name: str
    circuit: str
    backend: str
    shots: int
    repeat: int
    parameters: tuple[tuple[str, bool | int | float | str], ...]
    seed: int
    setting: str = ""
    ordinal: int = -1
    in_plan: bool = True
    content: str = ""
    start: int = 0
    wanted: int | None = None
    same_as: str = ""

    @property
    def point_id(self) -> str:
        """The point's own id."""
        return self.content or self.id


class StoredPart(NamedTuple):
    """What a job buys of a point, and no more; attributes as in `StoredPoint`."""

    id: str
    point_id: str
    shots: int
    start: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with what the snapshot keeps beside it.

    Attributes:
        ordinal: Row of its point.
        composite: Row of the composite job it was last packed into.
        submitted_at: UTC, seconds since 1970; when its latest attempt was sent.
    """

    ordinal: int
    job: Job
    composite: int | None = None
    submitted_at: float | None = None
    updated_at: float = 0.0

    def with_job(self, job: Job) -> JobRow:
        """The row as it is once its job is `job`."""
        return JobRow(self.ordinal, job, self.composite, self.submitted_at, self.updated_at)

    def values(self, now: float) -> tuple[Any, ...]:
        """The row's columns before its CRC."""
        job = self.job
        return (
            self.ordinal,
            job.state.value,
            job.generation,
            self.composite,
            job.provider_job_id,
            job.status,
            job.error,
            None if job.cost is None else job.cost + 0.0,  # -0.0 would be kept as 0.0
            job.unit,
            None if self.submitted_at is None else float(self.submitted_at),
            float(now),
        )


JOB_COLUMNS = rows.columns("jobs", rows.Job)
NUM_JOB_COLUMNS = len(rows.Job._fields)

#: Bytes kept free in the row of a job that nothing has happened to.
ROOM_BYTES = 64

#: Columns of such a job between `ordinal` and its CRC, which is 0.
_PRISTINE = ("created", 1, None, None, "", "", None, "", None, 0.0)

POINT_COLUMNS = rows.columns("points", rows.Point)
NUM_POINT_COLUMNS = len(rows.Point._fields)
#: Its CRC is of the columns before, and of what stands behind if that says anything.
_POINT_CRC = rows.Point._fields.index("crc")
PLACE_COLUMNS = rows.columns("places", rows.Place)
NUM_PLACE_COLUMNS = len(rows.Place._fields)


def point_values(point: StoredPoint, position: int | None, parameters: str = "") -> rows.Point:
    """The row of a point that stands at `position` of the plan; None: nowhere.

    Args:
        point: The point.
        position: Counted from 0.
        parameters: Its `parameters_text`, where that is known.
    """
    values = (
        point.ordinal,
        bytes.fromhex(point.id),
        point.name,
        point.circuit,
        point.backend,
        point.shots,
        point.repeat,
        point.seed,
        parameters or parameters_text(point),
        point.setting,
    )
    content = bytes.fromhex(point.content) if point.content else None
    more = (content, point.start, point.wanted)
    return rows.Point(*values, _point_crc(values, position, more), position, *more)


def parameters_text(point: Any) -> str:
    """A point's parameters as they are kept: compact JSON."""
    if written := getattr(point, "written", ""):
        return str(written)
    if not point.parameters:
        return "[]"
    names, values = zip(*point.parameters, strict=True)
    if set(map(type, values)) == {float} and all(map(math.isfinite, values)):
        told: str = _format_of_floats(names) % values  # as JSON writes them, in a third of its time
        return told
    return dump([list(pair) for pair in point.parameters])


@lru_cache(maxsize=64)
def _format_of_floats(names: tuple[str, ...]) -> str:
    """Return the %-format of the JSON of parameters that are all floats."""
    parts = [f"[{dump(name).replace('%', '%%')},%r]" for name in names]
    return f"[{','.join(parts)}]"


#: Of a row as former versions wrote it, too.
_NO_MORE = (None, 0, None)


def _point_crc(values: Sequence[Any], position: object, more: tuple[Any, ...]) -> int:
    """Check value of a point."""
    return crc_with_more(values, more, _NO_MORE) + _placed(position)


def _placed(position: object) -> int:
    """What a point's position adds to its CRC."""
    if position is None:
        return 0
    if not isinstance(position, int):
        raise Mismatch("a point's position is no number")
    return position + 1 << 32


def decoded(texts: Sequence[str]) -> list[Any]:
    """Read many short JSON texts at once: a quarter of the time of one by one.

    Raises:
        ValueError: One is no JSON.
    """
    found: list[Any] = json.loads(f"[{','.join(texts)}]")
    return found


def checked_point(row: Sequence[Any]) -> rows.Point:
    """Read the columns `POINT_COLUMNS` at the head of `row`.

    Raises:
        Mismatch: They do not match their CRC.
    """
    point = rows.Point._make(row[:NUM_POINT_COLUMNS])
    more = (point.content, point.start, point.wanted)
    if point.crc != _point_crc(point[:_POINT_CRC], point.position, more):
        raise Mismatch(f"point row {point.ordinal}")
    return point


def point_from_row(row: Sequence[Any]) -> StoredPoint:
    """Read the columns `POINT_COLUMNS`."""
    point = checked_point(row)
    return StoredPoint(
        point.id.hex(),
        point.name,
        point.circuit,
        point.backend,
        point.shots,
        point.repeat,
        tuple((str(axis), value) for axis, value in json.loads(point.parameters)),
        point.seed,
        point.setting or "",
        point.ordinal,
        point.position is not None,
        "" if point.content is None else point.content.hex(),
        point.start,
        point.wanted,
    )


def part_from_row(row: Sequence[Any]) -> StoredPart:
    """Read of the columns `POINT_COLUMNS` what is bought; the whole row is checked."""
    point = checked_point(row)
    id_ = point.id.hex()
    point_id = id_ if point.content is None else point.content.hex()
    return StoredPart(id_, point_id, point.shots, point.start)


def place_values(point: Any, ordinal: int, position: int) -> tuple[Any, ...]:
    """Columns `PLACE_COLUMNS` of a point (`plan.SweepPoint`) that is the one at row `ordinal`."""
    told = (point.name, point.circuit, point.backend, point.shots, point.repeat)
    values = (position, ordinal, *told, parameters_text(point))
    return (*values, crc_of(values))


def place_from_row(row: Sequence[Any]) -> dict[str, Any]:
    """What stands in the columns `PLACE_COLUMNS`, by name."""
    place = rows.Place._make(row)
    if place.crc != crc_of(place[:-1]):
        raise Mismatch(f"place {place.position}")
    told = {
        name: getattr(place, name) for name in ("name", "circuit", "backend", "shots", "repeat")
    }
    return {**told, "parameters": dict(json.loads(place.parameters))}


def is_pristine(job: rows.Job) -> bool:
    """Whether nothing has happened to a job."""
    return job[1:-1] == _PRISTINE


def checked_job(job: rows.Job, job_id: str) -> Job:
    """Read the job in a row.

    Raises:
        Mismatch: They do not match their CRC.
    """
    is_new = job.crc == 0 and is_pristine(job)
    if not is_new and job.crc != crc_of(job[:-1]):
        raise Mismatch(f"job row {job.ordinal}")
    known = (job.provider_job_id, job.status, job.error, job.cost, job.unit)
    return Job(job_id, JobState(job.state), job.generation, *known)


def job_from_row(row: Sequence[Any], job_id: str) -> JobRow:
    """Read the columns `JOB_COLUMNS`."""
    job = rows.Job._make(row)
    return JobRow(
        job.ordinal, checked_job(job, job_id), job.composite, job.submitted_at, job.updated_at
    )


def result_crc(
    ordinal: int,
    at: float,
    counts: bytes,
    facts: str,
    analysis: str,
    estimates: str,
    vector_crc: int | None,
) -> int:
    """Check value of a result; its state vector, read only when asked for, has its own."""
    return crc_of((ordinal, at, zlib.crc32(counts), facts, analysis, estimates, vector_crc))
