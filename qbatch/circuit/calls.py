"""Gates: their definitions, modifiers and calls."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from qbatch.circuit.expressions import Qubits
from qbatch.circuit.gates import BUILTIN, KEYWORDS, PAPER, QELIB1, STDGATES, Standard
from qbatch.circuit.program import Barrier, Expr, Gate, GateDefinition, Modifier, Number
from qbatch.circuit.registers import Names
from qbatch.circuit.text import Limits
from qbatch.circuit.tokens import NESTING, Token
from qbatch.errors import CircuitError

#: Own gates of free angles and more gates than this may come down to too many when built.
_LONG = 100

_MODIFIERS = frozenset({"ctrl", "negctrl", "inv", "pow"})


class Gates(Names, ABC):
    """Reads what has to do with gates."""

    @abstractmethod
    def statement(self) -> None:
        """Read one statement; the body of a gate is made of them."""

    def read_definition(self, token: Token) -> None:
        """Read ``gate name(params) qubits { body }``."""
        self.only_at_top(token)
        name = self.name("the name of the gate")
        self.check_name(name)
        if name.text in self.out.defined or name.text in self._reserved():
            raise self.error(f"gate '{name.text}' is already defined", name)
        params = self._names_in("(", ")") if self.take("(") else []
        qubits = self._names_in("", "{")
        definition = GateDefinition(name.text, tuple(p.text for p in params), len(qubits), [])
        outer = self.symbols
        self.symbols = {key: it for key, it in outer.items() if isinstance(it, int | float)}
        self.symbols.update({p.text: Expr("name", (p.text,)) for p in params})
        for number, qubit in enumerate(qubits):
            self.symbols[qubit.text] = Qubits((number,), indexable=False)
        self._body(definition, name)
        self.symbols = outer
        self.out.defined[name.text] = definition

    def _reserved(self) -> set[str]:
        """Gates that a program may not define; CX is OpenQASM 3's only by its library."""
        is_included = "x" in self.out.standard
        library = PAPER if self.version == "2.0" else STDGATES
        builtin = BUILTIN if self.version == "2.0" else {"U"}
        return {*builtin, *library} if is_included else {*builtin}

    def _names_in(self, opening: str, closing: str) -> list[Token]:
        names: list[Token] = []
        while not self.take(closing):
            if names:
                self.expect(",", f" or '{closing}'")
            token = self.name("a name")
            self.check_name(token)
            if token.text in [name.text for name in names]:
                raise self.error(f"'{token.text}' is given twice", token)
            names.append(token)
        if not names and not opening:
            raise self.error("a gate acts on one qubit or more")
        return names

    def _body(self, definition: GateDefinition, name: Token) -> None:
        outer, self.block = self.block, definition.body
        before, self.gate_qubits = self.num_expanded, definition.num_qubits
        self.in_block = True
        while not self.take("}"):
            token, start = self.token, len(self.block)
            if token.kind == "end":
                raise self.error(f"the body of gate '{name.text}' is not closed; write }}")
            self.statement()
            if not all(isinstance(op, Gate | Barrier) for op in self.block[start:]):
                raise self.error("only gates are allowed in the body of a gate", token)
        inner = [self.out.defined.get(op.name) for op in self.block if isinstance(op, Gate)]
        definition.nesting = 1 + max((gate.nesting for gate in inner if gate), default=0)
        if definition.nesting > NESTING:
            raise self.error(f"gates within gates, more than {NESTING} levels deep", name)
        definition.size = self.num_expanded - before
        self.num_expanded, self.gate_qubits = before, 0
        self.block, self.in_block = outer, False

    def read_opaque(self, token: Token) -> None:
        """Refuse ``opaque name …;``."""
        raise self.error(f"an opaque gate has no definition to run: {self.found}", token)

    def _modifiers(self) -> tuple[Modifier, ...]:
        modifiers, power = [], 1.0
        while (token := self.token).text in _MODIFIERS:
            self.at += 1
            argument: int | float = 1
            if self.take("("):
                argument = self.constant(f"the argument of {token.text}")
                self.expect(")")
            self.expect("@")
            if token.text.endswith("ctrl") and not (
                isinstance(argument, int) and 1 <= argument <= NESTING
            ):
                raise self.error(f"{token.text}({argument}): wrong number of controls", token)
            if token.text == "pow":
                power *= max(1.0, abs(argument))
            if power > Limits.POWER:
                raise self.error(
                    f"a power of {power:g} is too high: at most {Limits.POWER:g}", token
                )
            modifiers.append(Modifier(token.text, argument))
        return tuple(modifiers)

    def read_gate(self) -> None:
        """Read ``modifiers @ name(angles) qubits;``."""
        token = self.tokens[self.at]
        modifiers = self._modifiers() if token.text in _MODIFIERS and self.version == "3.0" else ()
        name = self.name("a gate")
        gate = self.out.defined.get(name.text) or self.out.standard.get(name.text)
        if name.text == "gphase" and self.version == "3.0":
            gate = Standard(1, 0, "")
        if gate is None:
            raise self._unknown_gate(name)
        params = tuple(self.arguments()) if self.tokens[self.at].text == "(" else ()
        operands = [] if self.tokens[self.at].text == ";" else [self.qubits()]
        while self.take(","):
            operands.append(self.qubits())
        controls = sum(int(m.argument) for m in modifiers if m.name.endswith("ctrl"))
        self._check_call(gate, name, params, len(operands), controls)
        self.expect(";")
        size = self._size_of(gate, modifiers, name)
        if isinstance(gate, GateDefinition) and size > _LONG:
            self.may_fail |= any(isinstance(param, Expr) for param in params)
        for qubits in self._broadcast(operands, name):
            self.count(size, name)
            self.block.append(Gate(name.text, params, qubits, modifiers, name.start))

    def _size_of(
        self, gate: Standard | GateDefinition, modifiers: tuple[Modifier, ...], token: Token
    ) -> int:
        """Estimate how many standard gates, under any controls, a call comes down to."""
        size = gate.size if isinstance(gate, GateDefinition) else 1
        for modifier in modifiers:
            self.may_fail = True
            if modifier.name == "pow":
                size *= max(1, min(math.ceil(abs(modifier.argument)), Limits.REPEATS))
            if size > Limits.EXPANDED:
                raise self.error("this comes down to too many gates", token)
        return size

    def _unknown_gate(self, name: Token) -> CircuitError:
        if name.text in self.symbols:
            return self.error(f"'{name.text}' is not a gate", name)
        library, known = (
            ("qelib1.inc", QELIB1) if self.version == "2.0" else ("stdgates.inc", STDGATES)
        )
        if name.text in known:
            return self.error(f"gate '{name.text}' needs 'include \"{library}\";' before it", name)
        return self.unknown(name, "gate", [*self.out.defined, *self.out.standard, *KEYWORDS])

    def _check_call(
        self,
        gate: Standard | GateDefinition,
        name: Token,
        params: tuple[Number, ...],
        num_operands: int,
        controls: int,
    ) -> None:
        if len(params) != gate.num_params:
            raise self.error(
                f"gate '{name.text}' takes {gate.num_params} angle(s) in parentheses, "
                f"got {len(params)}",
                name,
            )
        if num_operands != gate.num_qubits + controls:
            raise self.error(
                f"gate '{name.text}' acts on {gate.num_qubits + controls} qubit(s), "
                f"got {num_operands}",
                name,
            )

    def _broadcast(self, operands: list[Qubits], token: Token) -> list[tuple[int, ...]]:
        lengths = {len(operand.indices) for operand in operands if operand.indexable}
        if len(lengths) > 1:
            raise self.error("registers of different sizes cannot be combined", token)
        length = lengths.pop() if lengths else 1
        self.count(0, token, length)
        columns = [o.indices if o.indexable else o.indices * length for o in operands]
        rows: list[tuple[int, ...]] = list(zip(*columns, strict=True)) if columns else [()]
        for row in rows:
            if len(row) > 1 and len(set(row)) < len(row):
                raise self.error("the same qubit is given twice", token)
        return rows
