"""Which shots an attempt at a point bought, in which setting and with which composite job.

Rule: it is written as the attempt is, and never changes: a point's own row says what is bought
next, and may ask for others later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from qbatch.snapshot.schema import Mismatch, crc_with_more


class Bought(NamedTuple):
    """What an attempt bought, or was to buy, as it was then; None: not kept by an earlier version.

    Attributes:
        composite: Row of the composite job that it was sent in; None also where it was not sent.
        start: So many shots of the point's sample come before.
        shots: How many.
        setting: Key of what it shared with others; "" when none was kept.
    """

    composite: int | None = None
    start: int | None = None
    shots: int | None = None
    setting: str | None = None


UNTOLD = Bought()


def bought_by(db: sqlite3.Connection, ordinal: int, composite: int | None) -> Bought:
    """Return what the job in a row is to buy, or bought, as it stands there now."""
    row = db.execute(
        "SELECT start, shots, setting FROM points WHERE ordinal = ?", (ordinal,)
    ).fetchone()
    return Bought(composite) if row is None else Bought(composite, *row)


def purchase_values(values: Sequence[Any], bought: Bought) -> tuple[Any, ...]:
    """The row of an attempt, or of a ledger's entry: `values`, its CRC, and what was bought."""
    return (*values, crc_with_more(values, bought, UNTOLD), *bought)


def checked_purchase(row: Sequence[Any], what: str) -> tuple[Sequence[Any], Bought]:
    """Read such a row; return its values and what was bought.

    Raises:
        Mismatch: It does not match its CRC.
    """
    *values, crc = row[: -len(UNTOLD)]
    bought = Bought(*row[-len(UNTOLD) :])
    if crc != crc_with_more(values, bought, UNTOLD):
        raise Mismatch(f"{what} {values[1]} of row {values[0]}")
    return values, bought
