"""``ctrl``, ``negctrl``, ``inv`` and ``pow``: modified gates written out as gates known by name.

Rules: a modified gate is made from what the language says the gate is (`atoms`), never from what a
library thinks of its name. Controls are drawn out of ``inv`` and ``pow``, which leaves a power of a
gate without controls; a gate of the person's own is written out, barriers in it apart. What depends
on an input stays an expression, right at every value, or is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.circuit.program import Gate, GateDefinition, Modifier, Program, evaluate
from qbatch.circuit.text import Limits, Source
from qbatch.circuit.unitaries.atoms import Atom, atom_of, is_number
from qbatch.circuit.unitaries.controls import Control, Simple, simple_gates
from qbatch.circuit.unitaries.powers import (
    is_whole,
    matrix_power,
    rotation_power,
    through,
    whole_power,
)

if TYPE_CHECKING:
    from qbatch.circuit.unitaries.atoms import Matrix

#: Matrices are raised on at most so many qubits.
MATRIX_QUBITS = 6

#: Gates that all modified gates of a circuit come down to, at most.
MOST = 200_000

_INVERSE = Modifier("inv")

#: A unitary, its controls and its targets.
Placed = tuple[Atom, tuple[Control, ...], tuple[int, ...]]


class Modified:
    """Writes modified gates of one program out."""

    def __init__(self, program: Program, source: Source) -> None:
        self._defined = program.defined
        self._source = source
        self._left = MOST
        self._roots: dict[tuple[Any, ...], Atom] = {}
        self._powers: dict[str, float] = {}  # the highest within each own gate
        for name, definition in program.defined.items():
            self._powers[name] = max(map(self._highest, _gates(definition)), default=1.0)

    def _highest(self, op: Gate) -> float:
        powers = [max(1.0, abs(m.argument)) for m in op.modifiers if m.name == "pow"]
        return math.prod(powers) * self._powers.get(op.name, 1.0)

    def simple_gates(self, op: Gate, values: Mapping[str, Any]) -> Iterator[Simple]:
        """Write a gate out.

        Args:
            op: With modifiers or without.
            values: Of what its angles name: numbers or expressions.

        Raises:
            CircuitError: It has no such power, or comes down to too many gates; at its place.
            ArithmeticError, ValueError, TypeError: An angle cannot be computed.
        """
        if (power := self._highest(op)) > Limits.POWER:
            problem = f"a power of {power:g} is too high: at most {Limits.POWER:g}"
            raise self._source.error(op.start, problem)
        for atom, controls, targets in self._gate(op, values, op.qubits):
            for gate in simple_gates(atom, controls, targets):
                self._left -= 1
                if self._left < 0:
                    problem = (
                        f"modified gates come down to more than {MOST} simple gates; use fewer"
                    )
                    raise self._source.error(op.start, problem)
                yield gate

    def _gate(
        self,
        op: Gate,
        values: Mapping[str, Any],
        qubits: Sequence[int],
        outer: Sequence[Modifier] = (),
        controls: tuple[Control, ...] = (),
    ) -> Iterator[Placed]:
        """Place a gate on `qubits` under more modifiers and controls."""
        params = [evaluate(param, values) for param in op.params]
        chain = list(outer)
        first = 0
        for modifier in op.modifiers:
            if modifier.name.endswith("ctrl"):
                count, value = int(modifier.argument), int(modifier.name == "ctrl")
                controls += tuple(Control(q, value) for q in qubits[first : first + count])
                first += count
            else:
                chain.append(modifier)
        targets = tuple(qubits[first:])
        if not is_whole(chain):
            yield from self._raised(op, params, chain, controls, targets)
            return
        exponent = whole_power(chain)
        if abs(exponent) > Limits.REPEATS and self._can_be_raised(op.name, params):
            yield from self._raised(op, params, chain, controls, targets)
            return
        for _ in range(abs(exponent)):
            yield from self._once(op, params, exponent < 0, controls, targets)

    def _once(
        self,
        op: Gate,
        params: Sequence[Any],
        is_inverse: bool,
        controls: tuple[Control, ...],
        targets: tuple[int, ...],
    ) -> Iterator[Placed]:
        definition = self._defined.get(op.name)
        if definition is None:
            count, atom = atom_of(op.name, params)
            controls += tuple(Control(q) for q in targets[:count])
            yield atom.inverted() if is_inverse else atom, controls, targets[count:]
            return
        values = dict(zip(definition.params, params, strict=True))
        body = _gates(definition)
        for inner in reversed(body) if is_inverse else body:
            qubits = [targets[q] for q in inner.qubits]
            outer = (_INVERSE,) if is_inverse else ()
            yield from self._gate(inner, values, qubits, outer, controls)

    def _can_be_raised(self, name: str, params: Sequence[Any]) -> bool:
        definition = self._defined.get(name)
        if definition is None:
            _, atom = atom_of(name, params)
            return atom.is_number or _has_known_phases(atom)
        few = definition.num_qubits <= MATRIX_QUBITS
        return len(_gates(definition)) <= 1 or (few and all(map(is_number, params)))

    def _raised(
        self,
        op: Gate,
        params: Sequence[Any],
        chain: Sequence[Modifier],
        controls: tuple[Control, ...],
        targets: tuple[int, ...],
    ) -> Iterator[Placed]:
        """Place a power by way of the gate's eigenphases."""
        definition = self._defined.get(op.name)
        if definition is not None and len(body := _gates(definition)) <= 1:
            values = dict(zip(definition.params, params, strict=True))
            for inner in body:
                qubits = [targets[q] for q in inner.qubits]
                yield from self._gate(inner, values, qubits, chain, controls)
            return
        if not self._can_be_raised(op.name, params):
            raise self._source.error(op.start, self._no_power(op, definition, chain))
        if definition is not None:
            key = (op.name, *params, *chain)
            if key not in self._roots:
                matrix = self._matrix(op, params, definition.num_qubits)
                self._roots[key] = matrix_power(chain, matrix)
            yield self._roots[key], controls, targets
            return
        count, atom = atom_of(op.name, params)
        controls += tuple(Control(q) for q in targets[:count])
        yield _power(chain, atom), controls, targets[count:]

    def _no_power(
        self, op: Gate, definition: GateDefinition | None, chain: Sequence[Modifier]
    ) -> str:
        power = next(m for m in reversed(chain) if m.name == "pow")
        what = f"pow({power.argument:g}) @ {op.name}"
        if definition is not None and definition.num_qubits > MATRIX_QUBITS:
            return (
                f"{what}: a power that is no integer is computed on at most {MATRIX_QUBITS} "
                f"qubits, not {definition.num_qubits}; write it as a gate of its own"
            )
        return (
            f"{what}: which power is the principal one depends on a free angle; give the angle "
            "as a number, or take rx, ry, rz, p or one of these under controls, whose powers "
            "are known at every angle"
        )

    def _matrix(self, op: Gate, params: Sequence[Any], num_qubits: int) -> Matrix:
        """Return the unitary of a gate of the person's own without free angles."""
        import numpy as np

        full = np.eye(2**num_qubits, dtype=complex)
        placed = self._once(op, params, False, (), tuple(range(num_qubits)))
        for count, (atom, controls, targets) in enumerate(placed):
            if count > MOST:
                raise self._source.error(
                    op.start, f"'{op.name}' is too long for such a power; take a lower one"
                )
            _apply(atom.to_matrix(), controls, targets, full)
        return full


def _gates(definition: GateDefinition) -> list[Gate]:
    return [op for op in definition.body if isinstance(op, Gate)]


def _has_known_phases(atom: Atom) -> bool:
    return atom.kind in ("x", "y", "z", "phase")


def _power(chain: Sequence[Modifier], atom: Atom) -> Atom:
    if atom.kind == "phase":
        return Atom("phase", (), through(chain, atom.phase))
    if _has_known_phases(atom):
        return rotation_power(chain, atom)
    return matrix_power(chain, atom.to_matrix())


def _apply(
    matrix: Matrix, controls: Sequence[Control], targets: Sequence[int], full: Matrix
) -> None:
    """Multiply `full` from the left by a controlled unitary."""
    import numpy as np

    rows = np.arange(len(full))
    for qubit, value in (*controls, *(Control(target, 0) for target in targets)):
        rows = rows[rows >> qubit & 1 == value]
    inner = range(2 ** len(targets))
    offsets = [sum((j >> bit & 1) << q for bit, q in enumerate(targets)) for j in inner]
    places = rows[:, None] | np.array(offsets)
    full[places] = np.einsum("ij,sjc->sic", matrix, full[places])
