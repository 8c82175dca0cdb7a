"""Where each job stands, concluded from the rows that are whole.

A job's own row holds where it agrees with its latest move. Else the job is followed through the
purchase table (`qbatch.purchase`) once more, from being sent, by what other rows prove: its result
(completed), its attempt (failed, cancelled), or that it was in no composite job that was sent.

Rules:

* What is not proved is held, and never bought again by itself. The next run asks its provider where
  its intent is whole. Where all moves are whole and none says that its provider had it, it is sent
  again if its provider never took it; else it is `ID_LOST`, and a person decides.
* What this machine computed is computed again: the seed is the point's own, so the numbers are too.
* What is lost of the run as a whole (`losses`) cannot be held.
* What the next run writes anyway (manifest, settings) is left out. So is what only tells how things
  came about (moves, replies). The person is told of both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from qbatch.job import ID_LOST, IN_FLIGHT, JobState
from qbatch.purchase import ASKED, COMPOSITES, TABLE, CompositeEvent, Event
from qbatch.snapshot import rows
from qbatch.snapshot.bought import Bought, purchase_values
from qbatch.snapshot.recovery.losses import PLANNED_AGAIN, Losses
from qbatch.snapshot.recovery.tables import Tables
from qbatch.snapshot.schema import crc_of, is_pristine, point_from_row, point_values

_Purchase = TypeVar("_Purchase", rows.Attempt, rows.Purchase)

#: What the row of an attempt says of its job.
_OF_ATTEMPT = ("provider_job_id", "status", "error", "cost", "unit")

#: Notes of the moves that mending makes; the latter of the step itself, where moves were left out.
MENDED = "mended by doctor"
MOVES_LOST = f"{MENDED}; moves of jobs were lost"

LOOK_UP = "look it up at its provider"
UNFETCHABLE = (
    "how it was sent is damaged, so it cannot be fetched here; restore the folder from a copy, or "
    f"{LOOK_UP}"
)
ASKED_AGAIN = "the next run asks its provider, and buys it if it was never taken"
ASKED_ONLY = "its id may be lost; the next run asks its provider, and does not buy it again"


class Rebuild:
    """The tables as they are to be written, and what comes of it.

    Args:
        tables: As read; changed in place.
        backends: Backend of the manifest -> whether it is this machine, so that what it computes
            costs nothing and can be had again; nothing where the manifest is lost.
        lost_steps: So many of the last steps are missing.
        now: When jobs are moved; UTC, seconds since 1970.

    Attributes:
        told: What comes of it, a sentence each.
        refused: Why nothing is done; empty where it can be.
        dropped: Rows of points that are to be planned again: nothing of them is kept.
        moves: Row of a point -> where its job was put, or stands without a move that says so; and
            since when.
    """

    def __init__(
        self, tables: Tables, backends: Mapping[str, bool], *, lost_steps: int = 0, now: float
    ) -> None:
        self.tables, self.now, self._backends = tables, now, backends
        self.dropped: set[int] = set()
        self.moves: dict[int, tuple[JobState, float]] = {}
        self._jobs, self._points = tables.jobs.rows, tables.points.rows
        self._composites, self._results = tables.composites.rows, tables.results.rows
        #: Point's row -> the composite jobs it was in, the latest last.
        self._sent: dict[int, list[rows.Composite]] = {}
        for _, sent in sorted(self._composites.items()):
            for child in json.loads(sent.jobs):
                self._sent.setdefault(child, []).append(sent)
        #: Point's row -> the latest attempt that ended, or that stands in the ledger.
        self._ended, self._paid = (dict(sorted(t.rows)) for t in (tables.attempts, tables.ledger))
        #: Composite jobs that cannot be asked about any more.
        self._mute = self._composites.keys() - tables.intents.rows.keys()
        used = {each.backend for each in self._points.values()}
        used |= {each.backend for each in self._composites.values()}
        used |= {each.backend for each in tables.ledger.rows.values()}
        self._is_all_local = bool(backends) and all(map(self._is_local, {*used, *backends}))
        losses = Losses(tables, self._is_all_local)
        losses.judge(lost_steps)
        self.told, self.refused = losses.told, losses.refused
        self._read_moves()
        self._judge_points()
        self._judge_jobs()
        self._judge_composites()
        self._judge_history()

    def _read_moves(self) -> None:
        """Note the latest move of each job, and whose latest attempt its provider never had."""
        self._latest: dict[int, rows.Move] = {}
        self._not_taken: set[int] = set()
        for _, move in sorted(self.tables.events.rows.items()):
            if move.job is None:
                if move.note == MOVES_LOST:
                    self._not_taken.clear()
                continue
            self._latest[move.job] = move
            if move.state == JobState.SUBMITTING:
                self._not_taken.add(move.job)
            elif move.state != JobState.HELD:
                self._not_taken.discard(move.job)
        if not self.tables.events.is_whole:
            self._not_taken.clear()

    def _is_local(self, backend: str) -> bool:
        return self._backends.get(backend, False)

    # -- points -------------------------------------------------------------------------------

    def _was_never_sent(self, ordinal: int) -> bool:
        """Whether nothing of a point can have been bought: no record of a purchase has it."""
        sent = self._sent.get(ordinal, ())
        is_told = ordinal in self._ended or ordinal in self._paid
        return not is_told and self.tables.composites.is_whole and all(map(_is_unsent, sent))

    def _judge_points(self) -> None:
        """A point without its row is planned again, if it cost nothing; so is its setting."""
        settings, was_lost = self.tables.settings, False
        lost = self._jobs.keys() | (self._sent.keys() if self._is_all_local else ())
        for ordinal in sorted(lost - self._points.keys()):
            sent = self._sent.get(ordinal, ())
            is_here = bool(sent) and all(self._is_local(each.backend) for each in sent)
            is_here = is_here and self.tables.composites.is_whole
            if self._is_all_local or is_here or self._was_never_sent(ordinal):
                self.dropped.add(ordinal)
                self._mute.update(each.ordinal for each in sent)
                self._jobs.pop(ordinal, None)
            else:
                told = f"point row {ordinal}: it is damaged, and may have been bought"
                self.refused.append(told)
        if self.dropped:
            number = "1 point" if len(self.dropped) == 1 else f"{len(self.dropped)} points"
            self.told.append(f"{number}: {PLANNED_AGAIN}")
        for ordinal, row in self._points.items():
            if row.setting and row.setting not in settings.rows:
                was_lost = True
                bare = replace(point_from_row(row), setting="")
                self._points[ordinal] = point_values(bare, row.position)
                if row.position is None:  # no run writes it again, and nothing is fetched without
                    self._mute.update(each.ordinal for each in self._sent.get(ordinal, ()))
        if not self.tables.places.is_whole:
            self.told.append("further places of points: the next run writes them again")
        if was_lost or not settings.is_whole:
            self.told.append("circuits and settings of points: the next run writes them again")

    # -- jobs ---------------------------------------------------------------------------------

    def _judge_jobs(self) -> None:
        """Follow each job whose row is lost, or does not fit to what other rows say."""
        for ordinal, point in sorted(self._points.items()):
            row = self._jobs.get(ordinal)
            if not point.shots:
                continue  # it buys nothing, and has no job
            if row is None or self._is_out_of_date(row):
                self._follow(point)
            elif row.state == JobState.COMPLETED and ordinal not in self._results:
                self._fetch_again(point, row)
            elif row.state in IN_FLIGHT and not self._is_cared_for(row):
                self._hold(point, row, UNFETCHABLE)
        for ordinal in [*self._results]:
            if ordinal not in self._jobs or self._jobs[ordinal].state != JobState.COMPLETED:
                del self._results[ordinal]

    def _is_out_of_date(self, row: rows.Job) -> bool:
        """Whether a job stands elsewhere than its row says; where moves are lost: may stand."""
        move, sent = self._latest.get(row.ordinal), self._sent.get(row.ordinal, ())
        if self.tables.events.is_whole:
            return self._differs(row)
        if row.updated_at < max((each.sent_at or 0.0 for each in sent), default=0.0):
            return True
        is_same = move is None or row.state in (move.state, JobState.COMPLETED)
        return move is not None and (row.updated_at, is_same) < (move.at, True)

    def _differs(self, row: rows.Job) -> bool:
        """Whether a job stands elsewhere than its latest move that is left says."""
        move = self._latest.get(row.ordinal)
        if move is None:
            return not is_pristine(row)
        return (row.updated_at, row.state) != (move.at, move.state)

    def _is_asked(self, sent: rows.Composite) -> bool:
        """Whether the next run asks about a composite job."""
        return sent.stage in ASKED and sent.ordinal not in self._mute

    def _is_cared_for(self, row: rows.Job) -> bool:
        """Whether a job in flight is asked for by the next run, or by nobody before a person."""
        sent = self._composites.get(row.composite or 0)
        if sent is None or not self._is_asked(sent):
            return row.state == JobState.HELD
        return not self.tables.composites.is_torn  # else more may have been known than is left

    def _follow(self, point: rows.Point) -> None:
        """Put a job, without its own row, where other rows say that it came to."""
        ordinal, tables = point.ordinal, self.tables
        sent = self._sent.get(ordinal, [None])[-1]
        tried = max(self._paid.get(ordinal, 1), self._ended.get(ordinal, 1))
        row = _blank(ordinal, tried if sent is None else sent.generation, sent)
        ended = tables.attempts.rows.get((ordinal, row.generation))
        if bought := tables.ledger.rows.get((ordinal, row.generation)):
            cost = None if bought.billed is None else bought.billed - bought.refunded
            row = row._replace(cost=cost, unit=bought.unit)
        damaged = "its row was damaged"
        if self._is_local(point.backend):
            self._begin_anew(point, "computed again")
        elif self._was_never_sent(ordinal):
            self._begin_anew(point, "it was not sent yet")
        elif ordinal in self._results:
            told = "completed, as its result says; its id at the provider is lost"
            self._put(point, row, Event.STORED, told)
        elif sent is None or not tables.composites.is_whole:
            self._hold(point, row, f"{damaged}; {LOOK_UP}")
        elif ended is not None:
            row = row._replace(**{name: getattr(ended, name) for name in _OF_ATTEMPT})
            event = Event.FAILED if ended.state == JobState.FAILED else Event.CANCELLED
            self._put(point, row, event, f"{ended.state}, as its attempt says")
        elif _is_unsent(sent):
            self._begin_anew(point, "it was not sent yet")
        elif not self._is_asked(sent):
            self._hold(point, row, f"{damaged}; {LOOK_UP}")
        elif ordinal in self._not_taken and sent.stage != "releasing":
            self._hold(point, row, f"{damaged}; {ASKED_AGAIN}", may_be_sent=True)
        else:
            self._hold(point, row, f"{damaged}; {ASKED_ONLY}")

    def _fetch_again(self, point: rows.Point, row: rows.Job) -> None:
        """A completed job has lost its result."""
        sent = self._composites.get(row.composite or 0)
        is_known = row.provider_job_id is not None
        if self._is_local(point.backend):
            is_planned = point.position is not None
            then = "computed again" if is_planned else "lost, and in the plan no more"
            self._begin_anew(point, f"its result is damaged: {then}")
        elif is_known and sent is not None and self._is_reopened(sent):
            self._put(point, row, Event.TAKEN, "its result is damaged: fetched again")
        else:
            self._hold(point, row, f"its result was damaged; {LOOK_UP}")

    def _is_reopened(self, sent: rows.Composite) -> bool:
        """Let a composite job be asked about again, if anything is left to ask with."""
        is_mute = sent.ordinal in self._mute
        return not is_mute and self._happens(sent, CompositeEvent.REOPENED)

    def _begin_anew(self, point: rows.Point, told: str) -> None:
        """Nothing of it is at a provider, or was ever bought."""
        sent = [each.generation for each in self._sent.get(point.ordinal, ())]
        generation = max([self._ended.get(point.ordinal, 0) + 1, *sent])
        self._write(_blank(point.ordinal, generation, None), JobState.CREATED)
        self.told.append(f"{point.name}: {told}")

    def _hold(
        self, point: rows.Point, row: rows.Job, why: str, *, may_be_sent: bool = False
    ) -> None:
        """Nobody can tell what became of it; what this machine did can be done again."""
        if self._is_local(point.backend):
            self._begin_anew(point, "computed again")
            return
        is_lost = row.provider_job_id is None and not may_be_sent
        row = row._replace(status=ID_LOST if is_lost else "", error=why)
        self._put(point, row, Event.UNKNOWABLE, f"held; {why}")

    def _put(self, point: rows.Point, row: rows.Job, event: Event, told: str) -> None:
        """Let an event happen to a job that was sent."""
        state = TABLE[JobState.SUBMITTING][event].state
        self._write(row, state)
        self.told.append(f"{point.name}: {told}")

    def _write(self, row: rows.Job, state: JobState) -> None:
        self._jobs[row.ordinal] = _sealed(row._replace(state=state.value), self.now)
        self.moves[row.ordinal] = state, self.now

    # -- the rest -----------------------------------------------------------------------------

    def _judge_composites(self) -> None:
        """Close what cannot be asked about, and let nothing refer to what is lost."""
        intents, composites = self.tables.intents, self.tables.composites
        if not (intents.is_whole and composites.is_whole):
            told = "records of composite jobs that are over: what is damaged is left out"
            self.told.append(told)
        for sent in [*composites.rows.values()]:
            is_mute = sent.ordinal in self._mute and sent.stage in ASKED
            if is_mute or not self.dropped.isdisjoint(json.loads(sent.jobs)):
                self._happens(sent, CompositeEvent.MUTE)
        for ordinal in intents.rows.keys() - composites.rows.keys():
            del intents.rows[ordinal]
        for ordinal, row in self._jobs.items():
            if self._is_lost(row.composite):
                self._jobs[ordinal] = _sealed(row._replace(composite=None), row.updated_at)
        for ended, attempt in self.tables.attempts.rows.items():
            if self._is_lost(attempt.composite):
                self.tables.attempts.rows[ended] = _of_no_composite(attempt)
        for paid, entry in self.tables.ledger.rows.items():
            if self._is_lost(entry.composite):
                self.tables.ledger.rows[paid] = _of_no_composite(entry)

    def _is_lost(self, composite: int | None) -> bool:
        return composite is not None and composite not in self._composites

    def _happens(self, sent: rows.Composite, event: CompositeEvent) -> bool:
        """Let an event happen to a composite job; tell whether it can, by the table."""
        rows_of = (after for at, after in COMPOSITES.items() if at == sent.stage)
        stage = next(rows_of, {}).get(event)
        if stage is None:
            return False
        moved = (stage, sent.created_at, sent.sent_at, None)
        crc = crc_of((sent.ordinal, *moved))
        self._composites[sent.ordinal] = sent._replace(stage=stage, closed_at=None, moved=crc)
        return True

    def _judge_history(self) -> None:
        """Tell what is missing of it; where no move says where a job stands, make one."""
        for name, what in (("events", "moves of jobs"), ("raw", "replies as sent")):
            table = getattr(self.tables, name)
            if not table.is_whole:
                number = len(table.damaged) if table.damaged and not table.is_torn else "some"
                self.told.append(f"{what}: {number} damaged, left out")
        if not self.tables.events.is_whole:
            for ordinal, row in self._jobs.items():
                if ordinal not in self.moves and self._differs(row):
                    self.moves[ordinal] = JobState(row.state), row.updated_at


def _is_unsent(sent: rows.Composite) -> bool:
    return sent.stage == "created"


def _blank(ordinal: int, generation: int, sent: rows.Composite | None) -> rows.Job:
    """The row of a job of which nothing else is known."""
    composite, sent_at = (None, None) if sent is None else (sent.ordinal, sent.sent_at)
    return rows.Job(ordinal, "", generation, composite, None, "", "", None, "", sent_at, 0.0, 0)


def _of_no_composite(row: _Purchase) -> _Purchase:
    """The row of an attempt or a purchase without its composite job, whose own row is lost."""
    at = row._fields.index("crc")
    bought = Bought(None, row.start, row.shots, row.setting)
    return row._replace(composite=None, crc=purchase_values(row[:at], bought)[at])


def _sealed(row: rows.Job, now: float) -> rows.Job:
    """The row with its time and its CRC."""
    row = row._replace(updated_at=float(now))
    return row._replace(crc=crc_of(row[:-1]))
