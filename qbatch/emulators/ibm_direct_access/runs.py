"""One accepted job: when it reads its input, when it runs, when it writes, how it ends.

Rules: nothing moves by itself. `Run.move` does what is due by now, in order and as of the instants
it was due, and is called before anybody looks. A job shows Completed only after its results were
stored; logs are stored with its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf
from typing import Any

from qbatch.emulators.clock import iso
from qbatch.emulators.ibm_direct_access.circuits import NOT_ISA
from qbatch.emulators.ibm_direct_access.documents import Backend
from qbatch.emulators.ibm_direct_access.execution import Outcome
from qbatch.emulators.ibm_direct_access.presigned import OutOfReach, PresignedObjects
from qbatch.emulators.ibm_direct_access.submission import LOG_LEVELS, Wanted
from qbatch.emulators.ibm_direct_access.typed import EXECUTION_ERROR
from qbatch.emulators.jobs import Job, Stage
from qbatch.emulators.simulation import Computation

WORDS = {
    Stage.QUEUED: "Running",
    Stage.RUNNING: "Running",
    Stage.COMPLETED: "Completed",
    Stage.FAILED: "Failed",
    Stage.CANCELLED: "Cancelled",
}

#: Reason code -> what to do about it, where the usual advice does not help.
SOLUTIONS = {NOT_ISA: "Transpile your circuits for the target before you submit them."}

#: Tries to reach a foreign store that does not answer.
MOST_TRIES = 3


@dataclass(frozen=True)
class Ending:
    """How a job ended."""

    stage: Stage
    at_s: float
    usage_s: float = 0.0
    code: int = 0
    message: str = ""
    solution: str = ""


@dataclass(frozen=True)
class Behaviour:
    """Switches in force when a job was accepted.

    Attributes:
        timeout_stage: How a job ends that needs more than its time.
        loses_results: They are never stored.
        writes_late: A cancelled job stores its results all the same.
        has_metrics: The record has a ``metrics`` object once the job completed.
    """

    timeout_stage: Stage = Stage.CANCELLED
    loses_results: bool = False
    writes_late: bool = False
    has_metrics: bool = False


@dataclass(eq=False, kw_only=True)
class Run(Job):
    """A job of the emulated system.

    Attributes:
        start_work: Given the input, begins the computation.
    """

    wanted: Wanted
    backend: Backend
    owner: str
    objects: PresignedObjects
    behaviour: Behaviour
    start_work: Callable[[bytes, datetime], Computation[Outcome]]
    outcome: Outcome | None = None
    ending: Ending | None = None
    _is_done_storing: bool = False
    _is_moving: bool = False
    _tries: int = 0
    _crashes: int = 0
    _begin: Callable[[], Computation[Outcome]] | None = None
    _work: Computation[Outcome] | None = None

    def _stage(self) -> Stage:
        if self.ending is not None:
            return self.ending.stage
        return Stage.QUEUED if self.clock.now_s() < self.began_s else Stage.RUNNING

    @property
    def began_s(self) -> float:
        return self.start_s + self.effects.wait_s

    @property
    def ends_s(self) -> float:
        """Return when it is over unless it is cancelled or its computation takes longer."""
        return self.end_s + self.effects.wait_s

    @property
    def status(self) -> str:
        return self.odd_word or WORDS[self.stage]

    @property
    def is_settled(self) -> bool:
        """True once nothing will happen to it any more."""
        return self.ending is not None and not self._owes_results

    @property
    def _owes_results(self) -> bool:
        if self._is_done_storing or self.behaviour.loses_results or self.effects.lag_s == inf:
            return False
        if self.ending is None or self.ending.stage is Stage.COMPLETED:
            return True
        return self.behaviour.writes_late and self.ending.stage is Stage.CANCELLED

    # -- time passes -------------------------------------------------------------------------------

    async def move(self) -> None:
        """Do what is due. A second caller passes by while the first waits for a foreign store."""
        if self._is_moving or self.is_settled:
            return
        self._is_moving = True
        try:
            await self._move()
        finally:
            self._is_moving = False

    async def _move(self) -> None:
        now_s = self.clock.now_s()
        if self._is_cancelled_before(self.ends_s):
            await self._end_cancelled()
        if self.is_settled or now_s < self.began_s:
            return
        if self.outcome is None and self._work is None:
            await self._read_input()
        if self._work is not None and self._work.is_done and self.outcome is None:
            self._take_outcome(self._work)
        if self.outcome is None and self._is_cancelled_before(inf):
            await self._end_cancelled()
        if self.outcome is None or now_s < self.ends_s:
            return
        if self.ending is None:
            await self._end_by_itself(self.outcome)
        if self.is_settled or now_s < self.ends_s + self.effects.lag_s:
            return
        if self.ending is not None:
            await self._store_results(self.outcome, self.ends_s + self.effects.lag_s)

    def _is_cancelled_before(self, second: float) -> bool:
        """Say whether it is to end by a cancellation that took effect by now, before `second`."""
        if self.ending is not None or self.cancelled_s is None:
            return False
        return self.cancelled_s <= self.clock.now_s() and self.cancelled_s < second

    def _take_outcome(self, work: Computation[Outcome]) -> None:
        """Keep what was computed; ask once more if the worker died, perhaps of another job."""
        try:
            self.outcome = work.value()
        except BrokenProcessPool:
            self._crashes += 1
            self._work = self._begin() if self._begin and self._crashes == 1 else None
            if self._work is None:
                self._fail("the program ended without a result")

    def _fail(self, text: str) -> None:
        self.outcome = Outcome(error=text, code=EXECUTION_ERROR)

    async def _read_input(self) -> None:
        url, at = self.wanted.urls.get("input"), self.clock.at(self.began_s)
        if url is None:
            self._fail("no input: storage.input is needed for primitive programs")
            return
        try:
            content = await self.objects.read(url, at)
        except OutOfReach as error:
            self._tries += 1
            if error.is_lasting or self._tries >= MOST_TRIES:
                self._fail(f"cannot read the input: {error}")
            return
        self._tries = 0
        self._begin = partial(self.start_work, content, at)
        self._work = self._begin()

    async def _end_by_itself(self, outcome: Outcome) -> None:
        """End it by itself; a foreign store that does not answer is asked again later."""
        ending = self._natural_ending(outcome)
        if ending.stage is Stage.COMPLETED and "results" not in self.wanted.urls:
            text = "no results: storage.results is needed for primitive programs"
            ending = _failed(ending, EXECUTION_ERROR, text)
        elif ending.stage is Stage.COMPLETED and self._owes_results and not self.effects.lag_s:
            problem = await self._store_results(outcome, self.ends_s)
            if problem is not None and not self._is_done_storing:
                return
            if problem is not None:
                text = f"cannot store the results: {problem}"
                ending = _failed(ending, EXECUTION_ERROR, text)
        await self._finish(ending)

    def _natural_ending(self, outcome: Outcome) -> Ending:
        end = Ending(Stage.COMPLETED, self.ends_s, outcome.usage_s)
        if self.effects.fail:
            code = EXECUTION_ERROR if self.effects.code < 0 else self.effects.code
            return _failed(end, code, self.effects.fail)
        if outcome.error:
            return _failed(end, outcome.code, outcome.error)
        if outcome.timed_out or self.effects.expires:
            limit = self.wanted.timeout_secs
            text = f"the job needed more than its timeout of {limit} s of system execution time"
            return Ending(
                self.behaviour.timeout_stage,
                self.ends_s,
                min(outcome.usage_s, limit),
                message=text,
                solution="Raise timeout_secs or split the job.",
            )
        return end

    async def _end_cancelled(self) -> None:
        assert self.cancelled_s is not None
        ran_s = max(0.0, self.cancelled_s - self.began_s)
        await self._finish(Ending(Stage.CANCELLED, self.cancelled_s, min(ran_s, self.most_usage_s)))

    @property
    def most_usage_s(self) -> float:
        """Return the most it can have used of the machine, seconds."""
        return min(self.ends_s - self.began_s, float(self.wanted.timeout_secs))

    async def _store_results(self, outcome: Outcome, at_s: float) -> OutOfReach | None:
        """Store the results, or give up for good; a problem that may pass leaves them owed."""
        url = self.wanted.urls.get("results")
        try:
            if url is not None and outcome.document:
                await self.objects.write(url, outcome.document, self.clock.at(at_s))
        except OutOfReach as error:
            self._tries += 1
            self._is_done_storing = error.is_lasting or self._tries >= MOST_TRIES
            return error
        self._is_done_storing = True
        return None

    async def _finish(self, ending: Ending) -> None:
        """Store the log, which may fail, and let the end be seen."""
        url = self.wanted.urls.get("logs")
        if url is not None:
            with suppress(OutOfReach):
                await self.objects.write(url, self._log(ending), self.clock.at(ending.at_s))
        self.price = ending.usage_s
        self.ending = ending

    def _log(self, ending: Ending) -> bytes:
        """Write one line per event, from the level the client asked for upwards."""
        at = self.clock.at
        lines = [
            (self.accepted_s, "info", f"job {self.id}: accepted for {self.backend.name}"),
            (self.began_s, "debug", f"job {self.id}: {self.wanted.program_id} begins"),
        ]
        if self.outcome is not None:
            lines += [(self.began_s, level, text) for level, text in self.outcome.notes]
        level = "error" if ending.stage is Stage.FAILED else "info"
        text = f"job {self.id}: {WORDS[ending.stage]} {ending.message}".rstrip()
        lines.append((ending.at_s, level, text))
        least = LOG_LEVELS.index(self.wanted.log_level)
        return "".join(
            f"{iso(at(second))} {level.upper()} {text}\n"
            for second, level, text in lines
            if LOG_LEVELS.index(level) >= least and second <= ending.at_s
        ).encode()

    # -- what a client sees ------------------------------------------------------------------------

    def record(self) -> dict[str, Any]:
        at, ending = self.clock.at, self.ending
        record: dict[str, Any] = {
            "id": self.id,
            "program_id": self.wanted.program_id,
            "backend": self.backend.name,
            "status": self.status,
            "created_time": iso(at(self.accepted_s)),
            "storage": self.wanted.storage,
            "log_level": self.wanted.log_level,
            "timeout_secs": self.wanted.timeout_secs,
        }
        if ending is None or self.odd_word is not None:
            return record
        record["end_time"] = iso(at(ending.at_s))
        if ending.usage_s:
            record["usage"] = {"quantum_nanoseconds": round(ending.usage_s * 1e9)}
        if ending.code:
            record["reason_code"] = ending.code
        if ending.message:
            record |= {"reason_message": ending.message, "reason_solution": ending.solution}
        if self.behaviour.has_metrics and ending.stage is Stage.COMPLETED:
            record["metrics"] = self._metrics(ending)
        return record

    def _metrics(self, ending: Ending) -> Mapping[str, Any]:
        at = self.clock.at
        times = {
            "created": iso(at(self.accepted_s)),
            "running": iso(at(self.began_s)),
            "finished": iso(at(ending.at_s)),
        }
        executed = round(ending.usage_s * 1e9)
        return {"timestamps": times, "circuits_execution_time_ns": executed}


def _failed(end: Ending, code: int, text: str) -> Ending:
    solution = SOLUTIONS.get(code, "Check the job's input and submit it again.")
    return Ending(Stage.FAILED, end.at_s, end.usage_s, code, text, solution)
