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
from typing import Any, Literal

from qbatch.circuit import program_text
from qbatch.errors import (
    CircuitError,
    CredentialsError,
    Misspoke,
    ProviderError,
    Refused,
    Unavailable,
)
from qbatch.manifest.models import Backend
from qbatch.providers import (
    ENDS,
    Answer,
    Batch,
    Cancelled,
    Declined,
    Done,
    Failed,
    Fetched,
    GivenBack,
    Intent,
    Missing,
    NotTaken,
    Order,
    Prepared,
    Strange,
    Surroundings,
    Taken,
    Target,
    Unclear,
)
from qbatch.providers.kit.accounts import named
from qbatch.providers.kit.credentials import Secret, find_address, read_environment, read_pointer
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.proofs import refusal
from qbatch.providers.kit.targets import no_target
from qbatch.providers.kit.untrusted import is_word, number, redact, said, word
from qbatch.providers.kit.wire import Reply, open_wire
from qbatch.providers.scaleway.moments import read_duration, read_instant, write_duration
from qbatch.providers.scaleway.options import Options
from qbatch.providers.scaleway.replies import (
    ENDED,
    LIVE,
    NO_GATES,
    NOT_BOUGHT,
    OLD_OPENQASM,
    WORDS,
    expect,
    id_of,
    is_hourly,
    names_model,
    read_error,
    read_price,
    read_target,
    read_type,
    session_cost,
)
from qbatch.providers.scaleway.results import (
    AER_NOISE,
    PROGRAM_FORMATS,
    REGISTER,
    encode,
    read_result,
)

BASE_URL = "https://api.scaleway.com"
URL_VARIABLES = ("QBATCH_SCALEWAY_URL", "QISKIT_SCALEWAY_API_URL", "SCW_API_URL")
KEY_VARIABLES = ("QISKIT_SCALEWAY_SECRET_KEY", "SCW_SECRET_KEY")
VENDOR = Vendor(("scaleway.com",), URL_VARIABLES, KEY_VARIABLES)
PROJECT_VARIABLES = ("QISKIT_SCALEWAY_PROJECT_ID", "SCW_PROJECT_ID", "SCW_DEFAULT_PROJECT_ID")

#: Rows asked for at once.
PAGE = 100

#: So it answers, it seems, where a job's session is gone, ending or ended: then another session
#: will do. That nothing was taken they do not prove; the list of jobs does.
SESSION_GONE = (404, 409, 410, 412)

#: Models uploaded in one step.
MODELS_AT_ONCE = 25

#: A session that is paid by its time is opened for so long, and prolonged while it is needed.
FIRST_S = 600.0

#: Pause between looks for a job in doubt while others of its session run, and while it stops;
#: and how long a job may be missing from lists before that proves something, seconds.
LOOK_S, STOP_S, SETTLE_S = 15.0, 2.0, 60.0

#: So long a job stands unfinished in a session that has ended, until nothing more is told of it.
STRANDED_S = 5.0


