"""Scaleway Quantum as a Service: simulators by the hour, machines by circuit and shot.

The protocol, as its official clients speak it:

* ``X-Auth-Token`` with the secret key; a project, in the body or the query, pays: it
  is the account, whatever key speaks for it.
* A program is uploaded as a model (free, kept for good, used by any number of jobs). A session is
  opened on a platform, jobs are posted into it, a list of its jobs polls it, results come inline or
  behind a URL that authorises by itself and must not see the token. Our composite job is what is
  sent in one session.
* Sessions of simulators are paid by their time, idle or not, from when they run until they end;
  machines (QPUs) by circuit and shot, and their sessions are free. A session ends by itself after
  ``max_duration`` or ``max_idle_duration``, when somebody's booked slot begins, or when it is
  terminated; its jobs stay readable. It is never deleted here: that deletes its jobs.
* ``deduplication_id``: creating a session with the id of a live one returns that one. So a session
  whose answer was lost is found by creating it again.
* Jobs have no such key. Ours have names of their own. After a lost answer the jobs of the session
  are listed; a job that is not there may still be on its way, so the session is ended first, once
  the other jobs in it have: a stopped session takes no jobs, and what it does not list then, a
  minute later, was never taken.
* A session of a person's own (``session_id``) is neither prolonged nor ended, and nothing but jobs
  is put into it; a job in doubt there waits until it ends by itself. Which session a batch went to
  stands in its memo. A model of a person's own (``model_id``) is posted in place of programs.
* A job's record has a ``result_distribution``: its result, once it is finished. No client reads it
  and no page tells its form; it is read as the list's rows are, where the list has none.
* Success is 200, and 204 for deletions. 403 is also said of quotas. Errors are ``{"type",
  "message", …}``.

Not verified against the live service: anything at all. By its documents not certain are whether
lists may lag behind what they list, when a session becomes idle, what cancelled jobs cost, how
session time is rounded, and the bit order of CUDA-Q's and MIMIQ's results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qbatch.errors import (
    CredentialsError,
    Misspoke,
    ProviderError,
    Refused,
    Unavailable,
)
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Batch,
    Declined,
    Fetched,
    Intent,
    Missing,
    NotTaken,
    Order,
    Prepared,
    Surroundings,
    Taken,
    Target,
    Unclear,
)
from qbatch.providers.kit.accounts import named
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.targets import too_wide
from qbatch.providers.kit.untrusted import redact, word
from qbatch.providers.scaleway.jobs import Jobs
from qbatch.providers.scaleway.models import Models
from qbatch.providers.scaleway.moments import read_instant, write_duration
from qbatch.providers.scaleway.options import Options
from qbatch.providers.scaleway.platform import Platform
from qbatch.providers.scaleway.replies import (
    ENDED,
    LIVE,
    NO_GATES,
    NOT_BOUGHT,
    id_of,
    is_hourly,
    names_model,
    read_error,
    read_type,
)
from qbatch.providers.scaleway.results import read_result
from qbatch.providers.scaleway.service import VENDOR, Service
from qbatch.providers.scaleway.sessions import Sessions
from qbatch.providers.scaleway.standing import answer_of, is_over, standing

__all__ = ["VENDOR", "Scaleway", "open_driver"]

#: So it answers, it seems, where a job's session is gone, ending or ended: then another session
#: will do. That nothing was taken they do not prove; the list of jobs does.
SESSION_GONE = (404, 409, 410, 412)

#: Models uploaded in one step.
MODELS_AT_ONCE = 25

#: Pause between looks for a job in doubt while others of its session run, and while it stops;
#: and how long a job may be missing from lists before that proves something, seconds.
LOOK_S, STOP_S, SETTLE_S = 15.0, 2.0, 60.0


class Scaleway:
    """Speaks to one platform. See `qbatch.providers.Driver` for what each method promises."""

    is_local = False

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self.name = name
        self._options = options = Options.model_validate(dict(backend.options))
        self._run_id = surroundings.run_id
        self._service = Service(backend.url, backend.credentials, options.project_id, surroundings)
        self._platform = Platform(self._service, backend.target, options)
        self._sessions = Sessions(self._service, self._platform, options, backend.timeout_s)
        self._models = Models(self._service, self._platform, options)
        #: Records of completed jobs, until `fetch` takes them.
        self._finished: dict[str, Mapping[str, Any]] = {}

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the platform: state, limits, prices, and the project's bookings of it.

        Raises:
            Refused: No such platform (with the nearest names), or no project is named.
        """
        self._service.project()
        target = await self._platform.read()
        return replace(target, is_emulated=self._service.wire.is_emulated)

    async def list_targets(self) -> Sequence[Target]:
        """List the platforms."""
        return [self._platform.target(one) for one in await self._service.platforms()]

    def credential_source(self) -> str:
        """Say where the secret key comes from.

        Raises:
            CredentialsError: There is none.
        """
        return self._service.secret().source

    def base_urls(self) -> Sequence[str]:
        return (self._service.base,)

    def account(self) -> str:
        """Name the project, which pays and owns whatever key is used."""
        return named(self._service.base, f"project {self._service.project()}")

    def check(self, order: Order, target: Target) -> str | None:
        facts, technology = order.circuit.facts, target.facts.get("technology")
        if technology in NO_GATES:
            return f"{target.name} is {technology} and runs no gates"
        if (problem := too_wide(order, target)) is not None:
            return problem
        if facts.is_dynamic and self._platform.software == "cudaq":
            return f"{target.name} does not say which bits its results are, where some are reused"
        return self._models.misfit(order)

    async def prepare(self, batch: Batch) -> Prepared:
        """Upload the programs: free, and each only once."""
        memo = dict(batch.composite.memo)
        platform = await self._platform.known()
        memo["platform_id"] = id_of(platform)
        if self._options.session_id is not None:
            memo["session_id"] = str(self._options.session_id)
        models = memo.setdefault("models", [])
        for order in batch.orders[len(models) : len(models) + MODELS_AT_ONCE]:
            models.append(await self._models.upload(order))
        return Prepared(memo, ready=len(models) == len(batch.orders))

    def intend(self, batch: Batch) -> Intent:
        """Describe the session and its jobs; each is one call."""
        memo, key = batch.composite.memo, self._key_of(batch)
        session = (
            {"id": memo["session_id"]}
            if "session_id" in memo
            else self._sessions.body(key, memo["platform_id"], self._tags())
        )
        jobs = [
            self._job(batch, order, model)
            for order, model in zip(batch.orders, memo["models"], strict=True)
        ]
        body = {"session": session, "jobs": jobs}
        return Intent(key=key, body=json.dumps(body, separators=(",", ":")).encode())

    def _job(self, batch: Batch, order: Order, model_id: str) -> dict[str, Any]:
        name = self._job_name(batch, order)
        options = {"memory": self._options.memory, **self._options.run}
        parameters = {"shots": order.shots, "options": options}
        job = {
            "name": name,
            "model_id": model_id,
            "circuit": {},
            "parameters": json.dumps(parameters),
            "tags": [*self._tags(), f"point:{order.id[:12]}"],
        }
        if self._options.max_duration is not None:
            job["max_duration"] = write_duration(self._options.max_duration)
        return job

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Open the session, then post the jobs one after the other; stop at the first in doubt."""
        body = json.loads(intent.body)
        if (session_id := _lent(batch)) is None:
            session_id = await self._sessions.open(intent.key, body["session"])
        else:
            await self._sessions.check_lent(session_id, batch.composite.memo["platform_id"])
        updates: list[Answer] = []
        for at, (order, job) in enumerate(zip(batch.orders, body["jobs"], strict=True)):
            try:
                posted = await self._post_job({**job, "session_id": session_id})
                status = word(posted.get("status")) or "waiting"
                updates.append(Taken(order.id, status, id_of(posted)))
            except (CredentialsError, Unavailable, Misspoke) as error:
                if not updates:
                    raise
                is_in_doubt = not (isinstance(error, CredentialsError) or _is_unsent(error))
                rest = batch.orders[at + is_in_doubt :]
                return [
                    *updates,
                    *(NotTaken(each.id, error=str(error)) for each in rest),
                ]
            except Refused as error:
                updates.append(Declined(order.id, "refused", error=str(error)))
        return updates

    async def _post_job(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        reply = await self._service.send("POST", "jobs", json=job)
        if reply.is_success:
            return reply.object()
        told = read_error(reply)
        if reply.status == 404 and names_model(reply):  # it will not come back by waiting
            self._models.forget()
            raise reply.failure(told)
        if reply.status in SESSION_GONE:
            raise Unavailable(f"scaleway: POST /jobs: {reply.status}: {told or reply.excerpt()}")
        raise refusal(reply, read_type(reply), told, NOT_BOUGHT)

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Look for the jobs in the session; one that is not there is certain once it is fenced."""
        sessions = await self._sessions_of(batch)
        jobs = await self._sessions.jobs_in(sessions)
        found: dict[str, Answer] = {}
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            name = self._job_name(batch, order)
            ours = [job for job in jobs if job.get("id") == job_id or job.get("name") == name]
            if ours:
                first = min(ours, key=lambda job: read_instant(job.get("created_at")) or 0.0)
                found[order.id] = self._standing(order, first, sessions)
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
        run = f"qbatch-{re.escape(self._run_id)}"
        asked = {"project_id": self._service.project(), "tags": self._tags()[1]}
        jobs = await self._service.rows("jobs", "jobs", {**asked, "order_by": "created_at_asc"})
        found: list[Answer] = []
        for order in batch.orders:
            name = rf"{run}-[0-9a-f]{{12}}-{batch.composite.generation}\.\d+-{order.id[:16]}"
            ours = [job for job in jobs if re.fullmatch(name, word(job.get("name")))]
            here = [job for job in ours if job["name"] == self._job_name(batch, order)]
            if here:
                found.append(self._standing(order, here[0], await self._sessions_of(batch)))
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
        memo, key, lent = batch.composite.memo, self._key_of(batch), _lent(batch)
        anew = {**memo, "attempt": memo.get("attempt", 1) + 1}
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

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """List the jobs of each session; see to it that the session lasts as long as they do."""
        updates: list[Answer] = []
        for batch in batches:
            sessions = await self._sessions_of(batch)
            jobs = {id_of(job): job for job in await self._sessions.jobs_in(sessions)}
            updates += await self._news(batch, sessions, jobs)
            if _lent(batch) is None and any(not is_over(job) for job in jobs.values()):
                for session in sessions:
                    await self._sessions.prolong(session)
        return updates

    async def _news(
        self,
        batch: Batch,
        sessions: Sequence[Mapping[str, Any]],
        jobs: Mapping[str, Mapping[str, Any]],
    ) -> list[Answer]:
        updates: list[Answer] = []
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            if job_id is None:
                continue
            if job_id in jobs:
                updates.append(self._standing(order, jobs[job_id], sessions))
            elif (job := await self._service.record(f"jobs/{job_id}")) is not None:
                updates.append(await self._standing_elsewhere(order, job))
            else:
                error = f"Scaleway took it as job {job_id} and does not have that job any more"
                updates.append(Missing(order.id, "404", job_id, error=error, settle_s=SETTLE_S))
        return updates

    def _standing(
        self, order: Order, job: Mapping[str, Any], sessions: Sequence[Mapping[str, Any]]
    ) -> Answer:
        """Say where a job stands, given its sessions."""
        if job.get("status") == "completed":
            self._finished[id_of(job)] = job
        live = [id_of(one) for one in sessions if one.get("status") in LIVE]
        return standing(order, job, live, self._cost_unbegun())

    async def _standing_elsewhere(self, order: Order, job: Mapping[str, Any]) -> Answer:
        """Say where a job stands that is in no session of ours: a person told its id."""
        session = await self._service.record(f"sessions/{word(job.get('session_id'))}")
        return self._standing(order, job, [] if session is None else [session])

    def _cost_unbegun(self) -> float | None:
        """What a job cost that never began, where circuits are paid for; None: `release` tells."""
        if not self._platform.record or self._options.booking is not None:
            return None
        return None if is_hourly(self._platform.record) else 0.0

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results; one whose rows lag behind its state is left out."""
        wanted, found = set(job_ids), []
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            if order.id not in wanted or job_id is None:
                continue
            rows = await self._service.results(job_id)
            texts = [text for row in rows if (text := await self._service.text_of(row))]
            texts = texts or await self._distribution(job_id)
            if not texts:
                continue
            is_own = self._options.model_id is None
            counts, facts = read_result(texts[-1], order, is_own=is_own)
            job = self._finished.pop(job_id, {})
            keys = ("created_at", "started_at", "updated_at", "job_duration", "session_id")
            facts |= {key: job[key] for key in keys if job.get(key) is not None}
            raw = redact(json.dumps(texts, ensure_ascii=False)).encode()
            found.append(Fetched(order.id, counts, raw=raw, facts=facts))
        return found

    async def _distribution(self, job_id: str) -> list[str]:
        """Read the result that a job's record holds itself, where no list of results has it."""
        known = self._finished.get(job_id, {})
        if not known.get("result_distribution"):
            known = await self._service.record(f"jobs/{job_id}") or {}
        told = known.get("result_distribution")
        return [told] if isinstance(told, str) and told else []

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        wanted, updates = set(job_ids), []
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            if order.id in wanted and job_id is not None:
                job = (await self._service.ask("POST", f"jobs/{job_id}/cancel", json={})).object()
                updates.append(answer_of(order, job))
        return updates

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """End the session; where its time is paid for, say what it came to.

        It is shared out among the jobs that were in it: one that was never taken may be bought in
        another session by now, and what is billed to it here would be lost there.
        """
        if self._options.tag_saved:
            await self._tag_saved(batch)
        if _lent(batch) is not None:
            return {}
        key = self._key_of(batch)
        sessions = await self._sessions.end(key)
        cost = await self._sessions.bill(key, sessions)
        if cost is None:
            self._sessions.forget(key)
            return {}
        names = {job.get("name") for job in await self._sessions.jobs_in(sessions)}
        self._sessions.forget(key)
        inside = [one for one in batch.orders if self._job_name(batch, one) in names]
        sharing = inside or batch.orders
        return {order.id: cost / len(sharing) for order in sharing}

    async def _tag_saved(self, batch: Batch) -> None:
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            if job_id is not None:
                tags = [*self._tags(), f"point:{order.id[:12]}", "saved"]
                await self._service.update_job(job_id, name=order.name, tags=tags)

    async def leave(self, batches: Sequence[Batch]) -> None:
        """End sessions whose time is paid for; jobs in them that never began are given back."""
        if await self._platform.is_hourly():
            for batch in batches:
                await self._sessions.leave(self._key_of(batch))

    async def aclose(self) -> None:
        await self._service.wire.aclose()

    # -- jobs of whatever session -----------------------------------------------------------------

    @property
    def is_emulated(self) -> bool:
        return self._service.wire.is_emulated

    def jobs_at_cloud(self) -> Jobs:
        """Return the jobs of the project, whoever made them."""
        return Jobs(self._service.send, self._service.project, self._service.text_of)

    async def _sessions_of(self, batch: Batch) -> Sequence[Mapping[str, Any]]:
        """Read the sessions that a batch's jobs may be in, as they are now."""
        if (lent := _lent(batch)) is None:
            return await self._sessions.of(self._key_of(batch))
        session = await self._service.record(f"sessions/{lent}")
        return [] if session is None else [session]

    # -- names ----------------------------------------------------------------------------------

    def _key_of(self, batch: Batch) -> str:
        """Name the session uniquely over all runs, so that it can be found again."""
        composite = batch.composite
        attempt = composite.memo.get("attempt", 1)
        return f"qbatch-{self._run_id}-{composite.id[:12]}-{composite.generation}.{attempt}"

    def _job_name(self, batch: Batch, order: Order) -> str:
        return f"{self._key_of(batch)}-{order.id[:16]}"

    def _tags(self) -> list[str]:
        return ["qbatch", f"run:{self._run_id}", *self._options.tags]


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Scaleway:
    """Make the driver of a ``scaleway`` backend."""
    return Scaleway(name, backend, surroundings)


def _lent(batch: Batch) -> str | None:
    """The session of a person's own that a batch's jobs go to; None: one that is opened for it."""
    session_id: str | None = batch.composite.memo.get("session_id")
    return session_id


def _is_unsent(error: ProviderError) -> bool:
    return isinstance(error, Unavailable) and error.unsent
