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
session time is rounded, and the bit order of CUDA-Q's and MIMIQ's results. Where circuits are paid
for, a job that never began is taken to cost nothing.
"""

from __future__ import annotations

import json
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
    NotTaken,
    Order,
    Prepared,
    Surroundings,
    Taken,
    Target,
)
from qbatch.providers.kit.accounts import named
from qbatch.providers.kit.cloud import SpeaksToCloud
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.targets import too_wide
from qbatch.providers.kit.untrusted import redact, word
from qbatch.providers.scaleway.jobs import Jobs
from qbatch.providers.scaleway.memo import ScalewayMemo
from qbatch.providers.scaleway.models import Models
from qbatch.providers.scaleway.moments import write_duration
from qbatch.providers.scaleway.names import Names
from qbatch.providers.scaleway.options import Options
from qbatch.providers.scaleway.platform import Platform
from qbatch.providers.scaleway.posted import Posted, lent_session
from qbatch.providers.scaleway.replies import (
    NO_GATES,
    NOT_BOUGHT,
    id_of,
    names_model,
    read_error,
    read_type,
)
from qbatch.providers.scaleway.results import read_result
from qbatch.providers.scaleway.service import VENDOR, Service
from qbatch.providers.scaleway.sessions import Sessions
from qbatch.providers.scaleway.standing import answer_of, is_over

__all__ = ["VENDOR", "Scaleway", "open_driver"]

#: So it answers, it seems, where a job's session is gone, ending or ended: then another session
#: will do. That nothing was taken they do not prove; the list of jobs does.
SESSION_GONE = (404, 409, 410, 412)

#: Models uploaded in one step.
MODELS_AT_ONCE = 25


class Scaleway(SpeaksToCloud):
    """Speaks to one platform. See `qbatch.providers.Driver` for what each method promises."""

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self._options = options = Options.model_validate(dict(backend.options))
        self._names = Names(surroundings.run_id, options.tags)
        self._service = Service(backend.url, backend.credentials, options.project_id, surroundings)
        super().__init__(name, self._service)
        self._platform = Platform(self._service, backend.target, options)
        self._sessions = Sessions(self._service, self._platform, options, backend.timeout_s)
        self._models = Models(self._service, self._platform, options)
        self._posted = Posted(self._service, self._platform, self._sessions, self._names, options)

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the platform: state, limits, prices, and the project's bookings of it.

        Raises:
            Refused: No such platform (with the nearest names), or no project is named.
        """
        self._service.project()
        target = await self._platform.read()
        return replace(target, is_emulated=self.is_emulated)

    async def list_targets(self) -> Sequence[Target]:
        """List the platforms."""
        return [self._platform.target(one) for one in await self._service.platforms()]

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
        memo = memo_of(batch.composite, ScalewayMemo)
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
        memo = memo_of(batch.composite, ScalewayMemo, "platform_id", "models")
        key = self._names.key_of(batch)
        session = (
            {"id": memo["session_id"]}
            if "session_id" in memo
            else self._sessions.body(key, memo["platform_id"], [*self._names.tags])
        )
        jobs = [
            self._job(batch, order, model)
            for order, model in zip(batch.orders, memo["models"], strict=True)
        ]
        body = {"session": session, "jobs": jobs}
        return Intent(key=key, body=json.dumps(body, separators=(",", ":")).encode())

    def _job(self, batch: Batch, order: Order, model_id: str) -> dict[str, Any]:
        name = self._names.job_name(batch, order)
        options = {"memory": self._options.memory, **self._options.run}
        parameters = {"shots": order.shots, "options": options}
        job = {
            "name": name,
            "model_id": model_id,
            "circuit": {},
            "parameters": json.dumps(parameters),
            "tags": self._names.job_tags(order),
        }
        if self._options.max_duration is not None:
            job["max_duration"] = write_duration(self._options.max_duration)
        return job

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Open the session, then post the jobs one after the other; stop at the first in doubt."""
        body = json.loads(intent.body)
        if (session_id := lent_session(batch)) is None:
            session_id = await self._sessions.open(intent.key, body["session"])
        else:
            memo = memo_of(batch.composite, ScalewayMemo, "platform_id")
            await self._sessions.check_lent(session_id, memo["platform_id"])
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
        return await self._posted.locate(batch)

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look among all jobs of this run for the points, by their names."""
        return await self._posted.recall(batch)

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """List the jobs of each session; see to it that the session lasts as long as they do."""
        updates: list[Answer] = []
        for batch in batches:
            sessions = await self._posted.sessions_of(batch)
            jobs = {id_of(job): job for job in await self._sessions.jobs_in(sessions)}
            updates += await self._posted.news(batch, sessions, jobs)
            if lent_session(batch) is None and any(not is_over(job) for job in jobs.values()):
                for session in sessions:
                    await self._sessions.prolong(session)
        return updates

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results; one whose rows lag behind its state is left out."""
        wanted, found = set(job_ids), []
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            if order.id not in wanted or job_id is None:
                continue
            rows = await self._service.results(job_id)
            texts = [text for row in rows if (text := await self._service.text_of(row))]
            texts = texts or await self._posted.distribution(job_id)
            if not texts:
                continue
            is_own = self._options.model_id is None
            counts, facts = read_result(texts[-1], order, is_own=is_own)
            job = self._posted.finished.pop(job_id, {})
            keys = ("created_at", "started_at", "updated_at", "job_duration", "session_id")
            facts |= {key: job[key] for key in keys if job.get(key) is not None}
            raw = redact(json.dumps(texts, ensure_ascii=False)).encode()
            found.append(Fetched(order.id, counts, raw=raw, facts=facts))
        return found

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
        if lent_session(batch) is not None:
            return {}
        key = self._names.key_of(batch)
        sessions = await self._sessions.end(key)
        cost = await self._sessions.bill(key, sessions)
        if cost is None:
            self._sessions.forget(key)
            return {}
        names = {job.get("name") for job in await self._sessions.jobs_in(sessions)}
        self._sessions.forget(key)
        inside = [one for one in batch.orders if self._names.job_name(batch, one) in names]
        sharing = inside or batch.orders
        return {order.id: cost / len(sharing) for order in sharing}

    async def _tag_saved(self, batch: Batch) -> None:
        for order, job_id in zip(batch.orders, batch.ids, strict=True):
            if job_id is not None:
                tags = [*self._names.job_tags(order), "saved"]
                await self._service.update_job(job_id, name=order.name, tags=tags)

    async def leave(self, batches: Sequence[Batch]) -> None:
        """End sessions whose time is paid for; jobs in them that never began are given back."""
        if await self._platform.is_hourly():
            for batch in batches:
                await self._sessions.leave(self._names.key_of(batch))

    # -- jobs of whatever session -----------------------------------------------------------------

    def jobs_at_cloud(self) -> Jobs:
        """Return the jobs of the project, whoever made them."""
        return Jobs(self._service.send, self._service.project, self._service.text_of)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Scaleway:
    """Make the driver of a ``scaleway`` backend."""
    return Scaleway(name, backend, surroundings)


def _is_unsent(error: ProviderError) -> bool:
    return isinstance(error, Unavailable) and error.unsent
