"""What each purchase was to cost, and what it did: one entry per attempt at a point.

Rules: an entry is made in the same step as the intent of its purchase, and only where something
may be billed. Each figure has its source. What a provider takes back later is a refund, and what
it certainly did not sell is billed with nothing. Units stand beside the figures and never add up.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Protocol

from qbatch.errors import JobStateError
from qbatch.frozen import dataclass
from qbatch.job import ACCOUNT, DECIDED_AS
from qbatch.snapshot import rows
from qbatch.snapshot.bought import Bought, bought_by, checked_purchase, purchase_values
from qbatch.snapshot.reading import PURCHASES, write_meta
from qbatch.snapshot.schema import POINT_COLUMNS, Mismatch, checked_point

COLUMNS = rows.columns("ledger", rows.Purchase)
NUM_COLUMNS = len(rows.Purchase._fields)

#: Where a bill says that nothing was bought.
NOT_BOUGHT = "not bought"

#: Who said what something was to cost, where nobody did: the figures beside it are none.
UNTOLD = "not told"

#: Who said what was billed, where no bill came: the quote stands for it until one does.
AS_QUOTED = "as quoted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One purchase, in `unit`; the last four are entered as it is made, see `Bought`.

    Attributes:
        ordinal: Row of its point.
        generation: Of the attempt.
        quoted: What it was expected to cost.
        quoted_by: Who said so: the provider's quote, a formula, a price file.
        reserved: The most that it may cost: what counts against budgets until it is billed.
        billed: What was charged; None: not told yet, or never.
        billed_by: Who said so.
        refunded: Of that, given back.
        refunded_by: Who said so.
        composite: Row of the composite job it was made with.
        start: So many shots of the point's sample come before those that it buys.
        shots: How many it buys.
        setting: Key of the setting it buys them in.
    """

    ordinal: int
    generation: int
    backend: str
    unit: str
    quoted: float
    quoted_by: str
    reserved: float
    billed: float | None = None
    billed_by: str = ""
    refunded: float = 0.0
    refunded_by: str = ""
    composite: int | None = None
    start: int | None = None
    shots: int | None = None
    setting: str | None = None

    @property
    def has_quote(self) -> bool:
        """Somebody told what it was to cost."""
        return not self.quoted_by.startswith(UNTOLD)

    @property
    def is_untold(self) -> bool:
        """Nobody told what it costs, neither before it was bought nor since."""
        return self.billed is None and not self.has_quote

    def figure(self, name: str) -> Any:
        """Return what stands in a column of the ledger; None where nobody told it."""
        if name in ("quoted", "reserved") and not self.has_quote:
            return None
        return getattr(self, name)

    @property
    def counted(self) -> float:
        """What counts against a budget."""
        return self.reserved if self.billed is None else self.billed - self.refunded


@dataclass(frozen=True, slots=True)
class Purchase:
    """An entry with the point it was for.

    Attributes:
        id: The point's.
        point: Its name.
        key: Under which it was sent, "" where that is not known.
        account: With which it was made, "" where that was not noted.
        chosen: The backend that its own was decided to be, of one that is one of others; None where
            it is none, or that was not noted.
    """

    id: str
    point: str
    entry: Entry
    key: str = ""
    account: str = ""
    chosen: str | None = None


@dataclass(slots=True)
class Total:
    """Sums over purchases of one unit.

    Attributes:
        jobs: How many.
        quoted: What they were expected to cost.
        reserved: The most that they may have cost.
        outstanding: Of that, what is not billed yet.
        open: How many those are.
        untold: How many of these were bought at a price that nobody told.
        charged: How many were charged something.
        billed: What was charged.
        refunded: Of that, given back.
        sources: Who told quotes and bills.
    """

    jobs: int = 0
    quoted: float = 0.0
    reserved: float = 0.0
    outstanding: float = 0.0
    open: int = 0
    untold: int = 0
    charged: int = 0
    billed: float = 0.0
    refunded: float = 0.0
    sources: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, totals: Iterable[Total]) -> Total:
        """Sum totals of one unit up."""
        sum_ = cls()
        for each in totals:
            for name in cls.__slots__[:-1]:
                setattr(sum_, name, getattr(sum_, name) + getattr(each, name))
            sum_.sources |= each.sources
        return sum_

    @property
    def spent(self) -> float:
        """What was charged and not given back."""
        return self.billed - self.refunded

    def add(self, entry: Entry) -> None:
        """Take in one entry."""
        self.jobs += 1
        self.quoted += entry.quoted
        self.reserved += entry.reserved
        self.sources |= dict.fromkeys((entry.quoted_by,))
        if entry.billed is None:
            self.outstanding += entry.reserved
            self.open += 1
            self.untold += entry.is_untold
        else:
            self.charged += entry.billed > 0
            self.billed += entry.billed
            self.refunded += entry.refunded
            self.sources |= dict.fromkeys((entry.billed_by,))


