"""Observables over Z and I: what is written, what it is worth on each outcome, how large it can be.

Notation: terms joined by ``+`` and ``-``; a term is a coefficient, a product of ``Z<bit>``, or
both: ``3 - 0.5 Z0 Z1 - 0.5*Z1*Z2``. Coefficients are numbers or fractions (``1/3``). `Z2` is
classical bit 2, counted through the registers in the order declared; `I2` is 1. Equal terms are
added up, ``Z0 Z0`` is 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from qbatch.result.bounds import Reach, reach_of
from qbatch.result.notation import NotationError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.result.counts import Counts

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?)"
    r"|(?P<pauli>[A-Za-z])\s*_?(?P<bit>\d{1,9})"
    r"|(?P<sign>[+\-−])|(?P<times>[*·]))"
)
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Observable:
    """A real sum of products of Z.

    Attributes:
        text: As written.
        constant: Coefficient of the identity.
        terms: (coefficient, ascending classical bits) of each product, distinct, in order of bits.
    """

    text: str
    constant: float
    terms: tuple[tuple[float, tuple[int, ...]], ...]

    @property
    def bits(self) -> tuple[int, ...]:
        """Classical bits it reads, ascending."""
        return tuple(sorted({bit for _, product in self.terms for bit in product}))

    @property
    def bounds(self) -> tuple[float, float]:
        """No outcome is worth less than the first or more than the second.

        Attained wherever that can be found out (see `qbatch.result.bounds`); else the sum of the
        coefficients' sizes, which may be too wide, never too narrow.
        """
        reach = self.reach
        return self.constant + reach.low, self.constant + reach.high

    @property
    def reach(self) -> Reach:
        """What it can be worth, without its constant."""
        return _reach_of(self.terms)

    def values(self, counts: Counts) -> npt.NDArray[np.float64]:
        """What each outcome is worth, shape (k,), in the order of `counts.outcomes`."""
        return _worth(self, {bit: counts.bit(bit) for bit in self.bits}, len(counts))


def _worth(
    observable: Observable, columns: Mapping[int, npt.NDArray[np.uint8]], k: int
) -> npt.NDArray[np.float64]:
    """What `k` outcomes are worth, given each bit that is read as a column of 0 and 1."""
    import numpy as np

    total = np.full(k, observable.constant)
    for coefficient, product in observable.terms:
        parity = columns[product[0]]
        for bit in product[1:]:
            parity = parity ^ columns[bit]
        total += coefficient * (1.0 - 2.0 * parity)
    return total


_reach_of = lru_cache(maxsize=4096)(reach_of)


@lru_cache(maxsize=4096)
def parse_observable(
    text: str, num_bits: int, registers: tuple[tuple[str, int], ...] = ()
) -> Observable:
    """Read an observable.

    Args:
        text: ``Z0 Z1``, ``3 - 0.5 Z0 Z1 - 0.5 Z1 Z2``.
        num_bits: Classical bits of the circuit.
        registers: (name, num_bits), declared order; only for the words of the error.

    Raises:
        NotationError: It cannot be read, or names a bit that the circuit does not have.
    """
    if len(text) > _LONGEST:
        raise NotationError(f"{len(text)} characters are too many; write {_LONGEST} or fewer")
    sums: dict[tuple[int, ...], float] = {}
    for coefficient, product in _terms(text, num_bits, registers):
        sums[product] = sums.get(product, 0.0) + coefficient
    constant = sums.pop((), 0.0)
    terms = tuple((sums[product], product) for product in sorted(sums) if sums[product])
    return Observable(text, constant, terms)


def _terms(
    text: str, num_bits: int, registers: Sequence[tuple[str, int]]
) -> Iterator[tuple[float, tuple[int, ...]]]:
    sign, coefficient, product, is_open = 1.0, 1.0, set[int](), False
    after: str | None = None
    for kind, token, column in _tokens(text):
        if kind == "sign":
            if is_open:
                yield sign * coefficient, tuple(sorted(product))
            elif after == "sign":
                raise NotationError(f"a term is missing before {token!r}", column)
            sign, coefficient, product, is_open = 1.0 if token == "+" else -1.0, 1.0, set(), False
        elif kind == "times":
            if not is_open or after == "times":
                raise NotationError(f"a factor is missing before {token!r}", column)
        elif kind == "number":
            if is_open and after != "times":
                raise NotationError(f"{token!r} needs + or - before it", column)
            coefficient, is_open = coefficient * _coefficient(token, column), True
        else:
            product ^= _factor(token, column, num_bits, registers)
            is_open = True
        after = kind
    if not is_open or after == "times":
        problem = "something must follow here" if after else "an observable is missing"
        raise NotationError(f"{problem}; write for example Z0 Z1", len(text) + 1)
    yield sign * coefficient, tuple(sorted(product))


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, token, 1-based column) of each token."""
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            raise NotationError(_strange(text[column - 1 :]), column)
        kind = "pauli" if match["pauli"] else str(match.lastgroup)
        yield kind, match[0].strip(), match.end() - len(match[0].lstrip()) + 1
        at = match.end()


def _strange(rest: str) -> str:
    if rest[0] in "zZiI":
        return f"{rest[0]!r} needs the number of a classical bit, as in Z0"
    if rest[0] in "xXyY":
        return _only_z(rest[0])
    return f"{rest[0]!r} is not understood; write for example 3 - 0.5 Z0 Z1"


def _only_z(pauli: str) -> str:
    return (
        f"{pauli!r}: counts tell Z and I only; "
        f"rotate the qubit in the circuit before its measurement and write Z"
    )


def _coefficient(token: str, column: int) -> float:
    top, _, bottom = token.partition("/")
    if bottom and not float(bottom):
        raise NotationError(f"{token!r} divides by zero", column)
    return float(top) / float(bottom or 1)


def _factor(
    token: str, column: int, num_bits: int, registers: Sequence[tuple[str, int]]
) -> set[int]:
    pauli, bit = token[0], int(token[1:].strip(" _\t\n"))
    if pauli in "xXyY":
        raise NotationError(_only_z(token), column)
    if pauli not in "ZI":
        hint = f"; did you mean {pauli.upper()}{bit}?" if pauli in "zi" else ""
        raise NotationError(f"{token!r} is no Pauli over Z and I{hint}", column)
    if bit >= num_bits:
        raise NotationError(f"{token!r}: {_layout(num_bits, registers)}", column)
    return {bit} if pauli == "Z" else set()


def _layout(num_bits: int, registers: Sequence[tuple[str, int]]) -> str:
    """Say which classical bits there are."""
    words, start = [], 0
    for name, size in registers:
        words.append(f"{name} has {start}" + (f" to {start + size - 1}" if size > 1 else ""))
        start += size
    where = f" ({', '.join(words)})" if words else ""
    if num_bits == 1:
        return f"the circuit has the one classical bit 0{where}"
    return f"the circuit has the classical bits 0 to {num_bits - 1}{where}"
