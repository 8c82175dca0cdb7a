"""A run folder into which finished jobs of other runs are taken, each with where it comes from.

Rules: a shot is there once, by whatever way it comes. What a machine gave is known by its job and
the cloud's id of it (`Reused.key`). What is computed, and would be computed here bit for bit, is
known by its content and its numbers: it keeps these, and lies on nothing that is there. What is in
flight here stays as it is. Taking is done in steps, each whole: whoever takes again, after a kill
or not, takes what is not there yet. No purchase comes with it: it was billed elsewhere.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice
from typing import Any

from qbatch.frozen import dataclass
from qbatch.job import Job, JobState
from qbatch.purchase import BOUGHT, ENDED, CompositeEvent, Event
from qbatch.result import Counts
from qbatch.shots import FIRST_OF_OTHERS, job_id
from qbatch.snapshot import registration
from qbatch.snapshot.comparing import Point
from qbatch.snapshot.dividing import Candidates, Sample, put_aside_of
from qbatch.snapshot.epochs import keep_calibration
from qbatch.snapshot.jobs import NewResult
from qbatch.snapshot.lending import Lent
from qbatch.snapshot.put_aside import PutAside
from qbatch.snapshot.reading import BOUNDS, checked, write_meta
from qbatch.snapshot.reused import IMPORTED, REUSED, Reused, reused_of
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_JOB_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    JobRow,
    StoredPoint,
    job_from_row,
    parameters_text,
    point_from_row,
    point_values,
)
from qbatch.snapshot.setting_aside import SettingAside

#: Contents taken in one step.
_AT_ONCE = 200

_ROWS = f"""
SELECT {POINT_COLUMNS}, {JOB_COLUMNS}, results.facts FROM points JOIN jobs USING (ordinal)
LEFT JOIN results USING (ordinal)
WHERE (points.id = ?1 AND points.content IS NULL) OR points.content = ?1
"""


@dataclass(frozen=True, slots=True)
class Loan:
    """A finished job of another run, for a point of this one.

    Attributes:
        point: As this run's plan has it.
        lent: The job.
        result: As it is to be kept here, without where it comes from.
        is_repeatable: The same shots of the same content are the same wherever they are taken.
    """

    point: Point
    lent: Lent
    result: NewResult
    is_repeatable: bool

    @property
    def run(self) -> tuple[int, int]:
        """Which shots of the sample it is, where it is repeatable: where they start, how many."""
        return self.lent.reused.start, self.lent.point.shots


@dataclass(slots=True)
class Borrowed:
    """What was taken, and what was not.

    Attributes:
        taken: Jobs that are taken now.
        known: That were there before, or come twice.
        overlapping: Computed ones of whose shots some are there.
        aside: Kept, and not counted.
    """

    taken: list[Loan] = field(default_factory=list)
    known: list[Loan] = field(default_factory=list)
    overlapping: list[Loan] = field(default_factory=list)
    aside: list[PutAside] = field(default_factory=list)


@dataclass(slots=True)
class _Home:
    """What this run has of one content."""

    rows: list[tuple[StoredPoint, JobRow]]
    keys: set[tuple[str, str]]

    @property
    def own(self) -> tuple[StoredPoint, JobRow] | None:
        return next((each for each in self.rows if not each[0].start), None)

    @property
    def done(self) -> list[JobRow]:
        """Jobs with results."""
        return [row for _, row in self.rows if row.job.state is JobState.COMPLETED]

    def is_free(self, start: int, shots: int) -> bool:
        """Whether none of these shots is bought, or may be."""
        return not any(
            point.start < start + shots and start < point.start + point.shots
            for point, row in self.rows
            if row.job.state in BOUGHT
        )

    def next_of_others(self) -> int:
        """The first number that no shot of another run has yet."""
        ends = (point.start + point.shots for point, _ in self.rows)
        return max((FIRST_OF_OTHERS, *ends))


class Borrower(SettingAside):
    """A run folder, held for writing, into which jobs of other runs are taken."""

    def borrow(self, loans: Iterable[Loan], apart: Collection[str] = ()) -> Borrowed:
        """Take what is not there yet; durable when it returns.

        Args:
            loans: In any order; what comes twice is taken once.
            apart: Contents whose shots are of their own times, and need not be alike.
        """
        by_content: Mapping[str, list[Loan]] = defaultdict(list)
        for loan in loans:
            by_content[loan.point.id].append(loan)
        alike = {id_: each for id_, each in by_content.items() if id_ not in apart}
        found = Borrowed(aside=self._put_aside_first(alike))
        self._aside = {(each.id, *each.reused.key) for each in self._read_aside()}
        self._ids = self._ids_of_clouds() if _has_imported(by_content, self.meta()) else {}
        contents = iter(by_content.items())
        while chunk := [*islice(contents, _AT_ONCE)]:
            before = len(found.taken)
            with self.transaction():
                for content, offered in chunk:
                    self._take(content, sorted(offered, key=_order), found)
                if len(found.taken) > before:
                    registration.note_numbers(self._db)
                    # what is missing is told anew
                    write_meta(self._db, {BOUNDS: "{}", REUSED: "yes"})
        return found

    def _take(self, content: str, offered: Sequence[Loan], found: Borrowed) -> None:
        home = self._home_of(content)
        for loan in offered:
            if (content, *loan.lent.reused.key) in self._aside:
                continue
            if not loan.is_repeatable and (
                loan.lent.reused.key in home.keys or self._is_elsewhere(loan.lent.reused)
            ):
                found.known.append(loan)
            elif not loan.is_repeatable:
                self._keep(home, loan, home.next_of_others())
                found.taken.append(loan)
            elif home.is_free(*loan.run):
                self._keep(home, loan, loan.lent.reused.start)
                found.taken.append(loan)
            elif _is_there(home, loan):
                found.known.append(loan)
            else:
                found.overlapping.append(loan)

    def _is_elsewhere(self, reused: Reused) -> bool:
        """Whether an imported job is here, of whichever point."""
        known = self._ids.get(reused.provider_job_id)
        return known is not None and (known or bool(reused.imported))

    def _ids_of_clouds(self) -> dict[str, bool]:
        """Cloud's id of each job that is here, or put aside -> whether it was imported."""
        found = {
            each.reused.provider_job_id: bool(each.reused.imported) for each in self._read_aside()
        }
        rows = self._db.execute(
            "SELECT provider_job_id, facts, EXISTS (SELECT 1 FROM raw WHERE raw.job = jobs.ordinal"
            " AND kind = ?) FROM jobs LEFT JOIN results USING (ordinal)"
            " WHERE provider_job_id IS NOT NULL",
            (IMPORTED,),
        )
        for id_, facts, is_own in rows:
            reused = reused_of(facts or "")
            found[id_] = bool(reused.imported) if reused else bool(is_own)
        return found

    def review(self, apart: Collection[str] = ()) -> list[PutAside]:
        """Put aside what differs from the shots that this run has bought since, and return it.

        Args:
            apart: As for `borrow`.
        """
        if self.fact(REUSED) is None:
            return []
        ids = self._db.execute(
            "SELECT DISTINCT content FROM points WHERE start >= ?", (FIRST_OF_OTHERS,)
        ).fetchall()
        homes = {key.hex(): self._home_of(key.hex()) for (key,) in ids if key.hex() not in apart}
        points = [self._candidates(id_, home) for id_, home in homes.items()]
        aside = put_aside_of(each for each in points if each.counting)
        with self.transaction():
            for each in aside:
                self._remove(homes[each.id], each)
            if aside:
                self._note_aside(aside)
                registration.note_numbers(self._db)
                write_meta(self._db, {BOUNDS: "{}"})
        return aside

    def _put_aside_first(self, by_content: Mapping[str, Sequence[Loan]]) -> list[PutAside]:
        """Put aside, of what is offered, what differs from what counts, or from the newest."""
        known = {(each.id, *each.reused.key) for each in self._read_aside()}
        points = []
        for content, loans in by_content.items():
            home = self._home_of(content)
            fresh = {
                loan.lent.reused.key: Sample(
                    Counts.unpack(loan.lent.counts), loan.lent.facts, loan.lent.reused
                )
                for loan in loans
                if not loan.is_repeatable
                and loan.lent.reused.key not in home.keys
                and (content, *loan.lent.reused.key) not in known
            }
            if fresh:
                counting = [self._counts_at(row.ordinal) for row in home.done]
                name = loans[0].point.name
                points.append(Candidates(content, name, counting, [*fresh.values()]))
        aside = put_aside_of(points)
        if aside:
            with self.transaction():
                self._note_aside(aside)
        return aside

    def _candidates(self, content: str, home: _Home) -> Candidates:
        """What a point has of its own, and of others."""
        own, others = [], []
        for row in home.done:
            counts = self._counts_at(row.ordinal)
            facts = self._facts_at(row.ordinal)
            reused = Reused.of(facts)
            if reused is None:
                own.append(counts)
            else:
                others.append(Sample(counts, facts, reused))
        return Candidates(content, home.rows[0][0].name, own, others)

    def _remove(self, home: _Home, aside: PutAside) -> None:
        """Take the rows of a job out: what it gave is kept elsewhere."""
        for point, row in home.rows:
            if point.start >= FIRST_OF_OTHERS and row.job.state is JobState.COMPLETED:
                reused = Reused.of(self._facts_at(row.ordinal))
                if reused is not None and reused.key == aside.reused.key:
                    self.remove_rows([row.ordinal])

    def _counts_at(self, ordinal: int) -> Counts:
        sql = "SELECT counts FROM results WHERE ordinal = ?"
        return Counts.unpack(self._db.execute(sql, (ordinal,)).fetchone()[0])

    def _facts_at(self, ordinal: int) -> dict[str, Any]:
        sql = "SELECT facts FROM results WHERE ordinal = ?"
        with checked(self.path):
            found: dict[str, Any] = json.loads(
                self._db.execute(sql, (ordinal,)).fetchone()[0] or "{}"
            )
        return found

    def _home_of(self, content: str) -> _Home:
        rows, keys = [], set()
        for row in self._db.execute(_ROWS, (bytes.fromhex(content),)).fetchall():
            *columns, facts = row
            with checked(self.path):
                point = point_from_row(columns[:NUM_POINT_COLUMNS])
                job = job_from_row(
                    columns[NUM_POINT_COLUMNS : NUM_POINT_COLUMNS + NUM_JOB_COLUMNS], point.id
                )
            rows.append((point, job))
            reused = reused_of(facts or "")
            keys.add(reused.key if reused else (point.id, job.job.provider_job_id or ""))
        return _Home(rows, keys)

    def _keep(self, home: _Home, loan: Loan, start: int) -> None:
        """Make the row that a job has here, and write what it measured."""
        if home.own is None and start:
            self._row_of(home, loan.point, 0, 0)
        point, row = self._row_of(home, loan.point, start, loan.lent.point.shots)
        for composite in self._prepared_of({row.ordinal}):
            self.happens(composite, CompositeEvent.UNWANTED)
        lent, result = loan.lent, loan.result
        facts = {**result.facts, REUSED: lent.reused.facts()}
        kept = replace(result, facts=facts, raw=b"", log=b"")
        self.save_result(row.ordinal, kept, at=lent.reused.completed_at)
        for text in lent.calibrations:
            keep_calibration(self._db, json.loads(text))
        job = row.job.after(Event.AGAIN) if row.job.state in ENDED else row.job
        done = job.after(Event.SENT).after(
            Event.STORED,
            provider_job_id=lent.reused.provider_job_id or None,
            generation=self.next_attempt(row.ordinal, job.generation)
            if row.job.state in ENDED
            else job.generation,
            error="",
        )
        taken = JobRow(row.ordinal, done, None, lent.reused.sent_at)
        self.save_jobs([taken], note=f"from {lent.reused.name}: {lent.reused.folder}")
        home.rows = [each for each in home.rows if each[0].id != point.id]
        home.rows.append((point, taken))
        home.keys.add(lent.reused.key)
        if lent.reused.imported:
            self._ids[lent.reused.provider_job_id] = True

    def _row_of(
        self, home: _Home, point: Point, start: int, shots: int
    ) -> tuple[StoredPoint, JobRow]:
        """Return the row that shots from `start` on have here, made or changed to so many."""
        id_ = job_id(point.id, start)
        known = next(
            (each for each in home.rows if each[0].start == start and each[0].id == id_),
            home.own if not start else None,
        )
        if known is None:
            ((last,),) = self._db.execute("SELECT coalesce(max(ordinal), 0) FROM points")
            content = "" if id_ == point.id else point.id
            made = _stored(point, id_, int(last) + 1, shots, start, content)
            found = made, JobRow(made.ordinal, Job(id_))
        else:
            asked = known[0].shots if known[0].wanted is None else known[0].wanted
            wanted = None if start or asked == shots else asked
            found = replace(known[0], shots=shots, seed=point.seed, wanted=wanted), known[1]
        place = None
        if known is not None:
            sql = "SELECT position FROM points WHERE ordinal = ?"
            ((place,),) = self._db.execute(sql, (found[0].ordinal,))
        told = parameters_text(point)
        self._db.execute(registration.PLACE, point_values(found[0], place, told))
        if known is None:
            registration.begin_jobs(self._db)
            home.rows.append(found)
        return found


