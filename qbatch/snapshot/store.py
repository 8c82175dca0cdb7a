"""The durable state of one run folder: what was planned, sent, answered and measured.

In layers: `steps` holds the folder, `composites` keeps what is sent, `jobs` where each job is, and
here stands what a person may change.

Rules: the holder of a `Snapshot` holds the folder's lock. Every write stands inside
``with snapshot.transaction()`` and is durable when that ends. Nothing here knows trio, a provider
or a manifest; the moves of a job were checked by `job` before they come here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from qbatch.errors import JobStateError, SelectionError
from qbatch.job import ACCOUNT, CompositeJob, Job, JobState
from qbatch.purchase import DECISIONS, ENDED, IN_FLIGHT, TABLE, CompositeEvent, Event, Ledger, Next
from qbatch.snapshot import attempts, ledger, registration
from qbatch.snapshot.doubles import Double, read_doubles
from qbatch.snapshot.enlarging import Enlarging
from qbatch.snapshot.ledger import NOT_BOUGHT
from qbatch.snapshot.reading import forgotten_settings, num_settings
from qbatch.snapshot.schema import (
    JobRow,
)

_TABLES_OF_A_POINT = (
    ("points", "ordinal"),
    ("places", "point"),
    ("jobs", "ordinal"),
    ("results", "ordinal"),
    ("raw", "job"),
    ("events", "job"),
    ("attempts", "job"),
    ("ledger", "job"),
)


class Snapshot(Enlarging):
    """The snapshot of a run folder, held for writing.

    Args:
        folder: The run folder; made when missing.
        durability: "full" survives power loss, "normal" the death of the process.
        now: The clock; UTC, seconds since 1970.

    Raises:
        RunLockedError: Another runner holds the folder; the message names it.
        SnapshotError: The folder cannot be used: the message says why and how to mend it.
    """

    def retry(self, point_ids: Iterable[str]) -> int:
        """Ask for another attempt at failed and cancelled jobs; return how many it took."""
        rows = [self.again(row) for row in self.all_jobs_of(point_ids) if row.job.state in ENDED]
        with self.transaction():
            self.save_jobs(rows, note="retry")
        return len(rows)

    def again(self, row: JobRow) -> JobRow:
        """Return a failed or cancelled job as its next attempt begins."""
        generation = self.next_attempt(row.ordinal, row.job.generation)
        return replace(row, job=row.job.after(Event.AGAIN, generation=generation))

    def resolve(self, point_id: str, decision: Event, **changes: Any) -> Job:
        """Let a person decide about a held job; what follows is what the table of purchases says.

        What is known to have been taken is BOUGHT_AGAIN where RESUBMITTED was decided: it stays
        billed, or reserved.

        Args:
            point_id: The job's, or its point's.
            decision: One of `purchase.DECISIONS`; ADOPTED with its `provider_job_id`.
            changes: To other attributes of the job.

        Raises:
            SelectionError: It is not held; or that cannot be decided about it, and the message
                says why.
        """
        if decision not in DECISIONS:
            raise JobStateError(f"{decision.name} is no decision of a person")
        row = self._held_job_of(point_id)
        if decision is Event.RESUBMITTED and row.job.was_taken:
            decision = Event.BOUGHT_AGAIN
        then = TABLE[row.job.state][decision]
        if then.next is Next.SEND_ANEW:
            changes["generation"] = self.next_attempt(row.ordinal, row.job.generation)
        if decision is Event.ADOPTED:
            self._check_can_be_adopted(row, changes["provider_job_id"])
        job = row.job.after(decision, **changes)
        with self.transaction():
            if decision is Event.SAME_ACCOUNT:
                self._take_for_present(row)
            if decision is Event.ADOPTED and row.composite is not None:
                self.happens(row.composite, CompositeEvent.REOPENED)
            if then.next is Next.SEND_ANEW:
                attempts.save(self._db, [row], self.now())
            if then.ledger is Ledger.FREE:
                self.bill({(row.ordinal, row.job.generation): 0.0}, f"{NOT_BOUGHT}, says a person")
            self.save_jobs([replace(row, job=job)], note="resolved by hand")
        return job

    def resolve_double(self, id_: str, cost: float) -> Double:
        """Let a person say that a job which the run did not order is over, and what it cost.

        Args:
            id_: The cloud's.
            cost: In its unit; 0 where it never ran.

        Raises:
            SelectionError: There is none under this id; its cloud told its end and price already;
                or in which unit it is billed is not known.
        """
        if not (math.isfinite(cost) and cost >= 0):
            raise ValueError(f"{cost} is no price; say 0 or more")
        known = read_doubles(self.meta())
        if id_ not in known:
            there = ", ".join(known) or "none"
            raise SelectionError(
                f"{self.folder}: {id_} is no job that the run did not order; of these it knows "
                f"{there}"
            )
        double = known[id_]
        if double.is_settled:
            raise SelectionError(
                f"{self.folder}: job {id_} is over already ({double.status}), at {double.cost:g} "
                f"{double.unit} {double.source}; decide on others"
            )
        if cost and not double.unit:
            raise SelectionError(
                f"{self.folder}: job {id_} has no unit that {cost:g} could be in: nothing is "
                "billed there; say --cost none"
            )
        told = double.resolved(cost)
        with self.transaction():
            self.note_doubles([told])
        return told

    def account_of(self, row: JobRow) -> str:
        """The account that a job was made with; "": none is known."""
        every = self.open_composites()
        found = (one.memo.get(ACCOUNT, "") for one in every if one.ordinal == row.composite)
        return str(next(found, ""))

    def _take_for_present(self, row: JobRow) -> None:
        """Take all that was made with a job's account for made with the present one.

        Raises:
            SelectionError: The account is not known.
        """
        account = self.account_of(row)
        if not account:
            raise SelectionError(
                f"{row.job.id[:12]}: with which account it was made is not known; adopt it under "
                "its id at the provider, or --resubmit it or --give-up"
            )
        for one in self.open_composites():
            if one.memo.get(ACCOUNT) == account:
                memo = {key: value for key, value in one.memo.items() if key != ACCOUNT}
                known = CompositeJob(one.id, one.backend, (), one.generation, memo)
                self.save_memo(one.ordinal, known, one.children)

    def _held_job_of(self, id_: str) -> JobRow:
        """The held job with this id, or of the point with this id.

        Raises:
            SelectionError: There is none, or there are several.
        """
        own = self._job_of(id_)
        held = [own] if own.job.state is JobState.HELD else []
        if own.job.id == id_ or not held:
            held = [row for row in self.all_jobs_of([id_]) if row.job.state is JobState.HELD]
        if not held:
            raise SelectionError(
                f"{own.job.id[:12]} is {own.job.state}, not held; `qbatch status` shows what is"
            )
        if len(held) > 1:
            others = ", ".join(row.job.id[:12] for row in held if row.job.id != own.job.id)
            raise SelectionError(
                f"{id_[:12]} has several held jobs; decide on those of further shots first, "
                f"each by its id ({others})"
            )
        return held[0]

    def _check_can_be_adopted(self, row: JobRow, provider_job_id: str) -> None:
        """Refuse what another point's job is, and what nothing is left of to ask its provider with.

        Raises:
            SelectionError: That it is.
        """
        self._check_is_free(provider_job_id, row)
        found = self._row(
            "SELECT 1 FROM composites JOIN intents ON composite = ordinal WHERE ordinal = ?",
            (row.composite,),
        )
        if found is None:
            raise SelectionError(
                f"{row.job.id[:12]} cannot be adopted, for how it was sent is not known here any "
                "more; --resubmit it or --give-up"
            )

    def _check_is_free(self, provider_job_id: str, row: JobRow) -> None:
        """Refuse another point's job; one under a key of ours is of all that were sent in it."""
        owner = self._row(
            "SELECT points.name FROM jobs JOIN points USING (ordinal)"
            " LEFT JOIN intents ON intents.composite = jobs.composite"
            " WHERE provider_job_id = ? AND ordinal <> ?"
            " AND (jobs.composite IS NOT ? OR intents.key IS NOT provider_job_id)",
            (provider_job_id, row.ordinal, row.composite),
        )
        if owner is not None:
            raise SelectionError(
                f"{provider_job_id} is the job of {owner[0]}, so it holds no result of "
                f"{row.job.id[:12]}; look again under which name it was sent"
            )

    def forget(self, point_ids: Iterable[str]) -> int:
        """Remove points with all their history; return how many.

        Raises:
            SelectionError: One of them may still be at a provider.
        """
        ids = list(dict.fromkeys(point_ids))
        rows = self.all_jobs_of(ids)
        for row in rows:
            if row.job.state in IN_FLIGHT:
                raise SelectionError(
                    f"{row.job.id[:12]} is {row.job.state}: cancel or resolve it first"
                )
        prepared = self._prepared_with(rows)
        with self.transaction():
            for composite in prepared:
                self.happens(composite, CompositeEvent.UNWANTED)
            gone = forgotten_settings(self._db) | self._asked_by(row.ordinal for row in rows)
            self.remove_rows(row.ordinal for row in rows)
            if num_settings(self._db) is not None:
                left = registration.settings_left(self._db, gone)
                registration.note_forgotten(self._db, {name: gone[name] for name in left})
            registration.note_numbers(self._db)
            ledger.note_number(self._db)
        return len(ids)

    def remove_rows(self, ordinals: Iterable[int]) -> None:
        """Remove rows of points with all that is kept of them, inside the caller's transaction."""
        values = [(ordinal,) for ordinal in ordinals]
        for table, column in _TABLES_OF_A_POINT:
            self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", values)

    def _asked_by(self, ordinals: Iterable[int]) -> dict[str, int]:
        """Names of points of these rows, at each place of the plan -> shots that they ask for."""
        sql = (
            "SELECT name, coalesce(wanted, shots) FROM points"
            " WHERE ordinal = ?1 AND start = 0 AND position IS NOT NULL"
            " UNION ALL SELECT places.name, coalesce(points.wanted, points.shots) FROM places"
            " JOIN points ON points.ordinal = places.point WHERE places.point = ?1"
        )
        found = (pair for ordinal in ordinals for pair in self._db.execute(sql, (ordinal,)))
        return dict(found)

    def _prepared_with(self, rows: Iterable[JobRow]) -> list[int]:
        """Composite jobs with some of these in them that were prepared, and not sent.

        Raises:
            SelectionError: One was sent and is not over: its provider is asked by all of them.
        """
        ids, found = {row.ordinal: row.job.id for row in rows}, []
        for stored in self.open_composites():
            mine = [ids[child] for child in stored.children if child in ids]
            if mine and stored.stage != "created":
                raise SelectionError(
                    f"{mine[0][:12]} was sent together with points that are not over; `qbatch run` "
                    "or `qbatch fetch` first, and `qbatch resolve` what is held"
                )
            found += [stored.ordinal] if mine else []
        return found
