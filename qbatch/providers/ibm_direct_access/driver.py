"""IBM Quantum System REST API ("Direct Access"): machines on a customer's premises.

The protocol, as its official client speaks it:

* IAM: ``POST {iam}/identity/token`` with the API key as a form; the token lives an hour at most and
  is asked for anew. Every call carries it as ``Authorization: Bearer``, and ``Service-CRN``.
* Programs and results travel through an S3-compatible bucket of ours, by presigned URLs: we write
  ``input_<id>.json``, the service reads it and writes ``results_<id>.json`` and ``logs_<id>.json``.
  The URLs come back in every job record; without their query they may be kept.
* One job is one sampler call over many programs, each with its shots: that is our composite job.
* ``POST /v1/jobs`` with an id of our choice, 204; a second one with that id gets 409 as long as the
  job exists, so that the call itself is the lock: a lost answer is found by its id, and one that
  left no trace a minute later is sent again under the same id. Ours is made of run, composite job
  and generation.
  A deleted id is free again, so an id with results in the bucket is never sent again.
* ``GET /v1/jobs`` lists all jobs of the credential, unpaged: one request polls a run. Waiting jobs
  say Running too. Results are in the bucket before a job is Completed.
* A job belongs to the user of the API key that made it, and nobody else sees it: an account is
  service, instance (CRN) and user, by IAM's token (``iam_id``), which a renewed key keeps; else by
  a digest of the key.
* A machine has lanes. A job holds one until it is deleted, whatever its state: 429 when all are
  held. 423 while somebody else has the machine reserved.
* ``usage.quantum_nanoseconds`` is what a job used; there is no price, and how long a job will use
  the machine is said nowhere. Planned are the pause between shots, 20 µs for a circuit and 2 s for
  a job: a rule of thumb, also of our emulator; what is reserved is ``timeout_secs``.
  A job that never ran tells none, and others may tell none either: so a cancelled job without it is
  never taken for free, a double's no more than ours; a person can say so (`resolve --cost none`).
* Circuits must be in the machine's gates and coupling: they are translated here, once for each
  circuit, with its parameters free.
* A result has a field for each classical register with the bits shot by shot, the highest byte
  first; bit 0 is the lowest bit of the last byte.

Not verified against the live service: anything at all. By its documents not certain are what a
job over its ``timeout_secs`` ends as, whether cancelling is done when it is answered, how long a
job may be missing from the list, and whether lanes are counted exactly so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

from qbatch.errors import CircuitError, Misspoke, Refused, Unavailable
from qbatch.manifest.models import Backend, Transpile
from qbatch.providers import (
    ENDS,
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    Intent,
    Missing,
    Order,
    Prepared,
    Surroundings,
    Taken,
    Target,
    kind_of,
)
from qbatch.providers.ibm_direct_access.documents import Documents
from qbatch.providers.ibm_direct_access.jobs import Jobs
from qbatch.providers.ibm_direct_access.machine import Machine
from qbatch.providers.ibm_direct_access.memo import IbmMemo
from qbatch.providers.ibm_direct_access.objects import Objects, expect_object
from qbatch.providers.ibm_direct_access.options import Options
from qbatch.providers.ibm_direct_access.replies import (
    WORDS,
    difference,
    expect,
    read_counts,
    read_error,
    read_programs,
    read_reason,
    read_usage_s,
    shared_out,
)
from qbatch.providers.ibm_direct_access.service import (
    CRN,
    ENDPOINT,
    IAM_ENDPOINT,
    KEY,
    URL_VARIABLE,
    Service,
)
from qbatch.providers.ibm_direct_access.storage import STORE_VARIABLES
from qbatch.providers.ibm_direct_access.submissions import Submissions
from qbatch.providers.kit.accounts import digest, named, subject
from qbatch.providers.kit.cloud import SpeaksToCloud
from qbatch.providers.kit.memo import memo_of
from qbatch.providers.kit.permission import Vendor
from qbatch.providers.kit.proofs import Proofs, refusal
from qbatch.providers.kit.targets import too_wide
from qbatch.providers.kit.untrusted import record, redacted, word

VENDOR = Vendor(
    ("cloud.ibm.com", "quantum.ibm.com", "cloud-object-storage.appdomain.cloud"),
    (URL_VARIABLE, ENDPOINT, IAM_ENDPOINT, *STORE_VARIABLES),
    (KEY,),
)

#: Errors of ``POST /v1/jobs`` that prove that nothing was taken: none is needed, its id tells.
NOT_BOUGHT: Proofs = {}

#: After a lost answer: how long what we sent may still be on its way, seconds. Its id alone would
#: keep a second one out, but is free again as soon as the job is done and deleted.
SETTLE_S = 60.0


class IbmDirectAccess(SpeaksToCloud):
    """Speaks to one machine. See `qbatch.providers.Driver` for what each method promises."""

    def __init__(self, name: str, backend: Backend, surroundings: Surroundings) -> None:
        self._options = Options.model_validate(dict(backend.options))
        self._run_id = surroundings.run_id
        self._service = Service(backend, self._options, surroundings)
        super().__init__(name, self._service)
        self._objects = Objects(self._options.storage, self._service)
        transpile = backend.transpile or Transpile(optimization_level=2)
        self._machine = Machine(self._service, self._options, transpile)
        self._submissions = Submissions(
            self._service,
            self._machine,
            self._objects,
            self._options,
            is_virtual=surroundings.is_virtual,
        )
        #: Job id -> its record at its end, seen by `poll`.
        self._ended: dict[str, Mapping[str, Any]] = {}
        #: Job id -> what its result document holds for each program.
        self._results: dict[str, Sequence[Any]] = {}
        #: Jobs whose input is in the bucket.
        self._written: set[str] = set()

    # -- conversation ---------------------------------------------------------------------------

    async def describe(self) -> Target:
        """Read the machine: state, lanes, configuration, calibration.

        Raises:
            Refused: No such machine (with the nearest names), or no bucket is known.
        """
        self._objects.bucket()
        target = await self._machine.describe()
        return replace(target, is_emulated=self.is_emulated)

    async def read_calibration(self) -> Mapping[str, Any] | None:
        """Read the machine's properties as they are now."""
        return await self._machine.properties() or None

    async def list_targets(self) -> Sequence[Target]:
        """List the machines of the instance."""
        return await self._machine.list_all()

    def storage_urls(self) -> Sequence[str]:
        """Return where the bucket is.

        Raises:
            Refused: That is not known, or its keys are not.
        """
        bucket = self._objects.bucket()
        return (bucket.endpoint, bucket.service_endpoint)

    def account(self) -> str:
        """Name the instance, and the user whom IAM says that the API key belongs to."""
        crn = self._options.service_crn or self._service.variable(CRN)
        token = self._service.bearer.known
        user = subject(token) if token else ""
        return named(
            self._service.base,
            f"instance {crn}" if crn else "",
            user or f"credential {digest(self._service.secret(), self._run_id)}",
        )

    def check(self, order: Order, target: Target) -> str | None:
        """Say why the machine cannot run it; translates the circuit, once for each text."""
        facts = order.circuit.facts
        if (problem := too_wide(order, target)) is not None:
            return problem
        if (given := len(self._options.initial_layout)) not in (0, facts.num_qubits):
            return f"initial_layout has {given} qubits, the circuit {facts.num_qubits}"
        try:
            self.program(order)
        except CircuitError as error:
            return error.problem
        return None

    def program(self, order: Order) -> str:
        """Write the program as it is sent.

        Raises:
            CircuitError: It cannot be translated to the machine's gates and coupling.
        """
        return self._machine.program(order)

    async def prepare(self, batch: Batch) -> Prepared:
        """Write the programs into the bucket: free, and the same whenever it is repeated."""
        if self._machine.fit is None:
            await self.describe()
        job_id = self._id_of(batch)
        if job_id not in self._written:
            document = await self._submissions.document(batch)
            await self._objects.put(f"input_{job_id}.json", document)
            self._written.add(job_id)
        timeout_secs = self._submissions.timeout_secs(batch)
        caps = zip(batch.orders, shared_out(timeout_secs, batch.orders), strict=True)
        memo: IbmMemo = {"job_id": job_id, "timeout_secs": timeout_secs}
        return Prepared(
            memo,
            most={order.id: cap for order, cap in caps if cap is not None},
            least=self._submissions.least_timeout_s,
        )

    def intend(self, batch: Batch) -> Intent:
        """Describe the job; in place of signed URLs stand those without a signature."""
        body = self._submissions.body(batch)
        return Intent(key=memo_of(batch.composite, IbmMemo, "job_id")["job_id"], body=body)

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        await self._machine.wait_until_open()
        reply = await self._service.send("POST", "jobs", content=self._submissions.signed(intent))
        if reply.status == 409:
            return await self._adopt(batch, intent)
        if not reply.is_success:  # whatever it says, the job's id tells whether there is one
            raise refusal(reply, "", read_error(reply), NOT_BOUGHT)
        return [Taken(order.id, "Running", intent.key) for order in batch.orders]

    async def _adopt(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """A job with our id exists: an earlier try of ours, by all that we know of it."""
        reply = await self._service.send("GET", f"jobs/{intent.key}")
        if reply.status == 404:
            raise Unavailable(f"ibm-direct-access: job {intent.key}: 409, and then not found")
        expect(reply)
        job = reply.object()
        if another := difference(job, json.loads(intent.body)):
            raise Refused(
                f"ibm-direct-access: another job has the id {intent.key} ({another}); "
                "`qbatch retry` sends it under a new one"
            )
        return await self._news(batch, job)

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        """Ask for the job by its id; results without a job say that it ran and was deleted."""
        del intent  # its key is our id, if no person told another
        return await self._ask_for(batch)

    async def recall(self, batch: Batch) -> Sequence[Answer]:
        return [each for each in await self._ask_for(batch) if not isinstance(each, Missing)]

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Read the list of all jobs; what it lacks is asked for singly."""
        reply = await self._service.ask("GET", "jobs")
        rows = reply.object().get("jobs") or []  # an empty list may be null
        if not isinstance(rows, list):
            raise Misspoke(f"ibm-direct-access: no list of jobs: {reply.excerpt()}")
        known = {word(record(row).get("id")): record(row) for row in rows}
        updates: list[Answer] = []
        for batch in batches:
            job_id = self._id_of(batch)
            if job_id in known:
                updates += await self._news(batch, known[job_id])
            else:
                updates += await self._ask_for(batch)
        return updates

    async def _ask_for(self, batch: Batch) -> Sequence[Answer]:
        job_id = self._id_of(batch)
        reply = await self._service.send("GET", f"jobs/{job_id}")
        if reply.status != 404:
            expect(reply)
            return await self._news(batch, reply.object())
        if await self._objects.has_results(job_id):
            return self._deleted(batch)
        where = self._objects.bucket().url(f"results_{job_id}.json")
        error = f"IBM has no job {job_id}, nor are there results in {where}"
        return [
            Missing(order.id, "404 not found", error=error, settle_s=SETTLE_S, is_proof=True)
            for order in batch.orders
        ]

    def _deleted(self, batch: Batch) -> Sequence[Answer]:
        """Somebody deleted the job, but its results are there."""
        job_id = self._id_of(batch)
        return [Done(order.id, "deleted", job_id) for order in batch.orders]

    async def _news(self, batch: Batch, job: Mapping[str, Any]) -> Sequence[Answer]:
        """Turn a job record into news of each of its programs, which share its fate."""
        job_id, status = self._id_of(batch), word(job.get("status"))
        kind = kind_of(WORDS, status)
        is_over = kind in ENDS
        if is_over:
            self._ended[job_id] = job
        is_lost = kind in (Failed, Cancelled)
        kept = json.dumps(redacted(job), ensure_ascii=False).encode() if is_lost else b""
        log = await self._objects.log(job_id) if is_lost else b""
        costs = shared_out(read_usage_s(job) if is_over else None, batch.orders)
        return [
            kind(
                order.id,
                status,
                job_id,
                error=read_reason(job) if is_lost else "",
                cost=cost,
                raw=kept,
                log=log if order is batch.orders[0] else b"",
            )
            for order, cost in zip(batch.orders, costs, strict=True)
        ]

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        """Download the result document once, and read from it what is asked for."""
        job_id = self._id_of(batch)
        if job_id not in self._results:
            reply = await self._objects.get(f"results_{job_id}.json")
            if reply.status == 404:  # completed, but not there yet
                return []
            expect_object(reply)
            self._results[job_id] = read_programs(reply.json())
        rows = self._results[job_id]
        if len(rows) != len(batch.orders):
            raise Misspoke(
                f"ibm-direct-access: job {job_id}: {len(batch.orders)} programs were sent, "
                f"{len(rows)} results came"
            )
        job = self._ended.get(job_id, {})
        log = await self._objects.log(job_id) if batch.orders[0].id in job_ids else b""
        costs = shared_out(read_usage_s(job), batch.orders)
        wanted = set(job_ids)
        return [
            Fetched(
                order.id,
                read_counts(row, order),
                raw=json.dumps(redacted(row), ensure_ascii=False).encode(),
                facts=self._facts(job),
                cost=cost,
                log=log if order is batch.orders[0] else b"",
            )
            for order, row, cost in zip(batch.orders, rows, costs, strict=True)
            if order.id in wanted
        ]

    def _facts(self, job: Mapping[str, Any]) -> dict[str, Any]:
        keys = ("created_time", "end_time", "usage", "metrics")
        return {key: redacted(job[key]) for key in keys if job.get(key) is not None}

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        """Ask for the whole job to be stopped: IBM cannot stop one program of several.

        Raises:
            Refused: Only some of its programs are meant.
        """
        job_id, others = self._id_of(batch), {o.id for o in batch.orders} - set(job_ids)
        if others:
            raise Refused(
                f"ibm-direct-access: {len(batch.orders)} points are one job ({job_id}), which can "
                f"only be cancelled as a whole; choose the other {len(others)} too, or wait"
            )
        reply = await self._service.send("POST", f"jobs/{job_id}/cancel")
        if reply.status != 409:  # it has ended already: its state says how
            expect(reply)
        reply = await self._service.ask("GET", f"jobs/{job_id}")
        return await self._news(batch, reply.object())

    async def release(self, batch: Batch) -> Mapping[str, float]:
        """Delete the job, which frees its lane; all that it gave is saved."""
        job_id = self._id_of(batch)
        if not self._options.keep_jobs:
            reply = await self._service.send("DELETE", f"jobs/{job_id}")
            if reply.status == 409:  # it runs still, though nobody waits for it any more
                await self._service.send("POST", f"jobs/{job_id}/cancel")
                raise Unavailable(f"ibm-direct-access: job {job_id} ends before it is deleted")
            if reply.status != 404:
                expect(reply)
        if not self._options.storage.keep_objects:
            for name in ("input", "results", "logs"):
                await self._objects.delete(f"{name}_{job_id}.json")
        for kept in (self._ended, self._results):
            kept.pop(job_id, None)
        return {}

    def jobs_at_cloud(self) -> Jobs:
        """Return the jobs of the user, whoever made them."""
        return Jobs(self._service.send, Documents(self._objects))

    # -- requests -------------------------------------------------------------------------------

    def _id_of(self, batch: Batch) -> str:
        """Return the job's id: as a person told it, else the same in any process."""
        known = next((one for one in batch.provider_job_ids if one), None)
        if known is not None:
            return known
        composite = batch.composite
        of = f"qbatch/{self._run_id}/{composite.id}/{composite.generation}"
        return str(UUID(bytes=sha256(of.encode()).digest()[:16], version=4))


def open_driver(backend: Backend, *, name: str, surroundings: Surroundings) -> IbmDirectAccess:
    """Make the driver of an ``ibm-direct-access`` backend."""
    return IbmDirectAccess(name, backend, surroundings)
