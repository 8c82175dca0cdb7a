"""Composite jobs in a run folder: what is sent together, its intent, and the ledger."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from qbatch.frozen import dataclass
from qbatch.job import CompositeJob, stage_after
from qbatch.purchase import CompositeEvent, Stage
from qbatch.snapshot import ledger, rows
from qbatch.snapshot.asked import ASKED, OLDEST_S, dump_asked, read_asked
from qbatch.snapshot.faults import translated
from qbatch.snapshot.ledger import Entry
from qbatch.snapshot.reading import (
    PURCHASES,
    checked,
    read_fact,
    read_meta,
    write_meta,
)
from qbatch.snapshot.schema import (
    Mismatch,
    crc_of,
    dump,
)
from qbatch.snapshot.steps import Steps
from qbatch.snapshot.trust import (
    COMPOSITE_COLUMNS,
    NUM_COMPOSITE_COLUMNS,
    OF_PURCHASES,
    checked_composite,
)

STAGES: Sequence[Stage] = get_args(Stage)

#: Of which purchases their provider told no bill.
_UNBILLED = f"(ledger.billed IS NULL OR ledger.billed_by = '{ledger.AS_QUOTED}')"


@dataclass(frozen=True, slots=True)
class StoredComposite:
    """A composite job as the snapshot keeps it.

    Attributes:
        ordinal: Its row.
        children: Rows of its points, in the order sent.
        sent_at: When its intent became durable; UTC, seconds since 1970.
        intent: Key and exact bytes, once durable.
    """

    ordinal: int
    stage: Stage
    id: str
    backend: str
    generation: int
    children: tuple[int, ...]
    memo: Mapping[str, Any]
    created_at: float
    sent_at: float | None = None
    intent: tuple[str, bytes] | None = None


class Composites(Steps):
    """What was sent together, and what it costs."""

    def add_composite(self, composite: CompositeJob, children: Sequence[int]) -> int:
        """Begin a composite job over the points at rows `children`; return its row."""
        last = self._db.execute("SELECT coalesce(max(ordinal), 0) FROM composites").fetchone()
        ordinal = int(last[0]) + 1
        values = _composite_values(ordinal, composite, children)
        stage = ("created", float(self.now()), None, None)
        self._db.execute(
            "INSERT INTO composites VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, crc_of(values), *stage, crc_of((ordinal, *stage))),
        )
        return ordinal

    def save_memo(self, ordinal: int, composite: CompositeJob, children: Sequence[int]) -> None:
        """Keep what the driver wants remembered."""
        values = _composite_values(ordinal, composite, children)
        self._db.execute(
            "UPDATE composites SET memo = ?, crc = ? WHERE ordinal = ?",
            (values[-1], crc_of(values), ordinal),
        )

    def save_intent(self, ordinal: int, key: str, body: bytes) -> None:
        """Keep what is about to be sent; the composite job is `submitting` from here on."""
        now = float(self.now())
        values = (ordinal, key, now, zlib.crc32(body))
        self._db.execute(
            "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?)",
            (*values, crc_of(values), body),
        )
        self.happens(ordinal, CompositeEvent.SENT, sent_at=now)

    def happens(self, ordinal: int, *events: CompositeEvent, sent_at: float | None = None) -> None:
        """Let events happen to a composite job, as the table of purchases has them.

        Args:
            ordinal: Its row.
            events: One after the other.
            sent_at: When it was sent, as far as that is new; UTC, seconds since 1970.

        Raises:
            JobStateError: By the table that cannot happen to it.
        """
        row = self._db.execute(
            f"SELECT {COMPOSITE_COLUMNS} FROM composites WHERE ordinal = ?", (ordinal,)
        ).fetchone()
        sent = checked_composite(row)
        stage = stage_after(_stage_of(sent), *events)
        closed_at = float(self.now()) if stage == "closed" else None
        values = (stage, sent.created_at, sent.sent_at if sent_at is None else sent_at, closed_at)
        self._db.execute(
            "UPDATE composites SET stage = ?, created_at = ?, sent_at = ?, closed_at = ?,"
            " moved = ? WHERE ordinal = ?",
            (*values, crc_of((ordinal, *values)), ordinal),
        )

    def open_composites(self) -> list[StoredComposite]:
        """All composite jobs that are not closed, oldest first."""
        return self._composites_where("stage <> 'closed'")

    def unbilled_composites(self, since: float = 0.0) -> list[tuple[int, str]]:
        """Row and backend of those that are closed and not all billed, the newest first.

        Args:
            since: Only those sent no earlier; UTC, seconds since 1970.
        """
        self._trust.check("composites", "ledger")
        return self._rows(
            "SELECT ordinal, backend FROM composites WHERE stage = 'closed'"
            " AND coalesce(sent_at, created_at) >= ? AND ordinal IN"
            f" (SELECT composite FROM ledger WHERE {_UNBILLED}) ORDER BY ordinal DESC",
            (since,),
        )

    def composites_at(self, ordinals: Iterable[int]) -> list[StoredComposite]:
        """The composite jobs in these rows, oldest first."""
        return self._composites_where(f"composites.ordinal IN ({','.join(map(str, ordinals))})")

    def note_asked(self, ordinals: Iterable[int]) -> None:
        """Note that their bills were asked for now, inside the caller's transaction."""
        meta, now = read_meta(self._db), float(self.now())
        unbilled = {row for row, _ in self.unbilled_composites(now - OLDEST_S)}
        told = dump_asked(read_asked(meta), ordinals, unbilled, now)
        write_meta(self._db, {ASKED: told})

    def _composites_where(self, condition: str) -> list[StoredComposite]:
        self._trust.check(*OF_PURCHASES)
        found = self._rows(
            f"SELECT {COMPOSITE_COLUMNS}, intents.key, intents.body_crc, intents.body"
            " FROM composites LEFT JOIN intents ON intents.composite = composites.ordinal"
            f" WHERE {condition} ORDER BY composites.ordinal"
        )
        with checked(self.path):
            return [_composite(row) for row in found]

    def unbilled(self, composite: int) -> dict[int, tuple[int, str]]:
        """What of it has no bill: row of a point -> generation, and the provider's id."""
        self._trust.check("ledger", "attempts", "jobs")
        found = self._rows(
            "SELECT ledger.job, ledger.generation,"
            " coalesce(attempts.provider_job_id, jobs.provider_job_id) FROM ledger"
            " LEFT JOIN attempts USING (job, generation) LEFT JOIN jobs"
            " ON jobs.ordinal = ledger.job AND jobs.generation = ledger.generation"
            f" WHERE ledger.composite = ? AND {_UNBILLED}",
            (composite,),
        )
        return {int(row): (int(generation), str(id_)) for row, generation, id_ in found if id_}

    def sent_since(self, backend: str, since: float) -> list[tuple[float, int]]:
        """When composite jobs were sent to `backend` after `since`, and with how many children."""
        self._trust.check("composites")
        return self._rows(
            "SELECT sent_at, num_jobs FROM composites WHERE backend = ? AND sent_at > ?"
            " ORDER BY sent_at",
            (backend, since),
        )

    def reserve(self, entries: Iterable[Entry], composite: int) -> None:
        """Enter purchases into the ledger: in the same step as the intent they are made by."""
        self.enter(ledger.as_bought(self._db, entries, composite))

    def enter(self, entries: Sequence[Entry]) -> None:
        """Enter purchases into the ledger as they are told."""
        if not entries:
            return
        new = ledger.enter(self._db, entries)
        write_meta(self._db, {PURCHASES: str(int(read_fact(self._db, PURCHASES) or 0) + new)})

    def next_attempt(self, ordinal: int, generation: int) -> int:
        """The number of the attempt after `generation` at the job in a row: none has it yet.

        A folder that was put together from others may have later ones, of which nothing was used.
        """
        (latest,) = self._row(
            "SELECT coalesce(max(generation), 0) FROM (SELECT generation FROM ledger WHERE job = ?1"
            " UNION ALL SELECT generation FROM attempts WHERE job = ?1)",
            (ordinal,),
        )
        return max(generation, int(latest)) + 1

    def quoted(self, ordinal: int, generation: int) -> float | None:
        """What a purchase was expected to cost; None: it is in no ledger."""
        with translated(self.path), checked(self.path):
            entry = ledger.find(self._db, ordinal, generation)
        return None if entry is None else entry.quoted

    def bill(self, bills: Mapping[tuple[int, int], float], source: str) -> None:
        """Note what purchases were charged: (row of a point, generation) -> amount."""
        ledger.bill(self._db, bills, source)

    def ledger(self) -> list[Entry]:
        """Every purchase so far, in flight or done."""
        with translated(self.path), checked(self.path):
            return list(ledger.read_all(self._reader))

    def chosen(self) -> dict[int, str]:
        """Row of a composite job -> the backend that its own was decided to be when it was made."""
        with translated(self.path), checked(self.path):
            return ledger.read_chosen(self._reader)


def _composite_values(
    ordinal: int, composite: CompositeJob, children: Sequence[int]
) -> tuple[Any, ...]:
    """Columns ordinal, id, backend, generation, jobs, num_jobs, memo."""
    jobs, memo = dump(list(children)), dump(composite.memo)
    head = (ordinal, composite.id, composite.backend, composite.generation)
    return (*head, jobs, len(children), memo)


def _stage_of(sent: rows.Composite) -> Stage:
    stage = next((each for each in STAGES if each == sent.stage), None)
    if stage is None:
        raise Mismatch(f"composite job row {sent.ordinal}")
    return stage


def _composite(row: Sequence[Any]) -> StoredComposite:
    sent = checked_composite(row)
    intent = None
    intent_key, body_crc, body = row[NUM_COMPOSITE_COLUMNS:]
    if intent_key is not None:
        if zlib.crc32(body) != body_crc:
            raise Mismatch(f"intent row {sent.ordinal}")
        intent = (intent_key, body)
    return StoredComposite(
        sent.ordinal,
        _stage_of(sent),
        sent.id,
        sent.backend,
        sent.generation,
        tuple(json.loads(sent.jobs)),
        json.loads(sent.memo),
        sent.created_at,
        sent.sent_at,
        intent,
    )
