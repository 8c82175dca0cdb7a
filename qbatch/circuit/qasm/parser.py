"""OpenQASM 2 and 3 to a `Program`.

One reader for both versions, ours, because the others misread: Qiskit's OpenQASM 3 importer binds
the arguments of a gate in the alphabetical order of their names, refuses `const` and loops over
indices, and takes seconds for long texts; its OpenQASM 2 loader opens any file an `include` names
and replaces the person's own `gate rzz` by its own. Tests compare this reader with Qiskit's loaders
where those are right.

Rules: a mistake is a `CircuitError` at its line and column. Where it cannot bring others about (in
a gate, a measurement: nothing is declared, no block opened), reading goes on after it, and all are
told at once; each kind only once. Loops over constant ranges,
subroutines and broadcasts are written out; what only a classical machine beside the qubits could
know is refused by name. Nothing is read from disk; everything is bounded by `Limits`. A text
without a version line is read as `version_of` says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from qbatch.circuit.program import Barrier, Delay, Number, Program, Reset
from qbatch.circuit.qasm.content import content_of
from qbatch.circuit.qasm.discarded import settle
from qbatch.circuit.qasm.names import QELIB1, REFUSED, STDGATES
from qbatch.circuit.qasm.registers import Jump
from qbatch.circuit.qasm.subroutines import Subroutines
from qbatch.circuit.qasm.symbols import Bits, Time, Variable
from qbatch.circuit.qasm.times import split
from qbatch.circuit.qasm.tokens import Token
from qbatch.circuit.text import Limits, Source, version_of
from qbatch.errors import CircuitError, SourceErrors


def parse(source: Source) -> Program:
    """Read a whole circuit.

    Raises:
        CircuitError: It is no OpenQASM 2 or 3, or uses what qbatch does not support.
        SourceErrors: There are several mistakes.
    """
    if len(source.text) > Limits.TEXT:
        raise source.error(
            0,
            f"the circuit has more than {Limits.TEXT} characters; use loops and gates of your own",
        )
    return Parser(source).program()


class Parser(Subroutines):
    """Reads statements."""

    def program(self) -> Program:
        """Read the version line and all statements."""
        self._version()
        mistakes: dict[str, CircuitError] = {}
        with suppress(Jump):  # "end"
            while self.token.kind != "end" and len(mistakes) < _MOST_MISTAKES:
                begin, nesting = self.at, self.nesting
                try:
                    self.statement()
                except CircuitError as error:
                    mistakes.setdefault(error.problem, error)
                    if (end := self._end_of_plain(begin)) is None:
                        break
                    self.at, self.nesting = end, nesting
        if len(mistakes) > 1:
            raise SourceErrors(f"{len(mistakes)} mistakes", [*mistakes.values()])
        for mistake in mistakes.values():
            raise mistake
        self.out.may_fail = self.may_fail
        settle(self.out, self.source)
        self.out.content = content_of(self.version, self.tokens, self.directives)
        return self.out

    def _end_of_plain(self, begin: int) -> int | None:
        """Return where a statement ends that only acts on qubits and bits; None for any other."""
        first = self.tokens[begin]
        if first.kind != "id" or first.text in _STATEMENTS_3.keys() - _PLAIN:
            return None
        if isinstance(self.symbols.get(first.text), Variable):
            return None
        for at in range(begin, len(self.tokens)):
            word = self.tokens[at].text
            if word in ("{", "}") or word in self.subroutines:
                return None
            if word == ";":
                return at + 1
        return None

    def _version(self) -> None:
        self.version = self.out.version = version_of(self.source.text)
        if self.take("OPENQASM"):
            if self.token.text not in ("2.0", "2", "3", "3.0", "3.1"):
                raise self.error(f"this version of OpenQASM is {self.found}; use 2.0 or 3.0")
            self.at += 1
            self.expect(";")

    # -- statements

    def statement(self) -> None:
        """Read one statement and what it brings about."""
        token = self.tokens[self.at]
        if token.kind != "id":
            if token.text == ";":
                self.at += 1
                return
            if token.text == "{":
                self.scope()
                return
            raise self.error(f"expected a statement, found {self.found}")
        handler = (_STATEMENTS_3 if self.version == "3.0" else _STATEMENTS_2).get(token.text)
        if handler is not None:
            self.at += 1
            handler(self, token)
            return
        following = self.tokens[self.at + 1].text
        if following in _AFTER_A_NAME and self._is_set(token, following):
            return
        self.read_gate()

    def _is_set(self, token: Token, following: str) -> bool:
        """Read what sets bits or a variable, or calls a subroutine, if this does."""
        if following == "(":
            if token.text not in self.subroutines:
                return False
            self.at += 1
            self.call(token, wanted=False)
            self.expect(";")
            return True
        symbol = self.symbols.get(token.text)
        if isinstance(symbol, Bits):
            self._assignment()
        elif isinstance(symbol, Variable) and following != "[":
            self.at += 1
            self.update_variable(token, symbol)
        elif symbol is None:
            raise self.error(f"'{token.text}' is not declared; write its type before it", token)
        else:
            raise self.error(f"'{token.text}' cannot be set; it is no variable", token)
        return True

    def _refuse(self, token: Token) -> None:
        raise self.error(f"'{token.text}' {REFUSED[token.text]}", token)

    def _include(self, token: Token) -> None:
        file = self.token
        self.at += 1
        known = {"3.0": ("stdgates.inc", STDGATES), "2.0": ("qelib1.inc", QELIB1)}[self.version]
        if file.kind != "string" or file.text[1:-1] != known[0]:
            raise self.error(f'only "{known[0]}" can be included in OpenQASM {self.version}', file)
        self.only_at_top(token)
        self.expect(";")
        for name in known[1]:
            if name in self.out.defined:
                raise self.error(
                    f"'{name}' is defined before {known[0]} defines it; include that first", file
                )
        self.out.standard = {**self.out.standard, **known[1]}

    # -- measurement and the rest

    def _measure(self, token: Token) -> None:
        qubits = self.qubits()
        if self.take("->"):
            self.measured(qubits, self.bits(), token)
        elif self.version == "3.0":
            self.discard(qubits, token)
        else:
            raise self.error("a measurement needs a bit for its result: measure q -> c;", token)
        self.expect(";")

    def _assignment(self) -> None:
        token = self.token
        bits = self.bits()
        if self.token.text in _UPDATES:
            self.at += 1
        else:
            self.expect("=")
        if self.take("measure"):
            self.measured(self.qubits(), bits, token)
        elif not self.call_into(bits):
            raise self.error(
                "bits can only be set by a measurement; write the expression where it is needed, "
                "in a condition",
                token,
            )
        self.expect(";")

    def _reset(self, token: Token) -> None:
        qubits = self.qubits()
        self.count(0, token, len(qubits.indices))
        self.block.extend(map(Reset, qubits.indices))
        self.expect(";")

    def _barrier(self, token: Token) -> None:
        self.block.append(Barrier(self.several(token)))
        self.expect(";")

    def _delay(self, token: Token) -> None:
        self.expect("[")
        first, unit = self.token, "s"
        if first.kind == "duration" and self.tokens[self.at + 1].text == "]":
            self.at += 1
            digits, unit = split(first.text)
            duration: Number = float(digits)
        else:
            duration = self._seconds()
        self.expect("]")
        self.block.append(Delay(duration, unit, self.several(token)))
        self.expect(";")

    def _seconds(self) -> Number:
        """Read how long a delay is."""
        token = self.token
        value = self.expression()
        if not isinstance(value, Time):
            of = f", and {value:g} has no unit" if isinstance(value, int | float) else ""
            raise self.error(f"a duration is needed here{of}; write one, such as 100ns", token)
        if isinstance(value.seconds, int | float) and value.seconds < 0:
            raise self.error(
                f"a delay of {value.seconds:g} s is not possible; write 0 or more", token
            )
        return value.seconds


_Handler = Callable[[Parser, Token], None]

#: Mistakes of one circuit that are told at once.
_MOST_MISTAKES = 10

#: Statements that declare nothing and have no blocks, besides gates and what sets bits.
_PLAIN = frozenset({"measure", "reset", "barrier", "delay"})

#: ``name += value;``
_UPDATES = frozenset({"+=", "-=", "*=", "/=", "%=", "**=", "&=", "|=", "^=", "~=", "<<=", ">>="})

#: What follows the name of bits or a variable to be set, or of a subroutine.
_AFTER_A_NAME = _UPDATES | {"=", "[", "("}

_STATEMENTS_2: dict[str, _Handler] = {
    "include": Parser._include, "qreg": Parser.read_qubits, "creg": Parser.read_bits,
    "gate": Parser.read_definition, "opaque": Parser.read_opaque, "measure": Parser._measure,
    "reset": Parser._reset, "barrier": Parser._barrier, "if": Parser.read_if,
}  # fmt: skip

_STATEMENTS_3: dict[str, _Handler] = (
    _STATEMENTS_2
    | {
        "qubit": Parser.read_qubits, "bit": Parser.read_bits, "input": Parser.read_input,
        "output": Parser.read_output, "const": Parser.read_const, "let": Parser.read_let,
        "delay": Parser._delay, "while": Parser.read_while, "for": Parser.read_for,
        "box": Parser.read_box, "switch": Parser.read_switch, "def": Parser.read_def,
        "return": Parser.read_return,
    }
    | dict.fromkeys(("float", "angle", "int", "uint", "bool", "duration"), Parser.read_variable)
    | dict.fromkeys(("break", "continue", "end"), Parser.read_jump)
    | dict.fromkeys(REFUSED, Parser._refuse)
)  # fmt: skip
