"""OpenQASM 2 and 3 to a `Program`.

One reader for both versions, ours, because the others misread: Qiskit's OpenQASM 3 importer binds
the arguments of a gate in the alphabetical order of their names, refuses `const` and loops over
indices, and takes seconds for long texts; its OpenQASM 2 loader opens any file an `include` names
and replaces the person's own `gate rzz` by its own. Tests compare this reader with Qiskit's loaders
where those are right.

Rules: the first mistake is a `CircuitError` at its line and column. Loops over constant ranges and
broadcasts are written out; nothing is read from disk; everything is bounded by `Limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qbatch.circuit.calls import Gates
from qbatch.circuit.conditions import UnfitError, Word, lowered, truth
from qbatch.circuit.expressions import Bits
from qbatch.circuit.gates import QELIB1, STDGATES
from qbatch.circuit.program import (
    Barrier,
    Condition,
    Delay,
    If,
    Operation,
    Program,
    Reset,
    While,
)
from qbatch.circuit.text import Limits, Source
from qbatch.circuit.tokens import Token


def parse(source: Source) -> Program:
    """Read a whole circuit.

    Raises:
        CircuitError: It is no OpenQASM 2 or 3, or uses what qbatch does not support.
    """
    if len(source.text) > Limits.TEXT:
        raise source.error(0, f"the circuit has more than {Limits.TEXT} characters")
    return Parser(source).program()


class Parser(Gates):
    """Reads statements."""

    def program(self) -> Program:
        """Read the version line and all statements."""
        self._version()
        while self.token.kind != "end" and not self.take("end"):
            self.statement()
        self.out.may_fail = self.may_fail
        return self.out

    def _version(self) -> None:
        if not self.take("OPENQASM"):
            raise self.error("a circuit begins with 'OPENQASM 3.0;' or 'OPENQASM 2.0;'")
        token = self.token
        if token.text not in ("2.0", "2", "3", "3.0", "3.1"):
            raise self.error(f"this version of OpenQASM is {self.found}; use 2.0 or 3.0")
        self.at += 1
        self.expect(";")
        self.version = self.out.version = "2.0" if token.text.startswith("2") else "3.0"

    # -- statements

    def statement(self) -> None:
        """Read one statement and what it brings about."""
        token = self.tokens[self.at]
        if token.kind != "id":
            if token.text == ";":
                self.at += 1
                return
            if token.text == "{":
                self._scope()
                return
            raise self.error(f"expected a statement, found {token.text!r}")
        handler = (_STATEMENTS_3 if self.version == "3.0" else _STATEMENTS_2).get(token.text)
        if handler is not None:
            self.at += 1
            handler(self, token)
        elif self.tokens[self.at + 1].text in ("=", "[") and self._is_bits(token):
            self._assignment()
        else:
            self.read_gate()

    def _is_bits(self, token: Token) -> bool:
        return isinstance(self.symbols.get(token.text), Bits)

    def _refuse(self, token: Token) -> None:
        raise self.error(f"'{token.text}' is not supported", token)

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
                raise self.error(f"'{name}' is defined before {known[0]} defines it", file)
        self.out.standard = {**self.out.standard, **known[1]}

    # -- measurement and the rest

    def _measure(self, token: Token) -> None:
        qubits = self.qubits()
        if not self.take("->"):
            raise self.error("a measurement needs a bit for its result: c = measure q;", token)
        self.measured(qubits, self.bits(), token)
        self.expect(";")

    def _assignment(self) -> None:
        token = self.token
        bits = self.bits()
        self.expect("=")
        if not self.take("measure"):
            raise self.error("bits can only be set by a measurement", token)
        self.measured(self.qubits(), bits, token)
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
        duration = self.token
        self.at += 1
        if duration.kind != "duration":
            raise self.error("a duration such as 100ns is needed here", duration)
        self.expect("]")
        digits = duration.text.rstrip("dtnsuµμm ")
        unit = duration.text[len(digits) :].strip().replace("µ", "u").replace("μ", "u")
        self.block.append(Delay(float(digits), unit, self.several(token)))
        self.expect(";")

    # -- blocks

    def _scope(self) -> list[Operation]:
        """Read ``{ … }`` or a single statement into the current block, with its own names."""
        self.deeper()
        names, was_in_block, self.in_block = dict(self.symbols), self.in_block, True
        if self.take("{"):
            while not self.take("}"):
                if self.token.kind == "end":
                    raise self.error("this block is not closed; write }")
                self.statement()
        else:
            self.statement()
        self.symbols, self.in_block = names, was_in_block
        self.nesting -= 1
        return self.block

    def _scope_apart(self) -> list[Operation]:
        """Read a block into a list of its own."""
        outer, self.block = self.block, []
        inner = self._scope()
        self.block = outer
        return inner

    def _condition(self) -> Condition | bool:
        self.expect("(")
        token = self.token
        value = self.expression()
        self.expect(")")
        if isinstance(value, int | float):
            return bool(value)
        if not isinstance(value, Word):
            raise self.error("a condition is over measured bits", token)
        try:
            condition = lowered(truth(value))
        except UnfitError as error:
            raise self.error(str(error), token) from None
        if isinstance(condition, Condition):
            self.count(condition.size, token)
        return condition

    def _if(self, token: Token) -> None:
        condition = self._condition()
        then = self._scope_apart()
        otherwise = self._scope_apart() if self.version == "3.0" and self.take("else") else []
        if isinstance(condition, bool):
            self.block.extend(then if condition else otherwise)
        else:
            self.block.append(If(condition, then, otherwise))

    def _while(self, token: Token) -> None:
        condition = self._condition()
        body = self._scope_apart()
        if condition is True:
            raise self.error("this loop never ends", token)
        if isinstance(condition, Condition):
            self.block.append(While(condition, body))

    def _for(self, token: Token) -> None:
        if self.type_name() not in ("int", "uint"):
            raise self.error("only integers can be counted through", token)
        variable = self.name("the name of the loop's variable")
        if self.name("'in'").text != "in":
            raise self.error("expected 'in'", variable)
        values = self._loop_values(token)
        body, names = self.at, self.symbols
        for value in values:
            self.at = body
            self.symbols = names | {variable.text: value}
            self._scope()
        self.symbols = names
        if not values:
            self._skip_block()

    def _loop_values(self, token: Token) -> Sequence[int]:
        if self.take("{"):
            values = [self.integer("a loop's value")]
            while self.take(","):
                values.append(self.integer("a loop's value"))
            self.expect("}")
            return values
        self.expect("[", " or '{'")
        numbers = [self.integer("a loop's bound")]
        while self.take(":"):
            numbers.append(self.integer("a loop's bound"))
        self.expect("]")
        step = numbers[1] if len(numbers) == 3 else 1
        if len(numbers) not in (2, 3) or step == 0:
            raise self.error("a loop's range is [first:last] or [first:step:last]", token)
        rounds = range(numbers[0], numbers[-1] + (1 if step > 0 else -1), step)
        if len(rounds) > Limits.OPERATIONS:
            raise self.error(f"{len(rounds)} rounds are too many", token)
        self.count(0, token, len(rounds))
        return rounds

    def _skip_block(self) -> None:
        """Go past the body of a loop that is never run."""
        closing, opening = ("}", "{") if self.token.text == "{" else (";", "")
        depth = 0
        while self.token.kind != "end":
            token = self.token.text
            self.at += 1
            depth += (token == opening) - (token == closing == "}")
            if token == closing and depth == 0:
                return

    def _box(self, token: Token) -> None:
        if self.take("["):
            raise self.error("a box with a duration is not supported", token)
        self.block.append(Barrier(self.everything()))
        self._scope()
        self.block.append(Barrier(self.everything()))


_Handler = Callable[[Parser, Token], None]

_STATEMENTS_2: dict[str, _Handler] = {
    "include": Parser._include, "qreg": Parser.read_qubits, "creg": Parser.read_bits,
    "gate": Parser.read_definition, "opaque": Parser.read_opaque, "measure": Parser._measure,
    "reset": Parser._reset, "barrier": Parser._barrier, "if": Parser._if,
}  # fmt: skip

_STATEMENTS_3: dict[str, _Handler] = (
    {name: handler for name, handler in _STATEMENTS_2.items() if name != "opaque"}
    | {
        "qubit": Parser.read_qubits, "bit": Parser.read_bits, "input": Parser.read_input,
        "output": Parser.read_output, "const": Parser.read_const, "let": Parser.read_let,
        "delay": Parser._delay, "while": Parser._while, "for": Parser._for, "box": Parser._box,
    }
    | dict.fromkeys(("float", "angle", "int", "uint", "bool"), Parser.read_const)
    | dict.fromkeys(
        ("def", "extern", "switch", "break", "continue", "return", "cal", "defcal",
         "defcalgrammar", "array", "duration", "stretch", "complex", "nop", "durationof"),
        Parser._refuse,
    )
)  # fmt: skip
