"""What can be done about damaged rows, and what cannot: decided here, done in `repair`.

Rules:

* What this machine computed is computed again: the seed is the point's own, so the numbers are too.
* What a provider may have been paid for is never made to look as if it had not been bought. A job
  whose own row is lost is asked for by its intent, or held for the person to decide; a result that
  is lost is fetched again. Where intents, the ledger or the run's id are lost, nobody can tell what
  was bought, and nothing is mended.
* A row of a page that came from elsewhere may be whole and out of date: a job stands where its
  latest move says that it stands, or its row is lost. Where moves are lost, a row is out of date
  that is older than a move that is left, or than the sending of its job.
* A job that its provider had, or may have had, is never bought again because the provider does not
  know it any more: it is held as `ID_LOST`.
* What the next run writes anyway (manifest, settings, places) is left out. So is what only tells
  how things came about (moves, replies), and the person is told.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from qbatch.job import ID_LOST, IN_FLIGHT, Job, JobState
from qbatch.snapshot.reading import IDS, PIECES, PLACES, PLAN, POINTS, PURCHASES
from qbatch.snapshot.salvage import Row, Table
from qbatch.snapshot.schema import (
    PRISTINE,
    JobRow,
    crc_of,
    job_from_row,
    point_from_row,
    point_values,
)

#: Facts that are of no use without one another.
_OF_MANIFEST = ("manifest", "manifest_path", "manifest_folder", "overrides")

#: Facts that each run writes anew.
_REWRITTEN = {
    *_OF_MANIFEST,
    *("name", "axes", "targets", "run_folder"),
    *("limits", "versions", "selection", "started_at", "finished_at", "created_at"),
    *(POINTS, PIECES, PLACES, PLAN, PURCHASES, IDS),
}

#: Stages in which a provider may be at work, or may be asked again.
_OPEN = ("submitting", "submitted")

#: States of an attempt of which nobody can tell whether its provider took it.
_UNTOLD = (JobState.SUBMITTING, JobState.HELD)

#: Notes of the moves that mending makes; the latter of the step itself, where moves were left out.
MENDED = "mended by doctor"
MOVES_LOST = f"{MENDED}; moves of jobs were lost"

ASKED_AGAIN = (
    "its row was damaged; the next run asks its provider what became of it, and buys it if it was "
    "never taken"
)
ASKED_ONLY = (
    "its row was damaged, and with it the id that its provider may have given it; the next run "
    "asks its provider what became of it, and does not buy it again"
)
LOOK_UP = "its row was damaged; look it up at its provider"


@dataclass
class Mending:
    """What is to be done about what was found.

    Attributes:
        tables: What is kept; changed rows in their place.
        told: What comes of it, a sentence each.
        refused: Why nothing is done; empty where it can be.
        dropped: Rows of points that are to be planned again: nothing of them is kept.
        moves: Row of a point -> where its job was put, or stands without a move that says so; and
            since when.
        now: When; UTC, seconds since 1970.
    """

    tables: Mapping[str, Table]
    now: float
    told: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)
    moves: dict[int, tuple[JobState, float]] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What the history of the run says of it."""
        return MENDED if self.tables["events"].is_whole else MOVES_LOST


def mend(
    tables: Mapping[str, Table],
    backends: Mapping[str, bool],
    *,
    lost_steps: int = 0,
    now: float,
) -> Mending:
    """Decide about every damaged or missing row.

    Args:
        tables: As salvaged; changed in place.
        backends: Backend of the manifest -> whether it is this machine, so that what it computes
            costs nothing and can be had again; nothing where the manifest is lost.
        lost_steps: So many of the last steps are missing.
        now: When jobs are moved; UTC, seconds since 1970.
    """
    mender = _Mender(Mending(tables, now), backends)
    mender.judge_steps(lost_steps)
    mender.judge_moves()
    mender.judge_facts()
    mender.judge_purchases()
    mender.judge_composites()
    mender.judge_points()
    mender.judge_jobs()
    mender.judge_results()
    mender.judge_settings()
    mender.judge_history()
    return mender.mending


