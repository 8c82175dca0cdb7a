"""A plan held against its targets: what cannot run there, told before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from qbatch.plan.mistakes import Mistakes
from qbatch.plan.pricing import any_order, count_shots
from qbatch.providers import Order, Target

if TYPE_CHECKING:
    from qbatch.plan.layout import Layout
    from qbatch.plan.points import Plan


class Checks(Protocol):
    """What is asked of a driver here."""

    def check(self, order: Order, target: Target) -> str | None:
        """Say why `target` cannot run `order`, or None."""
        ...


def check_targets(plan: Plan, targets: Mapping[str, Target], drivers: Mapping[str, Checks]) -> None:
    """See that every circuit can run on every backend it is planned for.

    Each circuit text is checked once for each backend, with the largest number of shots it is
    planned with, and with the values of one of its points.

    Args:
        plan: The plan.
        targets: Backend -> target.
        drivers: Backend -> driver.

    Raises:
        SourceErrors: Everything that cannot run, at the circuit's or backend's place.
    """
    mistakes = Mistakes(plan.manifest)
    histogram = count_shots(plan)
    for name, target in targets.items():
        shots = sum((n for key, n in histogram.items() if key[0] == name), Counter[int]())
        if shots and (problem := _shots_problem(shots, target)):
            mistakes.add(("backends", name), f"backend {name!r} ({target.name}): {problem}")
    for layout in _one_of_each(plan):
        if layout.backend not in targets or layout.backend not in drivers:
            continue
        counted = histogram.get((layout.backend, layout.program.sha256))
        if not counted:
            continue
        target = targets[layout.backend]
        problem = drivers[layout.backend].check(any_order(layout, max(counted)), target)
        if problem is not None:
            said = f"circuit {layout.circuit!r} on backend {layout.backend!r}: {problem}"
            mistakes.add(("circuits", layout.circuit), said)
    mistakes.raise_if_any()


def _shots_problem(shots: Counter[int], target: Target) -> str | None:
    if min(shots) < target.min_shots:
        return f"{min(shots)} shots are too few; it takes {target.min_shots} or more"
    if target.max_shots is not None and max(shots) > target.max_shots:
        return f"{max(shots)} shots are too many; it takes up to {target.max_shots}"
    return None


def _one_of_each(plan: Plan) -> Iterator[Layout]:
    seen: set[tuple[str, str]] = set()
    for layout in plan.layouts():
        key = (layout.backend, layout.program.sha256)
        if key not in seen:
            seen.add(key)
            yield layout


def notices(plan: Plan, targets: Mapping[str, Target]) -> list[str]:
    """Say which of the plan's backends are offline, and since or until when they take jobs."""
    found = []
    for name in plan.manifest.backends:
        target = targets.get(name)
        if target is not None and not target.online:
            until = f"; next window {target.next_window_at}" if target.next_window_at else ""
            found.append(f"backend {name!r} ({target.name}) is offline{until}")
    return found
