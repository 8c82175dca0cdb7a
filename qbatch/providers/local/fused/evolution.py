"""Stages at many points: their matrices first, then the state, a few points at a time.

Rules: a point's state meets one matrix product a group, of shapes that do not depend on the other
points; sums go over a point's own entries. So each point has the same bits alone and among others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from qbatch.providers.local.fused.matrices import GATES, kronecker, superoperators, transfer
from qbatch.providers.local.fused.single_sites import (
    Parts,
    beside,
    parts_of,
    single_sites,
    whole,
)
from qbatch.providers.local.fused.stages import Block, Operation, Staged

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Matrix = npt.NDArray[Any]

#: Bytes of states computed at once: what a core's cache holds beside their matrices.
STATE_BYTES = 1 << 18

#: Bytes of matrices held at once.
MATRIX_BYTES = 1 << 25


def probabilities(staged: Staged, values: Floats) -> Floats:
    """Return the probabilities of the measured qubits' outcomes at each point.

    Args:
        staged: The circuit.
        values: Shape (points, parameters).

    Returns:
        Shape (points, 2**measured); NaN where an angle is no finite number.
    """
    import numpy as np

    entry = 16 if staged.values == 2 else 8
    few = max(1, STATE_BYTES // (entry * staged.values**staged.num_sites))
    many = max(few, MATRIX_BYTES // max(1, _matrix_bytes(staged, entry)) // few * few)
    found = np.empty((len(values), 1 << staged.num_measured))
    with np.errstate(invalid="ignore"):  # an angle that is no number is no mistake of ours
        for start in range(0, len(values), many):
            part = values[start : start + many]
            matrices = matrices_of(staged, part)
            for at in range(0, len(part), few):
                here = slice(at, min(at + few, len(part)))
                state = _evolved(staged, matrices, here)
                found[start + at : start + here.stop] = _outcomes(staged, state)
    return found


def _matrix_bytes(staged: Staged, entry: int) -> int:
    """Return the bytes of all groups' matrices at one point."""
    widths = (sum(len(b.sites) for b in group) for s in staged.stages for group in s.groups)
    return sum(entry * staged.values ** (2 * width) for width in widths)


# -- matrices --------------------------------------------------------------------------------------


def matrices_of(staged: Staged, values: Floats) -> list[list[Matrix]]:
    """Return the matrix of each group of each stage, of shape (points or 1, size, size)."""
    groups = [group for stage in staged.stages for group in stage.groups]
    if staged.values == 2:
        own = single_sites((block for group in groups for block in group), values)
        made = iter([_side_by_side(group, staged, values, own) for group in groups])
    else:
        made = iter([one_by_one(group, staged, values) for group in groups])
    return [[next(made) for _ in stage.groups] for stage in staged.stages]


def _side_by_side(
    group: Sequence[Block], staged: Staged, values: Floats, own: Mapping[int, Parts]
) -> Matrix:
    """Return what `one_by_one` does; `own` has the matrices of blocks on one site."""
    if len(group) == 1 and id(group[0]) not in own:
        return _block(group[0], staged, values)
    parts = [own.get(id(each)) or parts_of(_block(each, staged, values)) for each in group]
    return whole(reduce(beside, parts))


def one_by_one(group: Sequence[Block], staged: Staged, values: Floats) -> Matrix:
    """Return the matrix of blocks side by side, the first in the highest digits."""
    return reduce(kronecker, (_block(block, staged, values) for block in group))


def _block(block: Block, staged: Staged, values: Floats) -> Matrix:
    import numpy as np

    product: Matrix | None = None
    for operation in block.operations:
        matrix = _spread(_matrix(operation, staged, values), operation, block, staged.values)
        product = matrix if product is None else np.matmul(matrix, product)
    assert product is not None
    return product


def _matrix(operation: Operation, staged: Staged, values: Floats) -> Matrix:
    """Return an operation's matrix at each point: shape (points or 1, size, size)."""
    if operation.matrix is not None:
        fixed: Matrix = operation.matrix[None]
        return fixed
    unitary = GATES[operation.gate](*(angle.at(values) for angle in operation.angles))
    return unitary if staged.values == 2 else transfer(superoperators(unitary))


def _spread(matrix: Matrix, operation: Operation, block: Block, size: int) -> Matrix:
    """Return a matrix on an operation's sites as one on its block's."""
    import numpy as np

    if list(operation.sites) == block.sites:
        return matrix
    digits = np.arange(size ** len(block.sites))
    own, rest = np.zeros_like(digits), digits.copy()
    for place, site in enumerate(operation.sites):
        digit = digits // size ** block.sites.index(site) % size
        own += digit * size**place
        rest -= digit * size ** block.sites.index(site)
    spread = np.where(rest[:, None] == rest[None], matrix[:, own[:, None], own[None]], 0)
    return np.ascontiguousarray(spread)


# -- the state -------------------------------------------------------------------------------------


def _evolved(staged: Staged, matrices: Sequence[Sequence[Matrix]], here: slice) -> Matrix:
    import numpy as np

    points = here.stop - here.start
    state = np.broadcast_to(_first(staged), (points, staged.values**staged.num_sites))
    for stage, groups in zip(staged.stages, matrices, strict=True):
        for matrix in groups:
            own = matrix if len(matrix) == 1 else matrix[here]
            split = state.reshape(points, own.shape[-1], -1).transpose(0, 2, 1)
            state = np.matmul(split, own.transpose(0, 2, 1)).reshape(points, -1)
        entries = stage.shuffle.entries()
        if entries.source is not None:
            state = state[:, entries.source]
        if entries.weights is not None:
            state = state * entries.weights
    return state


def _first(staged: Staged) -> Matrix:
    """Return |0…0>: of a density matrix, 1 for each string of I and Z."""
    import numpy as np

    if staged.values == 2:
        state = np.zeros(1 << staged.num_sites, np.complex128)
        state[0] = 1
        return state
    first = np.ones(1)
    for _ in range(staged.num_sites):
        first = np.multiply.outer(first, np.array([1.0, 0.0, 0.0, 1.0])).reshape(-1)
    return first


def _outcomes(staged: Staged, state: Matrix) -> Floats:
    """Return outcomes' probabilities; measured sites stand lowest, in order."""
    points, measured = len(state), staged.num_measured
    if staged.values == 2:
        weights = state.real**2 + state.imag**2
        summed: Floats = weights.reshape(points, -1, 1 << measured).sum(axis=1)
        return summed
    return _from_parities(state[:, : 4**measured], measured)


def _from_parities(strings: Floats, measured: int) -> Floats:
    """Return probabilities of outcomes from Tr(P ρ): those of strings of I and Z decide."""
    import numpy as np

    found = strings.reshape(-1, *[4] * measured)[(slice(None), *[slice(None, None, 3)] * measured)]
    found = np.ascontiguousarray(found).reshape(len(strings), -1)
    for bit in range(measured):
        split = found.reshape(len(strings), -1, 2, 1 << bit)
        even, odd = split[:, :, 0], split[:, :, 1]
        found = np.stack([even + odd, even - odd], axis=2).reshape(len(strings), -1) / 2
    return found
