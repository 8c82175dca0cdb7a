"""The tables of a damaged snapshot: every row whose CRC holds, and where rows may be missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from qbatch.snapshot import rows
from qbatch.snapshot.trust import RULES, Row, check_large

_Kind = TypeVar("_Kind")


@dataclass
class Table(Generic[_Kind]):
    """What could be read of a table.

    Attributes:
        rows: Key -> row; whole ones only.
        damaged: Of the others, what tells them from one another, as it reads.
        is_torn: More may be missing: its pages do not hang together.
    """

    rows: dict[Any, _Kind] = field(default_factory=dict)
    damaged: list[Any] = field(default_factory=list)
    is_torn: bool = False

    @property
    def is_whole(self) -> bool:
        return not (self.damaged or self.is_torn)


@dataclass
class Tables:
    """What could be read of all of them, by their names."""

    meta: Table[rows.Fact] = field(default_factory=Table)
    settings: Table[rows.Setting] = field(default_factory=Table)
    points: Table[rows.Point] = field(default_factory=Table)
    places: Table[rows.Place] = field(default_factory=Table)
    jobs: Table[rows.Job] = field(default_factory=Table)
    composites: Table[rows.Composite] = field(default_factory=Table)
    intents: Table[rows.Intent] = field(default_factory=Table)
    events: Table[rows.Move] = field(default_factory=Table)
    attempts: Table[rows.Attempt] = field(default_factory=Table)
    ledger: Table[rows.Purchase] = field(default_factory=Table)
    results: Table[rows.Result] = field(default_factory=Table)
    raw: Table[rows.Reply] = field(default_factory=Table)

    def fact(self, key: str) -> str | None:
        """A fact of the run as a whole; None: it is lost, or never was."""
        found = self.meta.rows.get(key)
        return None if found is None else found.value


def read_tables(db: sqlite3.Connection, *, is_doubtful: bool = False) -> Tables:
    """Read every row of every table that is whole, and note where rows may be missing.

    Args:
        db: Of a copy.
        is_doubtful: Any of its pages may be out of date.
    """
    tables = Tables()
    is_whole = _is_sound(db, "quick_check")
    has_torn = not all(_is_sound(db, f"quick_check({name})") for name in RULES)
    # Pages that nothing leads to, and all tables in order: any of them may have lost some.
    is_doubtful = is_doubtful or not (is_whole or has_torn)
    db.execute("PRAGMA writable_schema=ON")
    db.execute("DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    db.execute("PRAGMA writable_schema=RESET")
    for name, table in vars(tables).items():
        table.is_torn = is_doubtful or not _is_sound(db, f"quick_check({name})")
        kind = RULES[name].kind
        for row in whole_rows(db, name, table):
            table.rows[key_of(name, row)] = kind._make(row[: len(kind._fields)])
    return tables


def _is_sound(db: sqlite3.Connection, pragma: str) -> bool:
    try:
        return bool(db.execute(f"PRAGMA {pragma}").fetchone()[0] == "ok")
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def key_of(name: str, row: Row) -> Any:
    """What tells a row of a table from the others: a number or a text, or several as a tuple."""
    num_keys = RULES[name].num_keys
    return row[0] if num_keys == 1 else tuple(row[:num_keys])


def whole_rows(db: sqlite3.Connection, name: str, table: Table[Any] | None = None) -> Iterator[Row]:
    """Yield each whole row of a table once, with what is large; note the others in `table`."""
    rule, seen, table = RULES[name], set[Any](), table or Table()
    for row in _all_rows(db, name, table):
        key = key_of(name, row)
        try:
            if key in seen:
                continue
            seen.add(key)
            rule.check(row[: len(rule.kind._fields)])
            if rule.large:
                check_large(name, row)
        except (ValueError, TypeError):  # the latter: of a key that is none, too
            table.damaged.append(key)
            continue
        yield row


def _all_rows(db: sqlite3.Connection, name: str, table: Table[Any]) -> Iterator[Row]:
    """Yield the rows of a table, from both ends to where its pages are broken."""
    rule = RULES[name]
    backwards = ", ".join(f"{key} DESC" for key in rule.kind._fields[: rule.num_keys])
    for order in ("", f" ORDER BY {backwards}"):
        try:
            yield from db.execute(f"SELECT {rule.all_columns} FROM {name} NOT INDEXED{order}")
        except (sqlite3.Error, UnicodeDecodeError):  # the latter: of the error's own words
            table.is_torn = True
            continue
        return


def open_copy(path: Path) -> sqlite3.Connection:
    """Open a copy; texts that are none are read all the same."""
    db = sqlite3.connect(path, isolation_level=None)
    db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return db
