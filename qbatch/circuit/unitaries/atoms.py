"""What each gate of OpenQASM 3 is as a matrix, global phase included: the one table of it.

Rules: pure arithmetic, no qiskit; angles are numbers or anything with Python's arithmetic. Sources:
the language's chapter on gates, by which ``U(θ, φ, λ)`` is e^{iθ/2} times the textbook's
[[cos θ/2, −e^{iλ} sin θ/2], [e^{iφ} sin θ/2, e^{i(φ+λ)} cos θ/2]], and ``stdgates.inc``, whose
``u2`` and ``u3`` have determinant 1 and whose ``cu`` takes its phase from its last angle alone.
OpenQASM 2 has no modifiers: there no phase is ever seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.complex128]

#: Gate -> its inverse, where that has a name and no angle.
_INVERSES: Mapping[str, str] = {
    "x": "x", "y": "y", "z": "z", "h": "h", "id": "id", "swap": "swap", "s": "sdg", "sdg": "s",
    "t": "tdg", "tdg": "t", "sx": "sxdg", "sxdg": "sx",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Atom:
    """A unitary without controls: e^{i phase} times what `kind` says.

    Attributes:
        kind: "x", "y", "z": a rotation about that axis by ``angles[0]``, exp(−i angle/2 · axis).
            "u": the textbook's of three angles. "h", "swap": those. "phase": nothing else.
            "matrix": `matrix`, on as many qubits as it has.
        angles: Radians.
        phase: Radians.
        name: The gate as it is called, where it has a name that says all of it ("sdg", "p").
    """

    kind: str
    angles: tuple[Any, ...] = ()
    phase: Any = 0
    name: str = ""
    matrix: Matrix | None = None

    def inverted(self) -> Atom:
        """Return the inverse."""
        name = _INVERSES.get(self.name, self.name)
        if self.kind == "matrix":
            assert self.matrix is not None
            return replace(self, matrix=self.matrix.conj().T, phase=-self.phase)
        angles = tuple(-angle for angle in self.angles)
        if self.kind == "u":
            theta, phi, lam = angles
            angles = (theta, lam, phi)
        return Atom(self.kind, angles, -self.phase, name)

    @property
    def is_number(self) -> bool:
        """Whether it has no free angle."""
        return is_number(self.phase) and all(map(is_number, self.angles))

    def to_matrix(self) -> Matrix:
        """Return the unitary; its first qubit is the lowest bit of an index."""
        import numpy as np

        if self.kind == "matrix":
            assert self.matrix is not None
            plain = self.matrix
        elif self.kind == "swap":
            plain = np.eye(4, dtype=complex)[[0, 2, 1, 3]]
        elif self.kind == "phase":
            plain = np.eye(1, dtype=complex)
        else:
            plain = _one_qubit(self.kind, self.angles)
        return np.asarray(np.exp(1j * float(self.phase)) * plain, dtype=complex)


def is_number(value: Any) -> bool:
    """Whether it is a number; all else is an expression over inputs."""
    return isinstance(value, int | float)


def _one_qubit(kind: str, angles: Sequence[float]) -> Matrix:
    import numpy as np

    if kind == "h":
        half = sqrt(0.5)
        return np.array([[half, half], [half, -half]], dtype=complex)
    cos, sin = np.cos(angles[0] / 2), np.sin(angles[0] / 2)
    if kind == "u":
        left, right = np.exp(1j * angles[1]), np.exp(1j * angles[2])
        return np.array([[cos, -right * sin], [left * sin, left * right * cos]], dtype=complex)
    axes = {"x": [[0, 1], [1, 0]], "y": [[0, -1j], [1j, 0]], "z": [[1, 0], [0, -1]]}
    return np.asarray(cos * np.eye(2) - 1j * sin * np.array(axes[kind]), dtype=complex)


def _rotation(axis: str, angle: Any, phase: Any, name: str) -> Atom:
    return Atom(axis, (angle,), phase, name)


def _fixed(axis: str, angle: float, phase: float, name: str) -> Callable[[Sequence[Any]], Atom]:
    return lambda _: _rotation(axis, angle, phase, name)


def _phase_gate(params: Sequence[Any]) -> Atom:
    return _rotation("z", params[0], params[0] / 2, "p")


def _turn(axis: str) -> Callable[[Sequence[Any]], Atom]:
    return lambda params: _rotation(axis, params[0], 0, f"r{axis}")


def _u(angles: tuple[Any, ...], phase: Any) -> Atom:
    return Atom("u", angles, phase)


_BASES: Mapping[str, Callable[[Sequence[Any]], Atom]] = {
    "gphase": lambda p: Atom("phase", (), p[0]),
    "U": lambda p: _u(tuple(p), p[0] / 2),
    "u2": lambda p: _u((pi / 2, *p), -(p[0] + p[1]) / 2),
    "u3": lambda p: _u(tuple(p), -(p[1] + p[2]) / 2),
    "_cu": lambda p: _u(tuple(p[:3]), p[3]),
    "p": _phase_gate, "phase": _phase_gate, "u1": _phase_gate,
    "rx": _turn("x"), "ry": _turn("y"), "rz": _turn("z"),
    "x": _fixed("x", pi, pi / 2, "x"), "y": _fixed("y", pi, pi / 2, "y"),
    "z": _fixed("z", pi, pi / 2, "z"), "id": _fixed("z", 0, 0, "id"),
    "s": _fixed("z", pi / 2, pi / 4, "s"), "sdg": _fixed("z", -pi / 2, -pi / 4, "sdg"),
    "t": _fixed("z", pi / 4, pi / 8, "t"), "tdg": _fixed("z", -pi / 4, -pi / 8, "tdg"),
    "sx": _fixed("x", pi / 2, pi / 4, "sx"),
    "h": lambda _: Atom("h", name="h"), "swap": lambda _: Atom("swap", name="swap"),
}  # fmt: skip

_CONTROLLED: Mapping[str, tuple[int, str]] = {
    "CX": (1, "x"), "cx": (1, "x"), "cy": (1, "y"), "cz": (1, "z"), "ch": (1, "h"),
    "cp": (1, "p"), "cphase": (1, "p"), "crx": (1, "rx"), "cry": (1, "ry"), "crz": (1, "rz"),
    "cu": (1, "_cu"), "cswap": (1, "swap"), "ccx": (2, "x"),
}  # fmt: skip

#: Gate -> how many of its first qubits are controls, and what it does to the others.
ATOMS: Mapping[str, tuple[int, Callable[[Sequence[Any]], Atom]]] = {
    name: (0, make) for name, make in _BASES.items() if name != "_cu"
} | {name: (controls, _BASES[base]) for name, (controls, base) in _CONTROLLED.items()}


def atom_of(name: str, params: Sequence[Any]) -> tuple[int, Atom]:
    """Return how many first qubits of a gate are controls, and what it does to the others.

    Args:
        name: Of a gate of OpenQASM 3 (`ATOMS`).
        params: Its angles: numbers or expressions.
    """
    controls, make = ATOMS[name]
    return controls, make(params)
