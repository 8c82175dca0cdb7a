"""Calibrations of machines, each kept once, and which of them held while a job ran.

A calibration is known by its digest. Where a cloud tells it with the result, the digest is among
the result's facts. Else machines were read beside their jobs: kept is each epoch, a calibration
with when it was read first and last. A job ran between when it was sent and when its result came,
so under one of the epochs from the last reading before that on to the first one after.

Rules: the documents stand among what many points share (table `settings`), under ``calibration:``
and their digest; whoever copies results copies them with these. Nothing here is needed to go on
with a run: what is lost or damaged of it is not told, and no error.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qbatch.calibration import digest_of, text_of
from qbatch.frozen import dataclass
from qbatch.snapshot.reading import write_meta
from qbatch.snapshot.schema import crc_of, dump

#: Fact of a run: backend -> its epochs, each [digest, first read, last read].
EPOCHS = "epochs"

#: Among the facts of a result: the digest of the calibration it was measured with.
CALIBRATION = "calibration"
#: Likewise, where it changed meanwhile: those that held one after the other.
CALIBRATIONS = "calibrations"

#: Whether a run has any, and what a document's key begins with.
KNOWN, KEY = "has_calibrations", "calibration:"


@dataclass(frozen=True, slots=True)
class Epoch:
    """A calibration as long as readings told no other.

    Attributes:
        digest: Of the calibration.
        first_at: When it was read first; UTC, seconds since 1970.
        last_at: When it was read last.
    """

    digest: str
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Held:
    """What held while a job ran.

    Attributes:
        digests: One; several where it changed meanwhile, in order; none where nothing is known.
        how: "told" by the cloud with the result, "read" before and after, "read before" or "read
            after" alone.
    """

    digests: tuple[str, ...] = ()
    how: str = ""

    @property
    def digest(self) -> str:
        """The one that held; "" where that is not known."""
        return self.digests[0] if len(self.digests) == 1 else ""

    def __str__(self) -> str:
        """In words.

        >>> str(Held(("3a", "7b"), "read")), str(Held(("3a",), "read before"))
        ('3a, then 7b: it changed meanwhile', '3a (read before, not after)')
        """
        if len(self.digests) > 1:
            return f"{', then '.join(self.digests)}: it changed meanwhile"
        words = {
            "told": "told with the result",
            "read": "read before and after",
            "read before": "read before, not after",
            "read after": "read after, not before",
        }
        return f"{self.digest} ({words[self.how]})" if self.digests else "not known"


def read_epochs(meta: Mapping[str, str]) -> dict[str, list[Epoch]]:
    """Return backend -> its epochs, as they were read one after the other."""
    found: dict[str, list[Epoch]] = {}
    try:
        for backend, rows in json.loads(meta.get(EPOCHS) or "{}").items():
            found[backend] = [Epoch(str(d), float(first), float(last)) for d, first, last in rows]
    except (ValueError, TypeError, AttributeError):
        return {}
    return found


def dump_epochs(epochs: Mapping[str, Iterable[Epoch]]) -> str:
    """Return them as they are kept."""
    return dump(
        {name: [[e.digest, e.first_at, e.last_at] for e in each] for name, each in epochs.items()}
    )


def with_reading(epochs: Sequence[Epoch], digest: str, at: float) -> list[Epoch]:
    """Return a machine's epochs with one reading more, the latest."""
    if epochs and epochs[-1].digest == digest:
        last = epochs[-1]
        return [*epochs[:-1], Epoch(digest, last.first_at, max(last.last_at, at))]
    return [*epochs, Epoch(digest, at, at)]


def joined(ours: Iterable[Epoch], theirs: Iterable[Epoch]) -> list[Epoch]:
    """Return the epochs of one machine that two copies of a run read."""
    found: list[Epoch] = []
    readings = {(at, one.digest) for one in (*ours, *theirs) for at in (one.first_at, one.last_at)}
    for at, digest in sorted(readings):
        found = with_reading(found, digest, at)
    return found


def joined_facts(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of a run that two copies of it come to."""
    mine, other = read_epochs(ours), read_epochs(theirs)
    every = {name: joined(mine.get(name, ()), other.get(name, ())) for name in mine | other}
    facts = {EPOCHS: dump_epochs(every)} if every else {}
    return facts | ({KNOWN: "yes"} if KNOWN in theirs else {})


def held_between(epochs: Sequence[Epoch], sent_at: float, home_at: float) -> Held:
    """Return what held for a job that was sent then, and whose result came then.

    >>> day = [Epoch("3a", 0, 100), Epoch("7b", 160, 400)]
    >>> held_between(day, 10, 90).digests, held_between(day, 10, 120).digests
    (('3a',), ('3a', '7b'))
    >>> held_between(day, 350, 500).how
    'read before'
    """
    before = [at for at, one in enumerate(epochs) if one.first_at <= sent_at]
    after = [at for at, one in enumerate(epochs) if one.last_at >= home_at]
    if not epochs:
        return Held()
    first = before[-1] if before else 0
    last = after[0] if after else len(epochs) - 1
    digests = tuple(one.digest for one in epochs[first : max(first, last) + 1])
    how = "read" if before and after else "read before" if before else "read after"
    return Held(digests, how)


def held_by(facts: Mapping[str, Any]) -> Held:
    """Return what the facts of a result tell by themselves."""
    if isinstance(own := facts.get(CALIBRATION), str) and own:
        return Held((own,), "told")
    several = facts.get(CALIBRATIONS)
    if isinstance(several, list) and several and all(isinstance(d, str) for d in several):
        return Held((*several,), "read")
    return Held()


def as_facts(held: Held) -> dict[str, Any]:
    """Return what `held_by` reads, for a result that goes to another run."""
    if held.digest:
        return {CALIBRATION: held.digest}
    return {CALIBRATIONS: [*held.digests]} if held.digests else {}


def keep_calibration(db: sqlite3.Connection, document: Any) -> str:
    """Keep a calibration once, in the caller's transaction, and return its digest."""
    digest = digest_of(document)
    key = f"{KEY}{digest}"
    if db.execute("SELECT 1 FROM settings WHERE key = ?", (key,)).fetchone() is None:
        body = zlib.compress(text_of(document).encode(), 6)
        values = (key, zlib.crc32(body))
        keep_rows(db, [(*values, crc_of(values), body)])
        write_meta(db, {KNOWN: "yes"})
    return digest


def keep_rows(db: sqlite3.Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Keep calibrations that another folder has, in the caller's transaction."""
    db.executemany("INSERT OR IGNORE INTO settings VALUES (?, ?, ?, ?)", rows)