def total_up(entries: Iterable[Entry]) -> dict[tuple[str, str], Total]:
    """Sum entries up: (backend, unit) -> total."""
    totals: dict[tuple[str, str], Total] = {}
    for entry in entries:
        totals.setdefault((entry.backend, entry.unit), Total()).add(entry)
    return totals


class Told(Protocol):
    """A setting of a point (`PointResult`), as figures are told of it."""

    @property
    def id(self) -> str: ...
    @property
    def same_as(self) -> str: ...


def figures_by_point(purchases: Iterable[Purchase]) -> dict[str, tuple[Any, ...]]:
    """Point's id -> `FIGURES` of all attempts at it."""
    found: dict[str, list[Entry]] = {}
    for each in purchases:
        found.setdefault(each.id, []).append(each.entry)
    return {id_: _figures(entries) for id_, entries in found.items()}


def figures_of(bought: Mapping[str, tuple[Any, ...]], settings: Iterable[Told]) -> tuple[Any, ...]:
    """Return `FIGURES` of a point, of all its settings together; Nones where it cost nothing.

    Args:
        bought: As `figures_by_point`.
        settings: Of the point; what others are bought with is told there.
    """
    found = [bought[each.id] for each in settings if not each.same_as and each.id in bought]
    if len(found) == 1:
        return found[0]
    return tuple(map(_together, zip(*found, strict=True))) if found else (None,) * 7


def _together(values: Sequence[Any]) -> Any:
    """Return a sum of amounts, or each of several words once."""
    told = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in told):
        return "; ".join(dict.fromkeys(value for value in told if value))
    return sum(told) if told else None


def _figures(entries: Sequence[Entry]) -> tuple[Any, ...]:
    def told(name: str) -> str:
        return "; ".join(dict.fromkeys(said for e in entries if (said := getattr(e, name))))

    bills = [entry.billed for entry in entries if entry.billed is not None]
    known = [entry for entry in entries if entry.has_quote]
    return (
        sum(entry.quoted for entry in known) if known else None,
        told("quoted_by"),
        sum(entry.reserved for entry in known) if known else None,
        sum(bills) if bills else None,
        told("billed_by"),
        sum(entry.refunded for entry in entries),
        told("refunded_by"),
    )


def as_bought(db: sqlite3.Connection, entries: Iterable[Entry], composite: int) -> list[Entry]:
    """Return entries with what is bought by them now, in a composite job."""
    return [replace(one, **bought_by(db, one.ordinal, composite)._asdict()) for one in entries]


