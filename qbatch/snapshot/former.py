"""A folder that an earlier version of qbatch began: its points' ids are made anew, and what its
attempts bought is noted.

The id under which a job was sent stays for life: its names and keys at the provider come from it.
Beside it stands, as `content`, the id that the point has now, by which the plan finds it again; so
nothing is bought twice. What the content may be is told by the plan (`qbatch.plan.pinning.former`).

What an attempt bought is told by its point's row where that cannot have changed since: never before
version 3, and then not while it is bought. Of others only the first shot is certain.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.purchase import BOUGHT
from qbatch.snapshot import rows
from qbatch.snapshot.bought import UNTOLD, Bought, purchase_values
from qbatch.snapshot.reading import BY_CONTENT, IDS, write_meta
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    Mismatch,
    StoredPoint,
    checked_point,
    job_from_row,
    point_from_row,
    point_values,
)
from qbatch.snapshot.trust import COMPOSITE_COLUMNS, RULES, checked_composite

#: The last version in which what a row buys never changed.
_FIXED_SHOTS = 2


@dataclass(frozen=True, slots=True)
class Former:
    """What a plan tells of ids of a former kind.

    Attributes:
        planned: Yields the ids of the plan, as they are now.
        ids_of: (point, its setting) -> its id now, where `shots` is a number and where an axis.
    """

    planned: Callable[[], Iterable[str]]
    ids_of: Callable[[StoredPoint, Mapping[str, Any]], tuple[str, str]]


def convert(db: sqlite3.Connection, former: Former) -> None:
    """Note for each point the id that it has now, inside the caller's transaction.

    Of several that have the same one now (they differed in their shots, or in how their circuit was
    written), that of the plan has it, else the first that was bought; the others keep their own.

    Raises:
        Mismatch: A row is damaged, or it was bought and what its id was made of is lost.
    """
    db.execute("CREATE TEMP TABLE wanted(id BLOB PRIMARY KEY) WITHOUT ROWID")
    db.executemany(
        "INSERT OR IGNORE INTO wanted VALUES (?)",
        ((bytes.fromhex(id_),) for id_ in former.planned()),
    )
    taken: set[str] = set()
    ordinals = db.execute(
        "SELECT ordinal FROM points JOIN jobs USING (ordinal)"
        " ORDER BY position IS NULL, state = 'created', ordinal"
    ).fetchall()
    for ordinal in ordinals:
        sql = f"SELECT {POINT_COLUMNS}, state FROM points JOIN jobs USING (ordinal)"
        *row, state = db.execute(f"{sql} WHERE ordinal = ?", ordinal).fetchone()
        point = point_from_row(row)
        content = _content_of(db, former, point, JobState(state))
        if content == point.id or content in taken:
            continue
        taken.add(content)
        values = point_values(replace(point, content=content), rows.Point._make(row).position)
        db.execute(
            "UPDATE points SET content = ?, crc = ? WHERE ordinal = ?",
            (values.content, values.crc, point.ordinal),
        )
    db.execute("DROP TABLE wanted")
    write_meta(db, {IDS: BY_CONTENT})


def _content_of(db: sqlite3.Connection, former: Former, point: StoredPoint, state: JobState) -> str:
    found = db.execute("SELECT body FROM settings WHERE key = ?", (point.setting,)).fetchone()
    if found is None:
        if state is not JobState.CREATED:
            raise Mismatch(f"the setting of {point.name} is lost, and with it what it is now")
        return point.id
    as_number, as_axis = former.ids_of(point, json.loads(zlib.decompress(found[0])))
    for id_ in (as_axis, as_number):
        key = (bytes.fromhex(id_),)
        if db.execute("SELECT 1 FROM wanted WHERE id = ?", key).fetchone() is not None:
            return id_
    return as_axis if "shots=" in point.name else as_number


def note_bought(db: sqlite3.Connection, version: int) -> None:
    """Note what each attempt and each purchase bought, as far as it is certain.

    Rows that are damaged stay so, and are refused where they are read.

    Args:
        db: With the tables as they are now, inside the caller's transaction.
        version: In which it was written.
    """
    sent = _sent_in(db)
    for table in ("attempts", "ledger"):
        rule, noted = RULES[table], []
        at = rule.kind._fields.index("crc")
        for row in db.execute(f"SELECT {rule.columns} FROM {table}"):
            try:
                rule.check(row)
                if row[at + 1 :] != UNTOLD:
                    continue
                bought = _bought_by(db, version, row[0], row[1], sent.get((row[0], row[1])))
            except ValueError:
                continue
            noted.append(purchase_values(row[:at], bought))
        db.executemany(f"REPLACE INTO {table} VALUES ({rows.marks(rule.kind)})", noted)


def _sent_in(db: sqlite3.Connection) -> dict[tuple[int, int], int]:
    """(Row of a point, generation) -> row of the composite job it was sent in last."""
    found: dict[tuple[int, int], int] = {}
    for row in db.execute(f"SELECT {COMPOSITE_COLUMNS} FROM composites ORDER BY ordinal"):
        try:
            sent = checked_composite(row)
        except ValueError:
            continue
        if sent.sent_at is not None:
            for child in json.loads(sent.jobs):
                found[child, sent.generation] = sent.ordinal
    return found


def _bought_by(
    db: sqlite3.Connection, version: int, ordinal: int, generation: int, composite: int | None
) -> Bought:
    row = db.execute(
        f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal)"
        " WHERE points.ordinal = ?",
        (ordinal,),
    ).fetchone()
    if row is None:
        return Bought(composite)
    point, job = checked_point(row), job_from_row(row[NUM_POINT_COLUMNS:], "").job
    is_still_bought = job.generation == generation and job.state in BOUGHT
    if version > _FIXED_SHOTS and not is_still_bought:
        return Bought(composite, point.start)
    return Bought(composite, point.start, point.shots, point.setting or "")
