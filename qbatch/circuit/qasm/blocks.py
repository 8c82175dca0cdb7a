"""Blocks: scopes, conditions, loops.

Rules: what is known while reading is decided while reading: a loop over a constant range is written
out, the branch of a constant condition that is not taken is passed over unread. What only a
measurement tells becomes an `If` or a `While`, in whose blocks no variable can change and no jump
can leave, since only a machine would know whether it did.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from qbatch.circuit.program import Barrier, Condition, If, Operation, While
from qbatch.circuit.qasm.calls import Gates
from qbatch.circuit.qasm.conditions import (
    Formula,
    UnfitError,
    Word,
    lowered,
    truth,
)
from qbatch.circuit.qasm.registers import Jump
from qbatch.circuit.qasm.tokens import Token
from qbatch.circuit.text import Limits

#: Statements that end with the brace that closes their block.
_BRACED = frozenset({"gate", "def", "box", "switch", "cal", "defcal"})

#: Of one circuit.
_MOST_REMARKS = 10

_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Blocks(Gates, ABC):
    """Reads what has blocks."""

    # -- scopes

    @contextmanager
    def own_names(self) -> Iterator[None]:
        """Names declared within are forgotten after, also where a jump leaves."""
        self.deeper()
        own, in_block = self.own, self.in_block
        self.own, self.in_block = {}, True
        try:
            yield
        finally:
            for name, hidden in self.own.items():
                if hidden is None:
                    del self.symbols[name]
                else:
                    self.symbols[name] = hidden
            self.own, self.in_block = own, in_block
            self.nesting -= 1

    def scope(self) -> None:
        """Read ``{ … }`` or a single statement into the current block, with its own names."""
        with self.own_names():
            if self.take("{"):
                while not self.take("}"):
                    if self.token.kind == "end":
                        raise self.error("this block is not closed; write }")
                    self.statement()
            else:
                self.statement()

    def scope_apart(self) -> list[Operation]:
        """Read a block that runs only where a measurement says so, into a list of its own."""
        outer, self.block = self.block, []
        self.measured_depth += 1
        self.scope()
        self.measured_depth -= 1
        inner, self.block = self.block, outer
        return inner

    def skip_statement(self) -> None:
        """Go past a statement that is never run."""
        self.deeper()
        word = self.token.text if self.token.kind == "id" else ""
        if word in ("if", "while"):
            self.at += 1
            self._skip_brackets()
            self.skip_statement()
            if word == "if" and self.take("else"):
                self.skip_statement()
        elif word == "for":
            while self.token.text not in ("[", "{") or self.tokens[self.at - 1].text != "in":
                self._skip_word()
            self._skip_brackets()
            self.skip_statement()
        elif self.token.text == "{":
            self._skip_brackets()
        else:
            self._skip_plain(word)
        self.nesting -= 1

    def _skip_plain(self, word: str) -> None:
        while not self.take(";"):
            if self.token.text == "{" and word in _BRACED:
                self._skip_brackets()
                return
            if self.token.text in _CLOSING:
                self._skip_brackets()
            else:
                self._skip_word()

    def _skip_word(self) -> None:
        if self.token.kind == "end":
            raise self.error("';' is missing here, before the end of the text")
        self.at += 1

    def _skip_brackets(self) -> None:
        """Go past a bracket and all up to the one that closes it."""
        opening = self.token
        if opening.text not in _CLOSING:
            raise self.error(f"expected '(', found {self.found}")
        depth = 0
        while self.token.kind != "end":
            token = self.tokens[self.at]
            self.at += 1
            if token.kind == "op":
                depth += (token.text in "([{") - (token.text in ")]}")
            if depth == 0:
                return
        raise self.error(
            f"this {opening.text} is not closed; write {_CLOSING[opening.text]}", opening
        )

    # -- conditions

    def _condition(self) -> Condition | bool:
        self.expect("(")
        token, before = self.token, self.num_bits_read
        value = self.expression()
        self.expect(")")
        if isinstance(value, int | float):
            return bool(value)
        if not isinstance(value, Word):
            raise self.error(
                "a condition is over measured bits; write if (c == 1), if (c[0]) or the like", token
            )
        condition = self.lowered(lambda: truth(value), token)
        if isinstance(condition, bool) and self.num_bits_read > before and not self.loops:
            self._remark(condition, token)
        return condition

    def _remark(self, condition: bool, token: Token) -> None:
        """Note a condition over bits that no measurement changes, such as 5 of two bits."""
        line = self.source.text.count("\n", 0, token.start) + 1
        often = "always" if condition else "never"
        remark = f"the condition in its line {line} is {often} true, whatever is measured"
        if remark not in self.out.remarks and len(self.out.remarks) < _MOST_REMARKS:
            self.out.remarks.append(remark)

    def lowered(self, make: Callable[[], Formula], token: Token) -> Condition | bool:
        try:
            condition = lowered(make())
        except UnfitError as error:
            raise self.error(str(error), token) from None
        if isinstance(condition, Condition):
            self.count(condition.size, token)
        return condition

    def read_if(self, token: Token) -> None:
        """Read ``if (condition) … else …``."""
        condition = self._condition()
        has_else = self.version == "3.0"
        if isinstance(condition, Condition):
            then = self.scope_apart()
            otherwise = self.scope_apart() if has_else and self.take("else") else []
            if then or otherwise:
                self.block.append(If(condition, then, otherwise))
            return
        (self.scope if condition else self.skip_statement)()
        if has_else and self.take("else"):
            (self.skip_statement if condition else self.scope)()

    # -- loops

    def again(self, start: int, token: Token) -> None:
        """Count what was read again since the token number `start`."""
        self.num_reread += self.at - start
        if self.num_reread > Limits.REREAD:
            raise self.error("this takes too long to write out; make fewer rounds or calls", token)

    @contextmanager
    def _loop(self, depth: int | None) -> Iterator[None]:
        """Jumps may leave within; `depth` is None for a loop that only a measurement ends."""
        self.loops.append(depth)
        try:
            yield
        finally:
            self.loops.pop()

    def _round(self, body: int, token: Token) -> bool:
        """Read a loop's body once; return False where it has left the loop."""
        self.at = body
        try:
            with self._loop(self.measured_depth):
                self.scope()
        except Jump as jump:
            if jump.kind not in ("break", "continue"):
                raise
            self.again(body, token)
            return jump.kind == "continue"
        self.again(body, token)
        return True

    def read_while(self, token: Token) -> None:
        """Read ``while (condition) …``."""
        start = self.at
        while (condition := self._condition()) is True:
            body, changes = self.at, self.num_changes
            self.count(0, token, 1)
            self.spend(body - start, token)
            if not self._round(body, token):
                break
            if changes == self.num_changes:
                raise self.error(
                    "this loop never ends; change in it what its condition reads", token
                )
            self.at = start
        else:
            body = self.at
        self.at = body
        if not isinstance(condition, Condition):
            self.skip_statement()
            return
        with self._loop(None):
            self.block.append(While(condition, self.scope_apart()))

    def read_for(self, token: Token) -> None:
        """Read ``for type name in values …``."""
        if self.tokens[self.at + 1].text == "in":
            raise self.error(f"write the type of '{self.token.text}': for int … in")
        kind, _ = self.type_name()
        if kind not in ("int", "uint"):
            raise self.error("only integers can be counted through", token)
        variable = self.name("the name of the loop's variable")
        self.check_name(variable)
        if self.name("'in'").text != "in":
            raise self.error("expected 'in'; write for int i in [0:2]", variable)
        values = self._loop_values(token)
        body = self.at
        for value in values:
            with self.own_names():
                self.declare(variable, value)
                if not self._round(body, token):
                    break
        self.at = body
        self.skip_statement()

    def _loop_values(self, token: Token) -> Sequence[int]:
        if self.take("{"):
            values = [self.integer("a loop's value")]
            while self.take(","):
                values.append(self.integer("a loop's value"))
            self.expect("}")
            self.count(0, token, len(values))
            return values
        self.expect("[", " or '{'")
        numbers = [self.integer("a loop's bound")]
        while self.take(":"):
            numbers.append(self.integer("a loop's bound"))
        self.expect("]")
        step = numbers[1] if len(numbers) == 3 else 1
        if len(numbers) not in (2, 3) or step == 0:
            raise self.error(
                "a loop's range is [first:last] or [first:step:last]; "
                "write one of them, with no step of 0",
                token,
            )
        rounds = range(numbers[0], numbers[-1] + (1 if step > 0 else -1), step)
        if len(rounds[: Limits.OPERATIONS + 1]) > Limits.OPERATIONS:
            raise self.error(
                f"more than {Limits.OPERATIONS} rounds are too many; make fewer", token
            )
        self.count(0, token, len(rounds))
        return rounds

    def read_jump(self, token: Token) -> None:
        """Leave a loop by ``break`` or ``continue``, or the circuit by ``end``."""
        self.expect(";")
        if token.text == "end":
            depth: int | None = 0
        elif not self.loops:
            raise self.error(f"'{token.text}' stands in no loop; take it out", token)
        else:
            depth = self.loops[-1]
        if depth is None or depth != self.measured_depth:
            raise self.error(
                f"'{token.text}' would depend on a measurement, which is not supported; "
                "put what follows under a condition",
                token,
            )
        raise Jump(token.text)

    def read_box(self, token: Token) -> None:
        """Read ``box { … }``: nothing is moved across its bounds."""
        if self.take("["):
            raise self.error("a box with a duration is not supported; leave [ … ] out", token)
        self.block.append(Barrier(self.everything()))
        self.scope()
        self.block.append(Barrier(self.everything()))
