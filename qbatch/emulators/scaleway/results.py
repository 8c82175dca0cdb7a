"""Rows of results of the emulated Scaleway: when they come, in whose words, inside or by URL.

Switches ``intermediate_rows`` (0: so many rows with part of the shots come while a job runs),
``one_row_per_circuit`` (false: a job of several circuits has one row), ``compression`` (2),
``result_by_url_above`` (1,000,000 bytes), ``empty_result`` (null | "": what stands beside a URL),
``mimiq_bit_0``, ``retention_s`` (results older than that are gone), ``results_in`` (rows: the list
and, within the same bound of bytes, the job's ``result_distribution``; distribution: that alone).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from starlette.requests import Request

from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Stage
from qbatch.emulators.scaleway.access import NAME, Rejected
from qbatch.emulators.scaleway.encoding import ZLIB, pack
from qbatch.emulators.scaleway.flavours import (
    FORMATS,
    Shots,
    cirq_result,
    cudaq_sample,
    mimiq_result,
    qiskit_result,
)
from qbatch.emulators.scaleway.lifecycle import Execution
from qbatch.emulators.scaleway.moments import write_instant
from qbatch.emulators.scaleway.storage import Storage

#: Of a result that does not come by URL, bytes.
MOST_INLINE = 1_000_000

#: Rows of one job that come together differ in age by so much, seconds.
TICK_S = 1e-3


@dataclass(frozen=True)
class Row:
    """A row that is there.

    Attributes:
        circuits: Which of the job's programs it tells of.
        shots: How many had been taken then.
    """

    created_s: float
    circuits: Sequence[int]
    shots: int


class Results:
    """Makes rows, and keeps their texts."""

    def __init__(self, world: World, storage: Storage) -> None:
        self.world = world
        self.storage = storage
        self._texts: dict[str, str] = {}

    def switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    def rows(self, job: Execution) -> list[Row]:
        """Return what is there now, oldest first.

        Raises:
            Rejected: It is not kept any more.
        """
        stage, now_s = job.stage, self.world.clock.now_s()
        if job.odd_word is not None or stage in (Stage.QUEUED, Stage.FAILED, Stage.EXPIRED):
            return []
        if self.is_gone(job):
            kept_s = self.switch("retention_s", inf)
            raise Rejected(
                410,
                "resource_expired",
                "resource is expired",
                resource="job_result",
                resource_id=job.id,
                expired_since=write_instant(self.world.clock, job.ended_s + kept_s),
            )
        if self.switch("results_in", "rows") == "distribution":
            return []
        return [*self._intermediate(job, now_s), *(self._final(job) if job.has_results else ())]

    def distribution(self, job: Execution) -> str | None:
        """Return the result as the job's record holds it: whole, once the job is finished."""
        if job.odd_word is not None or not job.has_results or self.is_gone(job):
            return None
        text = self._kept_text(job, Row(job.ended_s, range(job.circuits), job.shots))
        return text if len(text) <= self.switch("result_by_url_above", MOST_INLINE) else None

    def is_gone(self, job: Execution) -> bool:
        """Whether its results are older than they are kept."""
        age_s = self.world.clock.now_s() - job.ended_s
        return job.stage.is_final and age_s > self.switch("retention_s", inf)

    def _intermediate(self, job: Execution, now_s: float) -> list[Row]:
        number = int(self.switch("intermediate_rows", 0))
        if not number or not all(sample.is_done for sample in job.samples):
            return []
        step_s = (job.due_s - job.begins_s) / (number + 1)
        until_s = now_s if job.cancelled_s is None else min(now_s, job.cancelled_s)
        rows = [
            Row(
                job.begins_s + at * step_s,
                range(job.circuits),
                max(1, job.shots * at // (number + 1)),
            )
            for at in range(1, number + 1)
        ]
        return [row for row in rows if row.created_s + job.effects.lag_s <= until_s]

    def _final(self, job: Execution) -> list[Row]:
        created_s = job.ended_s + job.effects.lag_s
        if not self.switch("one_row_per_circuit", False):
            return [Row(created_s, range(job.circuits), job.shots)]
        return [Row(created_s + at * TICK_S, (at,), job.shots) for at in range(job.circuits)]

    # -- on the wire -----------------------------------------------------------------------------

    def show(self, job: Execution, row: Row, request: Request) -> dict[str, Any]:
        key, text = _key(job, row), self._kept_text(job, row)
        shown = {"job_id": job.id, "created_at": write_instant(self.world.clock, row.created_s)}
        if len(text) <= self.switch("result_by_url_above", MOST_INLINE):
            return {**shown, "result": text, "url": None}
        self.storage.texts[key] = lambda: text
        url = self.storage.url(request, key)
        return {**shown, "result": self.switch("empty_result", None), "url": url}

    def _kept_text(self, job: Execution, row: Row) -> str:
        key = _key(job, row)
        text = self._texts.get(key) or self._text(job, row)
        self._texts[key] = text
        return text

    def _text(self, job: Execution, row: Row) -> str:
        flavour = job.session.platform.flavour
        programs = [self._shots(job, at, row.shots) for at in row.circuits]
        content: Any = None
        if flavour == "qiskit":
            content = qiskit_result(programs, memory=job.memory) | {"job_id": job.id}
        elif flavour == "cirq":
            content = cirq_result(programs[0])
        elif flavour == "cudaq":
            content = cudaq_sample(programs[0])
        elif flavour == "mimiq":
            content = mimiq_result(programs[0], bit_0=self.switch("mimiq_bit_0", "left"))
        if job.is_legacy:
            return json.dumps(content)
        return pack(content, FORMATS[flavour], self.switch("compression", ZLIB))

    def _shots(self, job: Execution, at: int, number: int) -> Shots:
        sample = job.samples[at]
        most = None if number == job.shots else number
        return Shots(sample.solution, sample.counts, f"{job.id}/{at}", most)


def _key(job: Execution, row: Row) -> str:
    return f"results/{job.id}/{row.shots}-{'-'.join(map(str, row.circuits))}"
