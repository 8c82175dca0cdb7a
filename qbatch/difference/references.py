"""What references tell of two runs: whether a machine drifted in one, or changed between them.

A number that changed did so beyond shot noise; whether the experiment or the machine is another one
now, only a reference tells: one circuit that both runs measured again and again. Its share is
compared for each machine that both have it of, all machines together at the error rate of the
comparison (Holm). Where a reference drifts within a run, its shares' own scatter is what a change
between the runs has to exceed (Student's t). Verdicts of numbers stay as they are; those that
changed say what their machine did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qbatch.difference.statistics import students_p
from qbatch.frozen import dataclass
from qbatch.notation import listed
from qbatch.result import Estimate, family, homogeneity_p, smallest_p
from qbatch.result.estimate import wilson

if TYPE_CHECKING:
    from qbatch.difference.sides import Reference, Side


@dataclass(frozen=True, slots=True)
class MachineChange:
    """One machine by its references.

    Attributes:
        backend: Its name.
        outcome: Whose share is watched.
        drifts: What is told of each side where its references drift, else "".
        here: The share on the first side, all references together; None where it has none.
        there: On the second side.
        p_value: Probability that chance alone makes the shares differ so much; None where they are
            not compared.
        is_changed: Whether the machine changed between the two.
    """

    backend: str
    outcome: str
    drifts: tuple[str, str]
    here: Estimate | None
    there: Estimate | None
    p_value: float | None = None
    is_changed: bool = False


def machine_changes(here: Side, there: Side, error_rate: float) -> list[MachineChange]:
    """Return what the references of two sides tell of each machine; of one run, once."""
    is_one_run = here.references is there.references
    found = []
    for backend in dict.fromkeys((*here.references, *there.references)):
        mine, others = here.references.get(backend), there.references.get(backend)
        found.append(_machine(backend, mine, None if is_one_run else others, here.level))
    tested = [at for at, one in enumerate(found) if one.p_value is not None]
    if tested:
        p_values = [found[at].p_value or 0.0 for at in tested]
        names = (found[at].backend for at in tested)
        shots = [[sum(s.references[n].drifting.shots) for s in (here, there)] for n in names]
        smallest = [smallest_p(tuple(sorted(each)), two_valued=True) for each in shots]
        for at, verdict in zip(tested, family(p_values, smallest, error_rate), strict=True):
            found[at] = replace(found[at], is_changed=bool(verdict))
    return found


def _machine(
    backend: str, mine: Reference | None, others: Reference | None, level: float
) -> MachineChange:
    told = [each.drifting for each in (mine, others) if each is not None]
    here, there = (None if each is None else _share(each, level) for each in (mine, others))
    drifts = _drift(mine), _drift(others)
    p_value = None
    if mine is not None and others is not None and mine.is_as(others):
        p_value = _p_value(mine, others)
    return MachineChange(backend, told[0].outcome, drifts, here, there, p_value)


def _share(reference: Reference, level: float) -> Estimate:
    return wilson(sum(reference.drifting.ones), sum(reference.drifting.shots), level)


def _drift(reference: Reference | None) -> str:
    is_drift = reference is not None and reference.drifting.test.is_drift
    return reference.drifting.verdict if reference is not None and is_drift else ""


def _p_value(mine: Reference, others: Reference) -> float:
    told = mine.drifting, others.drifting
    totals = [(sum(each.ones), sum(each.shots)) for each in told]
    p_value = homogeneity_p([{1.0: ones, 0.0: shots - ones} for ones, shots in totals])
    if not any(each.test.is_drift for each in told):
        return p_value
    shares = [[k / n for k, n in zip(each.ones, each.shots, strict=True)] for each in told]
    return max(p_value, students_p(*shares))


def told_of(machines: Sequence[MachineChange], backends: Sequence[str]) -> str:
    """Say of a number that changed what its machines did; "" where nothing is known of them.

    Args:
        machines: What references tell.
        backends: On which it was measured, on either side.
    """
    mine = [one for one in machines if one.backend in backends]
    if changed := [one.backend for one in mine if one.is_changed]:
        return f"references of {listed(changed)} changed, too"
    if drifted := [one.backend for one in mine if any(one.drifts)]:
        return f"{listed(drifted)} drifted"
    return ""
