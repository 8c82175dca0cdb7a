"""The geometry of one sweep: blocks of points as products of dimensions, counted, not made.

A *dimension* is one axis, or the zipped axes together. A *block* is the product of its dimensions:
the sweep's matrix (with zip and the implied axes), and one block for the included points that name
the same axes. A *clause* is one `where` of exclude, sample or overrides; it has a bit, and each row
of a dimension has a mask of the clauses that it satisfies or that do not ask about it. A point
satisfies the clauses in the AND of its rows' masks.

Rule: nothing here makes a list as long as the block; `tally` counts points by combining, dimension
by dimension, how many rows share a mask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from itertools import product
from math import prod
from typing import Literal

from qbatch.frozen import dataclass
from qbatch.manifest.models import Value, Where
from qbatch.plan.geometry.where import Exactly, fits, narrowed_choices

#: Products up to this size are kept as a list while they are repeated.
_TILE = 4096

Index = tuple[int, ...]

#: Where something stands in the manifest, by keys and indexes.
Loc = tuple[str | int, ...]

#: The values of some axes of a point, in an order the caller knows.
Key = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Dimension:
    """Axes that move together.

    Attributes:
        names: More than one: zipped.
        columns: The values of each axis, all of one length.
    """

    names: tuple[str, ...]
    columns: tuple[Sequence[Value], ...]

    def __len__(self) -> int:
        return len(self.columns[0])

    def column(self, name: str) -> Sequence[Value]:
        """Return the values of the axis `name`."""
        return self.columns[self.names.index(name)]

    def keys(self, names: Sequence[str]) -> Iterator[Key]:
        """Yield for each row its values of those of `names` that are axes of this dimension."""
        columns = [self.column(name) for name in names if name in self.names]
        return zip(*columns, strict=True) if columns else iter([()] * len(self))


@dataclass(frozen=True, slots=True)
class Clause:
    """One `where` of a sweep.

    Attributes:
        kind: What is done with the points that satisfy it.
        where: Axis -> value or values.
        bit: A power of two, its own.
        loc: Where it stands in the manifest.
        rows: Axis of `where` -> rows of its dimension that are meant, whatever their values.
    """

    kind: Literal["exclude", "sample", "override"]
    where: Where
    bit: int
    loc: Loc
    rows: Mapping[str, Collection[int]] = field(default_factory=dict)


def masks_of(dimension: Dimension, clauses: Collection[Clause]) -> Sequence[int] | None:
    """Return each row's mask over `clauses`; None when no clause asks about this dimension."""
    asking = [clause for clause in clauses if not clause.where.keys().isdisjoint(dimension.names)]
    if not asking:
        return None
    open_bits = sum(clause.bit for clause in clauses if clause not in asking)
    masks = [open_bits] * len(dimension)
    for clause in asking:
        for row in _rows_matching(dimension, clause):
            masks[row] |= clause.bit
    return masks


def _rows_matching(dimension: Dimension, clause: Clause) -> Iterator[int]:
    rows: Iterator[int] = iter(range(len(dimension)))
    for name in clause.where.keys() & set(dimension.names):
        column = dimension.column(name)
        if name in clause.rows:
            rows = filter(clause.rows[name].__contains__, rows)
        else:
            rows = _filtered(rows, column, narrowed_choices(clause.where[name], column))
    return rows


def _filtered(
    rows: Iterator[int], column: Sequence[Value], wanted: tuple[Value | Exactly, ...]
) -> Iterator[int]:
    return (row for row in rows if any(fits(column[row], choice) for choice in wanted))


