"""Points of a folder that an earlier version of qbatch began: their ids are made anew.

The id under which a job was sent stays for life: its names and keys at the provider come from it.
Beside it stands, as `content`, the id that the point has now, by which the plan finds it again; so
nothing is bought twice. What the content may be is told by the plan (`qbatch.plan.pinning.former`).
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qbatch.job import JobState
from qbatch.snapshot import rows
from qbatch.snapshot.reading import BY_CONTENT, IDS, write_meta
from qbatch.snapshot.schema import (
    POINT_COLUMNS,
    Mismatch,
    StoredPoint,
    point_from_row,
    point_values,
)


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
