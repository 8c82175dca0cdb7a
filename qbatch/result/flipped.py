"""Outcomes of bits that were flipped just before they were measured: what they are worth.

Rules: counts stay as they were read. Where readout is mended, what was read of a flipped bit errs
as a 1 does where a 0 is meant; so what outcomes are worth is flipped, not the outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result.counts import Counts
from qbatch.result.readout.worth import Product, Worth

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float64]


def flipped_back(counts: Counts, flips: str) -> Counts:
    """Return counts with bits flipped.

    Args:
        counts: As they were read.
        flips: 1 for each bit that is flipped, bit 0 rightmost; "" of none.

    >>> flipped_back(Counts.from_dict([("c", 2)], {"00": 3, "01": 1}), "01").to_ints()
    {0: 1, 1: 3}
    """
    if "1" not in flips:
        return counts
    return Counts(counts.registers, _outcomes(counts, flips), counts.counts)


def _outcomes(counts: Counts, flips: str) -> Bytes:
    """Return the outcomes with bits flipped, where they stand."""
    import numpy as np

    mask = int(flips, 2).to_bytes(counts.outcomes.shape[1], "little")
    return counts.outcomes ^ np.frombuffer(mask, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Flipped:
    """What outcomes are worth some bits of which were flipped.

    Attributes:
        worth: Of outcomes without that.
        flips: As for `flipped_back`.
    """

    worth: Worth
    flips: str

    @property
    def bits(self) -> Sequence[int]:
        """Classical bits it goes by, ascending."""
        return self.worth.bits

    @property
    def products(self) -> Sequence[Product]:
        """See `Worth`."""
        return [
            replace(
                product,
                pairs={
                    bit: (pair[1], pair[0]) if self.flips[-1 - bit] == "1" else pair
                    for bit, pair in product.pairs.items()
                },
            )
            for product in self.worth.products
        ]

    def of(self, counts: Counts) -> Floats:
        """See `Worth`.

        Counts stand in the order of their outcomes, in which those that are flipped are not.
        """
        import numpy as np

        if "1" not in self.flips:
            return self.worth.of(counts)
        found = np.empty(len(counts))
        order = np.lexsort(_outcomes(counts, self.flips).T)  # by the last, highest, byte first
        found[order] = self.worth.of(flipped_back(counts, self.flips))
        return found