def _stored(
    point: Point, id_: str, ordinal: int, shots: int, start: int, content: str
) -> StoredPoint:
    """The row of a job, not in the plan yet: registering it puts it there."""
    return StoredPoint(
        id_,
        point.name,
        point.circuit,
        point.backend,
        shots,
        point.repeat,
        point.parameters,
        point.seed,
        "",
        ordinal,
        in_plan=False,
        content=content,
        start=start,
    )


def _has_imported(by_content: Mapping[str, Sequence[Loan]], meta: Mapping[str, str]) -> bool:
    """Whether anything here, or of what is offered, may be from another program's file."""
    loans = (loan for offered in by_content.values() for loan in offered)
    return (
        REUSED in meta
        or "imported_from" in meta
        or any(loan.lent.reused.imported for loan in loans)
    )


def _order(loan: Loan) -> tuple[int, int, float, tuple[str, str]]:
    """In which order jobs of a content are taken, whatever the order they are given in."""
    reused = loan.lent.reused
    if loan.is_repeatable:
        return reused.start, -loan.lent.point.shots, 0.0, reused.key
    return 0, 0, reused.completed_at or 0.0, reused.key


def _is_there(home: _Home, loan: Loan) -> bool:
    """Whether all of its shots are there, in a job that has just these."""
    return any(
        (point.start, point.shots) == loan.run and row.job.state is JobState.COMPLETED
        for point, row in home.rows
    )