def enter(db: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    """Enter purchases, inside the caller's transaction; return how many are new.

    A purchase that is tried again replaces what was entered, for it cost nothing.

    Raises:
        JobStateError: One that was charged has this number.
    """
    known = [find(db, entry.ordinal, entry.generation) for entry in entries]
    for each in known:
        if each is not None and each.billed is not None and each.counted > 0:
            raise JobStateError(
                f"attempt {each.generation} of row {each.ordinal} is billed with {each.counted:g} "
                f"{each.unit}: it is not entered anew; report this, nothing was bought"
            )
    _save(db, entries)
    return known.count(None)


def _save(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    db.executemany(
        f"INSERT OR REPLACE INTO ledger VALUES ({rows.marks(rows.Purchase)})",
        [purchase_values(_values(entry), _bought(entry)) for entry in entries],
    )


def _bought(entry: Entry) -> Bought:
    return Bought(entry.composite, entry.start, entry.shots, entry.setting)


def note_number(db: sqlite3.Connection) -> None:
    """Note how many entries there are, so that it is seen when they are lost."""
    (number,) = db.execute("SELECT count(*) FROM ledger").fetchone()
    write_meta(db, {PURCHASES: str(number)})


def _values(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.ordinal,
        entry.generation,
        entry.backend,
        entry.unit,
        float(entry.quoted),
        entry.quoted_by,
        float(entry.reserved),
        None if entry.billed is None else float(entry.billed),
        entry.billed_by,
        float(entry.refunded),
        entry.refunded_by,
    )


def bill(
    db: sqlite3.Connection, bills: Mapping[tuple[int, int], float], source: str
) -> dict[tuple[int, int], float]:
    """Note what purchases were charged; less than before is a refund, but of a quote.

    Args:
        db: The writer, inside the caller's transaction.
        bills: (Row of a point, generation) -> the charge as it is known now.
        source: Who says so.

    Returns:
        The same keys -> what counts now, of those that have an entry.
    """
    changed = []
    for key, amount in bills.items():
        entry = find(db, *key)
        if entry is None:
            continue
        is_quote = entry.billed_by == AS_QUOTED != source
        if entry.billed is None or is_quote or amount > entry.billed:
            entry = replace(entry, billed=amount, billed_by=source, refunded=0.0, refunded_by="")
        elif amount != entry.counted:
            back = entry.billed - amount
            entry = replace(entry, refunded=back, refunded_by=source if back else "")
        changed.append(entry)
    _save(db, changed)
    return {(entry.ordinal, entry.generation): entry.counted for entry in changed}


def find(db: sqlite3.Connection, ordinal: int, generation: int) -> Entry | None:
    """Return the entry of a purchase, or None."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM ledger WHERE job = ? AND generation = ?", (ordinal, generation)
    ).fetchone()
    return None if row is None else read(row)


def read(row: Sequence[Any]) -> Entry:
    """Read `COLUMNS`.

    Raises:
        Mismatch: The row is damaged.
    """
    return Entry(*itertools.chain(*checked_purchase(row, "ledger entry")))


def read_purchases(db: sqlite3.Connection) -> Iterator[Purchase]:
    """Yield every entry with its point, in the order of the points, then of the attempts.

    Raises:
        Mismatch: One is damaged, or its point is not there.
    """
    found = db.execute(
        f"SELECT {COLUMNS}, {POINT_COLUMNS}, coalesce(intents.key, ''),"
        f" coalesce(json_extract(composites.memo, '$.{ACCOUNT}'), ''),"
        f" json_extract(composites.memo, '$.{DECIDED_AS}')"
        " FROM ledger LEFT JOIN points ON points.ordinal = ledger.job"
        " LEFT JOIN composites ON composites.ordinal = ledger.composite"
        " LEFT JOIN intents ON intents.composite = ledger.composite"
        " ORDER BY points.position, ledger.job, ledger.generation"
    )
    for *row, key, account, chosen in found:
        entry, (ordinal, *_) = read(row[:NUM_COLUMNS]), row[NUM_COLUMNS:]
        if ordinal is None:
            raise Mismatch(f"point row {entry.ordinal} is missing")
        point = checked_point(row[NUM_COLUMNS:])
        yield Purchase((point.content or point.id).hex(), point.name, entry, key, account, chosen)


def read_all(db: sqlite3.Connection) -> Iterator[Entry]:
    """Yield every entry."""
    for row in db.execute(f"SELECT {COLUMNS} FROM ledger ORDER BY job, generation"):
        yield read(row)


def read_chosen(db: sqlite3.Connection) -> dict[int, str]:
    """Return the backends that others were decided to be, by the rows of composite jobs."""
    name = f"json_extract(memo, '$.{DECIDED_AS}')"
    return dict(db.execute(f"SELECT ordinal, {name} FROM composites WHERE {name} IS NOT NULL"))
