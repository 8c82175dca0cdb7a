"""Qiskit circuits to OpenQASM text.

Ours, because Qiskit's exporters round angles near fractions of pi, and name gates by where they lie
in memory (`unitary_140684370298640`), so that the same circuit has another text, hence another id,
each time.

Rules: the text keeps classical bits, registers and the unitary up to a global phase. Angles are
written in full. Gates that the version's library lacks are defined in the text; where their
angles are free, they are written out. What cannot be written is a `CircuitError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from qbatch.circuit.program import FUNCTIONS
from qbatch.circuit.qasm.names import BUILTIN, CONSTANTS, KEYWORDS, PAPER, QELIB1, STDGATES
from qbatch.circuit.qasm.written_conditions import Conditions
from qbatch.circuit.unitaries.pairs import exact_pair, is_pair
from qbatch.errors import CircuitError, Place

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Version = Literal["2.0", "3.0"]

#: Gates written by name: of OpenQASM 2 only those of its paper, since readers of it differ in
#: what else their ``qelib1.inc`` has, and refuse both to miss a gate and to see it defined again.
#: ``cu3`` is not among them, for readers differ in what it is: the paper's has determinant 1.
_LIBRARY = {
    "2.0": {name: gate for name, gate in PAPER.items() if name != "cu3"},
    "3.0": {**STDGATES, **BUILTIN},
}

#: More of Qiskit's classes that a version can write.
_ALIASES = {"2.0": {"UGate": "u3", "PhaseGate": "u1", "CPhaseGate": "cu1"}, "3.0": {}}

#: Words that some reader of some version knows; no name of ours.
_WORDS = frozenset(
    {"opaque", "case", "default", "pragma", "im", "real", "imag", "sizeof", "popcount", "rotl"}
    | {"rotr", "stdgates", "duration", "hardware", "qasm", "defcalgrammar"}
)

#: A function as Qiskit prints it -> as the language has it; angles are real.
_SPELT = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "conj": ""}
_QISKITS = re.compile(rf"\b(?:{'|'.join(_SPELT)})(?=\()")

#: Definitions within definitions.
_DEEPEST = 60


def qasm3_text(circuit: QuantumCircuit, place: Place) -> str:
    """Write a Qiskit circuit as OpenQASM 3, free parameters as inputs; errors are at `place`."""
    return Writer(circuit, "3.0", place).text()


def decimal(number: float) -> str:
    """Write a number so that both versions of OpenQASM read exactly it."""
    if not math.isfinite(number):
        raise ArithmeticError(f"the angle {number} is not finite; give a finite one")
    text = repr(float(number))
    if "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text


def _is_open(op: Any) -> bool:
    """Whether some control of a gate waits for a 0."""
    controls = getattr(op, "num_ctrl_qubits", 0)
    return bool(controls) and op.ctrl_state != 2**controls - 1


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name.replace("[", "_").replace("]", ""))


def _identifier(name: str, taken: set[str]) -> str:
    """Return a name that OpenQASM takes and that is not `taken`, and take it."""
    plain = _plain(name)
    if not re.match(r"[^\W\d]", plain) or plain in KEYWORDS:
        plain = f"r{plain}"
    found, number = plain, 1
    while found in taken:
        number += 1
        found = f"{plain}_{number}"
    taken.add(found)
    return found


class Writer:
    """One circuit on its way to text.

    Args:
        circuit: To be written.
        version: Of OpenQASM.
        place: Of errors.
        register: See `circuit.sent.program_text`.
        holes: In place of each angle that depends on parameters, its number N is written
            between two NULs.
        is_physical: Qubits are written as ``$N``.

    Attributes:
        holes: The angles of the holes, by N.
        lengths: Those N that are lengths of delays.
    """

    def __init__(
        self,
        circuit: QuantumCircuit,
        version: Version,
        place: Place,
        register: str | None = None,
        *,
        holes: bool = False,
        is_physical: bool = False,
    ) -> None:
        from qiskit.circuit.library import standard_gates

        self.circuit = circuit
        self.version = version
        self.place = place
        self.holes: list[Any] = []
        self.lengths: set[int] = set()
        self._make_holes = holes
        self._is_physical = is_physical
        library = _LIBRARY[version]
        names = {gate.qiskit_name: name for name, gate in reversed(library.items())}
        names |= _ALIASES[version]
        self._native = {getattr(standard_gates, cls): name for cls, name in names.items()}
        reserved = QELIB1 if version == "2.0" else STDGATES
        self._taken = {*reserved, *KEYWORDS, *CONSTANTS, *FUNCTIONS, *_WORDS, "U", "CX"}
        self._gates: list[str] = []
        self._gate_names: dict[tuple[str, str], str] = {}
        self._written: dict[int, tuple[Any, str]] = {}  # by identity: a gate and its name
        self._formal: set[Any] | None = None  # angles of the gate being defined
        self._depth = 0
        self._declare(register)

    # -- declarations

    def _declare(self, register: str | None) -> None:
        circuit = self.circuit
        self._inputs = {p: self._input(p.name) for p in circuit.parameters}
        bit_word, qubit_word = ("creg", "qreg") if self.version == "2.0" else ("bit", "qubit")
        self._cregs: dict[str, str] = {}
        self.declarations: list[str] = []
        if self._is_physical:
            self._qubits = [f"${index}" for index in range(circuit.num_qubits)]
        elif register is None:
            sizes = self._partition(circuit.qregs, circuit.qubits, "q", {})
            self._qubits = self._lay_out(sizes, qubit_word)
        else:
            sizes = [(self._identifier("q"), circuit.num_qubits)] if circuit.num_qubits else []
            self._qubits = self._lay_out(sizes, qubit_word)
        if register is not None and circuit.num_clbits:
            sizes = [(register, circuit.num_clbits)]
            if len(circuit.cregs) == 1 and circuit.cregs[0].size == circuit.num_clbits:
                self._cregs[circuit.cregs[0].name] = register
            self._taken.add(register)
        else:
            sizes = self._partition(circuit.cregs, circuit.clbits, "c", self._cregs)
        self._bits = self._lay_out(sizes, bit_word)
        self._bit_names = dict(zip(circuit.clbits, self._bits, strict=True))
        self._conditions = Conditions(self._bit_names, self._cregs, self.place)
        self._lone_bits = {
            register[0]: name
            for register in circuit.cregs
            if register.size == 1 and (name := self._cregs.get(register.name))
        }

    def _input(self, name: str) -> str:
        """Return a free parameter's name in the text: its own, ``v_0`` for ``v[0]``.

        A person sweeps it by that name, so it is never changed in silence.
        """
        written = self._identifier(name)
        if not self._make_holes and written not in (name, _plain(name)):
            raise self._error(
                f"the parameter '{name}' has a name that OpenQASM has given already; rename it, to "
                f"'{_plain(name)}_' say"
            )
        return written

    def _identifier(self, name: str) -> str:
        if self.version == "2.0":
            name = re.sub(r"[^A-Za-z0-9_]", "_", name)
            name = name[:1].lower() + name[1:] if name[:1].isalpha() else f"r{name}"
        return _identifier(name, self._taken)

    def _partition(
        self, registers: Sequence[Any], bits: Sequence[Any], other: str, names: dict[str, str]
    ) -> list[tuple[str, int]]:
        """Return names and sizes of registers that hold the bits in their order."""
        if [bit for register in registers for bit in register] == list(bits):
            for register in registers:
                names[register.name] = self._identifier(register.name)
            written = list(names.values())
            return [(w, r.size) for w, r in zip(written, registers, strict=True) if r.size]
        return [(self._identifier(other), len(bits))] if bits else []

    def _lay_out(self, sizes: Sequence[tuple[str, int]], word: str) -> list[str]:
        for name, size in sizes:
            square = f"{word} {name}[{size}];" if word[1:] == "reg" else f"{word}[{size}] {name};"
            self.declarations.append(square)
        return [f"{name}[{index}]" for name, size in sizes for index in range(size)]

    def text(self) -> str:
        """Return the whole text."""
        body = [
            line
            for item in self.circuit.data
            for line in self._lines(item, self.circuit, self._qubits, self._bits)
        ]
        library = "qelib1.inc" if self.version == "2.0" else "stdgates.inc"
        inputs = [] if self._make_holes else [f"input float {n};" for n in self._inputs.values()]
        if inputs and self.version == "2.0":
            raise self._error("OpenQASM 2 has no free parameters; give them values")
        head = [f"OPENQASM {self.version};", f'include "{library}";', *inputs]
        return "\n".join([*head, *self._gates, *self.declarations, *body, ""])

    def _error(self, problem: str) -> CircuitError:
        return CircuitError(self.place, problem)

    # -- instructions

    def _lines(
        self, item: Any, within: QuantumCircuit, qubit_names: Sequence[str], bits: Sequence[str]
    ) -> Iterable[str]:
        """Yield the lines of one instruction; what it is says its type, for names are anyone's."""
        from qiskit.circuit import Barrier, Delay, IfElseOp, Measure, Reset, WhileLoopOp

        op = item.operation
        qubits = [qubit_names[within.find_bit(q).index] for q in item.qubits]
        clbits = [bits[within.find_bit(c).index] for c in item.clbits]
        if isinstance(op, Measure):
            arrow = f"measure {qubits[0]} -> {clbits[0]};"
            yield arrow if self.version == "2.0" else f"{clbits[0]} = measure {qubits[0]};"
        elif isinstance(op, Reset):
            yield f"reset {qubits[0]};"
        elif isinstance(op, Barrier):
            if qubits:
                yield f"barrier {', '.join(qubits)};"
        elif isinstance(op, Delay):
            yield self._delay(op, qubits[0])
        elif isinstance(op, IfElseOp | WhileLoopOp):
            yield from self._block(op, qubits, clbits)
        elif qubits:  # what acts on none is a global phase
            yield from self._gate(op, qubits, clbits)

    def _delay(self, op: Any, qubit: str) -> str:
        if self.version == "2.0":
            raise self._error("OpenQASM 2 has no delay; write OpenQASM 3")
        if getattr(op.duration, "parameters", None):
            return self._open_delay(op, qubit)
        if op.unit not in ("dt", "ns", "us", "ms", "s"):
            return f"delay[{decimal(float(op.duration) * 1000)}ns] {qubit};"
        amount = op.duration if op.unit == "dt" else decimal(op.duration)
        return f"delay[{amount}{op.unit}] {qubit};"

    def _open_delay(self, op: Any, qubit: str) -> str:
        """Write a delay whose length depends on parameters: numbers, times one of its unit."""
        length = self._angle(op.duration)
        self.lengths.add(len(self.holes) - 1)
        return f"delay[{length if self._make_holes else f'({length}) * 1'}{op.unit}] {qubit};"

    def _gate(self, op: Any, qubits: Sequence[str], clbits: Sequence[str]) -> Iterable[str]:
        name = self._native_name(op)
        if name is None and self._is_written_out(op):
            yield from self._written_out(op, qubits, clbits)
            return
        name, angles = (name, self._angles(op.params)) if name else self._defined(op)
        yield f"{name}{angles} {', '.join(qubits)};"

    def _native_name(self, op: Any) -> str | None:
        return None if _is_open(op) else self._native.get(getattr(op, "base_class", type(op)))

    def _is_written_out(self, op: Any) -> bool:
        """Whether a gate's definition stands in place of the gate."""
        from qiskit.circuit import Gate

        standard = self._standard(op)
        if standard is not None:
            return self.version == "2.0"
        free = any(getattr(param, "parameters", None) for param in op.params)
        return free or not isinstance(op, Gate) or bool(self._definition(op).parameters)

    def _angles(self, params: Sequence[Any]) -> str:
        return f"({', '.join(map(self._angle, params))})" if params else ""

    def _angle(self, angle: Any) -> str:
        if not getattr(angle, "parameters", None):
            try:
                return decimal(float(angle))
            except (TypeError, ValueError, ArithmeticError) as error:
                raise self._error(f"the angle {angle!r} is not real; give one") from error
        if self._formal is not None and not set(angle.parameters) <= self._formal:
            raise self._error(
                f"the angle {angle} within the definition of a gate is free; pass it to the gate"
            )
        if self._make_holes and self._formal is None:
            self.holes.append(angle)
            return f"\0{len(self.holes) - 1}\0"
        from qiskit.circuit import Parameter

        names = {p: Parameter(self._inputs.get(p, p.name)) for p in angle.parameters}
        return _QISKITS.sub(lambda found: _SPELT[found[0]], str(angle.subs(names)))

    def _definition(self, op: Any) -> QuantumCircuit:
        if is_pair(op):
            return exact_pair(op)
        definition: QuantumCircuit | None = getattr(op, "definition", None)
        if definition is None or self._depth > _DEEPEST:
            raise self._error(
                f"'{op.name}' cannot be written as OpenQASM {self.version}; use other gates"
            )
        return definition

    def _written_out(self, op: Any, qubits: Sequence[str], clbits: Sequence[str]) -> Iterable[str]:
        definition = self._definition(op)
        self._depth += 1
        for item in definition.data:
            yield from self._lines(item, definition, qubits, clbits)
        self._depth -= 1

    def _standard(self, op: Any) -> Any | None:
        """Return Qiskit's gate of this class with symbols for angles, or None for other gates."""
        from qiskit.circuit import Parameter
        from qiskit.circuit.library import get_standard_gate_name_mapping

        known = get_standard_gate_name_mapping().get(op.name)
        if known is None or _is_open(op) or type(known) is not getattr(op, "base_class", type(op)):
            return None
        return type(known)(*[Parameter(f"p{n}") for n in range(len(op.params))])

    def _defined(self, op: Any) -> tuple[str, str]:
        """Define a gate in the text unless it is; return its name and the call's angles."""
        standard = self._standard(op)
        if standard is not None:
            return self._define(standard, standard.params), self._angles(op.params)
        if id(op) not in self._written:
            self._written[id(op)] = (op, self._define(op, ()))
        return self._written[id(op)][1], ""

    def _define(self, gate: Any, formal: Sequence[Any]) -> str:
        """Define a gate of these angles; return its name in the text."""
        qubits = [f"a{n}" for n in range(gate.num_qubits)]
        params = f"({', '.join(param.name for param in formal)})" if formal else ""
        outer, self._formal = self._formal, set(formal)
        body = " ".join(self._written_out(gate, qubits, []))
        self._formal = outer
        key = (gate.name, f"{params} {', '.join(qubits)} {{ {body} }}")
        if key not in self._gate_names:
            own = f"gate_{gate.name}" if re.fullmatch(r"[ap]\d+", gate.name) else gate.name
            self._gate_names[key] = self._identifier(own)
            self._gates.append(f"gate {self._gate_names[key]}{key[1]}")
        return self._gate_names[key]

    # -- control flow

    def _block(self, op: Any, qubits: Sequence[str], bits: Sequence[str]) -> Iterable[str]:
        blocks = [
            [line for item in block.data for line in self._lines(item, block, qubits, bits)]
            for block in op.blocks
        ]
        if self.version == "2.0":
            yield from self._old_if(op, blocks)
            return
        word = "if" if op.name == "if_else" else "while"
        yield f"{word} ({self._conditions.text(op.condition)}) {{"
        yield from (f"  {line}" for line in blocks[0])
        if len(blocks) > 1:
            yield "} else {"
            yield from (f"  {line}" for line in blocks[1])
        yield "}"

    def _old_if(self, op: Any, blocks: Sequence[Sequence[str]]) -> Iterable[str]:
        """Write ``if (c == n)`` before a single operation: all that OpenQASM 2 has."""
        wires = op.condition[0] if isinstance(op.condition, tuple) else None
        name = self._cregs.get(getattr(wires, "name", "")) or self._lone_bits.get(wires)
        single = len(blocks) == 1 and (
            len(blocks[0]) == 1 or not any("->" in line or "if" in line for line in blocks[0])
        )
        if op.name != "if_else" or name is None or not single:
            raise self._error("OpenQASM 2 has no such condition: only if (register == number)")
        yield from (f"if ({name} == {int(op.condition[1])}) {line}" for line in blocks[0])
