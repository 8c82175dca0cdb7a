"""A sampler job as it is written: its document for the bucket, and the call that spends."""

from __future__ import annotations

import json
from math import ceil

import trio

from qbatch.errors import CircuitError, Refused
from qbatch.providers import Batch, Intent
from qbatch.providers.ibm_direct_access.machine import Machine
from qbatch.providers.ibm_direct_access.memo import IbmMemo
from qbatch.providers.ibm_direct_access.objects import Objects
from qbatch.providers.ibm_direct_access.options import Options
from qbatch.providers.ibm_direct_access.service import Service
from qbatch.providers.kit.memo import memo_of

#: A job may use the machine for so long at least, seconds.
LEAST_TIMEOUT_S = 300


class Submissions:
    """The jobs of one run for one machine.

    Args:
        service: The API.
        machine: What circuits are written for.
        objects: The bucket.
        options: The backend's.
        is_virtual: As in `Surroundings`.
    """

    def __init__(
        self,
        service: Service,
        machine: Machine,
        objects: Objects,
        options: Options,
        *,
        is_virtual: bool,
    ) -> None:
        self._service = service
        self._machine = machine
        self._objects = objects
        self._options = options
        self._is_virtual = is_virtual

    async def document(self, batch: Batch) -> bytes:
        """Write the programs as they are put into the bucket.

        Raises:
            Refused: One cannot be translated to the machine's gates and coupling.
        """

        def write() -> bytes:
            pubs = [[self._machine.program(order), None, order.shots] for order in batch.orders]
            document = {
                "pubs": pubs,
                "version": 2,
                "support_qiskit": True,
                "options": self._options.sampler.sent,
            }
            return json.dumps(document, separators=(",", ":")).encode()

        try:
            return write() if self._is_virtual else await trio.to_thread.run_sync(write)
        except CircuitError as error:
            raise Refused(f"ibm-direct-access: {error}") from error

    @property
    def least_timeout_s(self) -> int:
        """For how long a job of one program may use the machine at most, seconds."""
        fixed = self._options.timeout_secs
        return LEAST_TIMEOUT_S if fixed is None else fixed

    def timeout_secs(self, batch: Batch) -> int:
        """Return for how long a job may use the machine at most, seconds."""
        if self._options.timeout_secs is not None:
            return self._options.timeout_secs
        expected_s = self._machine.price.of_composite(order.shots for order in batch.orders)
        return min(max(LEAST_TIMEOUT_S, ceil(10 * expected_s)), 604_800)

    def body(self, batch: Batch) -> bytes:
        """Describe the job; in place of signed URLs stand those without a signature."""
        memo = memo_of(batch.composite, IbmMemo, "job_id", "timeout_secs")
        job_id, bucket = memo["job_id"], self._objects.bucket()
        body = {
            "id": job_id,
            "backend": self._service.target_name,
            "program_id": "sampler",
            "timeout_secs": memo["timeout_secs"],
            "log_level": self._options.log_level,
            "storage": {
                name: {"type": "s3_compatible", "url": bucket.url(f"{name}_{job_id}.json")}
                for name in ("input", "results", "logs")
            },
        }
        return json.dumps(body, separators=(",", ":")).encode()

    def signed(self, intent: Intent) -> bytes:
        """Return the body with URLs signed now: an earlier signature may have ended."""
        body = json.loads(intent.body)
        for name, entry in body["storage"].items():
            del entry["url"]
            entry["presigned_url"] = self._objects.bucket().presign(
                "GET" if name == "input" else "PUT",
                f"{name}_{intent.key}.json",
                now_s=self._service.wire.now(),
                life_s=self._options.storage.url_life_s,
                for_service=True,
            )
        return json.dumps(body, separators=(",", ":")).encode()
