"""The two ways in which the emulated Marqov runs a job: once, or again and again until it works.

``direct`` hands it to a worker and has no retry logic; ``temporal`` (on the platform's pages also
"durable") repeats what fails: three attempts, the first pause a second and each twice as long as
the last, as the vendor's workflows count. What a repeated attempt costs is told nowhere: here, what
one does. A fault script counts each attempt as a job of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qbatch.emulators.faults import JobFault
from qbatch.emulators.jobs import Job

DIRECT, DURABLE = "direct", "temporal"
MODES = (DIRECT, DURABLE)

MOST_ATTEMPTS = 3
FIRST_PAUSE_S = 1.0


@dataclass(frozen=True)
class Execution:
    """How a job went.

    Attributes:
        effects: What happens to its last attempt.
        later_s: How much later it ends, for those before.
    """

    mode: str
    effects: JobFault
    attempts: int = 1
    later_s: float = 0.0


def execute(mode: str, strike: Callable[[], JobFault], run_s: float) -> Execution:
    """Decide how a job of a mode goes.

    Args:
        mode: One of `MODES`.
        strike: Tells what happens to the next attempt.
        run_s: Of one attempt, seconds.
    """
    done = Execution(mode, strike())
    pause_s = FIRST_PAUSE_S
    while mode == DURABLE and done.effects.fail and done.attempts < MOST_ATTEMPTS:
        later_s = done.later_s + run_s + pause_s
        done = Execution(mode, strike(), done.attempts + 1, later_s)
        pause_s *= 2
    return done


class RunJob(Job):
    """A job of Marqov's; the ledger tells its mode, its attempts, and its cap where it has one."""

    def ledger_entry(self) -> dict[str, Any]:
        execution: Execution = self.facts["execution"]
        told = {"execution_mode": execution.mode, "attempts": execution.attempts}
        cap = self.facts.get("cap_cents")
        return super().ledger_entry() | told | ({} if cap is None else {"cap_cents": cap})
