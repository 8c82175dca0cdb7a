"""``switch``: known while reading, or a choice between blocks that a measurement makes."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from typing import NamedTuple

from qbatch.circuit.program import If, Operation
from qbatch.circuit.qasm.blocks import Blocks
from qbatch.circuit.qasm.conditions import Formula, UnfitError, Word, any_of, combine
from qbatch.circuit.qasm.operators import PER_BIT
from qbatch.circuit.qasm.tokens import Token


class Case(NamedTuple):
    """One case of a `switch`: where it is taken, and what it does."""

    taken: Formula
    body: list[Operation]


class Switches(Blocks, ABC):
    """Reads ``switch``."""

    def read_switch(self, token: Token) -> None:
        """Read ``switch (value) { case n, … { … } default { … } }``."""
        self.expect("(")
        start = self.token
        selector = self.expression()
        self.expect(")")
        if not isinstance(selector, int | Word):
            raise self.error("switch takes an integer or bits", start)
        self.expect("{")
        if isinstance(selector, Word):
            self._switch_measured(selector, token)
        else:
            self._switch_known(selector)

    def _case_values(self, seen: set[int]) -> list[int]:
        values: list[int] = []
        while not values or self.take(","):
            token = self.token
            value = self.expression()
            if isinstance(value, Word) and all(isinstance(bit, bool) for bit in value.bits):
                value = sum(bool(bit) << place for place, bit in enumerate(value.bits))
            if not isinstance(value, int):
                raise self.error("a case is an integer known beforehand; write a number", token)
            if value in seen:
                raise self.error(f"case {int(value)} is there twice; take one away", token)
            seen.add(value)
            values.append(value)
        return values

    def _cases(self, token: Token) -> Iterator[list[int] | None]:
        """Read up to each block's brace; the values of a case, or None for the default."""
        seen: set[int] = set()
        has_default = False
        while not self.take("}"):
            word = self.token
            if has_default:
                raise self.error("nothing can follow the default of a switch; put it last")
            if self.take("case"):
                yield self._case_values(seen)
            elif self.take("default"):
                has_default = True
                yield None
            else:
                raise self.error(f"expected 'case', 'default' or '}}', found {self.found}", word)
        if not seen:
            raise self.error("a switch needs a case", token)

    def _block_ahead(self) -> None:
        if self.token.text != "{":
            raise self.error(f"expected '{{', found {self.found}")

    def _switch_known(self, selector: int) -> None:
        taken = False
        for values in self._cases(self.token):
            self._block_ahead()
            if not taken and (values is None or selector in values):
                taken = True
                self.scope()
            else:
                self.skip_statement()

    def _switch_measured(self, selector: Word, token: Token) -> None:
        cases: list[Case] = []
        default: list[Operation] = []
        for values in self._cases(token):
            self._block_ahead()
            body = self.scope_apart()
            if values is None:
                default = body
                continue
            self.spend(PER_BIT * len(selector.bits) * len(values), token)
            try:
                tests = [combine("==", (selector, value)).bits[0] for value in values]
                cases.append(Case(any_of(tests), body))
            except UnfitError as error:
                raise self.error(str(error), token) from None
        self._choose([case for case in cases if case.taken is not False], default, token)

    def _choose(self, cases: list[Case], default: list[Operation] | None, token: Token) -> None:
        """Append the choice between cases; a `default` of None: one of them is taken for sure.

        Halved again and again, so that many cases are not nested in one another.
        """
        if not cases or (len(cases) == 1 and default is None):
            self.block.extend(cases[0].body if cases else default or [])
            return
        half = (len(cases) + 1) // 2
        condition = self.lowered(lambda: any_of(case.taken for case in cases[:half]), token)
        outer = self.block
        then: list[Operation] = []
        otherwise: list[Operation] = []
        self.block = then
        self._choose(cases[:half], None, token)
        self.block = otherwise
        self._choose(cases[half:], default, token)
        self.block = outer
        if isinstance(condition, bool):
            self.block.extend(then if condition else otherwise)
        elif then or otherwise:
            self.block.append(If(condition, then, otherwise))
