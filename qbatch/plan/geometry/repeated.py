"""Points made twice, found in memory that grows by 8 bytes a point, and only where they can be.

Within a block, points differ by construction: axes have distinct values. Only where an axis is not
used by a circuit, an override flattens one, two variants make the same text, or sweeps overlap on
every axis, each point is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from qbatch.manifest.models import Value
from qbatch.plan.geometry.draw import find_repeated
from qbatch.plan.geometry.grid import Block, Index
from qbatch.plan.geometry.sweep import Grid
from qbatch.plan.identity import EXACT
from qbatch.plan.layout import Layout
from qbatch.plan.settings import concerns

if TYPE_CHECKING:
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.points import Plan

#: More of them are only counted.
_SHOWN = 5

_WORD = (1 << 64) - 1

#: Longer axes are not compared as sets.
_LONGEST_COMPARED = 100_000


def check_repeated(plan: Plan, mistakes: Mistakes) -> None:
    """Note every point that is made twice (the first few in full)."""
    if _is_surely_distinct(plan):
        return
    suspects = find_repeated(digest for digest, *_ in _digests(plan))
    if not suspects:
        return
    first: dict[str, tuple[Grid, Block, Index]] = {}
    repeated = 0
    for digest, grid, block, layout, index in _digests(plan):
        if digest not in suspects:
            continue
        at = (*index, 0)
        id_ = layout.id_at(at)
        if id_ not in first:
            first[id_] = (grid, block, index)
            continue
        repeated += 1
        if repeated <= _SHOWN:
            _, before, where = first[id_]
            place = mistakes.place(*before.loc_of(where))
            said = f"the point {layout.name_at(at)} is made twice, here and at {place}"
            mistakes.add(block.loc_of(index), said + _unused(block, layout))
    if repeated > _SHOWN:
        mistakes.add(("sweep",), f"{repeated - _SHOWN} more points are made twice")


def _unused(block: Block, layout: Layout) -> str:
    """Say which axes of the block make no difference to the circuit."""
    used = _used(layout)
    idle = [n for n in block.names if n not in used and len(block.find_axis(n)[1]) > 1]  # type: ignore[index]
    if not idle:
        return "; keep one of them"
    return (
        f": {', '.join(idle)} makes no difference to {layout.circuit!r}; give it a sweep of its own"
    )


def _digests(plan: Plan) -> Iterator[tuple[int, Grid, Block, Layout, Index]]:
    """Yield a 64-bit digest of each point that is not excluded, once for all its copies."""
    for grid in plan.grids:
        for block in grid.blocks:
            find = plan.variants(grid, block).find
            for index in block.indexes():
                mask = block.mask(index)
                if mask & block.excluded:
                    continue
                layout = find(index, mask)
                at = (*index, 0)
                rest = layout.id_format % tuple([c[at[i]] for i, c in layout.id_columns])
                yield hash((layout.setting, rest)) & _WORD, grid, block, layout, index


def _is_surely_distinct(plan: Plan) -> bool:
    """Tell whether the points differ by construction, without looking at each.

    A point is its setting (backend, text, seed), its shots and the values of its parameters.
    """
    if any(map(_has_blurred, plan.grids)):
        return False
    return all(_is_grid_distinct(plan, grid) for grid in plan.grids) and all(
        _are_apart(plan, one, other) for one, other in combinations(plan.grids, 2)
    )


def _is_grid_distinct(plan: Plan, grid: Grid) -> bool:
    matrix, *included = grid.blocks
    swept = {n for b in grid.blocks for d in b.dimensions if len(d) > 1 for n in d.names}
    if _changed(grid) & (swept | plan.variant_names):
        return False
    variants: dict[str, object] = {}
    for block, mask, values, _ in grid.groups(plan.variant_names):
        layout = plan.factory.layout(grid, block, values, mask)
        variant = frozenset(values.items())
        # What another backend's axis would repeat is excluded, see `repeated_rows`.
        asked = {n for n in swept & set(block.names) if concerns(n, layout.backend)}
        idle = asked - _used(layout)
        if idle or variants.setdefault(layout.setting, variant) != variant:
            return False
    rows = [row for block in included for row in _rows(block)]
    return len(set(map(frozenset, rows))) == len(rows) and not any(_has(matrix, r) for r in rows)


def _has_blurred(grid: Grid) -> bool:
    """Tell whether an axis has whole numbers that a circuit, which takes floats, may take for one.

    Only lists have them: a range that reaches so far is one of floats.
    """
    return any(
        value.__class__ is int and abs(value) >= EXACT
        for block in grid.blocks
        for dimension in block.dimensions
        for column in dimension.columns
        if isinstance(column, list | tuple)
        for value in column
    )


def _changed(grid: Grid) -> set[str]:
    return {name for _, override in grid.overrides for name in override.set}


def _used(layout: Layout) -> set[str]:
    return {name for name, _, _ in layout.parameters} | {"circuit", "backend", "shots"}


def _rows(block: Block) -> Iterator[tuple[tuple[str, Value], ...]]:
    """Yield the axes and values of each point of a block of included points."""
    (dimension,) = block.dimensions
    for row in zip(*dimension.columns, strict=True):
        yield tuple(zip(dimension.names, row, strict=True))


def _has(block: Block, row: tuple[tuple[str, Value], ...]) -> bool:
    """Tell whether each value of `row` is on the block's axis of that name."""
    return all((found := block.find_axis(name)) and value in found[1] for name, value in row)


def _are_apart(plan: Plan, one: Grid, other: Grid) -> bool:
    """Tell whether no point of one sweep can be of the other."""
    if one.seed != other.seed:
        return True
    names = _telling(plan, one) & _telling(plan, other)
    if all(_is_apart_on(names, a, b) for a in one.blocks for b in other.blocks):
        return True
    return not _reach(plan, one) & _reach(plan, other)


def _telling(plan: Plan, grid: Grid) -> set[str]:
    """Return the axes whose values surely are those of the grid's points."""
    layouts = (plan.factory.layout(grid, b, v, m) for b, m, v, _ in grid.groups(plan.variant_names))
    free = (set(layout.program.facts.parameters) for layout in layouts)
    return (set.intersection(*free) | {"shots"}) - _changed(grid)


def _is_apart_on(names: set[str], one: Block, other: Block) -> bool:
    """Tell whether the blocks have no value in common on one of these axes."""
    shared = [
        (first[1], second[1])
        for name in names
        if (first := one.find_axis(name)) and (second := other.find_axis(name))
    ]
    return any(max(len(a), len(b)) <= _LONGEST_COMPARED and set(a).isdisjoint(b) for a, b in shared)


def _reach(plan: Plan, grid: Grid) -> set[tuple[str, object]]:
    found: set[tuple[str, object]] = set()
    names = plan.variant_names | {"shots"}
    for block, mask, values, _ in grid.groups(names):
        variant = {name: values[name] for name in values if name in plan.variant_names}
        layout = plan.factory.layout(grid, block, variant, mask)
        at, column = layout.shots
        found.add((layout.setting, values["shots"] if at >= 0 else column[0]))
    return found
