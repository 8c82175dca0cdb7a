"""In which turn points are bought where a sweep says `order: interleave`.

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
from typing import TYPE_CHECKING

from qbatch.bases import SETTING_NAMES, point_of
from qbatch.manifest.models import Value
from qbatch.plan.geometry.draw import Shuffle, rank
from qbatch.plan.identity import SweepPoint

if TYPE_CHECKING:
    from qbatch.plan.points import Only, Points

#: Points that are mixed together; more are mixed in parts.
MOST_AT_ONCE = 50_000

#: Shuffles that are tried, and how many entries they have in all at most.
DRAWS = 200
MOST_DRAWN = 200_000

#: Of an axis whose values are no numbers, so many are looked at.
MOST_VALUES = 16

#: A column of numbers, one for each point: mean 0, length 1.
Column = Sequence[float]

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
    if not is_mixed(plan):
        yield from (point for point in found if point.backend in backends)
        return
    meant = None
    if only is not None or places is not None:
        meant = {point.id for point in found if point.backend in backends}
    for name in backends:
        for point in _mixed(plan, name):
            if meant is None or point.id in meant:
                yield point


def _mixed(plan: Points, backend: str) -> Iterator[SweepPoint]:
    """Yield all points of a backend, mixed."""
    seed = next(grid.seed for grid in plan.grids if grid.order == "interleave")
    parts = math.ceil(plan.num_settings / MOST_AT_ONCE)
    for part in range(parts):
        units: dict[str, list[SweepPoint]] = {}
        for point in plan.bought(None):
            if point.backend == backend:
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
    columns = _columns([unit[0] for unit in units])
    best, least = list(range(len(units))), math.inf
    for draw in range(max(1, min(DRAWS, MOST_DRAWN // max(1, len(units))))):
        shuffle = Shuffle(len(units), rank(seed, str(draw)) >> 1)
        order = [shuffle[at] for at in range(len(units))]
        worst = worst_of(order, columns)
        if worst < least:
            best, least = order, worst
    return [units[at] for at in best]


def worst_of(order: Sequence[int], columns: Iterable[Column]) -> float:
    """Return the largest correlation of a column with its place in an order, without sign."""
    turn = standardized(range(len(order)))
    return max(
        (
            abs(sum(column[at] * one for at, one in zip(order, turn, strict=True)))
            for column in columns
        ),
        default=0.0,
    )


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
        units = {point_of(point.name): point for point in _mixed(plan, name)}
        if len(units) > 1:
            found[name] = correlations([*units.values()])
    return {"turns": found}


def correlations(points: Sequence[SweepPoint]) -> dict[str, float]:
    """Return axis -> its largest correlation with the turn of these points, without sign."""
    order = range(len(points))
    return {name: worst_of(order, own) for name, own in _by_axis(points).items() if own}


def _columns(points: Sequence[SweepPoint]) -> list[Column]:
    return [column for own in _by_axis(points).values() for column in own]


def _by_axis(points: Sequence[SweepPoint]) -> Mapping[str, list[Column]]:
    axes: dict[str, list[Value]] = {}
    for point in points:
        own = {name: value for name, value in point.parameters if name not in SETTING_NAMES}
        for name, value in {"circuit": point.circuit, "shots": int(point.shots), **own}.items():
            axes.setdefault(name, []).append(value)
    return {name: columns_of(values) for name, values in axes.items() if len(values) == len(points)}


def columns_of(values: Sequence[Value]) -> list[Column]:
    """Return what is correlated of an axis: its numbers, else each of its values as 1 and 0."""
    if len(set(values)) < 2:
        return []
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return [standardized([float(one) for one in values])]
    each = list(dict.fromkeys(values))[:MOST_VALUES]
    return [standardized([float(one == value) for one in values]) for value in each]


def standardized(numbers: Sequence[float]) -> Column:
    """Return numbers with their mean taken off, and of length 1 in all; zeros if they agree."""
    mean = math.fsum(numbers) / max(1, len(numbers))
    off = [one - mean for one in numbers]
    length = math.sqrt(math.fsum(one * one for one in off))
    return [one / length for one in off] if length else off
