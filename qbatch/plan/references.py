"""References: one circuit that is run again and again between the points, to see drift.

Each is a content of its own, a copy of the circuit on a backend, numbered from 1: it is planned,
priced, bought once, taken up and kept as any point is. Their seed is drawn from the root seed, so
none has a content that a sweep has, too. Rule: they are listed behind all points and bought
between them (`turns`), so that places, ids and numbers of points stay as they are without them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.notation import did_you_mean, listed, whole
from qbatch.plan.geometry.axes import MAX_POINTS
from qbatch.plan.geometry.draw import rank
from qbatch.plan.geometry.grid import Block, Dimension
from qbatch.plan.geometry.sweep import Grid
from qbatch.plan.plan import Plan

if TYPE_CHECKING:
    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Manifest, Value
    from qbatch.manifest.reference import Reference
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.points import Only, Points

_LOC = ("run", "reference")


def check_reference(plan: Points, mistakes: Mistakes) -> None:
    """See that the reference is a circuit that can be run as it is, and has the outcome watched."""
    reference = plan.manifest.run.reference
    if reference is None:
        return
    source = plan.sources.get(reference.circuit)
    if source is None:
        near = did_you_mean(reference.circuit, plan.sources)
        mistakes.add(
            (*_LOC, "circuit"),
            f"there is no circuit {reference.circuit!r} ({listed(plan.sources)}){near}",
        )
        return
    missing = source.parameters - source.defaults.keys()
    if missing:
        said = (
            f"a reference takes no parameters; {reference.circuit!r} has {listed(sorted(missing))}"
        )
        mistakes.add((*_LOC, "circuit"), said)
        return
    if reference.shots is None and any(grid.has_shots_axis for grid in plan.grids):
        said = "the points' shots are an axis; write how many a reference takes, as shots: 1000"
        mistakes.add(_LOC, said)
    circuit = source.circuit({})
    if not circuit.facts.measured_bits:
        said = f"circuit {reference.circuit!r} measures nothing; add a measurement"
        mistakes.add((*_LOC, "circuit"), said)
    _check_outcome(reference, circuit, mistakes)


def _check_outcome(reference: Reference, circuit: Circuit, mistakes: Mistakes) -> None:
    from qbatch.result import parse_pattern

    registers = tuple((each.name, each.num_bits) for each in circuit.facts.registers)
    if reference.outcome is not None:
        try:
            parse_pattern(reference.outcome, registers)
        except ValueError as error:
            mistakes.add((*_LOC, "outcome"), getattr(error, "problem", str(error)))


def with_references(plan: Plan, mistakes: Mistakes) -> Plan:
    """Return a plan with its references, where it asks for some."""
    if not (references := _grids(plan, mistakes)):
        return plan
    grids = [*plan.grids, *references]
    made = Plan(plan.manifest, plan.sources, grids, plan.axes, plan.factory, plan.prices)
    made.shared = plan.shared
    return made


def _grids(plan: Points, mistakes: Mistakes) -> list[Grid]:
    """Return a sweep of references for each backend that has points."""
    reference = plan.manifest.run.reference
    if reference is None:
        return []
    seed = rank(plan.grids[0].seed, "reference") >> 1
    shots = reference.shots or shots_of(plan.manifest)
    grids = []
    for number, (backend, total) in enumerate(_bought(plan).items(), len(plan.grids)):
        copies = -(-total // reference.every) + 1
        if copies + total > MAX_POINTS:
            mistakes.add(
                (*_LOC, "every"), f"{copies} references are too many; write a larger number"
            )
        values: dict[str, Value] = {
            "circuit": reference.circuit,
            "backend": backend,
            "shots": shots,
        }
        dimensions = tuple(Dimension((name,), ((one,),)) for name, one in values.items())
        block = Block(dimensions, (), _LOC)
        grids.append(Grid(number, [block], repeat=copies, seed=seed, reference=reference.circuit))
    return grids


def _bought(plan: Points) -> Counter[str]:
    """Backend -> how many settings of points are bought there; places that share one count once."""
    if plan.shared:
        return Counter(point.backend for point in plan.bought())
    return Counter(layout.backend for layout, _ in plan.rows())


def shots_of(manifest: Manifest) -> int:
    """Return the shots of a reference that says nothing of them: the points' own."""
    return int(manifest.shots)


def told_references(plan: Points, only: Only | None = None) -> Iterator[str]:
    """Say what is run between the points, and how much of it is chosen where some points are."""
    reference = plan.manifest.run.reference
    if reference is not None:
        each = ", ".join(f"{whole(number)} on {name}" for name, number in _jobs(plan).items())
        shots = whole(reference.shots or shots_of(plan.manifest))
        pace = f"after every {whole(reference.every)} and after the last"
        chosen = ""
        if only is not None:
            number = sum(only(point) for name in _jobs(plan) for point in plan.references(name))
            chosen = f"; of these {whole(number)} {'is' if number == 1 else 'are'} chosen now"
        yield (
            f"reference {reference.circuit!r}, {shots} shots, is run before the first point, "
            f"{pace}: {each}{chosen}"
        )


def _jobs(plan: Points) -> dict[str, int]:
    """Backend -> how many references it runs."""
    found = (grid for grid in plan.grids if grid.reference)
    return {str(grid.blocks[0].dimensions[1].columns[0][0]): grid.repeat for grid in found}


def references_facts(plan: Points) -> dict[str, dict[str, object]]:
    """Return what ``plan --json`` tells of it; empty without one."""
    reference = plan.manifest.run.reference
    if reference is None:
        return {}
    facts = {
        "circuit": reference.circuit,
        "every": reference.every,
        "shots": reference.shots or shots_of(plan.manifest),
        "jobs": _jobs(plan),
    }
    return {"references": facts}
