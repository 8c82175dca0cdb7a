"""What of a run comes from other runs: shots that were bought before, and count here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from qbatch.notation import amount, listed, whole
from qbatch.report.numbers import count_of

if TYPE_CHECKING:
    from qbatch.report.rows import Run
    from qbatch.snapshot.from_runs import FromRun
    from qbatch.snapshot.put_aside import PutAside

#: Heads of `reused_rows`.
REUSED_HEADS = ("from", "run by", "results of", "jobs", "points", "shots", "account", "paid there")

#: Said above the table.
REUSED_NOTE = (
    "These shots were measured in other runs, count here, and were not bought again; what they "
    "cost there is in no sum of this run."
)


@runtime_checkable
class Borrows(Protocol):
    """A run that knows what it has from others (`snapshot.Run`)."""

    def reused(self, point: Any = None) -> list[FromRun]: ...
    def put_aside(self, point: Any = None) -> list[PutAside]: ...


def aside_notes(run: Run) -> list[str]:
    """A line for each job of another run that is kept and not counted."""
    return (
        [str(each) for each in run.put_aside() if not each.why] if isinstance(run, Borrows) else []
    )


def set_aside_notes(run: Run) -> list[str]:
    """A line for each reason for which jobs of this run itself are kept and not counted."""
    own: dict[str, list[PutAside]] = {}
    for each in run.put_aside() if isinstance(run, Borrows) else ():
        if each.why:
            own.setdefault(each.why, []).append(each)
    return [
        f"{whole(sum(each.shots for each in those))} shots of {count_of(len(those), 'job')} are "
        f"kept and not counted, and were bought again: {why}"
        for why, those in own.items()
    ]


def reused_rows(run: Run) -> list[Sequence[str]]:
    """A row for each other run, as `REUSED_HEADS` names its cells; none where nothing comes."""
    if not isinstance(run, Borrows):
        return []
    return [
        (
            f"{each.name}: {each.folder}",
            listed([*each.who, *(f"imported from {file}" for file in each.imported)]),
            each.days,
            whole(each.jobs),
            whole(each.points),
            whole(each.shots),
            listed(each.accounts),
            " + ".join(amount(cost, unit) for unit, cost in each.cost.items()),
        )
        for each in run.reused()
    ]
