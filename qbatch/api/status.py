"""How far a run is, as one value that shows itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qbatch import snapshot
from qbatch.api.runs import RUN, folder_of
from qbatch.arguments import of_type, takes
from qbatch.fragments import line, table
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest import Manifest
from qbatch.notation import amount, whole
from qbatch.snapshot.held import Held


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is, at the moment that it was asked.

    Attributes:
        name: The run's.
        folder: The run folder.
        is_running: A runner is at it now.
        states: State -> points.
        spent: Unit -> what was billed.
        in_flight: Jobs that a provider may hold.
        held: Jobs that a person must decide about, each with what can be done.
    """

    name: str
    folder: Path
    is_running: bool
    states: Mapping[JobState, int]
    spent: Mapping[str, float]
    in_flight: int
    held: tuple[Held, ...] = ()

    @property
    def points(self) -> int:
        """Of the plan."""
        return sum(self.states.values())

    @property
    def is_done(self) -> bool:
        """Whether all points are completed."""
        return bool(self.states) and self.states.keys() <= {JobState.COMPLETED}

    @property
    def word(self) -> str:
        """In one: running, done, failed, held, cancelled or pending."""
        if self.is_running:
            return "running"
        if self.is_done:
            return "done"
        ends = (JobState.FAILED, JobState.HELD, JobState.CANCELLED)
        return next((str(state) for state in ends if self.states.get(state)), "pending")

    @property
    def _facts(self) -> list[str]:
        facts = [self.word, *(f"{whole(number)} {state}" for state, number in self.states.items())]
        if self.in_flight:
            facts.append(f"{whole(self.in_flight)} at providers")
        return facts + [f"{amount(cost, unit)} spent" for unit, cost in self.spent.items()]

    def __str__(self) -> str:
        held = "".join(f"\nheld: {each.point}: {each.why}" for each in self.held)
        return f"{self.name}: {', '.join(self._facts)}{held}"

    def _repr_html_(self) -> str:
        held = [(each.point, each.backend, each.why) for each in self.held]
        return line(self.name, *self._facts) + table(("held", "backend", "why"), held)


@takes(run=RUN | of_type("a qbatch.Run", snapshot.Run))
def status(run: str | Path | Manifest | snapshot.Run) -> Status:
    """Say how far a run is; it may be running meanwhile.

    Args:
        run: An opened run, a run folder, or a manifest: then its run.

    Raises:
        TypeError: It is none of these.
        SnapshotError: There is no run there, or it is damaged or newer than this qbatch.
        SourceErrors: It is a manifest, and wrong.
    """
    if isinstance(run, snapshot.Run):
        return _status_of(run)
    with snapshot.Run(folder_of(run)) as opened:
        return _status_of(opened)


def _status_of(run: snapshot.Run) -> Status:
    return Status(
        name=run.name,
        folder=run.folder,
        is_running=run.is_running,
        states=run.counts_by_state(),
        spent=run.spent(),
        in_flight=sum(1 for _ in run.in_flight()),
        held=tuple(run.held()),
    )
