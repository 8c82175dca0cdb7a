"""Places that come to one content, and such as are written twice.

They are found in memory that grows by 8 bytes a point, and by the shared contents. Within a block,
points differ by construction: axes have distinct values. Only where an axis is not used by a
circuit, an override flattens one, two variants make the same text, sweeps overlap on every axis, or
`shots` is an axis here and a number there, each point is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.manifest.models import Value
from qbatch.plan.geometry.draw import find_repeated
from qbatch.plan.geometry.grid import Block, Index, Loc
from qbatch.plan.geometry.resolving import OWN
from qbatch.plan.geometry.sweep import Grid
from qbatch.plan.identity import EXACT
from qbatch.plan.layout import Layout
from qbatch.plan.settings import concerns

if TYPE_CHECKING:
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.plan import Plan

#: More of them are only counted.
_SHOWN = 5

_WORD = (1 << 64) - 1

#: Longer axes are not compared as sets.
_LONGEST_COMPARED = 100_000


def find_shared(plan: Plan, mistakes: Mistakes) -> dict[str, int]:
    """Return what several places come to: id of the content -> the most shots one asks for.

    A place that is written twice, so that not even names tell the two apart, is noted as a mistake
    (the first few in full).
    """
    if _is_surely_distinct(plan):
        return {}
    contents = find_repeated(digest for digest, _ in _digests(plan))
    names: frozenset[int] = frozenset()
    if _mixes_shots(plan):
        names = find_repeated(hash(place.name) & _WORD for _, place in _digests(plan))
    shared: dict[str, int] = {}
    first: dict[str, int] = {}
    by_name: dict[str, _Place] = {}
    repeated = 0
    calibrates = plan.manifest.analysis.mitigation.readout is not None
    for digest, place in _digests(plan) if contents or names or calibrates else ():
        if place.layout.calibrates:
            for id_ in place.ids:  # named after its point, which is looked at itself
                if id_ in first:
                    shared[id_] = place.shots
                first.setdefault(id_, place.shots)
            continue
        if digest not in contents and hash(place.name) & _WORD not in names:
            continue
        before = by_name.setdefault(place.name, place)
        if before is not place:
            repeated += 1
            if repeated <= _SHOWN:
                where = mistakes.place(*before.loc)
                said = f"the point {place.name} is made twice, here and at {where}"
                mistakes.add(place.loc, f"{said}; keep one of them")
            continue
        for id_ in place.ids:
            if id_ in first:
                shared[id_] = max(first[id_], shared.get(id_, 0), place.shots)
            first.setdefault(id_, place.shots)
    if repeated > _SHOWN:
        mistakes.add(
            ("sweep",),
            f"{repeated - _SHOWN} more points are made twice; write each once, or use `repeat`",
        )
    return shared


def _mixes_shots(plan: Plan) -> bool:
    """Tell whether `shots` may be an axis at one place and a number at another.

    Then a name does not tell which of the two it is.
    """
    kinds = {grid.has_shots_axis for grid in plan.grids}
    kinds |= {False for grid in plan.grids if len(grid.blocks) > 1 or "shots" in _changed(grid)}
    return len(kinds) > 1


@dataclass(frozen=True, slots=True)
class _Place:
    """A point before it is copied."""

    grid: Grid
    block: Block
    layout: Layout
    index: Index

    @property
    def name(self) -> str:
        return self.layout.name_at((*self.index, 0))

    @property
    def ids(self) -> list[str]:
        """Of all its copies."""
        return [self.layout.id_at((*self.index, copy)) for copy in range(self.grid.repeat)]

    @property
    def shots(self) -> int:
        return self.layout.shots_at((*self.index, 0))

    @property
    def loc(self) -> Loc:
        return self.block.loc_of(self.index)


def _digests(plan: Plan) -> Iterator[tuple[int, _Place]]:
    """Yield what is left of each sweep, once for all copies, with 64 bits of its content's."""
    for grid in plan.grids:
        for block in grid.blocks:
            find = plan.variants(grid, block).find
            for index in block.indexes():
                mask = block.mask(index)
                if mask & block.excluded or not grid.is_kept(block, index, mask):
                    continue
                at = (*index, 0)
                for layout in find(index, mask).each:
                    rest = layout.id_format % layout.id_columns.at(at)
                    place = _Place(grid, block, layout, index)
                    yield hash((layout.setting, rest)) & _WORD, place


def _is_surely_distinct(plan: Plan) -> bool:
    """Tell whether the points differ by construction, without looking at each.

    A point is its setting (backend, circuit, seed), the values of its parameters and, where they
    are an axis, its shots.
    """
    if any(map(_has_blurred, plan.grids)) or _mixes_shots(plan):
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
        if idle or layout.measured or variants.setdefault(layout.setting, variant) != variant:
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
        if isinstance(column, list | tuple) and int in set(map(type, column))
        for value in column
    )


def _changed(grid: Grid) -> set[str]:
    return {name for _, override in grid.overrides for name in override.set}


def _used(layout: Layout) -> set[str]:
    return {name for name, _, _ in layout.parameters} - layout.idle | {*OWN}


def _rows(block: Block) -> Iterator[tuple[tuple[str, Value], ...]]:
    """Yield the axes and values of each point of a block of included points, without shots."""
    (dimension,) = block.dimensions
    for row in zip(*dimension.columns, strict=True):
        pairs = zip(dimension.names, row, strict=True)
        yield tuple((name, value) for name, value in pairs if name != "shots")


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
    shots = {"shots"} if grid.has_shots_axis else set()
    return (set.intersection(*free) | shots) - _changed(grid)


def _is_apart_on(names: set[str], one: Block, other: Block) -> bool:
    """Tell whether the blocks have no value in common on one of these axes."""
    shared = [
        (first[1], second[1])
        for name in names
        if (first := one.find_axis(name)) and (second := other.find_axis(name))
    ]
    return any(max(len(a), len(b)) <= _LONGEST_COMPARED and set(a).isdisjoint(b) for a, b in shared)


def _reach(plan: Plan, grid: Grid) -> set[tuple[str, object]]:
    """Return the settings of the grid's points, with their shots where these are an axis."""
    found: set[tuple[str, object]] = set()
    names = plan.variant_names | {"shots"}
    for block, mask, values, _ in grid.groups(names):
        variant = {name: values[name] for name in values if name in plan.variant_names}
        layout = plan.factory.layout(grid, block, variant, mask)
        at, column = layout.shots
        shots = values["shots"] if at >= 0 else column[0]
        for setting in layout.each:
            found.add((setting.setting, shots if layout.has_shots_axis else None))
    return found