class Block:
    """A product of dimensions, with the clauses that judge its points.

    Args:
        dimensions: In loop order, the last moves fastest.
        clauses: Of the sweep; those that ask about an axis this block lacks match nothing here.
        loc: Where the block stands in the manifest.
        members: For included points, the number of each in the manifest's list.
    """

    def __init__(
        self,
        dimensions: Sequence[Dimension],
        clauses: Sequence[Clause],
        loc: Loc,
        members: Sequence[int] | None = None,
    ) -> None:
        self.members = members
        self.dimensions = tuple(dimensions)
        self.loc = loc
        self.names = tuple(name for dimension in dimensions for name in dimension.names)
        self.clauses = tuple(c for c in clauses if c.where.keys() <= set(self.names))
        self.start = sum(clause.bit for clause in self.clauses)
        self.excluded = sum(c.bit for c in self.clauses if c.kind == "exclude")
        self.size = prod(map(len, dimensions))

    @cached_property
    def masks(self) -> tuple[tuple[int, Sequence[int]], ...]:
        """Position of each dimension that some clause asks about, and its rows' masks."""
        found = ((d, masks_of(dim, self.clauses)) for d, dim in enumerate(self.dimensions))
        return tuple((d, masks) for d, masks in found if masks is not None)

    def loc_of(self, index: Index) -> Loc:
        """Return where the point at `index` stands in the manifest."""
        return self.loc if self.members is None else (*self.loc, self.members[index[0]])

    def find_axis(self, name: str) -> tuple[int, Sequence[Value]] | None:
        """Return the position and values of the axis `name`, or None."""
        for position, dimension in enumerate(self.dimensions):
            if name in dimension.names:
                return position, dimension.column(name)
        return None

    def mask(self, index: Index) -> int:
        """Return the clauses that the point at `index` satisfies."""
        mask = self.start
        for position, masks in self.masks:
            mask &= masks[index[position]]
        return mask

    def tally(self, names: Collection[str] = ()) -> Counter[tuple[int, Key]]:
        """Count the points that are alike in the clauses they satisfy and their values of `names`.

        Returns:
            (mask, values of `names` in `self.names`' order) -> how many points; excluded ones too.
        """
        grouped = [name for name in self.names if name in names]
        masks = dict(self.masks)
        total: Counter[tuple[int, Key]] = Counter({(self.start, ()): 1})
        for position, dimension in enumerate(self.dimensions):
            rows = _alike(dimension, masks.get(position), grouped, self.start)
            step: Counter[tuple[int, Key]] = Counter()
            for (mask, key), count in total.items():
                for (row_mask, row_key), row_count in rows.items():
                    step[mask & row_mask, key + row_key] += count * row_count
            total = step
        return total

    def indexes(self, repeats: range | None = None) -> Iterator[Index]:
        """Yield the index of every point in loop order; with `repeats`, those last and fastest."""
        ranges = [range(len(dimension)) for dimension in self.dimensions]
        return indexes(ranges if repeats is None else [*ranges, repeats])

    def index(self, number: int) -> Index:
        """Return the index of the point that `indexes` yields as `number`, from 0."""
        digits = []
        for dimension in reversed(self.dimensions):
            number, digit = divmod(number, len(dimension))
            digits.append(digit)
        return tuple(reversed(digits))


def _alike(
    dimension: Dimension, masks: Sequence[int] | None, names: Sequence[str], start: int
) -> Counter[tuple[int, Key]]:
    """Count the rows of one dimension that share mask and values of `names`."""
    if masks is None and not set(names) & set(dimension.names):
        return Counter({(start, ()): len(dimension)})
    row_masks = masks if masks is not None else [start] * len(dimension)
    return Counter(zip(row_masks, dimension.keys(names), strict=True))


def indexes(ranges: Sequence[range]) -> Iterator[Index]:
    """Yield the product of `ranges`, the last fastest, in memory that does not grow with it."""
    inner, size = len(ranges), 1
    while inner and size * len(ranges[inner - 1]) <= _TILE:
        inner -= 1
        size *= len(ranges[inner])
    if not inner:
        yield from product(*ranges)
    elif inner == len(ranges):
        for head in indexes(ranges[:-1]):
            for row in ranges[-1]:
                yield (*head, row)
    else:
        tile = list(product(*ranges[inner:]))
        for head in indexes(ranges[:inner]):
            for tail in tile:
                yield head + tail
