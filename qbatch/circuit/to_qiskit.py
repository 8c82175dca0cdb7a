"""From a `Program` to a Qiskit circuit.

Rules: qubits, classical bits and registers of the Qiskit circuit are those of the text, in its
order; a classical bit declared without a size is a register of one bit. A gate of the person's own
never carries a name that a simulator or transpiler knows by itself, unless its definition is
that gate: they trust names. Parameters are named as the text's inputs. A global phase that
nothing can observe is kept only where it is a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.circuit.gates import phase_under_control
from qbatch.circuit.program import (
    Barrier,
    Condition,
    Delay,
    Gate,
    GateDefinition,
    If,
    Measure,
    Modifier,
    Operation,
    Program,
    Reset,
    evaluate,
)
from qbatch.circuit.text import Source

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Up to so many times a gate is repeated for ``pow(n) @``; above, its matrix is raised.
_REPEATS = 64

#: Qiskit raises matrices of gates on at most so many qubits.
_MATRIX_QUBITS = 6


def build_program(program: Program, source: Source) -> QuantumCircuit:
    """Make a Qiskit circuit with the program's inputs as Parameters.

    Raises:
        CircuitError: Qiskit cannot express a gate modifier; at its place in `source`.
    """
    return _Builder(program, source).circuit()


class _Builder:
    def __init__(self, program: Program, source: Source) -> None:
        from qiskit.circuit import Parameter
        from qiskit.circuit.library import standard_gates

        self.program = program
        self.source = source
        self.parameters: Mapping[str, Any] = {name: Parameter(name) for name in program.inputs}
        self.classes = {
            name: getattr(standard_gates, gate.qiskit_name)
            for name, gate in program.standard.items()
        }
        self.recognized = {
            name: found
            for name, definition in program.defined.items()
            if (found := self._recognize(definition)) is not None
        }

    def circuit(self) -> QuantumCircuit:
        from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

        program = self.program
        circuit = QuantumCircuit(
            *[QuantumRegister(r.num_bits, r.name) for r in program.qubits],
            *[ClassicalRegister(r.num_bits, r.name) for r in program.registers],
        )
        self._append_all(circuit, program.operations, self.parameters)
        return circuit

    def _append_all(
        self,
        circuit: QuantumCircuit,
        operations: Sequence[Operation],
        values: Mapping[str, Any],
        *,
        in_definition: bool = False,
    ) -> None:
        for op in operations:
            if isinstance(op, Gate):
                self._append_gate(circuit, op, values, in_definition)
            elif isinstance(op, Measure):
                circuit.measure(op.qubit, op.bit)
            elif isinstance(op, Reset):
                circuit.reset(op.qubit)
            elif isinstance(op, Barrier):
                circuit.barrier(op.qubits)
            elif isinstance(op, Delay):
                duration = int(op.duration) if op.unit == "dt" else op.duration
                circuit.delay(duration, op.qubits, unit=op.unit)
            else:
                self._append_block(circuit, op, values)

    def _append_block(
        self, circuit: QuantumCircuit, op: Operation, values: Mapping[str, Any]
    ) -> None:
        condition = _condition(op.condition, circuit)  # type: ignore[union-attr]
        bodies = (op.then, op.otherwise) if isinstance(op, If) else (op.body,)  # type: ignore[union-attr]
        blocks = []
        for body in bodies:
            block = circuit.copy_empty_like()
            block.global_phase = 0
            self._append_all(block, body, values)
            blocks.append(block)
        if not isinstance(op, If):
            circuit.while_loop(condition, blocks[0], circuit.qubits, circuit.clbits)
        elif op.otherwise:
            circuit.if_else(condition, blocks[0], blocks[1], circuit.qubits, circuit.clbits)
        else:
            circuit.if_test(condition, blocks[0], circuit.qubits, circuit.clbits)

    # -- gates

    def _append_gate(
        self, circuit: QuantumCircuit, op: Gate, values: Mapping[str, Any], in_definition: bool
    ) -> None:
        from qiskit.circuit.exceptions import CircuitError as QiskitError
        from qiskit.exceptions import QiskitError as AnyQiskitError

        try:
            params = [_finite(evaluate(param, values)) for param in op.params]
            if op.name == "gphase" and not op.qubits:
                self._add_phase(circuit, params[0], in_definition)
                return
            if in_definition and self.program.has_modifiers and self.program.version == "3.0":
                self._add_phase(circuit, phase_under_control(op.name, params), True)
            gate = self._gate(op, params, plain=not in_definition)
            circuit.append(gate, op.qubits, copy=False)
        except (QiskitError, AnyQiskitError, ArithmeticError, ValueError, TypeError) as error:
            problem = f"'{op.name}' cannot be built here: {error}"
            raise self.source.error(op.start, problem) from error

    def _add_phase(self, circuit: QuantumCircuit, phase: Any, in_definition: bool) -> None:
        if isinstance(phase, int | float) or (in_definition and self.program.has_modifiers):
            circuit.global_phase += phase

    def _gate(self, op: Gate, params: list[Any], *, plain: bool) -> Any:
        """Make the Qiskit gate of a call; `plain` calls may use a gate recognized by its matrix."""
        modifiers = list(op.modifiers)
        phase = self._controlled_phase(op, params, modifiers)
        if phase is not None:
            modifiers.pop()
            gate = phase
        elif op.name == "gphase":
            gate = _phase_gate(params[0])
        elif op.name in self.program.defined:
            gate = self._own_gate(self.program.defined[op.name], params, plain and not modifiers)
        elif op.name == "u0":
            gate = self.classes["u0"]()
        else:
            gate = self.classes[op.name](*params)
        for modifier in reversed(modifiers):
            gate = _modified(gate, modifier)
        return gate

    def _controlled_phase(
        self, op: Gate, params: list[Any], modifiers: list[Modifier]
    ) -> Any | None:
        """Make ``ctrl @`` of U, u2 and u3, of which Qiskit's phases differ from OpenQASM 3's."""
        if not modifiers or op.name not in ("U", "u2", "u3") or op.name in self.program.defined:
            return None
        from math import pi

        from qiskit.circuit.library.standard_gates import CUGate, UGate

        theta, phi, lam = params if len(params) == 3 else (pi / 2, *params)
        phase = phase_under_control(op.name, params)
        if modifiers[-1] == Modifier("ctrl", 1):
            return CUGate(theta, phi, lam, phase)
        gate = UGate(theta, phi, lam)
        modified = _composed(f"gate_{op.name}", 1, lambda c: c.append(gate, [0]))
        modified.definition.global_phase = phase
        for modifier in reversed(modifiers[-1:]):
            modified = _modified(modified, modifier)
        return modified

    def _own_gate(self, definition: GateDefinition, params: list[Any], plain: bool) -> Any:
        if plain and definition.name in self.recognized:
            return self.recognized[definition.name](*params)
        values = dict(zip(definition.params, params, strict=True))
        gate = _composed(
            f"gate_{definition.name}",
            definition.num_qubits,
            lambda body: self._append_all(body, definition.body, values, in_definition=True),
        )
        gate.params = params
        return gate

    def _recognize(self, definition: GateDefinition) -> Callable[..., Any] | None:
        """Return Qiskit's gate of that name if the definition is that gate up to a phase."""
        from qiskit.circuit.library import get_standard_gate_name_mapping
        from qiskit.quantum_info import Operator

        known = get_standard_gate_name_mapping().get(definition.name)
        if (
            known is None
            or not hasattr(known, "to_matrix")
            or len(known.params) != definition.num_params
            or known.num_qubits != definition.num_qubits
            or definition.size > 100
        ):
            return None
        for base in (0.3, 1.1):
            params = [base + 0.7 * number for number in range(definition.num_params)]
            own = self._own_gate(definition, params, plain=False)
            if not Operator(own.definition).equiv(Operator(type(known)(*params))):
                return None
        return type(known)


