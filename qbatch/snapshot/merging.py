"""Run folders of one manifest put together into a new one: by content, no purchase counted twice.

Rules: what was measured of a content comes from the first folder that has it; shots that lie on
those already there are not used, but what they cost counts. What one folder set aside counts from
no copy of it. Where a job stands then is what the table of purchases says to its end in the other
folder. Calibrations that are bought again as they grow old count from each folder, for each mends
the points that ran near to it. A purchase that stands in several folders (one is a copy of another)
counts once: it is known by its provider's id; where there is none, by folder, job and attempt. What
a provider may still hold is in no merged folder, so such folders are refused. The sources stay as
they are, and the new folder has an identity of its own.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any

from qbatch.accuracy.kept import join_decisions
from qbatch.bases import is_calibration, setting_of
from qbatch.drafts import draft_beside
from qbatch.errors import SnapshotError
from qbatch.frozen import dataclass
from qbatch.job import CompositeJob, Job, JobState
from qbatch.manifest.decisions import DECIDED, decided_fact, kept_decisions
from qbatch.providers import calibration_age_s
from qbatch.purchase import ENDED, IN_FLIGHT, CompositeEvent, Event
from qbatch.shots import FIRST_OF_OTHERS, job_id
from qbatch.snapshot import attempts, database, ledger, registration
from qbatch.snapshot.attempts import Attempt
from qbatch.snapshot.bought import Bought
from qbatch.snapshot.doubles import DOUBLES, better_told, dump_doubles, read_doubles
from qbatch.snapshot.epochs import joined_facts, keep_rows
from qbatch.snapshot.faults import translated
from qbatch.snapshot.folders import is_run_folder
from qbatch.snapshot.lock import RunLock
from qbatch.snapshot.merge_sources import Key, PastAttempt, Source, check_sources
from qbatch.snapshot.put_aside import PutAside, join_put_aside
from qbatch.snapshot.reading import write_meta
from qbatch.snapshot.reused import REUSED
from qbatch.snapshot.schema import (
    ROOM_BYTES,
    JobRow,
    StoredPoint,
    crc_of,
    dump,
    point_values,
)
from qbatch.snapshot.setting_aside import SettingAside

#: Where another folder's attempt came to its end -> what happened to it there.
_END = {
    JobState.COMPLETED: Event.STORED,
    JobState.FAILED: Event.FAILED,
    JobState.CANCELLED: Event.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Merged:
    """What `merge` did.

    Attributes:
        taken: Jobs with results that were taken from other folders than the first.
        spare: Results that are not used, for the same shots were there: what they cost counts.
        repeated: Purchases that stood in several folders, and count once.
        copies: Folders of which another copy may exist: what that one buys is not known in the
            new folder, and not found at its cloud from there.
    """

    folder: Path
    taken: int
    spare: int
    repeated: int
    copies: tuple[Path, ...] = ()


def merge(folders: Sequence[Path], out: Path) -> Merged:
    """Put run folders of one manifest together.

    Args:
        folders: Two or more; where several have the same shots, the first of them counts.
        out: The new run folder.

    Raises:
        SnapshotError: They are not of one manifest, a provider may still hold jobs of one, or
            there is something at `out`.
        RunLockedError: A runner holds one.
    """
    if is_run_folder(out) or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise SnapshotError(f"{out}: there is something already; name a new folder with -o")
    draft = draft_beside(out.absolute())
    with ExitStack() as stack:
        sources, copies = [], []
        for folder in folders:
            if not is_run_folder(folder):
                raise SnapshotError(f"{folder}: no run is kept here; name a run's folder")
            lock = RunLock(folder)
            stack.callback(lock.release)
            copies += [folder] if lock.note.is_copy else []
            sources.append(stack.enter_context(Source(folder)))
        check_sources(sources)
        imported = frozenset[str]().union(*(each.backends_imported() for each in sources))
        for source in sources:
            source.imported = imported
        stack.callback(shutil.rmtree, draft, ignore_errors=True)
        draft.mkdir(parents=True)
        first, *others = sources
        first.copy_to(draft / database.NAME)
        with _Target(draft, first) as target:
            target.leave_out(each for source in sources for each in source.put_aside())
            for source in others:
                target.take(source)
            target.become(out.absolute(), folders)
            merged = Merged(out, target.taken, target.spare, target.repeated, copies=tuple(copies))
        with translated(out):
            if out.exists():
                out.rmdir()
            draft.rename(out)
    return merged


@dataclass(slots=True)
class _Home:
    """What the new folder has of one content."""

    rows: dict[str, tuple[StoredPoint, JobRow]] = field(default_factory=dict)

    def has_shots_of(self, start: int, shots: int) -> bool:
        """Whether some of these shots are measured."""
        return any(
            point.start < start + shots and start < point.start + point.shots
            for point, row in self.rows.values()
            if row.job.state is JobState.COMPLETED
        )

    def placed(self, point: StoredPoint, *, is_apart: bool) -> StoredPoint:
        """Return shots of another run as they are numbered here: behind those that there are.

        Args:
            point: The job, as that run has it.
            is_apart: It counts beside shots of the same numbers, for it has a time of its own.
        """
        is_met = is_apart and self.has_shots_of(point.start, point.shots)
        if point.start < FIRST_OF_OTHERS and not is_met:
            return point
        ends = (each.start + each.shots for each, _ in self.rows.values())
        start = max((FIRST_OF_OTHERS, *ends))
        id_, content = job_id(point.point_id, start), point.point_id
        return replace(point, start=start, id=id_, content=content, wanted=None)


class _Target(SettingAside):
    """The new folder, which begins as a copy of the first."""

    def __init__(self, folder: Path, first: Source) -> None:
        super().__init__(folder)
        self.taken = self.spare = self.repeated = 0
        self._doubles = read_doubles(first.meta)
        self._homes: dict[str, _Home] = defaultdict(_Home)
        for point, row in first.pieces():
            if row.job.state in IN_FLIGHT:  # computed here, by a run that has ended
                row = replace(row, job=row.job.after(Event.CUT_OFF), composite=None)
            self._homes[point.point_id].rows[point.id] = point, row
        ((last,),) = self._rows("SELECT coalesce(max(ordinal), 0) FROM points")
        self._last = int(last)
        #: Purchases that count already -> row and attempt here; row -> its latest attempt.
        self._known: dict[Key, tuple[int, int]] = {}
        self._latest: dict[int, int] = {}
        #: Purchases whose results are here.
        self._measured: set[Key] = set()
        #: Keys (`Reused.key`) of what a person set aside in some folder.
        self._aside: set[tuple[str, str]] = set()
        done = {
            row.ordinal: row.job.generation
            for _, row in first.pieces()
            if row.job.state is JobState.COMPLETED
        }
        for ordinal, purchases in first.purchases_of().items():
            now = done.get(ordinal)
            self._measured |= {each.key for each in purchases if each.generation == now}
            self._known |= {
                each.key: (ordinal, each.generation) for each in purchases if not each.is_reused
            }
            self._latest[ordinal] = max(each.generation for each in purchases)

    def leave_out(self, aside: Iterable[PutAside]) -> None:
        """Set aside here, too, what a person set aside in one of the folders."""
        own = [each for each in aside if each.why]
        self._aside = {each.reused.key for each in own}
        known = {id_ for home in self._homes.values() for id_ in home.rows} if own else set()
        there = [each for each in own if each.reused.job in known]
        for each in self.set_aside(there):
            home, (row,) = self._homes[each.id], self.jobs_of([each.reused.job])
            home.rows[each.reused.job] = home.rows[each.reused.job][0], row
            self._measured = {key for key in self._measured if key[1:] != each.reused.key}

    def become(self, folder: Path, sources: Sequence[Path]) -> None:
        """Give it an identity of its own; what was only prepared is prepared anew."""
        with self.transaction():
            for (ordinal,) in self._db.execute(
                "SELECT ordinal FROM composites WHERE stage = 'created'"
            ).fetchall():
                self.happens(ordinal, CompositeEvent.UNWANTED)
            self._keep_doubles()
            registration.note_numbers(self._db)
            ledger.note_number(self._db)
        merged_from = json.dumps([str(each.absolute()) for each in sources])
        self.set_meta(run_id=secrets.token_hex(8), run_folder=str(folder), merged=merged_from)

    def take(self, source: Source) -> None:
        """Take what is not there yet, and what it cost; one step."""
        purchases = source.purchases_of()
        if told := source.meta.get(REUSED):
            self.set_meta(**{REUSED: told})
        self._doubles |= {
            id_: better_told(self._doubles.get(id_), each)
            for id_, each in read_doubles(source.meta).items()
            if each.is_over
        }
        self._keep_targets(source)
        ours = kept_decisions(self.meta(), str(self.folder))
        if ours or DECIDED in source.meta:
            self.set_meta(**{DECIDED: decided_fact(ours, source.meta.get(DECIDED))})
        if decided := join_decisions(self.meta(), source.meta):
            self.set_meta(**decided)
        composites: dict[int, list[tuple[StoredPoint, int]]] = defaultdict(list)
        with self.transaction():
            for point, row in source.pieces():
                ordinal = self._take_one(source, point, row, purchases.get(point.ordinal, ()))
                if ordinal is not None and row.composite is not None:
                    composites[row.composite].append((point, ordinal))
            for at, children in composites.items():
                self._keep_composite(source, at, children)
        counted = {(job, id_) for _, job, id_ in self._measured}
        if aside := join_put_aside(self.meta(), source.meta, counted):
            self.set_meta(**aside)

    def _keep_doubles(self) -> None:
        """Keep what no folder ordered; what one copy bought may be a double to another."""
        bought = {(backend, id_) for backend, _, id_ in self._known}
        doubles = {
            id_: each for id_, each in self._doubles.items() if (each.backend, id_) not in bought
        }
        write_meta(self._db, {DOUBLES: dump_doubles(doubles)})

    def _keep_targets(self, source: Source) -> None:
        """Keep what providers said of backends that are not known here."""
        for fact in ("targets", "calibrations"):
            ours, theirs = (json.loads(of.get(fact, "{}")) for of in (self.meta(), source.meta))
            if theirs.keys() - ours.keys():
                self.set_meta(**{fact: dump({**theirs, **ours})})
        self.set_meta(**joined_facts(self.meta(), source.meta))
        with self.transaction():
            keep_rows(self._db, source.calibration_rows())
            keep_rows(self._db, source.program_rows())

    def _take_one(
        self,
        source: Source,
        point: StoredPoint,
        row: JobRow,
        purchases: Sequence[PastAttempt],
    ) -> int | None:
        """Take one job and its history; return its row where its result is taken."""
        home = self._homes[point.point_id]
        bought = [each for each in purchases if not each.is_reused]
        new = [each for each in bought if each.key not in self._known]
        self.repeated += len(bought) - len(new)
        self._bill_known(purchases)
        is_done = row.job.state is JobState.COMPLETED
        result = {each.key for each in purchases if each.generation == row.job.generation}
        is_apart = is_done and not result & self._measured and _is_aged(source, point)
        point = home.placed(point, is_apart=is_apart)
        is_wanted = is_done and not (
            home.has_shots_of(point.start, point.shots)
            or result & self._measured
            or any(key[1:] in self._aside for key in result)
        )
        if is_done and not is_wanted and any(each.generation == row.job.generation for each in new):
            self.spare += 1
        if not (is_wanted or new):
            return None
        mine, known = self._row_for(source, home, point, is_wanted=is_wanted)
        self._keep_history(source, mine, row, new)
        generation = self._number_of(mine, row, new)
        if is_wanted:
            job = _ended_as(known.job, row.job, generation)
            self._keep_result(source, point.ordinal, mine.ordinal)
            self._measured |= result
            self.taken += 1
        elif known.job.state in (JobState.CREATED, *ENDED):
            job = _after_history(known.job, row.job, generation)
        else:
            return None
        kept = JobRow(mine.ordinal, job, None, row.submitted_at)
        self.save_jobs([kept], note=f"merged from {source.folder}")
        home.rows[mine.id] = mine, kept
        return mine.ordinal if is_wanted else None

    def _bill_known(self, purchases: Sequence[PastAttempt]) -> None:
        """Take over what a purchase that counts already was charged, if it is not known here."""
        for each in purchases:
            if each.key in self._known and each.entry is not None and each.entry.billed is not None:
                entry = ledger.find(self._db, *self._known[each.key])
                if entry is not None and entry.billed is None:
                    self.bill({self._known[each.key]: each.entry.counted}, each.entry.billed_by)

    def _number_of(self, mine: StoredPoint, row: JobRow, new: Sequence[PastAttempt]) -> int:
        """Which attempt here another folder's job is at.

        A new one, too, where what it bought counts already, as what came to nothing in a copy.
        """
        for each in new:
            if each.generation == row.job.generation:
                return self._known[each.key][1]
        latest = self._latest.get(mine.ordinal, 0)
        if row.job.state in (JobState.COMPLETED, *ENDED):
            latest = self._latest[mine.ordinal] = latest + 1
        return latest

    def _row_for(
        self, source: Source, home: _Home, point: StoredPoint, *, is_wanted: bool
    ) -> tuple[StoredPoint, JobRow]:
        """Return the row that a job has here, made or changed where its result is taken."""
        known = home.rows.get(point.id)
        if known is not None and not is_wanted:
            return known
        if known is None and home.rows and not is_wanted:
            return min(home.rows.values(), key=lambda each: each[0].start)
        position = self._position_of(home)
        if known is None:
            self._last += 1
            mine = replace(point, ordinal=self._last, in_plan=position is not None)
        else:
            mine = replace(known[0], shots=point.shots, seed=point.seed, setting=point.setting)
        self._keep_setting(source, point.setting)
        if mine.start == 0:
            wanted = known and (known[0].wanted or known[0].shots)
            mine = replace(mine, wanted=None if wanted in (None, mine.shots) else wanted)
        self._db.execute(registration.PLACE, point_values(mine, position))
        row = known[1] if known else JobRow(mine.ordinal, Job(mine.id))
        if known is None:
            self._begin_job(row)
        home.rows[mine.id] = mine, row
        return mine, row

    def _begin_job(self, row: JobRow) -> None:
        values = row.values(self.now())
        self._db.execute(
            "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, zeroblob(?))",
            (*values, crc_of(values), ROOM_BYTES),
        )

    def _position_of(self, home: _Home) -> int | None:
        """Where the content stands in the plan; further shots stand where its own row does."""
        for point, _ in home.rows.values():
            found = self._db.execute(
                "SELECT position FROM points WHERE ordinal = ?", (point.ordinal,)
            ).fetchone()
            if found[0] is not None:
                return int(found[0])
        return None

    def _keep_history(
        self, source: Source, mine: StoredPoint, row: JobRow, new: Sequence[PastAttempt]
    ) -> None:
        """Keep attempts and what they cost."""
        latest = self._latest.get(mine.ordinal, 0)
        for each in new:
            latest += 1
            self._known[each.key] = mine.ordinal, latest
            if each.entry is not None:
                self._keep_setting(source, each.entry.setting)
                entry = replace(each.entry, ordinal=mine.ordinal, generation=latest)
                self.enter([replace(entry, composite=None)])
            if each.attempt is not None:
                self._keep_setting(source, each.attempt.setting)
                self._keep_attempt(mine, row, each.attempt, latest)
        self._latest[mine.ordinal] = latest

    def _keep_attempt(
        self, mine: StoredPoint, row: JobRow, ended: Attempt, generation: int
    ) -> None:
        job = row.job
        told = Job(
            mine.id,
            ended.state,
            generation,
            ended.provider_job_id,
            ended.status,
            ended.error,
            ended.cost,
            ended.unit or job.unit,
        )
        at = None if ended.submitted_at is None else ended.submitted_at.timestamp()
        until = self.now() if ended.ended_at is None else ended.ended_at.timestamp()
        bought = Bought(None, ended.start, ended.shots, ended.setting)
        attempts.keep(self._db, JobRow(mine.ordinal, told, None, at), until, bought)

    def _keep_result(self, source: Source, theirs: int, ours: int) -> None:
        self.save_result(ours, source.result_of(theirs), at=source.stored_at(theirs))
        for at, kind, body_crc, body in source.replies_of(theirs):
            values = (ours, at, kind, body_crc)
            self._db.execute(
                "INSERT OR REPLACE INTO raw VALUES (?, ?, ?, ?, ?, ?)",
                (*values, crc_of(values), body),
            )

    def _keep_setting(self, source: Source, key: str | None) -> None:
        for row in source.setting_row(key) if key else ():
            self._db.execute("INSERT OR IGNORE INTO settings VALUES (?, ?, ?, ?)", row)

    def _keep_composite(
        self, source: Source, at: int, taken: Sequence[tuple[StoredPoint, int]]
    ) -> None:
        """Keep what was sent together, as something that is over, where all of it is here."""
        found = source.composite_row(at)
        if found is None:
            return
        id_, backend, generation, jobs, memo, sent_at, key, body = found
        ours = {point.ordinal: ordinal for point, ordinal in taken}
        children = [ours.get(child) for child in json.loads(jobs)]
        whole = [child for child in children if child is not None]
        if len(whole) < len(children):
            return
        told = CompositeJob(id_, backend, (), generation, json.loads(memo))
        ordinal = self.add_composite(told, whole)
        is_over = CompositeEvent.MUTE
        if key is not None:
            self.save_intent(ordinal, key, body)
            is_over = CompositeEvent.RELEASED
        self.happens(ordinal, is_over, sent_at=sent_at)
        for home in (self._homes[point.point_id] for point, _ in taken):
            for id_, (point, row) in home.rows.items():
                if row.ordinal in whole:
                    home.rows[id_] = point, replace(row, composite=ordinal)
        rows = [self._homes[point.point_id].rows[point.id][1] for point, _ in taken]
        self.save_jobs(rows, note=f"merged from {source.folder}")


def _is_aged(source: Source, point: StoredPoint) -> bool:
    """Whether a job is of a calibration that counts by when it ran, of which others do not tell."""
    if not is_calibration(setting_of(point.name)):
        return False
    return calibration_age_s(source.manifest, point.backend) is not None


def _after_history(mine: Job, theirs: Job, generation: int) -> Job:
    """Where a job without a result stands once another folder's attempts are counted with it."""
    if theirs.state in ENDED:
        return _ended_as(mine, theirs, generation)
    job = mine.after(Event.AGAIN) if mine.state in ENDED else mine
    return replace(job, generation=generation + 1)


def _ended_as(mine: Job, theirs: Job, generation: int) -> Job:
    """A job without a result as another folder's attempt at it leaves it."""
    job = mine.after(Event.AGAIN) if mine.state in ENDED else mine
    told = replace(theirs, id=mine.id, generation=generation)
    return job.after(Event.SENT).after(_END[theirs.state], **_said_in(told))


def _said_in(job: Job) -> dict[str, Any]:
    """What a job says beside where it is."""
    return {each.name: getattr(job, each.name) for each in fields(job) if each.name != "state"}
