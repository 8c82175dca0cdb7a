"""A circuit as stages: matrices on sites side by side, then one shuffle of the state's entries.

A site is a qubit: of a state vector it has 2 values, of a density matrix 4 (Tr(P ρ) for the Paulis
P, which are real). Each operation goes into the earliest stage that its sites allow. What has one
entry in each row (cx, x, cz, swap, their noise) joins the stage's shuffle, where it costs nothing;
what is left joins the stage's matrices, which are multiplied before the state is touched.

Rules: nothing here depends on values; `evolution` walks the stages. A shuffle takes as much as a
state, so equal ones are kept once, and past `STAGES_BYTES` none is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.providers.local.fused.angles import Angle
from qbatch.providers.local.method import ENTRY_BYTES, STAGES_BYTES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[Any]
    Ints = npt.NDArray[np.intp]

#: Sites that matrices side by side have at most as one, by a site's values.
JOINED = {2: 3, 4: 2}

#: From so many entries of a state on one site more pays.
LARGE = 1 << 13

#: Smaller than this an entry of a channel's matrix is rounding.
_NOTHING = 1e-15


@dataclass(frozen=True, slots=True)
class Operation:
    """A gate or channel.

    Attributes:
        sites: Digit k of the matrix's index is sites[k].
        matrix: Of a site's values to the power of the sites; None where angles are free.
        gate: A row of `matrices.GATES`, with `angles`; "" otherwise.
    """

    sites: tuple[int, ...]
    matrix: Any = None
    gate: str = ""
    angles: tuple[Angle, ...] = ()


@dataclass(slots=True)
class Block:
    """Operations on some sites, one after the other."""

    sites: list[int]
    operations: list[Operation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entries:
    """New entry i is weights[i] times the old one at source[i]; None: as it is."""

    source: Ints | None
    weights: Matrix | None

    @property
    def num_bytes(self) -> int:
        return sum(each.nbytes for each in (self.source, self.weights) if each is not None)


@dataclass(frozen=True, slots=True)
class Shuffle:
    """What is done to a state's entries one by one.

    Attributes:
        rows: Of each operation: its sites, and for each row of its matrix the column of the one
            entry and that entry.
        values: Of a site.
        before: Sites from the highest place down.
        after: The same, then.
        kept: What it comes to; None: that is made whenever it is asked for, as a circuit's all
            would take too much memory.
    """

    rows: tuple[tuple[tuple[int, ...], Ints, Matrix], ...]
    values: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    kept: Entries | None = None

    def entries(self) -> Entries:
        """Return what it comes to."""
        return _entries(self) if self.kept is None else self.kept


@dataclass(frozen=True, slots=True)
class Stage:
    """Groups of blocks, each multiplied to one matrix, then a shuffle.

    Attributes:
        groups: The first acts on the sites that stand highest in the state; each moves the sites
            that it acted on to the lowest place.
    """

    groups: tuple[tuple[Block, ...], ...]
    shuffle: Shuffle


@dataclass(frozen=True, slots=True)
class Staged:
    """A whole circuit.

    Attributes:
        values: Of a site: 2 or 4.
        num_sites: Qubits.
        num_measured: Bits of an outcome.
    """

    values: int
    num_sites: int
    num_measured: int
    stages: tuple[Stage, ...]

    @property
    def num_bytes(self) -> int:
        """Bytes of its matrices and of what its shuffles come to, as far as these are kept."""
        kept = {id(s.shuffle.kept): s.shuffle.kept for s in self.stages if s.shuffle.kept}
        blocks = [block for s in self.stages for group in s.groups for block in group]
        matrices = {id(each.matrix): each.matrix for b in blocks for each in b.operations}
        told: int = sum(matrix.nbytes for matrix in matrices.values() if matrix is not None)
        return told + sum(entries.num_bytes for entries in kept.values())


@dataclass(slots=True)
class _Slot:
    blocks: list[Block] = field(default_factory=list)
    shuffled: list[Operation] = field(default_factory=list)


def staged(
    operations: Iterable[Operation], values: int, num_sites: int, measured: Sequence[int]
) -> Staged:
    """Sort operations into stages.

    Args:
        operations: In order.
        values: Of a site.
        num_sites: All sites are in 0 (a pure state's |0>) at first.
        measured: Sites whose outcomes are asked for, outcome bit k of measured[k].
    """
    slots = _slots(operations, values, num_sites)
    width = JOINED[values] + (values**num_sites >= LARGE)
    grouped = [_groups(slot.blocks, width) for slot in slots]
    starts = [_layout(groups, num_sites) for groups in grouped]
    last = [site for site in range(num_sites) if site not in measured]
    starts.append([*last, *reversed(measured)])
    shuffles = []
    for at, slot in enumerate(slots):
        moved = sum(len(block.sites) for group in grouped[at] for block in group)
        layout = starts[at][moved:] + starts[at][:moved]
        shuffles.append(_shuffle(slot.shuffled, values, layout, starts[at + 1]))
    stages = tuple(map(Stage, grouped, _kept(shuffles)))
    return Staged(values, num_sites, len(measured), stages)


# -- which stage -----------------------------------------------------------------------------------


def _slots(operations: Iterable[Operation], values: int, num_sites: int) -> list[_Slot]:
    """Put each operation where its sites are free first: slot k's blocks, then its shuffle.

    After a slot that anything is in there is always another.
    """
    slots = [_Slot()]
    stands = [0] * num_sites  # 2k: in slot k's blocks, 2k + 1: in its shuffle
    for operation in operations:
        at = max(stands[site] for site in operation.sites)
        if _one_a_row(operation) is not None and (at % 2 or len(operation.sites) > 1):
            at += 1 - at % 2
            slots[at // 2].shuffled.append(operation)
        else:
            at = _in_blocks(slots, operation, at + at % 2, JOINED[values])
        if at // 2 + 1 == len(slots):
            slots.append(_Slot())
        for site in operation.sites:
            stands[site] = at
    return slots[:-1] or slots


def _in_blocks(slots: list[_Slot], operation: Operation, at: int, most: int) -> int:
    """Add to a block of slot at / 2, or of the next; return where it stands."""
    slot = slots[at // 2]
    met = [block for block in slot.blocks if not set(block.sites).isdisjoint(operation.sites)]
    sites = [*dict.fromkeys([*(s for block in met for s in block.sites), *operation.sites])]
    if len(met) == 1 and set(operation.sites) <= set(met[0].sites):
        met[0].operations.append(operation)
        return at
    if met and len(sites) > most:
        return _in_blocks(slots, operation, at + 2, most)
    joined = Block(sites, [each for block in met for each in block.operations] + [operation])
    slot.blocks = [block for block in slot.blocks if block not in met] + [joined]
    return at


def _one_a_row(operation: Operation) -> tuple[Ints, Matrix] | None:
    """Return which entry each row of the matrix has and what it is, None where it has more."""
    import numpy as np

    if operation.matrix is None:
        return None
    there = np.abs(operation.matrix) > _NOTHING
    if not (there.sum(axis=1) == 1).all() or not (there.sum(axis=0) <= 1).all():
        return None
    source = there.argmax(axis=1)
    return source, operation.matrix[np.arange(len(source)), source]


# -- which matrices are multiplied -----------------------------------------------------------------


def _groups(blocks: Sequence[Block], width: int) -> tuple[tuple[Block, ...], ...]:
    """Put blocks side by side into groups of about equal width."""
    total = sum(len(block.sites) for block in blocks)
    even = -(-total // max(1, -(-total // width)))
    groups: list[list[Block]] = []
    for block in blocks:
        taken = sum(len(each.sites) for each in groups[-1]) if groups else even
        if taken + len(block.sites) > even:
            groups.append([])
        groups[-1].append(block)
    return tuple(map(tuple, groups))


def _layout(groups: Sequence[Sequence[Block]], num_sites: int) -> list[int]:
    """Return the sites from the highest place down as a stage's groups want them."""
    acting = [site for group in groups for block in group for site in reversed(block.sites)]
    return acting + [site for site in range(num_sites) if site not in acting]


def _shuffle(
    operations: Sequence[Operation], values: int, before: Sequence[int], after: Sequence[int]
) -> Shuffle:
    rows = []
    for operation in operations:
        told = _one_a_row(operation)
        assert told is not None
        rows.append((operation.sites, *told))
    return Shuffle(tuple(rows), values, tuple(before), tuple(after))


def _kept(shuffles: Iterable[Shuffle]) -> Iterator[Shuffle]:
    """Keep what shuffles come to, equal ones once, as long as there is room."""
    room, known = STAGES_BYTES, dict[object, Entries]()
    for shuffle in shuffles:
        told = [(sites, source.tobytes(), w.tobytes()) for sites, source, w in shuffle.rows]
        key = tuple(told), shuffle.before, shuffle.after
        size: int = ENTRY_BYTES[shuffle.values] * shuffle.values ** len(shuffle.before)
        if key not in known and size <= room:
            known[key] = _entries(shuffle)
            room -= known[key].num_bytes
        yield replace(shuffle, kept=known.get(key))


def _entries(shuffle: Shuffle) -> Entries:
    import numpy as np

    values, before = shuffle.values, list(shuffle.before)
    size = values ** len(before)
    source, weights = np.arange(size), np.ones(size)
    shape = [values] * len(before)
    for sites, entries, factors in shuffle.rows:
        axes = [before.index(site) for site in reversed(sites)]
        front = range(len(axes))

        def split(
            flat: Matrix, axes: Sequence[int] = axes, front: range = front, rows: int = len(entries)
        ) -> Matrix:
            return np.moveaxis(flat.reshape(shape), axes, front).reshape(rows, -1)

        def joined(rows: Matrix, axes: Sequence[int] = axes, front: range = front) -> Matrix:
            return np.moveaxis(rows.reshape(shape), front, axes).reshape(-1)

        source = joined(split(source)[entries])
        weights = joined(factors[:, None] * split(weights)[entries])
    order = [before.index(site) for site in shuffle.after]
    source = source.reshape(shape).transpose(order).reshape(-1)
    weights = weights.reshape(shape).transpose(order).reshape(-1)
    if not np.iscomplexobj(weights) or not weights.imag.any():
        weights = weights.real.copy()
    moved = bool((source != np.arange(size)).any())
    return Entries(source if moved else None, weights if (weights != 1).any() else None)
