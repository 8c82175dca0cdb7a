"""One sweep, resolved: which of its points there are, and in which order they come.

Stages: matrix (with zip and the implied axes) → exclude → include → sample → overrides → repeat.

- `exclude` judges the matrix only; included points are never excluded.
- `sample` keeps n of the points that match its `where`, and every point that does not. The points
  with the smallest hash of (seed, values) are kept: adding a value to an axis moves few of them.
  Samples follow one another: each judges what the ones before have left.
- The `where` of every override judges the point before any override; of several, the last wins.
- order `as-written`: axes as written, the first slowest (circuit, backend and shots, where not
  written, before, before and after them); copies of a point follow it at once.
- without an order: the copies outermost, one of every point before the second of any; then the
  axes as written, but the backend fastest.
- order `interleave`: listed as without one; they are bought in another turn, see `plan.turns`.
- order `random`: a permutation of all copies of all points, by the root seed.

Of several sweeps, one comes after the other, except that those listed copy by copy take turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Literal

from qbatch.manifest.models import Override, Sample, Value
from qbatch.plan.geometry.draw import Shuffle, rank, threshold
from qbatch.plan.geometry.grid import Block, Clause, Index, Key
from qbatch.plan.layout import Column, Layout, full_text, texts

#: Layouts kept at once per block; more are made again.
_MOST_LAYOUTS = 20_000


class Variants:
    """A block's layouts, found by a point's index and mask.

    Args:
        block: The block.
        names: Axes that decide circuit text and backend.
        bits: Of the overrides.
        make: Makes the layout of one variant.
    """

    def __init__(
        self,
        block: Block,
        names: frozenset[str],
        bits: int,
        make: Callable[[Mapping[str, Value], int], Layout],
    ) -> None:
        self._bits = bits
        self._make = make
        self._names = tuple(name for name in block.names if name in names)
        self._num_dimensions = len(block.dimensions)
        self._tables: list[tuple[int, Sequence[int], list[Key]]] = []
        for position, dimension in enumerate(block.dimensions):
            if names & set(dimension.names):
                keys: dict[Key, int] = {}
                ids = [keys.setdefault(k, len(keys)) for k in dimension.keys(self._names)]
                self._tables.append((position, ids, list(keys)))
        self._layouts: dict[tuple[int, ...], Layout] = {}

    def find_sole(self) -> Layout | None:
        """Return the one layout of all points that satisfy no clause; None: they have several."""
        if any(len(keys) > 1 for _, _, keys in self._tables):
            return None
        return self.find((0,) * self._num_dimensions, 0)

    def find(self, index: Index, mask: int) -> Layout:
        """Return the layout of the point at `index`."""
        variant = (mask & self._bits, *[ids[index[at]] for at, ids, _ in self._tables])
        found = self._layouts.get(variant)
        return found or self._made(variant)

    def _made(self, variant: tuple[int, ...]) -> Layout:
        key: Key = ()
        for (_, _, keys), number in zip(self._tables, variant[1:], strict=True):
            key += keys[number]
        if len(self._layouts) >= _MOST_LAYOUTS:
            self._layouts.clear()
        layout = self._make(dict(zip(self._names, key, strict=True)), variant[0])
        self._layouts[variant] = layout
        return layout


class Grid:
    """A resolved sweep.

    Args:
        number: Of the sweep in the manifest, from 0.
        blocks: The matrix, then the included points.
        clauses: Of exclude, sample and overrides.
        samples: With their clauses, in order.
        overrides: With their clauses, in order.
        repeat: Copies of each point.
        order: Of its points.
        seed: Root seed.
        has_shots_axis: `shots` is an axis of the matrix.
        reference: The circuit that is run again between the points; "" in a sweep of its own.
    """

    def __init__(
        self,
        number: int,
        blocks: Sequence[Block],
        *,
        samples: Sequence[tuple[Clause, Sample]] = (),
        overrides: Sequence[tuple[Clause, Override]] = (),
        repeat: int = 1,
        order: Literal["interleave", "as-written", "random"] | None = None,
        seed: int = 0,
        has_shots_axis: bool = False,
        reference: str = "",
    ) -> None:
        self.number = number
        self.reference = reference
        self.has_shots_axis = has_shots_axis
        self.blocks = tuple(blocks)
        self.samples = tuple(samples)
        self.overrides = tuple(overrides)
        self.repeat = repeat
        self.order = order
        #: One copy of every point is listed before the second of any.
        self.is_by_copy = order in (None, "interleave")
        self.seed = seed
        self.override_bits = sum(clause.bit for clause, _ in overrides)
        self.copies = texts(range(1, repeat + 1), str)

    def overridden(self, mask: int) -> dict[str, Value]:
        """Return what the overrides set at a point that satisfies the clauses in `mask`."""
        changed: dict[str, Value] = {}
        for clause, override in self.overrides:
            if mask & clause.bit:
                changed.update(override.set)
        return changed

    def groups(
        self, names: frozenset[str] = frozenset()
    ) -> Iterator[tuple[Block, int, dict[str, Value], int]]:
        """Yield how many points of each block, before sampling, are alike.

        Yields:
            (block, mask of the clauses they satisfy, their values of `names`, how many).
        """
        for block in self.blocks:
            order = [name for name in block.names if name in names]
            for (mask, key), count in block.tally(names).items():
                if not mask & block.excluded:
                    yield block, mask, dict(zip(order, key, strict=True)), count

    def count_kept(self) -> int:
        """Return how many points are left after sampling, each counted once."""
        tally = Counter[int]()
        for _, mask, _, count in self.groups():
            tally[mask] += count
        bits = [clause.bit for clause, _ in self.samples]
        if any(sum(bool(mask & bit) for bit in bits) > 1 for mask in tally):
            return sum(1 for _ in self._kept())
        for clause, sample in self.samples:
            matching = sum(count for mask, count in tally.items() if mask & clause.bit)
            tally[-1] -= max(0, matching - sample.n)
        return tally.total()

    def _kept(self) -> Iterator[tuple[Block, Index, int]]:
        for block in self.blocks:
            for index in block.indexes():
                mask = block.mask(index)
                if not mask & block.excluded and self.is_kept(block, index, mask):
                    yield block, index, mask

    def is_kept(self, block: Block, index: Index, mask: int) -> bool:
        """Tell whether the samples keep the point at `index`, which is not excluded."""
        return all(
            not mask & clause.bit or limit is None or self._rank(clause, block, index) <= limit
            for clause, limit in self._limits
        )

    @cached_property
    def _limits(self) -> Sequence[tuple[Clause, int | None]]:
        """For each sample the largest rank it keeps; None: all."""
        limits: list[tuple[Clause, int | None]] = []
        self._limits = limits  # the samples before, while the next one looks at what they leave
        for clause, sample in self.samples:
            matching = sum(1 for _, _, mask in self._kept() if mask & clause.bit)
            ranks = (self._rank(clause, b, i) for b, i, mask in self._kept() if mask & clause.bit)
            limit = threshold(ranks, sample.n) if matching > sample.n else None
            limits.append((clause, limit))
        return limits

    def _rank(self, clause: Clause, block: Block, index: Index) -> int:
        return rank(self._sample_seeds[clause.bit], self._description(block, index))

    @cached_property
    def _sample_seeds(self) -> dict[int, int]:
        return {
            clause.bit: self.seed if sample.seed is None else sample.seed
            for clause, sample in self.samples
        }

    def _description(self, block: Block, index: Index) -> str:
        """Say which point of the sweep it is, by its axes in sorted order."""
        return ",".join(
            f"{name}={column[index[at]]}" for name, at, column in self._columns[id(block)]
        )

    @cached_property
    def _columns(self) -> dict[int, list[tuple[str, int, Sequence[str]]]]:
        found = {}
        for block in self.blocks:
            columns = []
            for name in sorted(block.names):
                column = column_of(block, name)
                columns.append((name, column.position or 0, texts(column.values, full_text)))
            found[id(block)] = columns
        return found

    def rows(
        self, variants: Mapping[int, Variants], copies: range | None = None
    ) -> Iterator[tuple[Layout, Index]]:
        """Yield layout and index (with the copy's number, from 0, last) of points in order.

        Args:
            variants: id of a block -> its layouts.
            copies: Those of a sweep that is listed copy by copy; None: all.
        """
        if self.order == "random":
            yield from self._shuffled(variants)
        elif self.order == "as-written":
            for block in self.blocks:
                yield from self._block_rows(block, variants[id(block)], range(self.repeat))
        else:
            for copy in range(self.repeat) if copies is None else copies:
                for block in self.blocks:
                    rows = self._block_rows(block, variants[id(block)], range(copy, copy + 1))
                    yield from rows

    def _block_rows(
        self, block: Block, variants: Variants, copies: range
    ) -> Iterator[tuple[Layout, Index]]:
        find = variants.find
        if not block.masks and not block.start:
            if block.size and (sole := variants.find_sole()):
                yield from zip(repeat(sole), block.indexes(copies), strict=False)
                return
            for index in block.indexes(copies):
                yield find(index, 0), index
            return
        for index in block.indexes(copies):
            mask = block.mask(index)
            if not mask & block.excluded and (
                not self.samples or self.is_kept(block, index[:-1], mask)
            ):
                yield find(index, mask), index

    def _shuffled(self, variants: Mapping[int, Variants]) -> Iterator[tuple[Layout, Index]]:
        size = sum(block.size for block in self.blocks)
        shuffle = Shuffle(size * self.repeat, self.seed)
        for number in range(size * self.repeat):
            copy, at = divmod(shuffle[number], size)
            for block in self.blocks:
                if at < block.size:
                    break
                at -= block.size
            index = block.index(at)
            mask = block.mask(index)
            if not mask & block.excluded and self.is_kept(block, index, mask):
                yield variants[id(block)].find(index, mask), (*index, copy)


def column_of(block: Block, name: str) -> Column:
    """Return the column of an axis that the block has."""
    found = block.find_axis(name)
    if found is None:
        raise KeyError(name)
    return Column(*found)
