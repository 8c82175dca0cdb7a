"""Observables over Z and I: what is written, what it is worth on each outcome, how large it can be.

Notation: terms joined by ``+`` and ``-``; a term is a coefficient, a product of ``Z<bit>``, or
both: ``3 - 0.5 Z0 Z1 - 0.5*Z1*Z2``. Coefficients are numbers, fractions (``1/3``), ``pi`` and
``sqrt(2)``; a product may be divided by a number (``Z0/2``), and parentheses are multiplied out
(``(Z0 + Z1)/2``, ``2 (Z0 - Z1)``, ``(1 + Z0)(1 + Z1)/4``). `Z2` is classical bit 2, counted through
the registers in the order declared; `Z(b[0])` is bit 0 of register b, ``parity(b)`` and
``parity(all)`` the products over a register and over all bits, ``weight(b)`` and ``weight(all)``
how many of them are 1; `I2` is 1. Equal terms are added up, ``Z0 Z0`` is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result.bounds import Reach, reach_of
from qbatch.result.expression import read_sum

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.result.counts import Counts


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
        text: ``Z0 Z1``, ``3 - 0.5 Z0 Z1 - 0.5 Z1 Z2``, ``(Z0 + Z1)/2``.
        num_bits: Classical bits of the circuit.
        registers: (name, num_bits), declared order.

    Raises:
        NotationError: It cannot be read, or names a bit that the circuit does not have.
    """
    sums = read_sum(text, num_bits, registers)
    constant = sums.pop((), 0.0)
    terms = tuple((sums[product], product) for product in sorted(sums) if sums[product])
    return Observable(text, constant, terms)
