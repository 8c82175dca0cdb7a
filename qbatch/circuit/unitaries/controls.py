"""Controlled unitaries as gates that Qiskit and its simulators know by name.

Rules: pure arithmetic, no qiskit; a free angle stands in gates on one or two qubits only, of
which binding is sure, and in no definition. Many controls sit on ``mcx`` alone. Sources:
A. Barenco et al., Phys. Rev. A 52, 3457 (1995), sections 5 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import pi
from typing import Any, NamedTuple

from qbatch.circuit.unitaries.atoms import Atom, is_number
from qbatch.circuit.unitaries.powers import spectrum


class Simple(NamedTuple):
    """A gate of Qiskit's library by its name there; "gphase" is a phase of the whole circuit.

    Attributes:
        on_zero: Its one control waits for 0.
    """

    name: str
    params: tuple[Any, ...]
    qubits: tuple[int, ...]
    on_zero: bool = False


class Control(NamedTuple):
    """A qubit, and the value at which the gate acts."""

    qubit: int
    value: int = 1


#: Gates with a name -> the same under one control: a gate of the same parameters.
_ONCE: Mapping[str, str] = {
    "x": "cx", "y": "cy", "z": "cz", "h": "ch", "sx": "csx", "rx": "crx", "ry": "cry", "rz": "crz",
    "p": "cp", "swap": "cswap",
}  # fmt: skip


def simple_gates(
    atom: Atom, controls: Sequence[Control], targets: Sequence[int]
) -> Iterator[Simple]:
    """Write a controlled unitary as gates known by name, in the order they act.

    Args:
        atom: What happens to the targets.
        controls: All have to have their values.
        targets: As many as the atom has qubits, in its order.
    """
    if atom.name == "id" or (atom.kind == "phase" and _is_zero(atom.phase)):
        if atom.name == "id" and not controls:
            yield Simple("id", (), tuple(targets))
        return
    if len(controls) <= 1 and (gate := _known(atom, controls, targets)) is not None:
        yield gate
        return
    opened = [Simple("x", (), (qubit,)) for qubit, value in controls if value == 0]
    yield from opened
    yield from _closed(atom, [qubit for qubit, _ in controls], targets)
    yield from opened


def _known(atom: Atom, controls: Sequence[Control], targets: Sequence[int]) -> Simple | None:
    """Return the gate with at most one control that is just this, if there is one."""
    if not controls:
        return _uncontrolled(atom, tuple(targets))
    qubits, on_zero = (controls[0].qubit, *targets), controls[0].value == 0
    if atom.kind == "u":
        return Simple("cu", (*atom.angles, atom.phase), qubits, on_zero)
    if atom.name in ("s", "sdg", "t", "tdg"):
        return Simple("cp", atom.angles, qubits, on_zero)
    name = _ONCE.get(atom.name)
    if name is None or (name != "cp" and atom.name[:1] == "r" and not _is_zero(atom.phase)):
        return None
    if name == "cswap" and on_zero:
        return None
    return Simple(name, atom.angles if _has_angle(atom) else (), qubits, on_zero)


def _has_angle(atom: Atom) -> bool:
    return atom.name in ("rx", "ry", "rz", "p")


def _uncontrolled(atom: Atom, targets: tuple[int, ...]) -> Simple | None:
    if atom.kind == "phase":
        return Simple("gphase", (atom.phase,), ())
    if atom.kind in ("u", "matrix"):
        return None
    if atom.name[:1] == "r" and not _is_zero(atom.phase):
        return None
    return Simple(atom.name, atom.angles if _has_angle(atom) else (), targets)


def _closed(atom: Atom, controls: Sequence[int], targets: Sequence[int]) -> Iterator[Simple]:
    """Write a unitary whose controls all wait for 1, its phase apart."""
    if atom.kind == "matrix":
        yield from _matrix(atom, controls, targets)
    elif atom.kind == "swap":
        first, second = targets
        yield Simple("cx", (), (second, first))
        yield from _flip([*controls, first], second)
        yield Simple("cx", (), (second, first))
    elif atom.kind == "h":
        yield Simple("ry", (pi / 4,), (targets[0],))
        yield from _flip(controls, targets[0])
        yield Simple("ry", (-pi / 4,), (targets[0],))
    elif atom.name in ("x", "y", "z"):
        before, after = {"x": ("", ""), "y": ("sdg", "s"), "z": ("h", "h")}[atom.name]
        yield from _between(before, after, targets[0], _flip(controls, targets[0]))
    elif atom.name in ("p", "s", "sdg", "t", "tdg"):
        yield from controlled_phase([*controls, targets[0]], atom.angles[0])
    else:
        if atom.kind == "u":
            yield from _euler(atom.angles, controls, targets[0])
        elif atom.kind != "phase":
            yield from _turn(atom.kind, atom.angles[0], controls, targets[0])
        yield from controlled_phase(controls, atom.phase)


def _between(before: str, after: str, qubit: int, gates: Iterator[Simple]) -> Iterator[Simple]:
    if before:
        yield Simple(before, (), (qubit,))
    yield from gates
    if after:
        yield Simple(after, (), (qubit,))


def _flip(controls: Sequence[int], target: int) -> Iterator[Simple]:
    name = {0: "x", 1: "cx", 2: "ccx", 3: "c3x", 4: "c4x"}.get(len(controls), "mcx")
    yield Simple(name, (), (*controls, target))


def controlled_phase(qubits: Sequence[int], phase: Any) -> Iterator[Simple]:
    """Turn the phase of the one state in which all `qubits` are 1; of all states if there is none.

    Half the phase is turned on the last two, and back where the others are not all 1.
    """
    if _is_zero(phase):
        return
    *others, last = qubits or [-1]
    if len(qubits) < 3:
        yield Simple(("gphase", "p", "cp")[len(qubits)], (phase,), tuple(qubits))
        return
    *rest, near = others
    yield Simple("cp", (phase / 2,), (near, last))
    yield from _flip(rest, near)
    yield Simple("cp", (-phase / 2,), (near, last))
    yield from _flip(rest, near)
    yield from controlled_phase([*rest, last], phase / 2)


def _turn(axis: str, angle: Any, controls: Sequence[int], target: int) -> Iterator[Simple]:
    """Rotate if all controls are 1: forth and back by half, with a flip between."""
    if not controls:
        yield Simple(f"r{axis}", (angle,), (target,))
    elif len(controls) == 1:
        yield Simple(f"cr{axis}", (angle,), (controls[0], target))
    elif axis == "x":
        yield from _between("h", "h", target, _turn("z", angle, controls, target))
    else:
        for half in (angle / 2, -angle / 2):
            yield Simple(f"r{axis}", (half,), (target,))
            yield from _flip(controls, target)


def _euler(angles: Sequence[Any], controls: Sequence[int], q: int) -> Iterator[Simple]:
    """The textbook's gate of three angles if all controls are 1 (Barenco's lemma 5.1)."""
    theta, phi, lam = angles
    if not controls:
        yield Simple("u", (theta, phi, lam), (q,))
        return
    yield from controlled_phase(controls, (phi + lam) / 2)
    yield Simple("rz", ((lam - phi) / 2,), (q,))
    yield from _flip(controls, q)
    yield Simple("rz", (-(phi + lam) / 2,), (q,))
    yield Simple("ry", (-theta / 2,), (q,))
    yield from _flip(controls, q)
    yield Simple("ry", (theta / 2,), (q,))
    yield Simple("rz", (phi,), (q,))


def _matrix(atom: Atom, controls: Sequence[int], targets: Sequence[int]) -> Iterator[Simple]:
    """Without controls the matrix itself; else only its eigenphases need them."""
    assert atom.matrix is not None
    if not controls:
        yield Simple("unitary", (atom.matrix,), tuple(targets))
        yield from controlled_phase((), atom.phase)
        return
    phases, vectors = spectrum(atom.to_matrix())
    yield Simple("unitary", (vectors.conj().T,), tuple(targets))
    for index, phase in enumerate(phases):
        if abs(phase) > 1e-15:
            zeros = [Simple("x", (), (q,)) for bit, q in enumerate(targets) if not index >> bit & 1]
            yield from zeros
            yield from controlled_phase([*controls, *targets], float(phase))
            yield from zeros
    yield Simple("unitary", (vectors,), tuple(targets))


def _is_zero(value: Any) -> bool:
    return is_number(value) and value == 0
