"""From a `Program` to its `CircuitFacts`: one walk over the operations, no qiskit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qbatch.circuit.facts import CircuitFacts
from qbatch.circuit.program import (
    Delay,
    Gate,
    GateDefinition,
    If,
    Measure,
    Operation,
    Program,
    Reset,
    While,
    evaluate,
    names_in,
)
from qbatch.circuit.qasm.conditions import bits_of
from qbatch.circuit.qasm.names import (
    BUILTIN,
    CLIFFORD,
    CONTROLLED,
    PERMUTING,
    QELIB1,
    STDGATES,
)


def analyse(program: Program) -> CircuitFacts:
    """Compute what is true of a circuit whatever values its inputs take."""
    walk = _Walk(program)
    walk.operations(program.operations)
    dynamic = walk.is_dynamic
    return CircuitFacts(
        num_qubits=program.num_qubits,
        num_bits=program.num_bits,
        registers=tuple(program.registers),
        parameters=tuple(program.inputs),
        depth=max(walk.levels, default=0),
        num_gates=walk.num_gates,
        num_two_qubit_gates=walk.num_two_qubit_gates,
        gates=tuple(sorted(walk.names)),
        is_dynamic=dynamic,
        is_clifford=walk.is_clifford,
        measured_bits=tuple(sorted(walk.holder)),
        terminal=() if dynamic else tuple(walk.holder.get(b) for b in range(program.num_bits)),
        remarks=tuple(program.remarks),
        content=program.content,
        durations=tuple(name for name in program.inputs if name in walk.durations),
        has_delay=walk.has_delay,
        free_bits=0 if dynamic else min(walk.free_bits, program.num_qubits),
    )


@dataclass
class _Walk:
    """Where the walk has come to.

    Attributes:
        levels: Depth reached on each qubit, then on each classical bit.
        touched: Qubits that a gate has acted on.
        measured: Qubits that have been measured.
        holder: Classical bit -> the qubit measured into it last.
        durations: Inputs that delays depend on.
        free_bits: Bits of an outcome that may be free by now; more than there are, in time.
        freed: Gate of the person's own -> the bits that it lets free.
    """

    program: Program
    num_gates: int = 0
    num_two_qubit_gates: int = 0
    is_dynamic: bool = False
    is_clifford: bool = True
    names: set[str] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    measured: set[int] = field(default_factory=set)
    holder: dict[int, int] = field(default_factory=dict)
    durations: set[str] = field(default_factory=set)
    has_delay: bool = False
    free_bits: int = 0
    freed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.levels = [0] * (self.program.num_qubits + self.program.num_bits)

    def operations(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, Gate):
                self.gate(operation)
            elif isinstance(operation, Measure):
                self.measure(operation)
            elif isinstance(operation, Reset):
                self.reset(operation.qubit)
            elif isinstance(operation, Delay):
                self.has_delay = True
                self.durations |= names_in(operation.duration)
            elif isinstance(operation, If | While):
                self.control(operation)

    def gate(self, gate: Gate) -> None:
        self.num_gates += 1
        self.num_two_qubit_gates += len(gate.qubits) == 2
        self.names.add(_plain_name(gate, self.program.defined))
        self.touched.update(gate.qubits)
        self.advance(gate.qubits)
        if not self.measured.isdisjoint(gate.qubits):
            self.is_dynamic = True
        if self.is_clifford:
            self.is_clifford = _is_clifford(gate, self.program.defined)
        self.free_bits += self.frees(gate)

    def frees(self, gate: Gate) -> int:
        """Return how many more bits of an outcome a gate may let free.

        A gate's inverse, or one that is controlled, makes several basis states of one where the
        gate itself does; a power of a gate may where it does not.
        """
        if any(modifier.name == "pow" for modifier in gate.modifiers):
            return len(gate.qubits)
        if (definition := self.program.defined.get(gate.name)) is None:
            return 0 if gate.name in PERMUTING else len(gate.qubits)
        if gate.name not in self.freed:
            inner = sum(self.frees(each) for each in definition.body if isinstance(each, Gate))
            self.freed[gate.name] = min(inner, definition.num_qubits)
        freed = self.freed[gate.name]
        return len(gate.qubits) if gate.modifiers and freed else freed

    def measure(self, measure: Measure) -> None:
        if measure.qubit in self.measured:
            self.is_dynamic = True
        self.measured.add(measure.qubit)
        self.holder[measure.bit] = measure.qubit
        self.advance((measure.qubit, self.program.num_qubits + measure.bit))

    def reset(self, qubit: int) -> None:
        if qubit in self.touched or qubit in self.measured:
            self.is_dynamic = True
        self.advance((qubit,))

    def control(self, block: If | While) -> None:
        self.is_dynamic = True
        self.is_clifford = False
        bits = tuple(self.program.num_qubits + bit for bit in bits_of(block.condition))
        self.advance(bits)
        self.operations(block.then if isinstance(block, If) else block.body)
        self.operations(block.otherwise if isinstance(block, If) else ())

    def advance(self, wires: tuple[int, ...]) -> None:
        """Put one more level on these qubits and bits."""
        levels = self.levels
        if len(wires) == 1:
            levels[wires[0]] += 1
        elif wires:
            level = 1 + max([levels[wire] for wire in wires])
            for wire in wires:
                levels[wire] = level


#: Names by which simulators and their methods know a gate: an own gate does not pass for one.
_KNOWN = frozenset({*QELIB1, *STDGATES, *BUILTIN, *CLIFFORD})


def _plain_name(gate: Gate, defined: Mapping[str, GateDefinition]) -> str:
    """Return a call's name with its modifiers; an own gate with a library's name is told apart."""
    is_own = gate.name in defined
    name = f"gate_{gate.name}" if is_own and gate.name in _KNOWN else gate.name
    for modifier in reversed(gate.modifiers):
        prefix = f"{modifier.name}({modifier.argument:g}) @ "
        single = modifier.name == "ctrl" and modifier.argument == 1
        known = CONTROLLED.get(name) if single and not is_own else None
        name = known or (prefix.replace("(1)", "") if modifier.name != "pow" else prefix) + name
    return name


def _is_clifford(
    gate: Gate, defined: Mapping[str, GateDefinition], values: Mapping[str, float] | None = None
) -> bool:
    if gate.modifiers and not all(modifier.name == "inv" for modifier in gate.modifiers):
        return _plain_name(gate, defined) in CLIFFORD and not gate.params
    if gate.name == "gphase":
        return True
    try:
        params = [evaluate(param, values or {}) for param in gate.params]
    except (KeyError, ArithmeticError, ValueError, TypeError):
        return False
    if (definition := defined.get(gate.name)) is None:
        rule = CLIFFORD.get(gate.name)
        return rule is not None and rule(params)
    if definition.size > 1000:
        return False
    inner = dict(zip(definition.params, params, strict=True))
    return all(_is_clifford(g, defined, inner) for g in definition.body if isinstance(g, Gate))
