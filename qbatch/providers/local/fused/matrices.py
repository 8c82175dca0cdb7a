"""Gates with free angles as matrices at many points: one row for each gate.

Rules: written by hand from the gates' definitions, and held by tests against Qiskit's matrices and
against the reference. Bit k of an index is the gate's qubit k. Global phases do not matter here,
phases under a control do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Complex = npt.NDArray[np.complex128]

#: A cell of a matrix: row, column, real part, imaginary part (0.0 where there is none).
Cell = tuple[int, int, "Floats | float", "Floats | float"]
Cells = Sequence[Cell]


def _filled(points: int, size: int, cells: Cells) -> Complex:
    import numpy as np

    matrix = np.zeros((points, size, size), np.complex128)
    for row, column, real, imaginary in cells:
        matrix.real[:, row, column] = real
        matrix.imag[:, row, column] = imaginary
    return matrix


def _halves(theta: Floats) -> tuple[Floats, Floats]:
    import numpy as np

    return np.cos(theta / 2), np.sin(theta / 2)


def _rx(theta: Floats) -> Cells:
    c, s = _halves(theta)
    return [(0, 0, c, 0), (0, 1, 0, -s), (1, 0, 0, -s), (1, 1, c, 0)]


def _ry(theta: Floats) -> Cells:
    c, s = _halves(theta)
    return [(0, 0, c, 0), (0, 1, -s, 0), (1, 0, s, 0), (1, 1, c, 0)]


def _rz(theta: Floats) -> Cells:
    c, s = _halves(theta)
    return [(0, 0, c, -s), (1, 1, c, s)]


def _p(phi: Floats) -> Cells:
    import numpy as np

    return [(0, 0, 1, 0), (1, 1, np.cos(phi), np.sin(phi))]


def _u(theta: Floats, phi: Floats, lam: Floats) -> Cells:
    import numpy as np

    c, s = _halves(theta)
    both = phi + lam
    return [
        (0, 0, c, 0),
        (0, 1, -s * np.cos(lam), -s * np.sin(lam)),
        (1, 0, s * np.cos(phi), s * np.sin(phi)),
        (1, 1, c * np.cos(both), c * np.sin(both)),
    ]


def _u2(phi: Floats, lam: Floats) -> Cells:
    import numpy as np

    return _u(np.full(len(phi), np.pi / 2), phi, lam)


def _r(theta: Floats, phi: Floats) -> Cells:
    import numpy as np

    c, s = _halves(theta)
    return [
        (0, 0, c, 0),
        (0, 1, -s * np.sin(phi), -s * np.cos(phi)),
        (1, 0, s * np.sin(phi), -s * np.cos(phi)),
        (1, 1, c, 0),
    ]


def _rotating(theta: Floats, signs: Mapping[tuple[int, int], int]) -> Complex:
    """Return cos(θ/2) − i sin(θ/2) Q for an operator Q of entries ±1."""
    c, s = _halves(theta)
    cells: list[Cell] = [(k, k, c, 0) for k in range(4)]
    cells += [(row, column, 0, -sign * s) for (row, column), sign in signs.items()]
    return _filled(len(theta), 4, cells)


def _rxx(theta: Floats) -> Complex:
    return _rotating(theta, {(0, 3): 1, (1, 2): 1, (2, 1): 1, (3, 0): 1})


def _ryy(theta: Floats) -> Complex:
    return _rotating(theta, {(0, 3): -1, (1, 2): 1, (2, 1): 1, (3, 0): -1})


def _rzx(theta: Floats) -> Complex:
    return _rotating(theta, {(0, 2): 1, (2, 0): 1, (1, 3): -1, (3, 1): -1})


def _rzz(theta: Floats) -> Complex:
    c, s = _halves(theta)
    return _filled(len(theta), 4, [(0, 0, c, -s), (1, 1, c, s), (2, 2, c, s), (3, 3, c, -s)])


def _controlled(gate: Callable[..., Complex]) -> Callable[..., Complex]:
    """Return the gate on qubit 1 where qubit 0 is 1."""

    def matrix(*angles: Floats) -> Complex:
        inner = gate(*angles)
        outer = _filled(len(inner), 4, [(0, 0, 1, 0), (2, 2, 1, 0)])
        outer[:, 1::2, 1::2] = inner
        return outer

    return matrix


#: Gates on one qubit whose angles may be free: their cells that are not 0 throughout.
CELLS: Mapping[str, Callable[..., Cells]] = {
    "rx": _rx, "ry": _ry, "rz": _rz, "p": _p, "u1": _p, "u": _u, "u3": _u, "u2": _u2, "r": _r,
}  # fmt: skip


def _whole(name: str) -> Callable[..., Complex]:
    """Return the gate as a matrix."""
    return lambda *angles: _filled(len(angles[0]), 2, CELLS[name](*angles))


_ONE = {name: _whole(name) for name in CELLS}

#: Gates whose angles may be free here; others with such are replaced by their definitions.
GATES: Mapping[str, Callable[..., Complex]] = {
    **_ONE,
    "rxx": _rxx, "ryy": _ryy, "rzx": _rzx, "rzz": _rzz,
    "crx": _controlled(_ONE["rx"]), "cry": _controlled(_ONE["ry"]),
    "crz": _controlled(_ONE["rz"]), "cp": _controlled(_ONE["p"]),
    "cu1": _controlled(_ONE["p"]), "cu3": _controlled(_ONE["u"]),
}  # fmt: skip


@cache
def paulis(num_qubits: int) -> Complex:
    """Return T with T·vec(ρ) = (Tr(P ρ) for each Pauli string P).

    Digit k of a row in base 4 (0 I, 1 X, 2 Y, 3 Z) is the Pauli of qubit k; a density matrix's
    entry (row, column) stands at row + 2**num_qubits * column.
    """
    import numpy as np

    one = [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]
    rows = []
    for string in range(4**num_qubits):
        matrix = np.ones((1, 1), np.complex128)
        for qubit in range(num_qubits):
            matrix = np.kron(np.array(one[string >> 2 * qubit & 3]), matrix)
        rows.append(matrix.reshape(-1))
    return np.array(rows)


def transfer(superoperators: Complex) -> Floats:
    """Return what channels do to the numbers Tr(P ρ), of shape (..., 4**k, 4**k).

    Args:
        superoperators: What they do to vec(ρ); see `paulis`.
    """
    import numpy as np

    num_qubits = (superoperators.shape[-1].bit_length() - 1) // 2
    there = paulis(num_qubits)
    back = there.conj().T / 2**num_qubits
    return np.ascontiguousarray(np.matmul(np.matmul(there, superoperators), back).real)


def superoperators(unitaries: Complex) -> Complex:
    """Return what unitaries do to vec(ρ), of shape (..., 4**k, 4**k)."""
    left, right = unitaries.conj(), unitaries
    return kronecker(left, right)


def kronecker(high: Complex, low: Complex) -> Complex:
    """Return the products of matrices (points, a, a) and (points, b, b), `low` in the low digits.

    By real and imaginary parts: numpy's complex product may round by where an entry stands.
    """
    import numpy as np

    a, b = high[..., :, None, :, None], low[..., None, :, None, :]
    size = high.shape[-1] * low.shape[-1]
    if not (np.iscomplexobj(a) or np.iscomplexobj(b)):
        real = a * b
        return real.reshape(*real.shape[:-4], size, size)
    product = np.empty(np.broadcast_shapes(a.shape, b.shape), np.complex128)
    product.real = a.real * b.real - a.imag * b.imag
    product.imag = a.real * b.imag + a.imag * b.real
    return product.reshape(*product.shape[:-4], size, size)