class _Mender:
    """Looks at one kind of row after the other."""

    def __init__(self, mending: Mending, backends: Mapping[str, bool]) -> None:
        self.mending = mending
        self._backends = backends
        tables = mending.tables
        self._points, self._jobs = tables["points"], tables["jobs"]
        self._composites, self._results = tables["composites"].rows, tables["results"].rows
        #: Point's row -> the composite jobs it was in, the latest last.
        self._sent: dict[int, list[int]] = {}
        for ordinal, row in sorted(self._composites.items()):
            for child in json.loads(row[4]):
                self._sent.setdefault(child, []).append(ordinal)
        self._known = dict(self._composites)
        self._read_moves(tables["events"])
        self._are_composites_whole = tables["composites"].is_whole
        self._bought = {job for name in ("ledger", "attempts") for job, _ in tables[name].rows}
        used = {row[4] for row in self._points.rows.values()}
        used |= {row[2] for row in self._known.values()}
        used |= {row[2] for row in tables["ledger"].rows.values()}
        self._is_all_local = bool(backends) and all(map(self._is_local, {*used, *backends}))

    def _read_moves(self, events: Table) -> None:
        """Note of each job its latest move, when its attempt began, and whether it was taken."""
        self._latest: dict[int, Row] = {}
        self._begun: dict[int, int] = {}
        self._taken: set[int] = set()
        #: Of attempts that began later, all moves are here.
        self._moves_lost_at: float = -1 if events.is_whole else math.inf
        for seq, row in sorted(events.rows.items()):
            _, _, ordinal, state, note, _ = row
            if ordinal is None and note == MOVES_LOST:
                self._moves_lost_at = max(self._moves_lost_at, seq)
            if ordinal is None:
                continue
            self._latest[ordinal] = row
            if state == JobState.CREATED:
                self._begun[ordinal] = seq
                self._taken.discard(ordinal)
            elif state not in _UNTOLD:
                self._taken.add(ordinal)

    def _may_be_taken(self, ordinal: int) -> bool:
        """Whether the latest attempt at a point was at its provider, or nobody can tell."""
        return ordinal in self._taken or self._begun.get(ordinal, 0) <= self._moves_lost_at

    def _is_local(self, backend: str) -> bool:
        return self._backends.get(backend, False)

    def _tell(self, text: str) -> None:
        self.mending.told.append(text)

    def _refuse(self, text: str) -> None:
        self.mending.refused.append(text)

    def _name(self, ordinal: int) -> str:
        row = self._points.rows.get(ordinal)
        return f"point row {ordinal}" if row is None else row[2]

    # -- the run as a whole -------------------------------------------------------------------

    def judge_steps(self, lost: int) -> None:
        if lost <= 0:
            return
        steps = "step is" if lost == 1 else f"{lost} steps are"
        if self._is_all_local:
            self._tell(f"the last {steps} missing: what they brought is computed again")
        else:
            self._refuse(f"the last {steps} missing, and something may have been bought in them")

    def judge_moves(self) -> None:
        """Leave out job rows that are older than what else is told of their jobs."""
        is_whole, rows = self.mending.tables["events"].is_whole, self._jobs.rows
        if not is_whole and self._jobs.is_torn and not self._is_all_local:
            self._refuse("jobs and their moves are damaged, so where they stood is not known")
        is_out_of_date = self._differs if is_whole else self._is_older
        for ordinal in [ordinal for ordinal, row in rows.items() if is_out_of_date(ordinal, row)]:
            del rows[ordinal]

    def _differs(self, ordinal: int, row: Row) -> bool:
        """Whether a job stands elsewhere than its latest move that is left says."""
        move = self._latest.get(ordinal)
        if move is None:
            return bool(row[1:11] != PRISTINE)
        return (row[10], row[1]) != (move[1], move[3])

    def _is_older(self, ordinal: int, row: Row) -> bool:
        """Whether a job moved, or was sent, after its row was written."""
        sent = (self._known[each][10] or 0.0 for each in self._sent.get(ordinal, ()))
        move = self._latest.get(ordinal)
        has_moved = move is not None and (
            row[10] < move[1]
            or (row[10] == move[1] and row[1] not in (move[3], JobState.COMPLETED))
        )
        return has_moved or row[10] < max(sent, default=0.0)

    def judge_facts(self) -> None:
        facts = self.mending.tables["meta"]
        if facts.is_whole:
            return
        if not facts.rows.keys() >= {*_OF_MANIFEST}:
            for name in _OF_MANIFEST:
                facts.rows.pop(name, None)
        lost = [name for name in facts.keys if name in _REWRITTEN]
        are_known = not facts.is_torn and len(lost) == len(facts.keys) and "run_id" in facts.rows
        if are_known or self._is_all_local:
            told = ", ".join(sorted(set(lost))) or "facts"
            self._tell(f"{told} of the run: the next run writes them again")
        else:
            self._refuse("facts of the run are lost, and its id, by which purchases are known")

    def judge_purchases(self) -> None:
        for name, what in (("ledger", "the ledger"), ("attempts", "earlier attempts")):
            table = self.mending.tables[name]
            if table.is_whole and not (name == "ledger" and self._lacks_purchases()):
                continue
            if self._is_all_local:
                self._tell(f"{what}: what is damaged is left out, for it cost nothing")
            else:
                self._refuse(f"{what}: entries are damaged, so what was bought cannot be told")

    def _lacks_purchases(self) -> bool:
        """Whether the ledger has another number of entries than was noted."""
        noted = self.mending.tables["meta"].rows.get(PURCHASES)
        return noted is not None and int(noted[1]) != len(self.mending.tables["ledger"].rows)

    def judge_composites(self) -> None:
        """A lost composite job, or intent, matters where a job in it is in flight."""
        intents = self.mending.tables["intents"]
        if self._are_composites_whole and intents.is_whole:
            return
        for ordinal, row in self._jobs.rows.items():
            composite, state = row[3], JobState(row[1])
            if composite is None or self._is_local_at(ordinal, composite):
                continue
            is_kept = composite in self._composites and composite in intents.rows
            is_current = is_kept and not self.mending.tables["composites"].is_torn
            if state in IN_FLIGHT and not is_current:
                self._refuse(f"{self._name(ordinal)}: it is {state}, and its purchase is damaged")
        for composite, row in self._composites.items():
            is_open = row[8] in _OPEN and not self._is_local(row[2])
            if is_open and composite not in intents.rows:
                self._refuse(f"composite job {row[1][:12]}: its intent is lost")
        self._tell("records of composite jobs that are over: what is damaged is left out")
        self._forget_composites(
            lambda row: (
                self._is_local(row[2]) and row[8] != "created" and row[0] not in intents.rows
            )
        )

    def _forget_composites(self, is_over: Callable[[Row], bool]) -> None:
        """Leave composite jobs out: of the jobs in them nothing is under way."""
        intents = self.mending.tables["intents"].rows
        for ordinal in [ordinal for ordinal, row in self._composites.items() if is_over(row)]:
            del self._composites[ordinal]
        for ordinal in [ordinal for ordinal in intents if ordinal not in self._composites]:
            del intents[ordinal]
        for ordinal, row in list(self._jobs.rows.items()):
            if row[3] is None or row[3] in self._composites:
                continue
            if JobState(row[1]) in IN_FLIGHT and self._is_local_at(ordinal, None):
                self._begin_anew(ordinal)
            else:
                changed = replace(job_from_row(row, ""), composite=None)
                self._jobs.rows[ordinal] = (ordinal, *changed.values(row[10]))

    def _is_local_at(self, ordinal: int, composite: int | None) -> bool:
        """Whether a point is this machine's, by its own row or by its composite job's."""
        point, sent = self._points.rows.get(ordinal), self._composites.get(composite or 0)
        if point is not None:
            return self._is_local(point[4])
        return sent is not None and self._is_local(sent[2])

    # -- points -------------------------------------------------------------------------------

    def _was_never_sent(self, ordinal: int) -> bool:
        """Whether nothing of a point can have been bought: no record of a purchase has it."""
        sent = [self._known[each] for each in self._sent.get(ordinal, ())]
        return (
            self._are_composites_whole
            and ordinal not in self._bought
            and all(row[8] == "created" for row in sent)
        )

    def _is_costless(self, ordinal: int) -> bool:
        """Whether a point can be computed again, or was never sent."""
        if self._is_all_local or self._was_never_sent(ordinal):
            return True
        sent = [self._known[each][2] for each in self._sent.get(ordinal, ())]
        return self._are_composites_whole and bool(sent) and all(map(self._is_local, sent))

    def judge_points(self) -> None:
        """A point without its row is planned again by the next run, if it cost nothing."""
        known = self._jobs.rows.keys() | self._points.rows.keys()
        self._judge_number(len(known))
        lost = self._jobs.rows.keys() - self._points.rows.keys()
        if self._is_all_local:
            lost |= self._sent.keys() - known
        dropped = self.mending.dropped
        for ordinal in sorted(lost):
            if self._is_costless(ordinal):
                dropped.add(ordinal)
                self._jobs.rows.pop(ordinal, None)
                self._results.pop(ordinal, None)
            else:
                self._refuse(f"point row {ordinal}: it is damaged, and may have been bought")
        if dropped:
            self._tell(f"{_points(len(dropped))}: planned again by the next run")
            self._forget_composites(lambda row: not dropped.isdisjoint(json.loads(row[4])))

    def _judge_number(self, known: int) -> None:
        """Where whole pages are lost, so are rows that nothing tells of."""
        noted = self.mending.tables["meta"].rows.get(POINTS)
        is_torn = self._points.is_torn and self._jobs.is_torn
        missing = known < int(noted[1]) if noted is not None else is_torn
        if missing and self._is_all_local:
            self._tell("points that cannot be found: planned again by the next run")
        elif missing:
            self._refuse("points cannot be found, and may have been bought")

    # -- jobs ---------------------------------------------------------------------------------

    def judge_jobs(self) -> None:
        for ordinal in sorted(self._points.rows.keys() - self._jobs.rows.keys()):
            name, backend = self._name(ordinal), self._points.rows[ordinal][4]
            if self._is_local(backend):
                self._begin_anew(ordinal)
                self._tell(f"{name}: computed again")
            elif self._was_never_sent(ordinal):
                self._begin_anew(ordinal)
                self._tell(f"{name}: it was not sent yet")
            elif self._are_composites_whole and (sent := self._sent.get(ordinal)):
                self._restore_job(ordinal, sent[-1])
            else:
                self._refuse(f"{name}: its row is damaged, and it may have been bought")

    def _begin_anew(self, ordinal: int) -> None:
        generations = [g for job, g in self.mending.tables["attempts"].rows if job == ordinal]
        generation = max(generations, default=0) + 1
        self._put_job(JobRow(ordinal, Job("", JobState.CREATED, generation)))
        self._results.pop(ordinal, None)

    def _put_job(self, row: JobRow) -> None:
        self._jobs.rows[row.ordinal] = (row.ordinal, *row.values(self.mending.now))
        self.mending.moves[row.ordinal] = row.job.state, self.mending.now

    def _restore_job(self, ordinal: int, composite: int) -> None:
        """Say of a job at a provider what other rows say of it; else let it be asked, or held."""
        name, sent = self._name(ordinal), self._known[composite]
        generation, stage, sent_at = sent[3], sent[8], sent[10]
        ended = self.mending.tables["attempts"].rows.get((ordinal, generation))
        bought = self.mending.tables["ledger"].rows.get((ordinal, generation))
        cost = None if bought is None or bought[7] is None else bought[7] - bought[9]
        unit = "" if bought is None else bought[3]
        if ended is not None:
            state = JobState(ended[2])
            job = Job("", state, generation, *ended[3:8])
            self._tell(f"{name}: {state}, as its attempt says")
        elif ordinal in self._results:
            job = Job("", JobState.COMPLETED, generation, None, "", "", cost, unit)
            self._tell(f"{name}: completed, as its result says; its id at the provider is lost")
        elif stage == "created":
            job = Job("", JobState.CREATED, generation)
            self._tell(f"{name}: it was not sent yet")
        elif stage in _OPEN and composite in self.mending.tables["intents"].rows:
            is_lost = self._may_be_taken(ordinal)
            status, error = (ID_LOST, ASKED_ONLY) if is_lost else ("", ASKED_AGAIN)
            job = Job("", JobState.HELD, generation, None, status, error, None, unit)
            self._tell(f"{name}: {error}")
        elif stage == "closed":
            job = Job("", JobState.HELD, generation, None, ID_LOST, LOOK_UP, None, unit)
            self._tell(f"{name}: held; {LOOK_UP}")
        else:  # what it was is lost, and its provider may have let it go: asking would mislead
            self._refuse(f"{name}: its row and what came of it are damaged")
            return
        self._put_job(JobRow(ordinal, job, composite, sent_at))

    # -- results ------------------------------------------------------------------------------

    def judge_results(self) -> None:
        for ordinal, row in list(self._jobs.rows.items()):
            if row[1] == JobState.COMPLETED and ordinal not in self._results:
                self._judge_result(ordinal, job_from_row(row, ""))
        for ordinal in list(self._results):
            job = self._jobs.rows.get(ordinal)
            if job is None or job[1] != JobState.COMPLETED:
                del self._results[ordinal]

    def _judge_result(self, ordinal: int, row: JobRow) -> None:
        name, composite = self._name(ordinal), row.composite
        if self._is_local_at(ordinal, composite):
            self._begin_anew(ordinal)
            is_planned = ordinal in self._points.rows and self._points.rows[ordinal][11] is not None
            then = "computed again" if is_planned else "lost, and in the plan no more"
            self._tell(f"{name}: its result is damaged: {then}")
            return
        job = row.job
        sent = self._composites.get(composite or 0)
        if sent is not None and composite in self.mending.tables["intents"].rows:
            state, error = JobState.SUBMITTED, ""
            self._tell(f"{name}: its result is damaged: fetched again")
            self._reopen(sent)
        else:
            state, error = JobState.HELD, "its result was damaged; look it up at its provider"
            self._tell(f"{name}: held; {error}")
        job = Job("", state, job.generation, job.provider_job_id, "", error, job.cost, job.unit)
        self._put_job(JobRow(ordinal, job, composite, row.submitted_at))

    def _reopen(self, row: Row) -> None:
        """A composite job is at its provider again."""
        moved = ("submitted", *row[9:11], None)
        crc = crc_of((row[0], *moved))
        self._composites[row[0]] = (*row[:8], *moved, crc)

    # -- the rest -----------------------------------------------------------------------------

    def judge_settings(self) -> None:
        settings, has_lost = self.mending.tables["settings"], False
        for ordinal, row in self._points.rows.items():
            if not row[9] or row[9] in settings.rows:
                continue
            has_lost = True
            point, job = point_from_row(row), self._jobs.rows.get(ordinal)
            self._points.rows[ordinal] = point_values(replace(point, setting=""), row[11])
            is_sent = job is not None and JobState(job[1]) in IN_FLIGHT
            if is_sent and not point.in_plan and not self._is_local(point.backend):
                self._refuse(f"{point.name}: it is in flight, and its circuit is damaged")
        if has_lost or not settings.is_whole:
            self._tell("circuits and settings of points: the next run writes them again")

    def judge_history(self) -> None:
        for name, what in (("events", "moves of jobs"), ("raw", "replies as sent")):
            table = self.mending.tables[name]
            if not table.is_whole:
                number = len(table.damaged) if table.damaged and not table.is_torn else "some"
                self._tell(f"{what}: {number} damaged, left out")
        if not self.mending.tables["events"].is_whole:
            self._say_where_jobs_stand()

    def _say_where_jobs_stand(self) -> None:
        """Make a move for each job that stands where no move says so any more."""
        for ordinal, row in self._jobs.rows.items():
            if ordinal not in self.mending.moves and self._differs(ordinal, row):
                self.mending.moves[ordinal] = JobState(row[1]), row[10]


def _points(number: int) -> str:
    return "1 point" if number == 1 else f"{number} points"
