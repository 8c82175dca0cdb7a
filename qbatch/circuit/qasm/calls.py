"""Gates: their definitions, modifiers and calls."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from qbatch.circuit.program import Barrier, Expr, Gate, GateDefinition, Modifier, Number
from qbatch.circuit.qasm.names import (
    BUILTIN,
    KEYWORDS,
    KEYWORDS_2,
    PAPER,
    QELIB1,
    REFUSED,
    STDGATES,
    SYNONYMS,
    Standard,
)
from qbatch.circuit.qasm.registers import Names
from qbatch.circuit.qasm.symbols import Qubits, Symbol
from qbatch.circuit.qasm.tokens import NESTING, Token
from qbatch.circuit.text import Limits, Source
from qbatch.errors import CircuitError
from qbatch.notation import nearest

#: Own gates of free angles and more gates than this may come down to too many when built.
_LONG = 100

_MODIFIERS = frozenset({"ctrl", "negctrl", "inv", "pow"})


class Gates(Names, ABC):
    """Reads what has to do with gates."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.opaque: set[str] = set()
        self.called: set[str] = set()

    @abstractmethod
    def statement(self) -> None:
        """Read one statement; the body of a gate is made of them."""

    def is_taken(self, name: str) -> bool:
        return self._key(name) in self.out.defined or name in self.opaque

    def _key(self, name: str) -> str:
        """Under which a gate is defined: calls before its definition keep meaning the library's."""
        return f"{name}'" if name in self.called else name

    def read_definition(self, token: Token) -> None:
        """Read ``gate name(params) qubits { body }``."""
        self.only_at_top(token)
        name = self._new_gate()
        params = self._names_in("(", ")") if self.take("(") else []
        qubits = self._names_in("", "{")
        definition = GateDefinition(name.text, tuple(p.text for p in params), len(qubits), [])
        inner: dict[str, Symbol] = {p.text: Expr("name", (p.text,)) for p in params}
        for number, qubit in enumerate(qubits):
            inner[qubit.text] = Qubits((number,), indexable=False)
        with self.only_constants(inner):
            self._body(definition, name)
        definition.name = self._key(name.text)
        self.out.defined[definition.name] = definition

    def _reserved(self) -> set[str]:
        """Gates that a program may not define; CX is OpenQASM 3's only by its library."""
        is_included = "x" in self.out.standard
        library = PAPER if self.version == "2.0" else STDGATES
        builtin = BUILTIN if self.version == "2.0" else {"U"}
        return {*builtin, *library} if is_included else {*builtin}

    @contextmanager
    def only_constants(self, inner: dict[str, Symbol]) -> Iterator[None]:
        """Within, the names are `inner` and the circuit's constants."""
        kept = self.symbols, self.hidden, self.own, self.in_block, self.loops
        self.hidden = self.symbols if not self.in_block else self.hidden
        self.symbols, self.own = ChainMap(inner, self.constants), {}
        self.in_block, self.loops = True, []
        try:
            yield
        finally:
            self.symbols, self.hidden, self.own, self.in_block, self.loops = kept

    def _new_gate(self) -> Token:
        name = self.name("the name of the gate")
        if self.is_taken(name.text) or name.text in self._reserved():
            raise self.error(f"gate '{name.text}' is already defined; give it another name", name)
        self.check_free(name)
        return name

    def _names_in(self, opening: str, closing: str) -> list[Token]:
        names: list[Token] = []
        while not self.take(closing):
            if names:
                self.expect(",", f" or '{closing}'")
            token = self.name("a name")
            self.check_name(token)
            if token.text in [name.text for name in names]:
                raise self.error(
                    f"'{token.text}' is given twice; give each a name of its own", token
                )
            names.append(token)
        if not names and not opening:
            raise self.error("a gate acts on one qubit or more; name them before '{'")
        return names

    def _body(self, definition: GateDefinition, name: Token) -> None:
        outer, self.block = self.block, definition.body
        before, self.gate_qubits = self.num_expanded, definition.num_qubits
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
            raise self.error(
                f"gates within gates, more than {NESTING} levels deep; define it by simpler ones",
                name,
            )
        definition.size = self.num_expanded - before
        self.num_expanded, self.gate_qubits = before, 0
        self.block = outer

    def read_opaque(self, token: Token) -> None:
        """Read ``opaque name(params) qubits;``: a gate that cannot be called."""
        self.only_at_top(token)
        name = self._new_gate()
        if self.take("("):
            self._names_in("(", ")")
        self._names_in("", ";")
        self.opaque.add(name.text)

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
                raise self.error(
                    f"{token.text}({argument}): wrong number of controls; "
                    "write 1 or more, and as many qubits before the gate's own",
                    token,
                )
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
        key = self._key(name.text)
        gate = self.out.defined.get(key) or self.out.standard.get(name.text)
        if name.text == "gphase" and self.version == "3.0":
            gate = Standard(1, 0, "")
        if gate is None:
            raise self.unknown_gate(name)
        if isinstance(gate, Standard):
            self.called.add(key := name.text)
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
            self.block.append(Gate(key, params, qubits, modifiers, name.start))

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
                raise self.error(
                    "this comes down to too many gates; use a simpler gate, or fewer", token
                )
        return size

    def unknown_gate(self, name: Token) -> CircuitError:
        """Make the error for a statement that begins with no gate's name."""
        old = self.version == "2.0"
        library, known = ("qelib1.inc", QELIB1) if old else ("stdgates.inc", STDGATES)
        if name.text in self.opaque:
            return self.error(
                f"'{name.text}' is opaque: it has no definition to run; use another gate", name
            )
        if name.text in self.symbols:
            return self.error(f"'{name.text}' is not a gate; name one", name)
        if name.text in known:
            return self.error(f"gate '{name.text}' needs 'include \"{library}\";' before it", name)
        if old and (name.text in KEYWORDS or name.text in REFUSED):
            return self.error(
                f"'{name.text}' is a word of OpenQASM 3, and this is OpenQASM 2; begin with "
                "'OPENQASM 3.0;'",
                name,
            )
        if not old and name.text in QELIB1:
            return self.error(
                f"gate '{name.text}' is of OpenQASM 2; define it before: gate {name.text} …", name
            )
        return self._no_gate(name, known)

    def _no_gate(self, name: Token, known: Mapping[str, Standard]) -> CircuitError:
        hint = SYNONYMS.get(name.text.lower(), "")
        words = KEYWORDS_2 if self.version == "2.0" else KEYWORDS
        if name.text in words:
            return self.error(
                f"'{name.text}' cannot begin a statement here; move it, or take it away", name
            )
        hint = hint if hint in known else nearest(name.text, words, 0.8) or ""
        return self.unknown(name, "gate", [*self.out.defined, *self.out.standard], hint)

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
            raise self.error(
                "registers of different sizes cannot be combined; name single qubits", token
            )
        length = lengths.pop() if lengths else 1
        self.count(0, token, length)
        columns = [o.indices if o.indexable else o.indices * length for o in operands]
        rows: list[tuple[int, ...]] = list(zip(*columns, strict=True)) if columns else [()]
        for row in rows:
            if len(row) > 1 and len(set(row)) < len(row):
                raise self.error("the same qubit is given twice; name different ones", token)
        return rows
