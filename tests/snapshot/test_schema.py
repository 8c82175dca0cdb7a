"""Check values of rows, as a plain reader of the file makes them."""

from __future__ import annotations

import sqlite3
import zlib

from hypothesis import example, given
from hypothesis import strategies as st

from qbatch.job import Job, JobState
from qbatch.snapshot import JobRow, attempts, schema

TEXTS = st.text(st.characters(), max_size=4) | st.sampled_from(["", "it's", '"', "\ud800", "\n"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JOBS = st.builds(
    Job,
    id=st.just("0" * 64),
    state=st.sampled_from(JobState),
    generation=st.integers(1, 3),
    provider_job_id=st.none() | TEXTS,
    status=TEXTS,
    error=TEXTS,
    cost=st.none() | NUMBERS | st.integers(0, 2) | st.sampled_from([-0.0, 0.0]),
    unit=st.sampled_from(["", "eur"]),
)
#: Few jobs, so that rows behind one another are often alike.
ROWS = st.lists(JOBS, min_size=1, max_size=3).flatmap(
    lambda jobs: st.lists(
        st.builds(
            JobRow,
            ordinal=st.integers(1, 2**40),
            job=st.sampled_from(jobs),
            composite=st.none() | st.integers(1, 2),
            submitted_at=st.none() | st.sampled_from([0, 0.0, 1.5]),
        ),
        max_size=6,
    )
)


def check_value(row: tuple[object, ...]) -> int:
    return zlib.crc32(repr(row).encode("utf-8", "surrogatepass"))


def is_kept(row: tuple[object, ...]) -> bool:
    """Whether SQLite takes its texts: no lone surrogates."""
    return not any(isinstance(each, str) and max(each, default="") >= "\ud800" for each in row)


@given(ROWS, NUMBERS)
def test_a_job_is_read_with_the_check_value_that_it_was_written_with(
    rows: list[JobRow], now: float
) -> None:
    written = list(schema.with_crcs([row.values(now + 0.0) for row in rows]))
    assert [row[-1] for row in written] == [check_value(row[:-1]) for row in written]
    with sqlite3.connect(":memory:") as db:
        db.executescript(schema.TABLES)
        for row in filter(is_kept, written):
            db.execute(f"INSERT OR REPLACE INTO jobs VALUES ({', '.join('?' * 12)}, NULL)", row)
        for found in db.execute("SELECT * FROM jobs"):
            assert found[-2] == check_value(found[:-2])


@given(ROWS)
@example([JobRow(1, Job("0" * 64, JobState.FAILED, cost=-0.0))])
def test_an_attempt_is_read_as_it_was_written(rows: list[JobRow]) -> None:
    kept = [row for row in rows if is_kept(row.values(0.0))]
    with sqlite3.connect(":memory:") as db:
        db.executescript(schema.TABLES)
        attempts.save(db, kept, 1.0)
        for found in db.execute(f"SELECT {attempts.COLUMNS} FROM attempts"):
            attempts.read(found)  # its check value is


@given(
    st.integers(1, 2**40),
    NUMBERS,
    st.lists(st.tuples(st.none() | st.integers(1, 2**40), st.sampled_from(["", "held"]))),
    TEXTS,
)
def test_moves_have_the_check_values_of_their_rows(
    first: int, at: float, moves: list[tuple[int | None, str]], note: str
) -> None:
    rows = schema.event_rows(first, at, moves, note)
    assert [row[:-1] for row in rows] == [
        (first + number, at, job, state, note) for number, (job, state) in enumerate(moves)
    ]
    assert [row[-1] for row in rows] == [check_value(row[:-1]) for row in rows]
