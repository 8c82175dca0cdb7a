"""Blocks on one site of a pure state, at all points: those of the same gates are made together.

A matrix is two arrays here, its entries' real and imaginary parts, of shape (size, size, points or
1): each entry's values stand side by side, so that arithmetic runs along the points.

Rules: the bits are those of a product matrix by matrix. Where each part of an entry of a product is
one product of numbers (a rotation about z and one about x or y: most circuits' layers), it is made
entry by entry, for there is nothing to be rounded in another order; every other product is made by
`numpy.matmul`, point by point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from qbatch.providers.local.fused.angles import angles_at
from qbatch.providers.local.fused.matrices import CELLS
from qbatch.providers.local.fused.stages import Block, Operation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Complex = npt.NDArray[np.complex128]

#: Real and imaginary parts.
Parts = tuple["Floats", "Floats"]

_ENTRIES = tuple(product((0, 1), (0, 1)))
_ZERO = (0, 0)

#: Parts of a 2 by 2 matrix's entries, each of shape (blocks, points or 1) or a number; None: 0.
_Grid = dict[tuple[int, int], tuple[Any, Any]]


def single_sites(blocks: Iterable[Block], values: Floats) -> dict[int, Parts]:
    """Return the matrices of those blocks that are on one site, by the blocks' `id`.

    Args:
        blocks: Of a pure state.
        values: Shape (points, parameters).
    """
    alike: dict[tuple[object, ...], list[Block]] = {}
    for block in blocks:
        if len(block.sites) == 1:
            key = tuple(each.gate or id(each.matrix) for each in block.operations)
            alike.setdefault(key, []).append(block)
    found: dict[int, Parts] = {}
    for group in alike.values():
        found |= zip(map(id, group), _made(group, values), strict=True)
    return found


def _made(blocks: Sequence[Block], values: Floats) -> Iterator[Parts]:
    """Yield the matrices of blocks of the same gates."""
    grid: _Grid | None = None
    for operations in zip(*(block.operations for block in blocks), strict=True):
        own = _grid(operations, values)
        grid = own if grid is None else _times(own, grid)
    assert grid is not None
    real, imaginary = _arrays(grid, len(blocks))
    yield from zip(real, imaginary, strict=True)


def _grid(operations: Sequence[Operation], values: Floats) -> _Grid:
    """Return the matrices of one operation of each block: the same gate or the same matrix."""
    first = operations[0]
    if first.matrix is not None:
        numbers = first.matrix.tolist()
        return {(i, j): (numbers[i][j].real, numbers[i][j].imag) for i, j in _ENTRIES}
    columns = zip(*(each.angles for each in operations), strict=True)
    cells = CELLS[first.gate](*(angles_at(column, values) for column in columns))
    return {(row, column): (real, imaginary) for row, column, real, imaginary in cells}


def _times(left: _Grid, right: _Grid) -> _Grid:
    """Return the product of matrices, `right` acting first."""
    found: _Grid = {}
    for row, column in _ENTRIES:
        real, imaginary = [], []
        for between in (0, 1):
            (a, b), (c, d) = left.get((row, between), _ZERO), right.get((between, column), _ZERO)
            real += [(a, c, 1), (b, d, -1)]
            imaginary += [(a, d, 1), (b, c, 1)]
        real, imaginary = ([t for t in terms if _is_there(t)] for terms in (real, imaginary))
        if len(real) > 1 or len(imaginary) > 1:
            return _multiplied(left, right)
        found[row, column] = _sum(real), _sum(imaginary)
    return found


def _is_there(term: tuple[Any, Any, int]) -> bool:
    return not any(isinstance(part, int | float) and part == 0 for part in term[:2])


def _sum(terms: Sequence[tuple[Any, Any, int]]) -> Any:
    """Return the sum of at most one product."""
    return next((a * b if sign > 0 else -(a * b) for a, b, sign in terms), 0)


def _multiplied(left: _Grid, right: _Grid) -> _Grid:
    import numpy as np

    made = np.matmul(_matrices(left), _matrices(right))
    real, imaginary = made.real.copy(), made.imag.copy()
    return {(i, j): (real[..., i, j], imaginary[..., i, j]) for i, j in _ENTRIES}


def _matrices(grid: _Grid) -> Complex:
    """Return matrices of shape (blocks or 1, points or 1, 2, 2)."""
    import numpy as np

    shapes = (np.shape(part) for each in grid.values() for part in each)
    shape = np.broadcast_shapes((1, 1), *shapes)
    made = np.zeros((*shape, 2, 2), np.complex128)
    for (row, column), (real, imaginary) in grid.items():
        made.real[..., row, column] = real
        made.imag[..., row, column] = imaginary
    return made


def _arrays(grid: _Grid, num_blocks: int) -> Parts:
    """Return real and imaginary parts, of shape (blocks, 2, 2, points or 1)."""
    import numpy as np

    shapes = (np.shape(part) for each in grid.values() for part in each)
    points = np.broadcast_shapes((1, 1), *shapes)[1]
    real, imaginary = np.zeros((2, num_blocks, 2, 2, points))
    for (row, column), parts in grid.items():
        real[:, row, column], imaginary[:, row, column] = parts
    return real, imaginary


# -- side by side ----------------------------------------------------------------------------------


def parts_of(matrices: Complex) -> Parts:
    """Return matrices of shape (points, size, size) as their entries' parts."""
    import numpy as np

    moved = matrices.transpose(1, 2, 0)
    return np.ascontiguousarray(moved.real), np.ascontiguousarray(moved.imag)


def beside(high: Parts, low: Parts) -> Parts:
    """Return what `matrices.kronecker` does: `low` stands in the low digits."""
    size = len(high[0]) * len(low[0])
    a, b = (each[:, None, :, None] for each in high)
    c, d = (each[None, :, None] for each in low)
    real, imaginary = a * c - b * d, a * d + b * c
    return real.reshape(size, size, -1), imaginary.reshape(size, size, -1)


def whole(parts: Parts) -> Complex:
    """Return matrices of shape (points, size, size)."""
    import numpy as np

    real, imaginary = parts
    made = np.empty((real.shape[2], *real.shape[:2]), np.complex128)
    made.real, made.imag = real.transpose(2, 0, 1), imaginary.transpose(2, 0, 1)
    return made
