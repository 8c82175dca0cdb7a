"""What must hold of every row, for who reads a table as a whole: sums, counts, a point's moves.

Rules: a row that is read by itself is checked as it is read. Before anything is counted, summed or
searched for, each row of the tables it comes from was checked once by this reader; after that SQL
may add up. What rots on a disk rots at rest, so once is enough.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qbatch.frozen import dataclass
from qbatch.purchase import ASKED, AT_WORK, ENDED
from qbatch.snapshot import attempts, ledger, rows
from qbatch.snapshot.faults import translated
from qbatch.snapshot.reading import check_planned, checked, num_planned, steady
from qbatch.snapshot.schema import (
    Mismatch,
    checked_job,
    checked_point,
    crc_of,
    result_crc,
)

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is read of a table, and what must hold of it.

    Attributes:
        kind: Its rows, without what is large: enough to check one.
        check: Raises a ValueError for a row that is not as it was written.
        num_keys: So many columns tell it from others, and grow from row to row.
        large: A column that may be large and the one with its CRC; None: there is none.
    """

    kind: type[NamedTuple]
    check: Callable[[Row], object]
    num_keys: int = 1
    large: tuple[str, str] | None = None

    @property
    def columns(self) -> str:
        """What to select of such a row, where nothing else is selected."""
        return ", ".join(self.kind._fields)

    @property
    def all_columns(self) -> str:
        """The same, and what is large behind it."""
        return ", ".join((*self.kind._fields, *(self.large or ())[:1]))


def _by_crc(name: str) -> Callable[[Row], None]:
    def check(row: Row) -> None:
        if row[-1] != crc_of(row[:-1]):
            raise Mismatch(name.format(*row))

    return check


COMPOSITE_COLUMNS = rows.columns("composites", rows.Composite)
NUM_COMPOSITE_COLUMNS = len(rows.Composite._fields)


def checked_composite(row: Row) -> rows.Composite:
    """Read the columns `COMPOSITE_COLUMNS` at the head of `row`.

    Raises:
        Mismatch: They do not match their CRCs.
    """
    sent = rows.Composite._make(row[:NUM_COMPOSITE_COLUMNS])
    moved = (sent.ordinal, sent.stage, sent.created_at, sent.sent_at, sent.closed_at)
    settled = sent[: rows.Composite._fields.index("crc")]
    if sent.crc != crc_of(settled) or sent.moved != crc_of(moved):
        raise Mismatch(f"composite job row {sent.ordinal}")
    return sent


def _check_result(row: Row) -> None:
    if row[-1] != result_crc(*row[:-1]):
        raise Mismatch(f"result row {row[0]}")


RULES = {
    "meta": Rule(rows.Fact, _by_crc("fact {0!r}")),
    "settings": Rule(rows.Setting, _by_crc("setting {0!r}"), large=("body", "body_crc")),
    "points": Rule(rows.Point, checked_point),
    "places": Rule(rows.Place, _by_crc("place {0}")),
    "jobs": Rule(rows.Job, lambda row: checked_job(rows.Job._make(row), "")),
    "composites": Rule(rows.Composite, checked_composite),
    "intents": Rule(rows.Intent, _by_crc("intent row {0}"), large=("body", "body_crc")),
    "events": Rule(rows.Move, _by_crc("event {0}")),
    "attempts": Rule(rows.Attempt, attempts.read, num_keys=2),
    "ledger": Rule(rows.Purchase, ledger.read, num_keys=2),
    "results": Rule(rows.Result, _check_result, large=("statevector", "vector_crc")),
    "raw": Rule(
        rows.Reply, _by_crc("reply {2!r} of row {0}"), num_keys=3, large=("body", "body_crc")
    ),
}


def check_large(table: str, row: Row) -> None:
    """Raise `Mismatch` unless the large value at the end of `row` matches the CRC in it."""
    rule = RULES[table]
    assert rule.large is not None
    crc = row[rule.kind._fields.index(rule.large[1])]
    value = row[-1]
    if (None if value is None else zlib.crc32(value)) != crc:
        raise Mismatch(f"{rule.large[0]} of {table} row {row[0]}")


def checked_rows(db: sqlite3.Connection, table: str) -> Iterator[Row]:
    """Yield the rows of a table, without what is large; each is whole, and none comes twice.

    Raises:
        ValueError: One is damaged.
    """
    rule = RULES[table]
    last: Row | None = None
    for row in db.execute(f"SELECT {rule.columns} FROM {table}"):
        rule.check(row)
        key = row[: rule.num_keys]
        if last is not None and key <= last:
            raise Mismatch(f"{table} row {key} is out of order")
        last = key
        yield row


@dataclass(frozen=True, slots=True)
class Link:
    """What one table says of another: a table that lost all of its rows is whole by itself.

    Attributes:
        lost: What is missing, in words.
        sql: Finds a row that tells of one that is missing.
    """

    lost: str
    sql: str


