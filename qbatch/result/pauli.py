"""Sums of products of Paulis on classical bits, such as ``0.5 X0 - Z(a[0]) Y1``.

`X0` speaks, as `Z0` does, of classical bit 0: of the qubit whose final measurement writes it. The
language is that of `qbatch.result.expression`, with X and Y beside Z. Paulis of one bit multiply:
``X0 X0`` is 1, ``X0 Y0`` is i Z0, and ``X0 Y0 Z0`` is i. What is measured is real, so that a sum of
which a coefficient is not is refused; ``X0 Y0 + Y0 X0`` is 0.

While a sum is read, a product is written as ascending numbers: 2b stands for Z of bit b, 2b + 1 for
X of bit b, and -1 for the imaginary unit. Their order is from left to right X, then Z on each bit,
and X Z is -i Y.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import ClassVar

from qbatch.frozen import dataclass
from qbatch.result.expression import SumReader, read_at_once, read_sum
from qbatch.result.notation import NotationError
from qbatch.result.written import MOST_TERMS, Term

_I = -1


@dataclass(frozen=True, slots=True)
class PauliSum:
    """A real sum of products of Paulis.

    Attributes:
        terms: Product -> its coefficient, products in order of their bits and letters; the
            coefficient of () is the constant. What cancels is left out.

    Raises:
        NotationError: There are more than `MOST_TERMS` terms.
    """

    terms: Mapping[Term, float]

    def __post_init__(self) -> None:
        check_size(len(self.terms))

    def __hash__(self) -> int:
        return hash(tuple(self.terms.items()))

    @property
    def is_z_only(self) -> bool:
        """Whether counts of the circuit as it is written are all that it needs."""
        return all(letter == "Z" for term in self.terms for _, letter in term)

    @property
    def constant(self) -> float:
        """Coefficient of the identity."""
        return self.terms.get((), 0.0)

    @property
    def bits(self) -> tuple[int, ...]:
        """Classical bits it reads, ascending."""
        return tuple(sorted({bit for term in self.terms for bit, _ in term}))


def check_size(num_terms: int) -> None:
    """Refuse a sum that is too long."""
    if num_terms > MOST_TERMS:
        said = f"{num_terms:,} terms are too many; qbatch takes {MOST_TERMS:,}"
        raise NotationError(f"{said}: leave out those that weigh least")


def from_terms(terms: Mapping[Term, float]) -> PauliSum:
    """Make a sum of terms in any order; those with coefficient 0 are left out."""
    kept = [(term, float(found)) for term, found in terms.items() if found]
    return PauliSum(dict(sorted(kept)))


def write_term(term: Term) -> str:
    """Write a product as it is read: ``X0 Y1``; the identity is 1."""
    return " ".join(f"{letter}{bit}" for bit, letter in term) or "1"


def write_sum(whole: PauliSum) -> str:
    """Write a sum as `parse_pauli` reads it, to the last digit: ``- 0.5 X0 Y1 + 2``."""
    told = [
        f"{'-' if found < 0 else '+'} {abs(found)!r}{f' {write_term(term)}' if term else ''}"
        for term, found in whole.terms.items()
    ]
    return " ".join(told) or "0"


@lru_cache(maxsize=1024)
def parse_pauli(text: str, num_bits: int, registers: tuple[tuple[str, int], ...] = ()) -> PauliSum:
    """Read a sum of products of X, Y and Z.

    What `parse_observable` takes is taken, with the same coefficients.

    Args:
        text: ``X0 Y1``, ``0.5 X0 - Z(a[0]) Y1``, ``(X0 + Z0)/sqrt(2)``.
        num_bits: Classical bits of the circuit.
        registers: (name, num_bits), declared order.

    Raises:
        NotationError: It cannot be read, names a bit that the circuit does not have, has a
            coefficient that is not real, or too many terms.
    """
    if not re.search("[XYxy]", text.replace("parity", "")):
        with suppress(NotationError):  # it is told below, by what may be written here
            sums = read_sum(text, num_bits, registers)
            return from_terms({tuple((bit, "Z") for bit in bits): c for bits, c in sums.items()})
    if found := read_at_once(text, num_bits, registers):
        return from_terms(found)
    return _Reader(text, num_bits, registers).pauli_sum()


class _Reader(SumReader):
    """Reads X and Y too; see the head of this module for how products are written."""

    paulis: ClassVar[str] = "XYZI"

    def __init__(self, text: str, num_bits: int, registers: Sequence[tuple[str, int]]) -> None:
        super().__init__(text, num_bits, registers)
        #: Product -> column of the first part of the whole sum that has it.
        self._columns: dict[tuple[int, ...], int] = {}

    def pauli_sum(self) -> PauliSum:
        found: dict[Term, float] = {}
        for product, coefficient in self.whole().items():
            term, is_real, sign = _read(product)
            if coefficient and not is_real:
                raise NotationError(
                    f"this makes {sign * coefficient:g}i {write_term(term)}, and what is measured "
                    "is real; write one Pauli for each bit of a product",
                    self._columns[product],
                )
            found[term] = sign * coefficient
        return from_terms(found)

    def product(self, depth: int) -> dict[tuple[int, ...], float]:
        column = self.next[2]
        found = super().product(depth)
        if depth == 0:
            for product in found:
                self._columns.setdefault(product, column)
        return found

    def one(self, pauli: str, bits: Sequence[int]) -> tuple[int, ...]:
        if pauli == "Y":  # i X Z
            return (_I, *(number for bit in bits for number in (2 * bit, 2 * bit + 1)))
        if pauli == "I":
            return ()
        return tuple(2 * bit + (pauli == "X") for bit in bits)

    def multiplied(
        self, first: tuple[int, ...], second: tuple[int, ...]
    ) -> tuple[float, tuple[int, ...]]:
        left, right = {*first}, {*second}
        # Z of the first goes past X of the second: - for each bit that has both; and i i is -1.
        swaps = sum(number + 1 in right for number in left if number >= 0 and not number & 1)
        swaps += _I in left and _I in right
        return -1.0 if swaps & 1 else 1.0, tuple(sorted(left ^ right))


def _read(product: tuple[int, ...]) -> tuple[Term, bool, float]:
    """Tell a product's Paulis, whether its factor is real, and that factor's sign.

    The factor is ``sign`` where it is real, else ``sign`` times i.
    """
    numbers = {*product} - {_I}
    letters: list[tuple[int, str]] = []
    for bit in sorted({number >> 1 for number in numbers}):
        has_z, has_x = 2 * bit in numbers, 2 * bit + 1 in numbers
        letters.append((bit, "Y" if has_x and has_z else "X" if has_x else "Z"))
    # X Z = -i Y = i³ Y
    power = (_I in product) + 3 * sum(letter == "Y" for _, letter in letters)
    return tuple(letters), power % 2 == 0, -1.0 if power % 4 >= 2 else 1.0
