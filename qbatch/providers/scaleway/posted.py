"""Jobs as they were posted into sessions: found there, and where each stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qbatch.providers import Answer, Batch, Missing, Order, Unclear
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.untrusted import word
from qbatch.providers.scaleway.memo import ScalewayMemo
from qbatch.providers.scaleway.moments import read_instant
from qbatch.providers.scaleway.names import Names
from qbatch.providers.scaleway.options import Options
from qbatch.providers.scaleway.platform import Platform
from qbatch.providers.scaleway.replies import ENDED, LIVE, id_of, is_hourly
from qbatch.providers.scaleway.service import Service
from qbatch.providers.scaleway.sessions import Sessions
from qbatch.providers.scaleway.standing import is_over, standing

#: Pause between looks for a job in doubt while others of its session run, and while it stops;
#: and how long a job may be missing from lists before that proves something, seconds.
LOOK_S, STOP_S, SETTLE_S = 15.0, 2.0, 60.0


class Posted:
    """The jobs of one run on one platform.

    Args:
        service: The API.
        platform: Where they run.
        sessions: Those that were opened for them.
        names: What they are called.
        options: The backend's.
    """

    def __init__(
        self,
        service: Service,
        platform: Platform,
        sessions: Sessions,
        names: Names,
        options: Options,
    ) -> None:
        self._service = service
        self._platform = platform
        self._sessions = sessions
        self._names = names
        self._options = options
        #: Records of completed jobs, until their results are taken.
        self.finished: dict[str, Mapping[str, Any]] = {}

    async def sessions_of(self, batch: Batch) -> Sequence[Mapping[str, Any]]:
        """Read the sessions that a batch's jobs may be in, as they are now."""
        if (lent := lent_session(batch)) is None:
            return await self._sessions.of(self._names.key_of(batch))
        session = await self._service.record(f"sessions/{lent}")
        return [] if session is None else [session]

    async def locate(self, batch: Batch) -> Sequence[Answer]:
        """Look for the jobs in the session; one that is not there is certain once it is fenced."""
        sessions = await self.sessions_of(batch)
        jobs = await self._sessions.jobs_in(sessions)
        found: dict[str, Answer] = {}
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            name = self._names.job_name(batch, order)
            ours = [job for job in jobs if job.get("id") == job_id or job.get("name") == name]
            if ours:
                first = min(ours, key=lambda job: read_instant(job.get("created_at")) or 0.0)
                found[order.id] = self.standing_of(order, first, sessions)
            elif job_id is not None and (other := await self._service.record(f"jobs/{job_id}")):
                found[order.id] = await self._standing_elsewhere(order, other)
        if len(found) < len(batch.orders):
            answer = await self._fence(batch, sessions, jobs)
            found |= {
                order.id: replace(answer, job_id=order.id)
                for order in batch.orders
                if order.id not in found
            }
        return list(found.values())

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look among all jobs of this run for the points, by their names."""
        asked = {"project_id": self._service.project(), "tags": self._names.tags[1]}
        jobs = await self._service.rows("jobs", "jobs", {**asked, "order_by": "created_at_asc"})
        found: list[Answer] = []
        for order in batch.orders:
            name = self._names.pattern_of(batch, order)
            ours = [job for job in jobs if name.fullmatch(word(job.get("name")))]
            here = [job for job in ours if job["name"] == self._names.job_name(batch, order)]
            if here:
                found.append(self.standing_of(order, here[0], await self.sessions_of(batch)))
            elif ours:
                job_id, session = id_of(ours[0]), word(ours[0].get("session_id"))
                told = (
                    f"another copy of this run folder bought it, as job {job_id} of session "
                    f"{session}: its result is to be had there"
                )
                found.append(Unclear(order.id, "", job_id, error=told))
        return found

    async def _fence(
        self,
        batch: Batch,
        sessions: Sequence[Mapping[str, Any]],
        jobs: Sequence[Mapping[str, Any]],
    ) -> Answer:
        """Say of jobs that are in no list whether they were never taken; end the session for it.

        Another session, under another key, is needed then: so says the memo. A session that is not
        ours is not ended, but waited for.
        """
        memo, key = memo_of(batch.composite, ScalewayMemo), self._names.key_of(batch)
        lent = memo.get("session_id")
        anew: ScalewayMemo = {**memo, "attempt": memo.get("attempt", 1) + 1}
        if lent is not None and not sessions:
            return Unclear("", error=f"session {lent} was deleted, and what was in it with it")
        live = [one for one in sessions if one.get("status") not in ENDED]
        busy = [job for job in jobs if not is_over(job)]
        where = f"a session {key}"
        if sessions:
            where = f"jobs of session {lent or key} at {self._service.base}"
        advice = f"look among the {where}"
        if live and (busy or lent is not None):
            return Unclear("", error=advice, again_s=LOOK_S, is_patient=True)
        for session in live:
            await self._sessions.terminate(id_of(session))
        if live:
            return Unclear("", error=advice, again_s=STOP_S, is_patient=True)
        return Missing("", error=advice, settle_s=SETTLE_S, is_proof=True, memo=anew)

    async def news(
        self,
        batch: Batch,
        sessions: Sequence[Mapping[str, Any]],
        jobs: Mapping[str, Mapping[str, Any]],
    ) -> list[Answer]:
        """Say where each job of a batch stands, given its sessions and the jobs in them."""
        updates: list[Answer] = []
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            if job_id is None:
                continue
            if job_id in jobs:
                updates.append(self.standing_of(order, jobs[job_id], sessions))
            elif (job := await self._service.record(f"jobs/{job_id}")) is not None:
                updates.append(await self._standing_elsewhere(order, job))
            else:
                error = f"Scaleway took it as job {job_id} and does not have that job any more"
                updates.append(Missing(order.id, "404", job_id, error=error, settle_s=SETTLE_S))
        return updates

    def standing_of(
        self, order: Order, job: Mapping[str, Any], sessions: Sequence[Mapping[str, Any]]
    ) -> Answer:
        """Say where a job stands, given its sessions."""
        if job.get("status") == "completed":
            self.finished[id_of(job)] = job
        live = [id_of(one) for one in sessions if one.get("status") in LIVE]
        return standing(order, job, live, self._cost_unbegun())

    async def _standing_elsewhere(self, order: Order, job: Mapping[str, Any]) -> Answer:
        """Say where a job stands that is in no session of ours: a person told its id."""
        session = await self._service.record(f"sessions/{word(job.get('session_id'))}")
        return self.standing_of(order, job, [] if session is None else [session])

    def _cost_unbegun(self) -> float | None:
        """What a job cost that never began, where circuits are paid for; None: `release` tells."""
        if not self._platform.record or self._options.booking is not None:
            return None
        return None if is_hourly(self._platform.record) else 0.0

    async def distribution(self, job_id: str) -> list[str]:
        """Read the result that a job's record holds itself, where no list of results has it."""
        known = self.finished.get(job_id, {})
        if not known.get("result_distribution"):
            known = await self._service.record(f"jobs/{job_id}") or {}
        told = known.get("result_distribution")
        return [told] if isinstance(told, str) and told else []


def lent_session(batch: Batch) -> str | None:
    """The session of a person's own that a batch's jobs go to; None: one that is opened for it."""
    return memo_of(batch.composite, ScalewayMemo).get("session_id")
