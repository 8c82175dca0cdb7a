"""Readout in which bits err by themselves: two circuits tell all of it, all bits 0 and all bits 1.

Of each bit there are two probabilities: that 1 is read where 0 was, and 0 where 1 was. The matrix
of all bits is the product of theirs, and so is its inverse: a product of bits keeps its form, with
other factors, and nothing of size 2ⁿ is ever made. The shots of the calibration are taken as they
are, bits that err together included: that the two circuits' shots tell all bits at once is in the
error, exactly. Bravyi et al., Phys. Rev. A 103, 042605 (2021), call it tensor product noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qbatch.result.counts import Counts
from qbatch.result.independent import Sample
from qbatch.result.readout.told import Told, UntoldError, sample_of
from qbatch.result.readout.worth import Product, Worth

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Bits = npt.NDArray[np.uint8]

#: A bit tells too little where 1 - P(1|0) - P(0|1) is not so many of its standard errors above 0.
TELLING = 5.0

#: Outcomes times products that are all looked at for the largest worth of one.
_MOST_LOOKED_AT = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Flips:
    """How often single bits were read wrongly in the two calibration circuits.

    Attributes:
        bits: Classical bits that are calibrated, ascending.
        zeros: Counts where all were 0.
        ones: Counts where all were 1.
        rates: P(1|0) and P(0|1) of each, shape (2, bits).
    """

    bits: Sequence[int]
    zeros: Counts
    ones: Counts
    rates: Floats

    @classmethod
    def of(cls, calibrations: Mapping[str, Counts]) -> Flips:
        """Read them off the counts, by what was prepared: ``000`` and ``111``, bit 0 rightmost.

        Raises:
            UntoldError: One of the two has no shots yet.
        """
        import numpy as np

        bits = sorted({bit for text in calibrations for bit in _ones(text)})
        zeros = next((c for text, c in calibrations.items() if not _ones(text)), None)
        ones = next((c for text, c in calibrations.items() if _ones(text) == bits), None)
        if zeros is None or ones is None or not (zeros.shots and ones.shots):
            raise UntoldError("the readout is not calibrated yet; it is once its circuits have run")
        rates = [
            [float(counts.counts @ (counts.bit(bit) != value)) / counts.shots for bit in bits]
            for value, counts in enumerate((zeros, ones))
        ]
        return cls(bits, zeros, ones, np.array(rates))

    def check(self, bits: Sequence[int]) -> None:
        """Refuse bits of which the readout tells too little.

        Raises:
            UntoldError: What was read hardly depends on what was prepared.
        """
        shots = (self.zeros.shots, self.ones.shots)
        for at, bit in enumerate(self.bits):
            if bit not in bits:
                continue
            lost = [float(rate) for rate in self.rates[:, at]]
            shares = [(p * n + 0.5) / (n + 1) for p, n in zip(lost, shots, strict=True)]
            error = sum(p * (1 - p) / n for p, n in zip(shares, shots, strict=True)) ** 0.5
            if 1 - sum(lost) < TELLING * error:
                raise UntoldError(
                    f"the readout of bit {bit} tells too little: a prepared 0 is read as 1 in "
                    f"{lost[0]:.1%}, a prepared 1 as 0 in {lost[1]:.1%} of the calibration's "
                    "shots; leave it out"
                )

    def samples(self, slopes: Floats) -> list[Sample]:
        """Return what shots of the two circuits are worth, less their mean.

        Args:
            slopes: Of a number, by P(1|0) and P(0|1) of each bit, shape (2, bits).
        """
        import numpy as np

        found = []
        for value, counts in enumerate((self.zeros, self.ones)):
            slope, mean = slopes[value], float(slopes[value] @ self.rates[value])
            worth = self._worth(slopes, value, counts)
            bounds = (float(slope.clip(max=0).sum()) - mean, float(slope.clip(min=0).sum()) - mean)
            if bounds[0] < bounds[1]:
                two = np.count_nonzero(slope) == 1
                found.append(sample_of(worth, counts, bounds, is_two_valued=bool(two)))
        return found

    def worth(self, slopes: Floats, prepared: str, counts: Counts) -> Floats:
        """See `Readout`."""
        return self._worth(slopes, 1 if _ones(prepared) else 0, counts)

    def _worth(self, slopes: Floats, value: int, counts: Counts) -> Floats:
        import numpy as np

        found = np.full(len(counts), -float(slopes[value] @ self.rates[value]))
        for each, bit in zip(slopes[value], self.bits, strict=True):
            found += each * (counts.bit(bit) != value)
        return found


def _ones(text: str) -> list[int]:
    """Classical bits that are prepared as 1."""
    return [bit for bit, letter in enumerate(reversed(text)) if letter == "1"]


@dataclass(frozen=True, slots=True, eq=False)
class Tensored:
    """Mends by the product of the bits' own inverses.

    Attributes:
        flips: From the calibration.
    """

    flips: Flips

    def mended(self, worth: Worth, counts: Counts) -> Told:
        """See `Readout`; slopes are by `Flips.rates`.

        Raises:
            UntoldError: A bit's readout tells too little.
        """
        import numpy as np

        bits, products = worth.bits, worth.products
        self.flips.check(bits)
        columns = {bit: counts.bit(bit) for bit in bits}
        values = np.zeros(len(counts))
        slopes = np.zeros_like(self.flips.rates)
        shares = counts.counts / counts.shots
        for product in products:
            values += self._add(product, columns, shares, slopes)

        def along() -> Floats:
            found = np.zeros_like(slopes)
            away = shares * (values - shares @ values) / counts.shots
            for product in products:
                self._add(product, columns, away, found)
            return found

        bounds, is_two_valued = self._reach(products, bits)
        sample = sample_of(values, counts, bounds, is_two_valued=is_two_valued)
        return Told(sample, slopes, along)

    def samples(self, slopes: Floats) -> list[Sample]:
        """See `Readout`."""
        return self.flips.samples(slopes)

    def worth(self, slopes: Floats, prepared: str, counts: Counts) -> Floats:
        """See `Readout`."""
        return self.flips.worth(slopes, prepared, counts)

    def _factors(self, bit: int, pair: tuple[complex, complex]) -> Any:
        """Mended worth of 0 and 1, and its slopes by P(1|0) and P(0|1); shape (3, 2).

        With A the bit's matrix and f its row, that is f A⁻¹, and -f A⁻¹ dA A⁻¹.
        """
        import numpy as np

        if bit not in self.flips.bits:  # it is never written
            return np.array([pair, (0, 0), (0, 0)])
        zero, one = (float(rate) for rate in self.flips.rates[:, self.flips.bits.index(bit)])
        rest = 1 - zero - one
        mended = (
            ((1 - one) * pair[0] - zero * pair[1]) / rest,
            (-one * pair[0] + (1 - zero) * pair[1]) / rest,
        )
        slope = (mended[0] - mended[1]) / rest
        return np.array(
            [mended, (slope * (1 - one), -slope * one), (slope * zero, -slope * (1 - zero))]
        )

    def _add(
        self, product: Product, columns: Mapping[int, Bits], shares: Floats, slopes: Floats
    ) -> Floats:
        """Return what outcomes are worth of a product, and add to the slopes of its mean."""
        import numpy as np

        bits = [*product.pairs]
        factors = [self._factors(bit, product.pairs[bit]) for bit in bits]
        worth = [each[0][columns[bit]] for bit, each in zip(bits, factors, strict=True)]
        before = [np.ones(len(shares))]
        for each in worth:
            before.append(before[-1] * each)
        after = product.factor * shares
        for bit, each, own, first in zip(
            reversed(bits), reversed(factors), reversed(worth), reversed(before[:-1]), strict=True
        ):
            if bit in self.flips.bits:
                others = first * after
                at = self.flips.bits.index(bit)
                slopes[:, at] += (each[1:, columns[bit]] @ others).real
            after = after * own
        found: Floats = np.asarray((product.factor * before[-1]).real, dtype=np.float64)
        return found

    def _reach(
        self, products: Sequence[Product], bits: Sequence[int]
    ) -> tuple[tuple[float, float], bool]:
        """Return the least and most that an outcome is worth, and whether there is no other."""
        import numpy as np

        if len(bits) < 17 and len(products) << len(bits) <= _MOST_LOOKED_AT:
            places = np.arange(1 << len(bits))
            values = np.zeros(len(places))
            for product in products:
                one = np.full(len(places), product.factor, dtype=complex)
                for bit, pair in product.pairs.items():
                    one *= self._factors(bit, pair)[0][places >> bits.index(bit) & 1]
                values += one.real
            return (float(values.min()), float(values.max())), len(bits) == 1
        ends = [self._ends(product) for product in products]
        return (sum(low for low, _ in ends), sum(high for _, high in ends)), False

    def _ends(self, product: Product) -> tuple[float, float]:
        """Return between what the real part of a product lies."""
        factors = [self._factors(bit, pair)[0] for bit, pair in product.pairs.items()]
        if product.factor.imag or any(each.imag.any() for each in factors):
            size = abs(product.factor) * math.prod(float(abs(each).max()) for each in factors)
            return -size, size
        low = high = product.factor.real
        for each in factors:
            ends = [end * float(worth) for end in (low, high) for worth in each.real]
            low, high = min(ends), max(ends)
        return low, high
