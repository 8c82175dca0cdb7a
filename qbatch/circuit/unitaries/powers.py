"""Powers of gates: ``pow(x) @`` and ``inv @`` as functions of a gate's eigenphases.

Rules: a unitary is V diag(e^{iφ}) V†. ``inv`` makes each φ into −φ; ``pow(n)`` of an integer into
nφ; ``pow(x)`` of any other number first takes φ between −π and π, so that the power is the
principal one, and −1 counts as e^{+iπ}: its square root is i. Rounding must not choose between π
and −π: a phase less than `CUT` from −π is taken for π. Since all of them leave φ = 0 where it is,
``ctrl`` may be drawn out of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbatch.circuit.program import Modifier
from qbatch.circuit.unitaries.atoms import Atom, is_number

if TYPE_CHECKING:
    from qbatch.circuit.unitaries.atoms import Matrix

#: Radians from −π within which a phase is π.
CUT = 1e-9


def principal(phase: Any) -> Any:
    """Return the phase between −π and π that is the same; −π is π.

    Of an expression over inputs it is an expression again, right for every value.
    """
    if is_number(phase):
        wrapped = math.remainder(phase, 2 * math.pi)
        return wrapped + 2 * math.pi if wrapped <= -math.pi + CUT else wrapped
    return 2 * ((phase - CUT) / 2).tan().arctan() + CUT


def is_whole(modifiers: Sequence[Modifier]) -> bool:
    """Whether ``inv`` and ``pow`` come down to an integer power."""
    return all(float(m.argument).is_integer() for m in modifiers if m.name == "pow")


def whole_power(modifiers: Sequence[Modifier]) -> int:
    """Multiply integer powers; ``inv`` is −1."""
    return math.prod(-1 if m.name == "inv" else int(m.argument) for m in modifiers)


def through(modifiers: Sequence[Modifier], phase: Any) -> Any:
    """Send an eigenphase through ``inv`` and ``pow``; the last of them acts first."""
    for modifier in reversed(modifiers):
        if modifier.name == "inv":
            phase = -phase
        elif float(modifier.argument).is_integer():
            phase = int(modifier.argument) * phase
        else:
            phase = modifier.argument * principal(phase)
    return phase


def rotation_power(modifiers: Sequence[Modifier], atom: Atom) -> Atom:
    """Raise a rotation (with its phase), whose eigenphases are known at every angle."""
    low, high = (
        through(modifiers, phase)
        for phase in (atom.phase - atom.angles[0] / 2, atom.phase + atom.angles[0] / 2)
    )
    keeps_zero = atom.name == "p" or (atom.kind == "z" and is_number(low) and low == 0)
    name = "p" if keeps_zero else f"r{atom.kind}"
    if keeps_zero:
        return Atom("z", (high,), high / 2, name)
    return Atom(atom.kind, (high - low,), (high + low) / 2, name)


def spectrum(matrix: Matrix) -> tuple[Any, Matrix]:
    """Return the eigenphases of a unitary and its eigenvectors, which are orthonormal."""
    import numpy as np
    from scipy.linalg import schur

    triangle, vectors = schur(matrix, output="complex")
    return np.angle(np.diag(triangle)), np.asarray(vectors, dtype=complex)


def matrix_power(modifiers: Sequence[Modifier], matrix: Matrix) -> Atom:
    """Raise any unitary."""
    import numpy as np

    phases, vectors = spectrum(matrix)
    raised = np.exp([1j * through(modifiers, float(phase)) for phase in phases])
    power = np.asarray((vectors * raised) @ vectors.conj().T, dtype=complex)
    return _textbook(power) if len(power) == 2 else Atom("matrix", matrix=power)


def _textbook(matrix: Matrix) -> Atom:
    """Return the angles of a unitary on one qubit."""
    from cmath import phase

    (a, b), (c, d) = matrix.tolist()
    start, left = phase(a), phase(c) - phase(a)
    right = phase(d) - start - left if abs(a) > abs(c) else phase(-b) - start
    return Atom("u", (2 * math.atan2(abs(c), abs(a)), left, right), start)