class Scaleway:
    """Speaks to one platform. See `qbatch.providers.Driver` for what each method promises."""

    is_local = False

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self.name = name
        self._wanted = backend.target
        self._options = Options.model_validate(dict(backend.options))
        self._timeout_s = backend.timeout_s
        self._environ = surroundings.environ
        self._run_id = surroundings.run_id
        self._is_virtual = surroundings.is_virtual
        self._pointer = backend.credentials
        self._base = base_url(backend.url, self._environ)
        self._wire = open_wire("scaleway", surroundings)
        self._platform: Mapping[str, Any] | None = None
        self._bookings: Sequence[Mapping[str, Any]] = ()
        #: Payload -> the model it was uploaded as.
        self._models: dict[str, str] = {}
        #: Deduplication id -> sessions opened under it, oldest first.
        self._sessions: dict[str, list[str]] = {}
        #: Records of completed jobs, until `fetch` takes them.
        self._finished: dict[str, Mapping[str, Any]] = {}

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the platform: state, limits, prices, and the project's bookings of it.

        Raises:
            Refused: No such platform (with the nearest names), or no project is named.
        """
        self._project()
        self._platform = await self._find_platform()
        if self._platform.get("is_bookable") is True:
            params = {"project_id": self._project(), "platform_id": id_of(self._platform)}
            self._bookings = await self._rows("bookings", "bookings", params)
        return self._target(self._platform)

    def _target(self, platform: Mapping[str, Any]) -> Target:
        options = self._options
        booked_s = options.booking.length_s if options.booking else 0.0
        price = read_price(platform, options.longest_session, booked_s)
        slot = self._slot_now() if platform is self._platform else None
        window_at = said(slot["finished_at"], 40) if slot else None
        target = read_target(platform, price, window_at, is_booked=options.booking is not None)
        target.facts["bookings"] = [dict(one) for one in self._bookings]  # type: ignore[index]
        return target

    async def list_targets(self) -> Sequence[Target]:
        """List the platforms."""
        return [self._target(platform) for platform in await self.platforms()]

    def credential_source(self) -> str:
        """Say where the secret key comes from.

        Raises:
            CredentialsError: There is none.
        """
        return self._secret().source

    def base_urls(self) -> Sequence[str]:
        return (self._base,)

    def account(self) -> str:
        """Name the project, which pays and owns whatever key is used."""
        return named(self._base, f"project {self._project()}")

    def check(self, order: Order, target: Target) -> str | None:
        facts, technology = order.circuit.facts, target.facts.get("technology")
        if technology in NO_GATES:
            return f"{target.name} is {technology} and runs no gates"
        if target.num_qubits is not None and facts.num_qubits > target.num_qubits:
            return f"{facts.num_qubits} qubits; {target.name} has {target.num_qubits}"
        if facts.is_dynamic and self._software() == "cudaq":
            return f"{target.name} does not say which bits its results are, where some are reused"
        try:
            self._program(order)
        except CircuitError as error:
            return error.problem
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        """Upload the programs: free, and each only once."""
        memo = dict(batch.composite.memo)
        platform = await self._known_platform()
        memo["platform_id"] = id_of(platform)
        models = memo.setdefault("models", [])
        for order in batch.orders[len(models) : len(models) + MODELS_AT_ONCE]:
            models.append(await self._model(order))
        return Prepared(memo, ready=len(models) == len(batch.orders))

    async def _model(self, order: Order) -> str:
        """Return the model of a program, uploaded when it is new."""
        payload = self._payload(order)
        if payload not in self._models:
            asked = {"project_id": self._project(), "payload": payload}
            model = (await self._ask("POST", "models", json=asked)).object()
            self._models[payload] = id_of(model)
        return self._models[payload]

    def _payload(self, order: Order) -> str:
        platform, options = self._platform or {}, self._options
        try:
            text, version = self._program(order)
        except CircuitError as error:
            raise Refused(f"scaleway: {error}") from error
        noise = options.noise_model
        payload = {
            "programs": [encode(text, PROGRAM_FORMATS[version])],
            "noise_model": None if noise is None else encode(json.dumps(noise), AER_NOISE),
            "client": {"user_agent": "qbatch"},
            "backend": {
                "name": platform.get("name"),
                "version": platform.get("version"),
                "options": dict(options.simulator),
            },
        }
        return json.dumps(payload, separators=(",", ":"))

    def _program(self, order: Order) -> tuple[str, Literal["2.0", "3.0"]]:
        version: Literal["2.0", "3.0"] = "2.0" if self._software() in OLD_OPENQASM else "3.0"
        text = program_text(order.circuit, order.parameters, version, register=REGISTER)
        return text, version

    def _software(self) -> str:
        return str((self._platform or {}).get("backend_name") or "").lower()

    def intend(self, batch: Batch) -> Intent:
        """Describe the session and its jobs; each is one call."""
        memo, key = batch.composite.memo, self._key_of(batch)
        session = {
            "project_id": self._project(),
            "platform_id": memo["platform_id"],
            "name": key,
            "deduplication_id": key,
            "tags": self._tags(),
            **self._durations(),
        }
        if self._options.parameters is not None:
            session["parameters"] = json.dumps(self._options.parameters)
        if (booking := self._options.booking) is not None:
            session["booking_demand"] = {
                "started_at": booking.starts_at,
                "finished_at": booking.ends_at,
                "description": booking.description,
                "time_zone": "UTC",
            }
        jobs = [
            self._job(batch, order, model)
            for order, model in zip(batch.orders, memo["models"], strict=True)
        ]
        body = {"session": session, "jobs": jobs}
        return Intent(key=key, body=json.dumps(body, separators=(",", ":")).encode())

    def _durations(self) -> dict[str, str]:
        """How long a session may last: short where its time is paid for, and prolonged."""
        options = self._options
        if options.booking is not None:
            longest_s = idle_s = options.booking.length_s
        elif is_hourly(self._platform or {}):
            longest_s = min(FIRST_S, options.longest_session)
            idle_s = min(300.0, longest_s)
        else:  # the queue may be long, and waiting in it may count as idleness
            longest_s = idle_s = self._until_next_slot_s(self._timeout_s)
        if options.max_idle is not None:
            idle_s = min(options.max_idle, longest_s)
        return {
            "max_duration": write_duration(longest_s),
            "max_idle_duration": write_duration(idle_s),
        }

    def _job(self, batch: Batch, order: Order, model_id: str) -> dict[str, Any]:
        name = self._job_name(batch, order)
        parameters = {"shots": order.shots, "options": {"memory": self._options.memory}}
        job = {
            "name": name,
            "model_id": model_id,
            "circuit": {},
            "parameters": json.dumps(parameters),
            "tags": [*self._tags(), f"point:{order.id[:12]}"],
        }
        if self._options.max_job_duration is not None:
            job["max_duration"] = write_duration(self._options.max_job_duration)
        return job

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Open the session, then post the jobs one after the other; stop at the first in doubt."""
        body = json.loads(intent.body)
        session_id = await self._open_session(intent.key, body["session"])
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
        reply = await self._send("POST", "jobs", json=job)
        if reply.is_success:
            return reply.object()
        told = read_error(reply)
        if reply.status == 404 and names_model(reply):  # it will not come back by waiting
            self._models.clear()
            raise reply.failure(told)
        if reply.status in SESSION_GONE:
            raise Unavailable(f"scaleway: POST /jobs: {reply.status}: {told or reply.excerpt()}")
        raise refusal(reply, read_type(reply), told, NOT_BOUGHT)

    async def _open_session(self, key: str, asked: Mapping[str, Any]) -> str:
        """Create it, or come by the live one under the same key; nothing is bought by that alone.

        Raises:
            Unavailable: No answer; as no job was posted, it may simply be asked for again.
        """
        try:
            session = (await self._ask("POST", "sessions", json=asked)).object()
        except Unavailable as error:
            raise Unavailable(
                str(error), retry_after_s=error.retry_after_s, unsent=True, is_full=error.is_full
            ) from error
        session_id = id_of(session)
        known = self._sessions.setdefault(key, [])
        if session_id not in known:
            known.append(session_id)
        if session.get("platform_id") not in (None, asked["platform_id"]):
            raise Refused(
                f"scaleway: session {session_id} under our key {key} is on another platform"
            )
        if session.get("status") in ("stopping", *ENDED):
            raise Unavailable(f"scaleway: session {session_id} is ending", unsent=True)
        return session_id

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Look for the jobs in the session; one that is not there is certain once it is fenced."""
        sessions = await self._sessions_of(intent.key)
        jobs = await self._jobs_in(sessions)
        found: dict[str, Answer] = {}
        for order, job_id in zip(batch.orders, _ids(batch), strict=True):
            name = self._job_name(batch, order)
            ours = [job for job in jobs if job.get("id") == job_id or job.get("name") == name]
            if ours:
                first = min(ours, key=lambda job: read_instant(job.get("created_at")) or 0.0)
                found[order.id] = self._standing(order, first, sessions)
            elif job_id is not None and (other := await self._record(f"jobs/{job_id}")):
                found[order.id] = await self._standing_elsewhere(order, other)
        if len(found) < len(batch.orders):
            memo = batch.composite.memo
            anew = {**memo, "attempt": memo.get("attempt", 1) + 1}
            answer = await self._fence(intent.key, sessions, jobs, anew)
            found |= {
                order.id: replace(answer, job_id=order.id)
                for order in batch.orders
                if order.id not in found
            }
        return list(found.values())

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        """Look among all jobs of this run for the points, by their names."""
        key, run = self._key_of(batch), f"qbatch-{re.escape(self._run_id)}"
        asked = {"project_id": self._project(), "tags": self._tags()[1]}
        jobs = await self._rows("jobs", "jobs", {**asked, "order_by": "created_at_asc"})
        found: list[Answer] = []
        for order in batch.orders:
            name = rf"{run}-[0-9a-f]{{12}}-{batch.composite.generation}\.\d+-{order.id[:16]}"
            ours = [job for job in jobs if re.fullmatch(name, word(job.get("name")))]
            here = [job for job in ours if job["name"] == self._job_name(batch, order)]
            if here:
                found.append(self._standing(order, here[0], await self._sessions_of(key)))
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
        key: str,
        sessions: Sequence[Mapping[str, Any]],
        jobs: Sequence[Mapping[str, Any]],
        anew: Mapping[str, Any],
    ) -> Answer:
        """Say of jobs that are in no list whether they were never taken; end the session for it.

        Another session, under another key, is needed then: so says the memo `anew`.
        """
        live = [one for one in sessions if one.get("status") not in ENDED]
        busy = [job for job in jobs if not _is_over(job)]
        where = f"jobs of session {key} at {self._base}" if sessions else f"a session {key}"
        advice = f"look among the {where}"
        if live and busy:
            return Unclear("", error=advice, again_s=LOOK_S, is_patient=True)
        for session in live:
            await self._terminate(id_of(session))
        if live:
            return Unclear("", error=advice, again_s=STOP_S, is_patient=True)
        return Missing("", error=advice, settle_s=SETTLE_S, is_proof=True, memo=anew)

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """List the jobs of each session; see to it that the session lasts as long as they do."""
        updates: list[Answer] = []
        for batch in batches:
            key = self._key_of(batch)
            sessions = await self._sessions_of(key)
            jobs = {id_of(job): job for job in await self._jobs_in(sessions)}
            updates += await self._news(batch, sessions, jobs)
            if any(not _is_over(job) for job in jobs.values()):
                for session in sessions:
                    await self._prolong(session)
        return updates

    async def _news(
        self,
        batch: Batch,
        sessions: Sequence[Mapping[str, Any]],
        jobs: Mapping[str, Mapping[str, Any]],
    ) -> list[Answer]:
        updates: list[Answer] = []
        for order, job_id in zip(batch.orders, _ids(batch), strict=True):
            if job_id is None:
                continue
            if job_id in jobs:
                updates.append(self._standing(order, jobs[job_id], sessions))
            elif (job := await self._record(f"jobs/{job_id}")) is not None:
                updates.append(await self._standing_elsewhere(order, job))
            else:
                error = f"Scaleway took it as job {job_id} and does not have that job any more"
                updates.append(Missing(order.id, "404", job_id, error=error, settle_s=SETTLE_S))
        return updates

    def _standing(
        self, order: Order, job: Mapping[str, Any], sessions: Sequence[Mapping[str, Any]]
    ) -> Answer:
        """Say where a job stands, given its sessions."""
        live = [id_of(one) for one in sessions if one.get("status") in LIVE]
        if job.get("session_id") in live or job.get("status") in ("completed", "error"):
            return self._answer(order, job)
        return self._stranded_news(order, job)

    async def _standing_elsewhere(self, order: Order, job: Mapping[str, Any]) -> Answer:
        """Say where a job stands that is in no session of ours: a person told its id."""
        session = await self._record(f"sessions/{word(job.get('session_id'))}")
        return self._standing(order, job, [] if session is None else [session])

    def _stranded_news(self, order: Order, job: Mapping[str, Any]) -> Answer:
        """Its session has ended under it: what never began is given back, the rest has failed.

        It may still be told how it ended: that it is left so is settled by time.
        """
        answer, job_id = self._answer(order, job), id_of(job)
        if isinstance(answer, Strange):
            return answer
        words = answer.error or "its session ended before it did"
        settle_s = 0.0 if isinstance(answer, ENDS) else STRANDED_S
        if read_instant(job.get("started_at")) is None:
            return GivenBack(
                order.id,
                answer.status,
                job_id,
                error=words,
                cost=self._cost_unbegun(),
                settle_s=settle_s,
            )
        return Failed(order.id, answer.status, job_id, error=words, settle_s=settle_s)

    def _cost_unbegun(self) -> float | None:
        """What a job cost that never began, where circuits are paid for; None: `release` tells."""
        if self._platform is None or self._options.booking is not None:
            return None
        return None if is_hourly(self._platform) else 0.0

    async def _prolong(self, session: Mapping[str, Any]) -> None:
        """Move a session's end away while it is needed, as far as its price was agreed to."""
        if session.get("status") != "running" or self._options.booking is not None:
            return
        began_s = read_instant(session.get("started_at"))
        now_s, planned_s = self._wire.now(), read_duration(session.get("max_duration"))
        if began_s is None or planned_s is None:
            return
        if is_hourly(await self._known_platform()):
            step_s, longest_s = FIRST_S, self._options.longest_session
        else:
            step_s = longest_s = self._until_next_slot_s(self._timeout_s)
            longest_s += now_s - began_s
        wanted_s = min(now_s - began_s + step_s, longest_s)
        if began_s + planned_s - now_s < step_s / 2 and wanted_s > planned_s + 1:
            change = {"max_duration": write_duration(wanted_s)}
            await self._ask("PATCH", f"sessions/{id_of(session)}", json=change)

    def _answer(self, order: Order, job: Mapping[str, Any]) -> Answer:
        status = word(job.get("status"))
        kind = WORDS.get(status, Strange)
        is_lost = kind in (Failed, Cancelled)
        if kind is Done:
            self._finished[id_of(job)] = job
        error = (said(job.get("progress_message")) or "no reason given") if is_lost else ""
        raw = redact(json.dumps(job, ensure_ascii=False)).encode() if is_lost else b""
        return kind(order.id, status, id_of(job), error=error, raw=raw)

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download results; one whose rows lag behind its state is left out."""
        wanted, found = set(job_ids), []
        for order, job_id in zip(batch.orders, _ids(batch), strict=True):
            if order.id not in wanted or job_id is None:
                continue
            rows = await self.results(job_id)
            texts = [text for row in rows if (text := await self._text_of(row))]
            if not texts:
                continue
            counts, facts = read_result(texts[-1], order)
            job = self._finished.pop(job_id, {})
            keys = ("created_at", "started_at", "updated_at", "job_duration", "session_id")
            facts |= {key: job[key] for key in keys if job.get(key) is not None}
            raw = redact(json.dumps(texts, ensure_ascii=False)).encode()
            found.append(Fetched(order.id, counts, raw=raw, facts=facts))
        return found

    async def _text_of(self, row: Mapping[str, Any]) -> str | None:
        """Return a row's result, wherever it is; the URL authorises by itself."""
        text, url = row.get("result"), row.get("url")
        if isinstance(text, str) and text:
            return text
        if not isinstance(url, str) or not url:
            return None
        reply = await self._wire.send("GET", url, is_bare=True)
        if not reply.is_success:  # such URLs end; the next try reads a fresh one
            raise Unavailable(f"scaleway: a result's URL answered {reply.status}")
        return reply.content.decode("utf-8", "replace")

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        wanted, updates = set(job_ids), []
        for order, job_id in zip(batch.orders, _ids(batch), strict=True):
            if order.id in wanted and job_id is not None:
                job = (await self._ask("POST", f"jobs/{job_id}/cancel", json={})).object()
                updates.append(self._answer(order, job))
        return updates

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """End the session; where its time is paid for, say what it came to."""
        key = self._key_of(batch)
        sessions = await self._sessions_of(key)
        for session in sessions:
            if session.get("status") not in ("stopping", *ENDED):
                await self._terminate(id_of(session))
        if self._options.tag_saved:
            await self._tag_saved(batch)
        platform = await self._known_platform()
        bill: Mapping[str, float] = {}
        if is_hourly(platform) and self._options.booking is None:
            costs = [session_cost(one, platform, self._wire.now()) for one in sessions]
            if None in costs:
                raise Unavailable(f"scaleway: session {key} is ending; then its time is known")
            each = sum(cost for cost in costs if cost is not None) / len(batch.orders)
            bill = {order.id: each for order in batch.orders}
        self._sessions.pop(key, None)
        return bill

    async def _tag_saved(self, batch: Batch) -> None:
        for order, job_id in zip(batch.orders, _ids(batch), strict=True):
            if job_id is not None:
                tags = [*self._tags(), f"point:{order.id[:12]}", "saved"]
                await self.update_job(job_id, name=order.name, tags=tags)

    async def leave(self, batches: Sequence[Batch]) -> None:
        """End sessions whose time is paid for; jobs in them that never began are given back."""
        if not is_hourly(await self._known_platform()):
            return
        for batch in batches:
            for session_id in self._sessions.get(self._key_of(batch), ()):
                await self._terminate(session_id)

    async def aclose(self) -> None:
        await self._wire.aclose()

    # -- platforms and bookings -----------------------------------------------------------------

    async def platforms(self) -> Sequence[Mapping[str, Any]]:
        """List all platforms."""
        rows = await self._rows("platforms", "platforms", {"order_by": "name_asc"})
        if not all(is_word(one.get("name")) for one in rows):
            raise Misspoke("scaleway: GET platforms: one has no name")
        return rows

    async def _find_platform(self) -> Mapping[str, Any]:
        platforms = await self.platforms()
        for platform in platforms:
            if self._wanted and self._wanted in (platform["name"], platform.get("id")):
                return platform
        names = [str(one["name"]) for one in platforms]
        raise no_target("scaleway", self._wanted, names, noun="platform")

    async def _known_platform(self) -> Mapping[str, Any]:
        if self._platform is None:
            self._platform = await self._find_platform()
        return self._platform

    def _slots(self) -> list[tuple[float, float, Mapping[str, Any]]]:
        """Begin, end and record of the bookings that stand, soonest first."""
        found = [
            (read_instant(one.get("started_at")), read_instant(one.get("finished_at")), one)
            for one in self._bookings
            if one.get("status") in ("waiting", "validating", "validated")
        ]
        known = [(a, b, one) for a, b, one in found if a is not None and b is not None]
        return sorted(known, key=lambda slot: slot[0])

    def _slot_now(self) -> Mapping[str, Any] | None:
        """The booking that has the machine now: other sessions wait until it ends."""
        now_s = self._wire.now()
        return next((one for a, b, one in self._slots() if a <= now_s < b), None)

    def _until_next_slot_s(self, most_s: float) -> float:
        """Seconds until a booked slot begins, which ends sessions without one; `most_s` at most."""
        now_s = self._wire.now()
        begins = [a - now_s for a, _, _ in self._slots() if a > now_s]
        return max(60.0, min([most_s, *begins]))

    # -- sessions and jobs ----------------------------------------------------------------------

    async def _sessions_of(self, key: str) -> Sequence[Mapping[str, Any]]:
        """Read the sessions opened under `key`, as they are now."""
        if key in self._sessions:
            known = [await self._record(f"sessions/{one}") for one in self._sessions[key]]
            return [session for session in known if session is not None]
        params = {"project_id": self._project(), "order_by": "created_at_asc"}
        rows = await self._rows("sessions", "sessions", params)
        ours = [row for row in rows if row.get("deduplication_id") == key]
        self._sessions[key] = [id_of(row) for row in ours]
        return ours

    async def _jobs_in(self, sessions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        jobs: list[Mapping[str, Any]] = []
        for session in sessions:
            params = {"session_id": id_of(session), "order_by": "created_at_asc"}
            jobs += await self._rows("jobs", "jobs", params)
        return jobs

    async def _record(self, path: str) -> Mapping[str, Any] | None:
        """Read one record; None where there is none any more."""
        reply = await self._send("GET", path)
        if reply.status == 404:
            return None
        expect(reply)
        return reply.object()

    async def _terminate(self, session_id: str) -> None:
        reply = await self._send("POST", f"sessions/{session_id}/terminate", json={})
        if reply.status not in (404, 409, 410, 412):  # it has ended, or is about to
            expect(reply)

    async def results(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """List the rows of a job's results, oldest first; before its end, those there are."""
        params = {"order_by": "created_at_asc"}
        return await self._rows(f"jobs/{job_id}/results", "job_results", params)

    async def job_circuit(self, job_id: str) -> Mapping[str, Any]:
        """Read the circuit that a job was posted with; {} for one that came as a model."""
        return (await self._ask("GET", f"jobs/{job_id}/circuit")).object()

    async def update_job(self, job_id: str, *, name: str, tags: Sequence[str]) -> None:
        """Change how a job is called; only of one that is never to be looked for by its name."""
        change = {"name": name, "tags": list(tags)}
        await self._ask("PATCH", f"jobs/{job_id}", json=change)

    # -- requests -------------------------------------------------------------------------------

    def _key_of(self, batch: Batch) -> str:
        """Name the session uniquely over all runs, so that it can be found again."""
        composite = batch.composite
        attempt = composite.memo.get("attempt", 1)
        return f"qbatch-{self._run_id}-{composite.id[:12]}-{composite.generation}.{attempt}"

    def _job_name(self, batch: Batch, order: Order) -> str:
        return f"{self._key_of(batch)}-{order.id[:16]}"

    def _tags(self) -> list[str]:
        return ["qbatch", f"run:{self._run_id}", *self._options.tags]

    def _project(self) -> str:
        named = (self._environ.get(name) for name in PROJECT_VARIABLES)
        found = self._options.project_id or next((value for value in named if value), None)
        if not found:
            raise CredentialsError(
                "scaleway: which project pays? write options: {project_id: …}, or set "
                f"{PROJECT_VARIABLES[0]}"
            )
        return found

    async def _rows(
        self, path: str, key: str, params: Mapping[str, str]
    ) -> Sequence[Mapping[str, Any]]:
        """Read a list over all its pages; how many rows make a page is the service's choice."""
        rows: list[Mapping[str, Any]] = []
        for page in range(1, 10_000):
            asked = {**params, "page": page, "page_size": PAGE}
            answer = (await self._ask("GET", path, params=asked)).object()
            more = answer.get(key)
            if more == rows and rows:
                raise Misspoke(f"scaleway: GET {path}: page {page} is the first again")
            if not isinstance(more, list) or not all(isinstance(one, dict) for one in more):
                raise Misspoke(f"scaleway: GET {path}: no list of {key}: {answer!r:.120}")
            rows += more
            total = number(answer.get("total_count"))  # a number, or a text that is one
            if not more or (total and len(rows) >= total > 0):
                return rows
        raise Misspoke(f"scaleway: GET {path}: the list has no end")

    async def _ask(self, method: str, path: str, **request: Any) -> Reply:
        reply = await self._send(method, path, **request)
        expect(reply)
        return reply

    async def _send(self, method: str, path: str, **request: Any) -> Reply:
        headers = {"x-auth-token": self._wire.reveal(self._secret())}
        url = f"{self._base}/qaas/v1alpha1/{path}"
        return await self._wire.send(method, url, headers=headers, **request)

    def _secret(self) -> Secret:
        if self._pointer is not None:
            return read_pointer(self._pointer, self._environ)
        return read_environment(KEY_VARIABLES, self._environ)


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> Scaleway:
    """Make the driver of a ``scaleway`` backend."""
    return Scaleway(name, backend, surroundings)


def base_url(url: str | None, environ: Mapping[str, str]) -> str:
    """Return where the API is: the manifest's word, the environment's, or the cloud's own."""
    return find_address(url, URL_VARIABLES, environ, BASE_URL)


def _ids(batch: Batch) -> Sequence[str | None]:
    return batch.provider_job_ids or [None] * len(batch.orders)


def _is_over(job: Mapping[str, Any]) -> bool:
    return WORDS.get(word(job.get("status"))) in ENDS


def _is_unsent(error: ProviderError) -> bool:
    return isinstance(error, Unavailable) and error.unsent
