"""States of a few qubits in numpy: vectors for what is ideal, density matrices for what is noisy.

Rules: unnormalised; `weight` is the probability to be here at all. Qubit 0 is the first axis, and
the first operand of a gate is the most significant bit of its matrix's index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

Array = Any

#: |b><b| for b = 0, 1, and |0><1|.
PROJECT = (np.diag([1.0, 0.0]), np.diag([0.0, 1.0]))
LOWER = np.array([[0.0, 1.0], [0.0, 0.0]])


def applied(tensor: Array, matrix: Array, axes: Sequence[int]) -> Array:
    """Multiply a matrix into some axes (of length 2) of a tensor."""
    k = len(axes)
    if k == 0:
        return tensor * matrix[0, 0]
    moved = np.tensordot(
        matrix.reshape((2,) * (2 * k)), tensor, axes=(list(range(k, 2 * k)), list(axes))
    )
    return np.moveaxis(moved, list(range(k)), list(axes))


@dataclass(frozen=True)
class Vectors:
    """A mixture of state vectors: shape (2, …, 2, k), one axis a qubit, k vectors."""

    tensor: Array

    @classmethod
    def empty(cls) -> Self:
        return cls(np.ones(1, complex))

    @property
    def weight(self) -> float:
        return float(np.vdot(self.tensor, self.tensor).real)

    def grown(self, count: int) -> Self:
        tensor = np.zeros((2,) * (self.tensor.ndim - 1 + count) + self.tensor.shape[-1:], complex)
        tensor[(..., *(0,) * count, slice(None))] = self.tensor
        return type(self)(tensor)

    def after(self, matrix: Array, qubits: Sequence[int]) -> Self:
        return type(self)(applied(self.tensor, matrix, qubits))

    def plus(self, other: Self) -> Self:
        """Mix; as many vectors as there are dimensions are always enough."""
        shape = self.tensor.shape[:-1]
        joined = np.concatenate([self.tensor, other.tensor], axis=-1)
        columns = joined.reshape(-1, joined.shape[-1])
        if columns.shape[1] > columns.shape[0]:
            columns = np.linalg.qr(columns.conj().T, mode="r").conj().T
        return type(self)(columns.reshape(*shape, -1))

    def times(self, probability: float) -> Self:
        return type(self)(self.tensor * np.sqrt(probability))


@dataclass(frozen=True)
class Density:
    """A density matrix: shape (2, …, 2), rows' axes first."""

    tensor: Array

    @classmethod
    def empty(cls) -> Self:
        return cls(np.ones((), complex))

    @property
    def num_qubits(self) -> int:
        return self.tensor.ndim // 2

    @property
    def weight(self) -> float:
        size = 1 << self.num_qubits
        return float(np.trace(self.tensor.reshape(size, size)).real)

    def grown(self, count: int) -> Self:
        n = self.num_qubits
        tensor = np.zeros((2,) * (2 * (n + count)), complex)
        tensor[(*[slice(None)] * n, *(0,) * count, *[slice(None)] * n, *(0,) * count)] = self.tensor
        return type(self)(tensor)

    def after(self, matrix: Array, qubits: Sequence[int]) -> Self:
        columns = [self.num_qubits + qubit for qubit in qubits]
        return type(self)(applied(applied(self.tensor, matrix, qubits), matrix.conj(), columns))

    def plus(self, other: Self) -> Self:
        return type(self)(self.tensor + other.tensor)

    def times(self, probability: float) -> Self:
        return type(self)(self.tensor * probability)

    def depolarized(self, strength: float, qubits: Sequence[int]) -> Self:
        """Replace some qubits by the maximally mixed state with probability `strength`."""
        mixed = self
        for qubit in qubits:  # every Pauli with equal weight forgets the qubit
            mixed = type(self)(sum(mixed.after(p, [qubit]).tensor for p in _PAULIS) / 4)
        return self.times(1 - strength).plus(mixed.times(strength))

    def relaxed(self, keep: float, coherence: float, qubit: int) -> Self:
        """Let |1> survive with probability `keep` and coherences shrink by `coherence`."""
        ones = self.after(PROJECT[1], [qubit])
        zeros = self.after(PROJECT[0], [qubit])
        fallen = self.after(LOWER, [qubit]).times(1 - keep)
        across = type(self)(self.tensor - ones.tensor - zeros.tensor)
        return zeros.plus(fallen).plus(ones.times(keep)).plus(across.times(coherence))


State = Vectors | Density

_PAULIS = (
    np.eye(2),
    np.array([[0, 1], [1, 0]], complex),
    np.array([[0, -1j], [1j, 0]]),
    np.diag([1.0 + 0j, -1]),
)


def principal_power(unitary: Array, exponent: float) -> Array:
    """Raise a unitary matrix to a power: eigenphases in (−π, π] times the exponent.

    A whole power needs no eigenphases. Otherwise a generic Hermitian combination of the matrix and
    its adjoint has orthonormal eigenvectors that are the unitary's too.
    """
    if float(exponent).is_integer():
        return np.linalg.matrix_power(unitary, int(exponent))
    turned = unitary * np.exp(0.7345j)
    _, vectors = np.linalg.eigh(turned + turned.conj().T)
    phases = np.angle(np.diag(vectors.conj().T @ unitary @ vectors))
    phases = np.where(phases < -np.pi + 1e-9, np.pi, phases)
    return (vectors * np.exp(1j * exponent * phases)) @ vectors.conj().T


def controlled(matrix: Array, value: int) -> Array:
    """Put a control before all operands: `matrix` acts where the first qubit is `value`."""
    size = len(matrix)
    wide = np.eye(2 * size, dtype=complex)
    wide[value * size : (value + 1) * size, value * size : (value + 1) * size] = matrix
    return wide
