"""Subroutines: `def` is kept as the place of its body, and written out where it is called.

Rules: as the specification says, a body sees its parameters and the circuit's constants. Qubits are
passed by reference, all else by value; a value over measured bits is passed as what it is at the
call, so a call cannot set bits that it was given. A subroutine that takes only qubits and bits is
read where it is defined, too, so that its mistakes are told although nobody calls it.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import replace

from qbatch.circuit.program import Condition
from qbatch.circuit.qasm.conditions import UnfitError, Word, bits_of, cast
from qbatch.circuit.qasm.registers import Jump
from qbatch.circuit.qasm.returns import Call, Parameter, Returns, Subroutine
from qbatch.circuit.qasm.symbols import Bits, Qubits, Symbol, Variable
from qbatch.circuit.qasm.tokens import Token
from qbatch.circuit.text import Limits, Source
from qbatch.errors import CircuitError


class Subroutines(Returns, ABC):
    """Reads ``def`` and calls."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.being_tried = ""

    def is_taken(self, name: str) -> bool:
        return super().is_taken(name) or name in self.subroutines

    def unknown_gate(self, name: Token) -> CircuitError:
        if name.text and name.text == self.being_tried:
            return self._recursive(name)
        if name.text in self.subroutines:
            problem = f"'{name.text}' is a subroutine, no gate: call it without modifiers, as "
            return self.error(f"{problem}{name.text}(…);", name)
        return super().unknown_gate(name)

    def value_of_call(self, token: Token) -> Symbol | None:
        return self.call(token).value if token.text in self.subroutines else None

    def call_into(self, bits: Bits) -> bool:
        token = self.token
        if token.text not in self.subroutines or self.tokens[self.at + 1].text != "(":
            return False
        self.at += 1
        self.call(token, bits)
        return True

    def _recursive(self, name: Token) -> CircuitError:
        return self.error(
            f"'{name.text}' calls itself, and subroutines are written out where they are called; "
            "use a for loop",
            name,
        )

    # -- definitions

    def read_def(self, token: Token) -> None:
        """Read ``def name(parameters) -> type { body }``."""
        self.only_at_top(token)
        name = self.name("the name of the subroutine")
        self.check_free(name)
        if name.text in self.out.standard:
            raise self.error(f"'{name.text}' is a gate already; choose another name", name)
        parameters = self._parameters()
        returns = self._type() if self.take("->") else None
        if self.token.text != "{":
            raise self.error(f"expected '{{', found {self.found}")
        body = self.at
        self.skip_statement()
        made = Subroutine(name.text, parameters, returns, body, self._returned(body))
        after = self.at
        if all(parameter.kind in ("qubit", "bit") for parameter in parameters):
            self.being_tried = name.text
            made = replace(made, size=self._try(made, name))
            self.being_tried = ""
        self.at = after
        self.subroutines[name.text] = made

    def _parameters(self) -> tuple[Parameter, ...]:
        self.expect("(")
        found: list[Parameter] = []
        while not self.take(")"):
            if found:
                self.expect(",", " or ')'")
            kind, size = self._type(in_parameters=True)
            name = self.name("the name of a parameter")
            self.check_name(name)
            if kind in ("qreg", "creg"):
                kind = {"qreg": "qubit", "creg": "bit"}[kind]
                size = self._width() if self.token.text == "[" else None
            if name.text in [parameter.name.text for parameter in found]:
                raise self.error(f"'{name.text}' is given twice; give each a name of its own", name)
            found.append(Parameter(name, kind, size))
        return tuple(found)

    def _type(self, *, in_parameters: bool = False) -> tuple[str, int | None]:
        quantum = {"qubit", "qreg", "creg"} if in_parameters else frozenset[str]()
        if self.token.text in {*quantum, "bit"}:
            kind = self.name("a type").text
            return kind, self._width() if self.token.text == "[" else None
        return self.type_name()

    def _width(self) -> int:
        self.expect("[")
        token = self.token
        size = self.integer("a size")
        if not 0 < size <= Limits.QUBITS:
            raise self.error(f"a size of {size} is not possible; write 1 or more that fits", token)
        self.expect("]")
        return size

    def _returned(self, body: int) -> str:
        """Return the name that the last ``return name;`` of a body returns, or ""."""
        found = ""
        for at in range(body, self.at - 2):
            if self.tokens[at].text == "return" and self.tokens[at + 2].text == ";":
                found = self.tokens[at + 1].text
        return found

    def _try(self, made: Subroutine, name: Token) -> tuple[int, int]:
        """Read a body with qubits and bits of no circuit, and forget what it brings about.

        Returns:
            The operations and gates that it comes down to.
        """
        out, outer = self.out, self.block
        kept = (out.num_qubits, list(out.qubits), self.may_fail, self.physical)
        counted = self.num_operations, self.num_expanded, self.num_reread
        first, values = Limits.QUBITS, dict[str, Symbol]()
        for parameter in made.parameters:
            numbers = tuple(range(first, first + (parameter.size or 1)))
            first += len(numbers)
            quantum = Qubits(numbers, parameter.size is not None)
            is_qubit = parameter.kind == "qubit"
            values[parameter.name.text] = quantum if is_qubit else Word.of_bits(numbers)
        target = None
        if made.returns is not None and made.returns[0] == "bit":
            size = made.returns[1]
            target = Bits(tuple(range(first, first + (size or 1))), size is not None)
        self.block = []
        self._run(Call(made, target, target is not None, self.measured_depth, True), values, name)
        self.block = outer
        self.unset.clear()
        out.num_qubits, out.qubits[:], self.may_fail, self.physical = kept
        made_of = self.num_operations - counted[0], self.num_expanded - counted[1]
        self.num_operations, self.num_expanded, self.num_reread = counted
        return made_of

    # -- calls

    def call(self, token: Token, target: Bits | None = None, *, wanted: bool = True) -> Call:
        """Read the arguments of a call and write the body out.

        Args:
            token: The subroutine's name, which has been read.
            target: Bits for the result of a measurement.
            wanted: Something is done with the result.
        """
        made = self.subroutines[token.text]
        if any(call.subroutine is made for call in self.calls):
            raise self._recursive(token)
        if wanted and made.returns is None:
            raise self.error(
                f"'{token.text}' returns nothing; "
                "write -> and a type in its def, or call it by itself",
                token,
            )
        if target is not None and made.returns is not None:
            self._check_target(made.returns, target, token)
        values = self._arguments(made, token)
        self._check_values(values, target, token)
        after = self.at
        call = Call(made, target, wanted, self.measured_depth)
        self.count(0, token, 1)
        if made.size is not None:
            self._count_body(made.size, token)
            if self.calls and self.calls[0].is_trial and not (wanted and target is None):
                call.stored = wanted  # tried by itself, so its mistakes are known
                if target is not None:
                    self.now_set(target)
                return call
            self._uncount_body(made.size)
        self._run(call, values, token)
        self.at = after
        if wanted and not call.stored and call.value is None:
            raise self.error(
                f"'{token.text}' returns nothing here; return a value whichever way it goes", token
            )
        return call

    def _count_body(self, size: tuple[int, int], token: Token) -> None:
        """Count a body before it is read, so that what is too large ends at once."""
        self.count(size[1], token, size[0])

    def _uncount_body(self, size: tuple[int, int]) -> None:
        self.num_operations -= size[0]
        self.num_expanded -= size[1]

    def _check_target(self, returns: tuple[str, int | None], target: Bits, token: Token) -> None:
        size = returns[1] or 1
        if returns[0] != "bit" or size != len(target.indices):
            kind = f"{returns[0]}[{size}]" if returns[1] else returns[0]
            raise self.error(
                f"'{token.text}' returns {kind}, and {len(target.indices)} bit(s) take it; "
                "give it as many",
                token,
            )

    def _arguments(self, made: Subroutine, token: Token) -> dict[str, Symbol]:
        self.expect("(")
        values: dict[str, Symbol] = {}
        for number, parameter in enumerate(made.parameters):
            if number:
                if self.token.text == ")":
                    break
                self.expect(",", " or ')'")
            if self.token.text == ")":
                break
            values[parameter.name.text] = self._argument(parameter)
        if self.token.text != ")" or len(values) < len(made.parameters):
            raise self.error(f"'{made.name}' takes {len(made.parameters)} argument(s)", token)
        self.at += 1
        return values

    def _argument(self, parameter: Parameter) -> Symbol:
        token, size = self.token, parameter.size
        if parameter.kind == "qubit":
            picked = self.qubits()
            if len(picked.indices) != (size or 1):
                raise self.error(
                    f"'{parameter.name.text}' takes {size or 1} qubit(s), "
                    f"got {len(picked.indices)}",
                    token,
                )
            return Qubits(picked.indices, size is not None)
        value = self.expression()
        if parameter.kind == "bit":
            if not isinstance(value, Word | int) or isinstance(value, Qubits):
                raise self.error(f"'{parameter.name.text}' takes bits", token)
            return self._bits_argument(value, parameter, token)
        held = self.fitted(parameter.kind, size, value, parameter.name, token)
        if isinstance(held, Word):
            raise self.error("a number is needed here; write one", token)
        return Variable(parameter.kind, size, held, self.measured_depth)

    def _bits_argument(self, value: Word | int, parameter: Parameter, token: Token) -> Word:
        try:
            word = cast(value, "bit", parameter.size)
        except UnfitError:
            word = None
        given = len(value.bits) if isinstance(value, Word) else parameter.size or 1
        if word is None or given != (parameter.size or 1):
            raise self.error(f"'{parameter.name.text}' takes {parameter.size or 1} bit(s)", token)
        return word

    def _check_values(self, values: dict[str, Symbol], target: Bits | None, token: Token) -> None:
        qubits = [q for it in values.values() if isinstance(it, Qubits) for q in it.indices]
        if len(set(qubits)) < len(qubits):
            raise self.error("the same qubit is given twice; name different ones", token)
        set_here = target.indices if target is not None else ()
        for value in values.values():
            if isinstance(value, Word) and not _bits_in(value).isdisjoint(set_here):
                raise self.error(
                    f"'{token.text}' cannot set bits that it is given; take another bit for its "
                    "result",
                    token,
                )

    def _run(self, call: Call, values: dict[str, Symbol], token: Token) -> None:
        self.calls.append(call)
        self.deeper()
        self.at = call.subroutine.body
        try:
            with self.only_constants(values):
                self.scope()
        except Jump as jump:
            if jump.kind != "return":
                raise
        finally:
            self.nesting -= 1
            self.calls.pop()
        self.again(call.subroutine.body, token)


def _bits_in(word: Word) -> set[int]:
    formulas = [bit for bit in word.bits if isinstance(bit, Condition)]
    return {number for formula in formulas for number in bits_of(formula)}
