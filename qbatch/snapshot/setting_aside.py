"""Jobs of a run whose shots are to count no more: kept aside with why, and asked for again.

Rules: what a job cost stays in the ledger, and how it went among its attempts; its next attempt is
another purchase, under another key. All of it is one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from qbatch.job import JobState
from qbatch.purchase import Event
from qbatch.snapshot import attempts, registration
from qbatch.snapshot.put_aside import PUT_ASIDE, PutAside, dump_put_aside, read_put_aside
from qbatch.snapshot.reading import BOUNDS, checked, read_fact, write_meta
from qbatch.snapshot.schema import JobRow
from qbatch.snapshot.store import Snapshot


class SettingAside(Snapshot):
    """A run folder, held for writing, of which jobs are set aside."""

    def set_aside(self, jobs: Iterable[PutAside]) -> list[PutAside]:
        """Let jobs of this run count no more; durable when it returns.

        Args:
            jobs: By `reused.job`; what is not the finished job that is told is left as it is.

        Returns:
            Those that were set aside.
        """
        done: list[PutAside] = []
        with self.transaction():
            for each in jobs:
                (row,) = self.jobs_of([each.reused.job])
                is_told = (row.job.provider_job_id or "") == each.reused.provider_job_id
                if row.job.state is not JobState.COMPLETED or not is_told:
                    continue
                attempts.save(self._db, [row], self._ended_at(row))
                self._db.execute("DELETE FROM results WHERE ordinal = ?", (row.ordinal,))
                generation = self.next_attempt(row.ordinal, row.job.generation)
                job = row.job.after(Event.SET_ASIDE, generation=generation)
                self.save_jobs([replace(row, job=job)], note=f"set aside: {each.why}")
                done.append(each)
            if done:
                self._note_aside(done)
                registration.note_numbers(self._db)
                write_meta(self._db, {BOUNDS: "{}"})
        return done

    def _ended_at(self, row: JobRow) -> float:
        """When the result of a job was there."""
        sql = "SELECT at FROM results WHERE ordinal = ?"
        ((at,),) = self._db.execute(sql, (row.ordinal,)).fetchall()
        return float(at)

    def _note_aside(self, aside: Sequence[PutAside]) -> None:
        write_meta(self._db, {PUT_ASIDE: dump_put_aside([*self._read_aside(), *aside])})

    def _read_aside(self) -> list[PutAside]:
        with checked(self.path):
            return read_put_aside({PUT_ASIDE: read_fact(self._db, PUT_ASIDE) or ""})