def _finite(angle: Any) -> Any:
    if isinstance(angle, complex) or (isinstance(angle, float) and not math.isfinite(angle)):
        raise ArithmeticError(f"the angle is {angle}")
    return angle


def _composed(name: str, num_qubits: int, fill: Callable[[QuantumCircuit], object]) -> Any:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Gate as QiskitGate

    body = QuantumCircuit(num_qubits)
    fill(body)
    gate = QiskitGate(name, num_qubits, [])
    gate.definition = body
    return gate


def _phase_gate(phase: Any) -> Any:
    gate = _composed("gate_gphase", 0, lambda _: None)
    gate.definition.global_phase = phase
    return gate


def _modified(gate: Any, modifier: Modifier) -> Any:
    if modifier.name == "inv":
        return gate.inverse(annotated=False)
    if modifier.name == "pow":
        return _power(gate, modifier.argument)
    count = int(modifier.argument)
    state = None if modifier.name == "ctrl" else 0
    return gate.control(count, ctrl_state=state, annotated=False)


def _power(gate: Any, exponent: float) -> Any:
    whole = exponent == int(exponent)
    if whole and abs(exponent) <= _REPEATS:
        repeated = gate if exponent >= 0 else gate.inverse(annotated=False)
        qubits = list(range(gate.num_qubits))

        def fill(body: QuantumCircuit) -> None:
            for _ in range(abs(int(exponent))):
                body.append(repeated, qubits)

        return _composed(f"{gate.name}_pow", gate.num_qubits, fill)
    if gate.num_qubits > _MATRIX_QUBITS:
        raise ValueError(f"a power of a gate on more than {_MATRIX_QUBITS} qubits")
    return gate.power(exponent, annotated=False)


# -- conditions


def _condition(condition: Condition, circuit: QuantumCircuit) -> Any:
    """Write a condition as what simulators were seen to take right.

    These are a bit, a whole register's value, and logic of single bits; Aer reads casts of
    registers inverted and orders only 32 bits.
    """
    if condition.op == "bit":
        return circuit.clbits[condition.args[0]], True
    if condition.op == "not" and condition.args[0].op == "bit":
        return circuit.clbits[condition.args[0].args[0]], False
    if condition.op == "equals":
        wanted = [circuit.clbits[bit] for bit in condition.args[0]]
        for register in circuit.find_bit(wanted[0]).registers:
            if list(register[0]) == wanted:
                return register[0], condition.args[1]
    return _logic(condition, circuit)


def _logic(condition: Condition, circuit: QuantumCircuit) -> Any:
    from qiskit.circuit.classical import expr

    if condition.op == "bit":
        return expr.lift(circuit.clbits[condition.args[0]])
    if condition.op == "not":
        return expr.logic_not(_logic(condition.args[0], circuit))
    if condition.op == "equals":
        bits, value = condition.args
        wires = [expr.lift(circuit.clbits[bit]) for bit in bits]
        literals = [w if value >> n & 1 else expr.logic_not(w) for n, w in enumerate(wires)]
        return _in_pairs(expr.logic_and, literals)
    join = expr.logic_and if condition.op == "and" else expr.logic_or
    return _in_pairs(join, [_logic(arg, circuit) for arg in condition.args])


def _in_pairs(join: Callable[[Any, Any], Any], parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return join(_in_pairs(join, parts[:half]), _in_pairs(join, parts[half:]))
