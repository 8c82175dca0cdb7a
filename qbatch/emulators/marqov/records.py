"""What the emulated Marqov says of a job: its status answer, counts and all."""

from __future__ import annotations

from typing import Any

from qbatch.emulators.clock import iso
from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Job, Stage
from qbatch.emulators.marqov import native
from qbatch.emulators.marqov.access import NAME, stable_id
from qbatch.emulators.marqov.physics import describe_noise

#: From a cancel to the state ``cancelled``, seconds.
CANCELLING_S = 1.0

WORDS = {
    Stage.QUEUED: "pending",
    Stage.RUNNING: "running",
    Stage.COMPLETED: "completed",
    Stage.FAILED: "failed",
    Stage.EXPIRED: "dispatch_failed",
}


class Records:
    """Jobs as they are told."""

    def __init__(self, world: World) -> None:
        self.world = world

    def word(self, job: Job) -> str:
        if job.odd_word is not None:
            return job.odd_word
        if job.cancelled_s is not None:
            stopping = self.world.clock.now_s() - job.cancelled_s < CANCELLING_S
            return "cancelling" if stopping else "cancelled"
        return WORDS[job.stage]

    def record(self, job: Job) -> dict[str, Any]:
        """Return the status answer: these fields and no others."""
        updated_s = min(self.world.clock.now_s(), job.end_s)
        return {
            "id": job.id,
            "status": self.word(job),
            "backend": job.facts["backend"].slug,
            "created_at": iso(self.world.clock.at(job.accepted_s)),
            "updated_at": iso(self.world.clock.at(max(updated_s, job.accepted_s))),
            "estimated_cost_usd": job.price,
            "result": None if job.odd_word else self.result(job),
        }

    def result(self, job: Job) -> dict[str, Any] | None:
        if job.stage is Stage.FAILED:
            silent = self._switch("silent_failures", False)
            return None if silent else {"error": job.failure}
        if job.stage is Stage.EXPIRED:
            return {"error": "could not be handed to a worker"}
        if not job.has_results:
            return None
        assert job.sample is not None
        num_bits = job.sample.solution.num_bits
        metadata: dict[str, Any] = {
            "reproducibility": {"bit_order": "qubit_0_first"},
            "noise": describe_noise(job.facts["noise"]),
        }
        if job.facts["state"] is not None:
            metadata["state_vector"] = job.facts["state"].value()
        counts = {
            format(outcome, f"0{num_bits}b")[::-1]: count for outcome, count in job.counts.items()
        }
        found = {"counts": dict(sorted(counts.items())), "shots": job.shots, "metadata": metadata}
        if "native" in job.facts:
            artifact_id = stable_id(f"artifact:{job.id}")
            return native.result(found, artifact_id, job.facts["team"])
        return found

    def _switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)
