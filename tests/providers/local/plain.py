"""Gates as matrices and circuits as products, in numpy alone: what the simulator is held against.

Qubit k is bit k of an index; the first qubit of a gate is bit 0 of its matrix's index, and controls
come before the qubits they control, as in OpenQASM.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Sequence
from math import cos, pi, sin

import numpy as np

Matrix = np.ndarray

PAULI = {
    "id": np.eye(2, dtype=complex),
    "x": np.array([[0, 1], [1, 0]], complex),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.diag([1, -1]).astype(complex),
}


def turn(generator: Matrix, angle: float) -> Matrix:
    """exp(-i angle/2 · generator), where the generator squares to 1."""
    return cos(angle / 2) * np.eye(len(generator)) - 1j * sin(angle / 2) * generator


def phase(angle: float) -> Matrix:
    return np.diag([1, cmath.exp(1j * angle)])


def u(theta: float, phi: float, lam: float) -> Matrix:
    """Qiskit's: the upper left entry is real."""
    return phase(phi) @ turn(PAULI["y"], theta) @ phase(lam)


def controlled(matrix: Matrix, state: int = 1) -> Matrix:
    """One more control, as the lowest bit."""
    made = np.eye(2 * len(matrix), dtype=complex)
    made[state::2, state::2] = matrix
    return made


def both(left: str, right: str) -> Matrix:
    """`left` on the first qubit (the lowest bit), `right` on the second."""
    return np.kron(PAULI[right], PAULI[left])


def _cu(theta: float, phi: float, lam: float, gamma: float) -> Matrix:
    return controlled(cmath.exp(1j * gamma) * u(theta, phi, lam))


#: Gates with angles: how many, and their matrix.
TURNING: dict[str, tuple[int, Callable[..., Matrix]]] = {
    "p": (1, phase),
    "u1": (1, phase),
    "rx": (1, lambda a: turn(PAULI["x"], a)),
    "ry": (1, lambda a: turn(PAULI["y"], a)),
    "rz": (1, lambda a: turn(PAULI["z"], a)),
    "r": (2, lambda a, phi: turn(cos(phi) * PAULI["x"] + sin(phi) * PAULI["y"], a)),
    "u": (3, u),
    "u2": (2, lambda phi, lam: u(pi / 2, phi, lam)),
    "u3": (3, u),
    "rxx": (1, lambda a: turn(both("x", "x"), a)),
    "ryy": (1, lambda a: turn(both("y", "y"), a)),
    "rzz": (1, lambda a: turn(both("z", "z"), a)),
    "rzx": (1, lambda a: turn(both("z", "x"), a)),
    "cp": (1, lambda a: controlled(phase(a))),
    "cu1": (1, lambda a: controlled(phase(a))),
    "crx": (1, lambda a: controlled(turn(PAULI["x"], a))),
    "cry": (1, lambda a: controlled(turn(PAULI["y"], a))),
    "crz": (1, lambda a: controlled(turn(PAULI["z"], a))),
    "cu": (4, _cu),
    "cu3": (3, lambda *angles: controlled(u(*angles))),
}

_H = np.array([[1, 1], [1, -1]], complex) / 2**0.5
_SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
_SWAP = np.eye(4, dtype=complex)[[0, 2, 1, 3]]
_CX = controlled(PAULI["x"])

#: Gates without angles.
FIXED: dict[str, Matrix] = PAULI | {
    "h": _H, "s": phase(pi / 2), "sdg": phase(-pi / 2), "t": phase(pi / 4), "tdg": phase(-pi / 4),
    "sx": _SX, "sxdg": _SX.conj().T, "cx": _CX, "cy": controlled(PAULI["y"]),
    "cz": controlled(PAULI["z"]), "ch": controlled(_H), "csx": controlled(_SX), "swap": _SWAP,
    "ccx": controlled(_CX), "cswap": controlled(_SWAP), "c3x": controlled(controlled(_CX)),
    "c4x": controlled(controlled(controlled(_CX))),
    "c3sqrtx": controlled(controlled(controlled(_SX))),
}  # fmt: skip


def start(num_qubits: int) -> Matrix:
    state = np.zeros(2**num_qubits, complex)
    state[0] = 1
    return state


def apply(state: Matrix, matrix: Matrix, qubits: Sequence[int]) -> Matrix:
    """Apply a gate to some qubits of a state vector."""
    count, size = len(qubits), len(state).bit_length() - 1
    cube = state.reshape([2] * size)
    axes = [size - 1 - qubit for qubit in reversed(qubits)]
    cube = np.tensordot(matrix.reshape([2] * (2 * count)), cube, (range(count, 2 * count), axes))
    return np.moveaxis(cube, range(count), axes).reshape(-1)


def run(num_qubits: int, gates: Sequence[tuple[Matrix, Sequence[int]]]) -> Matrix:
    state = start(num_qubits)
    for matrix, qubits in gates:
        state = apply(state, matrix, qubits)
    return state
