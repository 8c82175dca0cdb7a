"""In which turn points are bought: where a sweep says `order: interleave`, or references are run.

A machine that drifts makes a trend of time. Where points run as they are listed, time goes along
with the slowest axis, and the trend looks like one of that axis. So they are mixed, each backend's
points by themselves, copy after copy (`repeat`): of many shuffles that one is taken in which no
axis goes along with the turn, that is, whose largest correlation with it is least. Values that are
no numbers count one by one, as 1 where a point has it and 0 elsewhere.

Rules: the turn depends on the manifest alone, on all its points and on the root seed, never on what
was bought before: a run that is taken up goes on in the same order. Ids, names, numbers and where
points are listed stay as they are. The settings of a point stay together. Of a plan with more than
`MOST_AT_ONCE` points, parts of about that many are mixed one after the other, and which part a
point is in is drawn, too; so memory does not grow with the plan.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from qbatch.bases import SETTING_NAMES, is_reference, point_of
from qbatch.manifest.models import Value
from qbatch.plan.geometry.draw import Shuffle, rank
from qbatch.plan.identity import SweepPoint

if TYPE_CHECKING:
    from qbatch.plan.points import Only, Points
    from qbatch.result.correlation import Column

#: Points that are mixed together; more are mixed in parts.
MOST_AT_ONCE = 50_000

#: Shuffles that are tried, and how many entries they have in all at most.
DRAWS = 200
MOST_DRAWN = 200_000

#: A point with its settings.
Unit = Sequence[SweepPoint]


def is_mixed(plan: Points) -> bool:
    """Tell whether the plan's points are bought in another order than they are listed in."""
    return any(grid.order == "interleave" for grid in plan.grids)


def in_turn(
    plan: Points,
    backends: Collection[str],
    only: Only | None = None,
    *,
    places: Iterable[int] | None = None,
) -> Iterator[SweepPoint]:
    """Yield what has to be bought on these backends, in turn.

    Args:
        plan: The points.
        backends: Those of which points are wanted.
        only: Points that are meant; None: all.
        places: As for `Points.bought`.
    """
    found = plan.bought(only, places=places)
    if not is_mixed(plan) and plan.manifest.run.reference is None:
        yield from (point for point in found if point.backend in backends)
        return
    meant = None
    if only is not None or places is not None:
        meant = {point.id for point in found if point.backend in backends}
    for name in backends:
        for point in _with_references(plan, name):
            if meant is None or point.id in meant:
                yield point


def _with_references(plan: Points, backend: str) -> Iterator[SweepPoint]:
    """Yield all points of a backend in turn, references at their pace between them."""
    reference = plan.manifest.run.reference
    every = math.inf if reference is None else reference.every
    references, past = plan.references(backend), every
    for point in _mixed(plan, backend) if is_mixed(plan) else _points(plan, backend):
        if past >= every:
            yield from islice(references, 1)
            past = 0
        yield point
        past += 1
    yield from references


def _points(plan: Points, backend: str) -> Iterator[SweepPoint]:
    """Yield all points of a backend as listed, no references."""
    found = plan.bought(None)
    return (one for one in found if one.backend == backend and not is_reference(one.name))


def _mixed(plan: Points, backend: str) -> Iterator[SweepPoint]:
    """Yield all points of a backend, mixed."""
    seed = next(grid.seed for grid in plan.grids if grid.order == "interleave")
    parts = math.ceil(plan.num_settings / MOST_AT_ONCE)
    for part in range(parts):
        units: dict[str, list[SweepPoint]] = {}
        for point in _points(plan, backend):
            name = point_of(point.name)
            if parts == 1 or rank(seed, name) % parts == part:
                units.setdefault(name, []).append(point)
        copies: dict[int, list[Unit]] = {}
        for unit in units.values():
            copies.setdefault(unit[0].repeat, []).append(unit)
        for copy in sorted(copies):
            for mixed in mix(copies[copy], rank(seed, f"{backend}:{part}:{copy}")):
                yield from mixed


def mix(units: Sequence[Unit], seed: int) -> list[Unit]:
    """Return points in an order that goes along with none of their axes."""
    from qbatch.result.correlation import worst_of

    columns = _columns([unit[0] for unit in units])
    best, least = list(range(len(units))), math.inf
    for draw in range(max(1, min(DRAWS, MOST_DRAWN // max(1, len(units))))):
        shuffle = Shuffle(len(units), rank(seed, str(draw)) >> 1)
        order = [shuffle[at] for at in range(len(units))]
        worst = worst_of(order, columns)
        if worst < least:
            best, least = order, worst
    return [units[at] for at in best]


def told_turns(plan: Points) -> Iterator[str]:
    """Say that points are bought in another order than listed, and how far axes follow it."""
    for backend, found in turns_facts(plan).get("turns", {}).items():
        axis = max(found, key=lambda name: found[name], default=None)
        said = "no axis has two values"
        if axis is not None:
            said = f"no axis goes along with time by more than a correlation of {found[axis]:.3f}"
            said += f" ({axis})" if len(found) > 1 else ""
        yield f"points of {backend} are bought interleaved: {said}"


def turns_facts(plan: Points) -> dict[str, Mapping[str, Mapping[str, float]]]:
    """Return what ``plan --json`` tells of it: backend -> axis -> its correlation with the turn."""
    if not is_mixed(plan):
        return {}
    found: dict[str, Mapping[str, float]] = {}
    for name in plan.manifest.backends:
        units: dict[str, SweepPoint] = {}
        for point in _mixed(plan, name):
            units.setdefault(point_of(point.name), point)  # later settings have other shots
        if len(units) > 1:
            found[name] = correlations([*units.values()])
    return {"turns": found}


def correlations(points: Sequence[SweepPoint]) -> dict[str, float]:
    """Return axis -> its largest correlation with the turn of these points, without sign."""
    from qbatch.result.correlation import worst_of

    order = range(len(points))
    return {name: worst_of(order, own) for name, own in _by_axis(points).items() if own}


def _columns(points: Sequence[SweepPoint]) -> list[Column]:
    return [column for own in _by_axis(points).values() for column in own]


def _by_axis(points: Sequence[SweepPoint]) -> Mapping[str, list[Column]]:
    from qbatch.result.correlation import columns_of

    axes: dict[str, list[Value]] = {}
    for point in points:
        own = {name: value for name, value in point.parameters if name not in SETTING_NAMES}
        for name, value in {"circuit": point.circuit, "shots": int(point.shots), **own}.items():
            axes.setdefault(name, []).append(value)
    return {name: columns_of(values) for name, values in axes.items() if len(values) == len(points)}
