"""From a `Program` to a Qiskit circuit.

Rules: qubits, classical bits and registers of the Qiskit circuit are those of the text, in its
order; a classical bit declared without a size is a register of one bit. A gate of the person's own
never carries a name that a simulator or transpiler knows by itself, unless its definition is
that gate: they trust names. Parameters are named as the text's inputs. Modified gates are written
out (`modifiers`), so that phases of definitions are never seen; a phase is kept only where it is a
number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.circuit.program import (
    Barrier,
    Condition,
    Delay,
    Gate,
    GateDefinition,
    If,
    Measure,
    Operation,
    Program,
    Reset,
    evaluate,
)
from qbatch.circuit.qasm.modifiers import MOST, Modified
from qbatch.circuit.text import Source
from qbatch.circuit.unitaries.atoms import is_number
from qbatch.circuit.unitaries.controls import Simple
from qbatch.circuit.unitaries.linear import is_linear

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Angles at which a gate of the person's own is compared with a known one of its name.
_PROBES = (0.3, -1.1, 2.9, -4.7, 11.3)


def build_program(program: Program, source: Source) -> QuantumCircuit:
    """Make a Qiskit circuit with the program's inputs as Parameters.

    Raises:
        CircuitError: Qiskit cannot express a gate modifier; at its place in `source`.
    """
    return _Builder(program, source).circuit()


class _Builder:
    def __init__(self, program: Program, source: Source) -> None:
        from qiskit.circuit import Parameter
        from qiskit.circuit.library import (
            C3XGate,
            C4XGate,
            MCXGate,
            UnitaryGate,
            get_standard_gate_name_mapping,
            standard_gates,
        )

        self.program = program
        self.source = source
        self.parameters: Mapping[str, Any] = {name: Parameter(name) for name in program.inputs}
        self.classes = {
            name: getattr(standard_gates, gate.qiskit_name)
            for name, gate in program.standard.items()
        }
        known = {n: gate.base_class for n, gate in get_standard_gate_name_mapping().items()}
        self._simple = {**known, "c3x": C3XGate, "c4x": C4XGate, "mcx": MCXGate}
        self._unitary = UnitaryGate
        self._modified = Modified(program, source)
        self._free_left = MOST  # a gate of free angles is made anew at each call
        self._many_controls: dict[int, Any] = {}
        self._own: dict[tuple[Any, ...], Any] = {}
        self.recognized: dict[str, Callable[..., Any]] = {}
        for name, definition in program.defined.items():
            if (found := self._recognize(definition)) is not None:
                self.recognized[name] = found

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
    ) -> None:
        for op in operations:
            if isinstance(op, Gate):
                self._append_gate(circuit, op, values)
            elif isinstance(op, Measure):
                circuit.measure(op.qubit, op.bit)
            elif isinstance(op, Reset):
                circuit.reset(op.qubit)
            elif isinstance(op, Barrier):
                circuit.barrier(op.qubits)
            elif isinstance(op, Delay):
                self._append_delay(circuit, op, values)
            else:
                self._append_block(circuit, op, values)

    def _append_delay(self, circuit: QuantumCircuit, op: Delay, values: Mapping[str, Any]) -> None:
        duration = _finite(evaluate(op.duration, values))
        circuit.delay(int(duration) if op.unit == "dt" else duration, op.qubits, unit=op.unit)

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

    def _append_gate(self, circuit: QuantumCircuit, op: Gate, values: Mapping[str, Any]) -> None:
        from qiskit.exceptions import QiskitError

        try:
            is_own = op.name in self.program.defined
            if op.modifiers or (op.name == "gphase" and not is_own):
                for simple in self._modified.simple_gates(op, values):
                    self._append_simple(circuit, simple)
                return
            params = [_finite(evaluate(param, values)) for param in op.params]
            if is_own:
                gate = self._own_gate(self.program.defined[op.name], params)
            else:
                gate = self.classes[op.name](*([] if op.name == "u0" else params))
            circuit.append(gate, op.qubits, copy=False)
        except (QiskitError, ArithmeticError, ValueError, TypeError) as error:
            problem = f"'{op.name}' cannot be built here: {error}"
            raise self.source.error(op.start, problem) from error

    def _append_simple(self, circuit: QuantumCircuit, simple: Simple) -> None:
        name, params, qubits, on_zero = simple
        if name == "gphase":
            if is_number(_finite(params[0])):
                circuit.global_phase += params[0]
            return
        if name == "unitary":
            gate = self._unitary(params[0])
        elif name == "mcx":
            gate = self._many_controls.setdefault(len(qubits), self._simple["mcx"](len(qubits) - 1))
        else:
            zero = {"ctrl_state": 0} if on_zero else {}
            gate = self._simple[name](*map(_finite, params), **zero)
        circuit.append(gate, qubits, copy=False)

    def _own_gate(self, definition: GateDefinition, params: list[Any]) -> Any:
        """Make a gate of the person's own; the same one for the same numbers."""
        if (known := self.recognized.get(definition.name)) is not None:
            return known(*params)
        key = (definition.name, *params) if all(map(is_number, params)) else None
        if key is None or key not in self._own:
            gate = self._composed(definition, params)
            if key is None:
                self._free_left -= len(definition.body)
                if self._free_left < 0:
                    raise ValueError(
                        f"gates of free angles come down to more than {MOST} gates; "
                        "use simpler ones"
                    )
                return gate
            self._own[key] = gate
        return self._own[key]

    def _composed(self, definition: GateDefinition, params: list[Any]) -> Any:
        from qiskit import QuantumCircuit
        from qiskit.circuit import Gate as QiskitGate

        body = QuantumCircuit(definition.num_qubits)
        values = dict(zip(definition.params, params, strict=True))
        self._append_all(body, definition.body, values)
        gate = QiskitGate(f"gate_{definition.name}", definition.num_qubits, [])
        gate.definition = body
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
            or not is_linear(definition, self.program.defined)
        ):
            return None
        for probe in _PROBES if definition.params else _PROBES[:1]:
            params = [probe * math.sqrt(1 + number) for number in range(definition.num_params)]
            own = self._composed(definition, params)
            if not Operator(own.definition).equiv(Operator(known.base_class(*params))):
                return None
        kind: Callable[..., Any] = known.base_class
        return kind


def _finite(angle: Any) -> Any:
    """Return an angle, as a number where its parameters have no part in it: 0·sin(x).

    Qiskit's passes cannot copy an expression that is a number and yet names parameters.
    """
    if not isinstance(angle, complex | int | float) and angle.is_real():
        angle = float(angle)
    if isinstance(angle, complex) or (isinstance(angle, float) and not math.isfinite(angle)):
        raise ArithmeticError(f"the angle is {angle}; give a finite real one")
    return angle


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
