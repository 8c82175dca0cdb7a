"""What outcomes are worth, as a sum of products with one factor for each bit.

A product of Z has the factors 1 and -1, an outcome that must have certain bits the factors 0 and 1.
How many of some bits are 1 is a sum of products, too, by the discrete Fourier transform: with
w = exp(2 πi/(m + 1)), the weight of m bits is k where 1/(m + 1) Σᵣ w^(-rk) Πⱼ w^(r bⱼ) is 1, and
that sum is 0 elsewhere.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from qbatch.frozen import dataclass
from qbatch.result.counts import Counts
from qbatch.result.notation import NotationError
from qbatch.result.observable import Observable
from qbatch.result.pattern import Ones, Outcomes, matches_of, parse_pattern

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Products of one number; a pattern that joins more outcomes is refused.
MOST_PRODUCTS = 4096

#: Worth of 0 and of 1.
Pair = tuple[complex, complex]


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    Attributes:
        factor: What it is multiplied by.
        pairs: Classical bit -> what 0 and 1 are worth.
    """

    factor: complex
    pairs: Mapping[int, Pair]


class Worth(Protocol):
    """What each outcome is worth."""

    @property
    def bits(self) -> Sequence[int]:
        """Classical bits it goes by, ascending."""

    @property
    def products(self) -> Sequence[Product]:
        """The same as products, of which the real parts are added up."""

    def of(self, counts: Counts) -> Floats:
        """Return what each outcome is worth, shape (k,), in the order of `counts.outcomes`."""


@dataclass(frozen=True, slots=True)
class OfObservable:
    """A sum of products of Z."""

    observable: Observable

    @property
    def bits(self) -> Sequence[int]:
        """Classical bits it goes by, ascending."""
        return self.observable.bits

    @property
    def products(self) -> Sequence[Product]:
        """See `Worth`."""
        constant = self.observable.constant
        first = [Product(constant, {})] if constant else []
        return first + [
            Product(found, dict.fromkeys(bits, (1.0, -1.0)))
            for found, bits in self.observable.terms
        ]

    def of(self, counts: Counts) -> Floats:
        """See `Worth`."""
        return self.observable.values(counts)


@dataclass(frozen=True, slots=True)
class OfPattern:
    """1 where an outcome fits a pattern, else 0."""

    pattern: str
    registers: tuple[tuple[str, int], ...]

    @property
    def bits(self) -> Sequence[int]:
        """Classical bits it goes by, ascending."""
        return sorted({bit for product in self.products for bit in product.pairs})

    @property
    def products(self) -> Sequence[Product]:
        """See `Worth`."""
        return _products_of(self.pattern, self.registers)

    def of(self, counts: Counts) -> Floats:
        """See `Worth`."""
        return matches_of(counts, self.pattern).astype(float)


@lru_cache(maxsize=256)
def _products_of(pattern: str, registers: tuple[tuple[str, int], ...]) -> Sequence[Product]:
    """Write a pattern as products; what ``|`` joins by inclusion and exclusion.

    Raises:
        NotationError: It does not fit the registers, or makes too many products.
    """
    signed: list[tuple[int, Outcomes]] = []
    for outcomes in parse_pattern(pattern, registers):
        both = [(-sign, _joint(each, outcomes)) for sign, each in signed]
        signed += [(1, outcomes), *((sign, each) for sign, each in both if each is not None)]
        _check_size(pattern, len(signed))
    found = [product for sign, each in signed for product in _expanded(each, sign)]
    _check_size(pattern, len(found))
    return tuple(found)


def _check_size(pattern: str, size: int) -> None:
    if size > MOST_PRODUCTS:
        raise NotationError(
            f"{pattern!r} makes {size} products of bits, and readout is mended for at most "
            f"{MOST_PRODUCTS}; join fewer outcomes"
        )


def _joint(one: Outcomes, other: Outcomes) -> Outcomes | None:
    """Return what fits both; None where they ask a bit to be both 0 and 1."""
    if any(other.bits.get(bit, value) != value for bit, value in one.bits.items()):
        return None
    return Outcomes({**one.bits, **other.bits}, (*one.ones, *other.ones))


def _expanded(outcomes: Outcomes, sign: int) -> Iterable[Product]:
    fixed = {bit: (float(not value), float(value)) for bit, value in outcomes.bits.items()}
    found = [Product(float(sign), fixed)]
    for condition in outcomes.ones:
        found = [_times(one, each) for one in found for each in _of_ones(condition)]
    return found


def _times(one: Product, other: Product) -> Product:
    pairs = dict(one.pairs)
    for bit, (zero, ones) in other.pairs.items():
        before = pairs.get(bit, (1.0, 1.0))
        pairs[bit] = (before[0] * zero, before[1] * ones)
    return Product(one.factor * other.factor, pairs)


def _of_ones(condition: Ones) -> list[Product]:
    """Write a condition on how many of some bits are 1; a parity as (1 ± Z…Z)/2."""
    bits = condition.bits
    if condition.is_parity:
        sign = -1.0 if condition.number else 1.0
        return [Product(0.5, {}), Product(0.5 * sign, dict.fromkeys(bits, (1.0, -1.0)))]
    turns = len(bits) + 1
    weights = [weight for weight in range(turns) if condition.holds(weight)]
    found = []
    for turn in range(turns):
        angle = 2 * math.pi * turn / turns
        factor = sum(cmath.exp(-1j * angle * weight) for weight in weights) / turns
        pairs = dict.fromkeys(bits, (1.0 + 0j, cmath.exp(1j * angle))) if turn else {}
        found.append(Product(factor, pairs))
    return found