_PURCHASES = "CAST((SELECT value FROM meta WHERE key = 'purchases') AS INTEGER)"

#: Each job stands where its latest move says: a page that was put back may be whole, and older.
LATEST_MOVES = Link(
    "moves of jobs",
    "SELECT 1 FROM jobs LEFT JOIN (SELECT job, max(seq), state, at FROM events"
    " WHERE job IS NOT NULL GROUP BY job) AS moves ON moves.job = jobs.ordinal"
    " WHERE CASE WHEN moves.job IS NULL THEN jobs.crc <> 0"
    " ELSE moves.state <> jobs.state OR moves.at <> jobs.updated_at END",
)

#: What is at a provider is in a composite job that is there too.
STAGES = Link(
    "moves of composite jobs",
    "SELECT 1 FROM jobs JOIN composites ON composites.ordinal = jobs.composite"
    f" WHERE state IN {rows.among(AT_WORK)} AND stage NOT IN {rows.among(ASKED)}",
)

#: Table -> how it is seen that rows of it are missing.
LINKS = {
    "jobs": LATEST_MOVES,
    "settings": Link(
        "settings of points",
        "SELECT 1 FROM points WHERE setting <> '' AND setting NOT IN (SELECT key FROM settings)",
    ),
    "composites": Link(
        "composite jobs",
        "SELECT 1 FROM jobs WHERE composite IS NOT NULL"
        " AND composite NOT IN (SELECT ordinal FROM composites)",
    ),
    "intents": Link(
        "intents of composite jobs",
        f"SELECT 1 FROM composites WHERE stage IN {rows.among(ASKED)}"
        " AND sent_at IS NOT NULL AND ordinal NOT IN (SELECT composite FROM intents)",
    ),
    "attempts": Link(
        "attempts at points",
        f"SELECT 1 FROM events WHERE job IS NOT NULL AND state IN {rows.among(ENDED)}"
        " AND job NOT IN (SELECT job FROM attempts)",
    ),
    "places": Link(
        "places of points",
        "SELECT 1 WHERE coalesce(CAST((SELECT value FROM meta WHERE key = 'places') AS INTEGER), 0)"
        " <> (SELECT count(*) FROM places)",
    ),
    "ledger": Link("purchases", f"SELECT 1 WHERE {_PURCHASES} <> (SELECT count(*) FROM ledger)"),
}


#: What is compared, and looked through, before the next holder may be told that it was: all that
#: purchases are known by. "moves" as `Trust.check` has it.
OF_PURCHASES = ("composites", "intents", "ledger", "attempts", "moves")


def check_link(db: sqlite3.Connection, link: Link | None) -> None:
    """Raise `Mismatch` where another table tells of rows that are not there."""
    if link is not None and db.execute(f"{link.sql} LIMIT 1").fetchone() is not None:
        raise Mismatch(f"{link.lost} are missing")


class Trust:
    """What one reader has checked so far.

    Args:
        db: Its connection.
        path: Of the snapshot.
        is_sound: The rows of `OF_PURCHASES` stand as the last holder left them, who had checked:
            that none is missing, and that jobs stand where their moves say, is not asked again.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, *, is_sound: bool = False) -> None:
        self._db = db
        self._path = path
        self._is_sound = is_sound
        self._checked: set[str] = set()

    @property
    def has_checked_purchases(self) -> bool:
        """Whether all was looked through by which purchases are known."""
        return self._checked.issuperset(OF_PURCHASES)

    def check(self, *tables: str) -> None:
        """Check each row of these tables, unless that was done.

        Two more are checked at the speed of SQL: "positions", where points stand in the plan, and
        "moves", whether each job stands where its latest move and its composite job say.

        Raises:
            SnapshotError: One is damaged, or rows are missing.
        """
        for table in tables:
            if table in self._checked:
                continue
            with translated(self._path), checked(self._path):
                if table == "positions":
                    self._check_positions()
                elif table == "moves":
                    if not self._is_sound:
                        check_link(self._db, LATEST_MOVES)
                    check_link(self._db, STAGES)
                else:
                    for _ in checked_rows(self._db, table):
                        pass
                    if not (self._is_sound and table in OF_PURCHASES):
                        check_link(self._db, LINKS.get(table))
            self._checked.add(table)

    def _check_positions(self) -> None:
        """Whether each point stands where its CRC says that it does: at the speed of SQL."""
        with steady(self._db):
            wrong = self._db.execute(
                "SELECT ordinal FROM points WHERE crc >> 32 <> coalesce(position + 1, 0) LIMIT 1"
            ).fetchone()
            planned = self._db.execute("SELECT count(position) FROM points NOT INDEXED").fetchone()
            expected, _ = num_planned(self._db)
        if wrong is not None:
            raise Mismatch(f"point row {wrong[0]}")
        check_planned(planned[0], expected, self._path)
