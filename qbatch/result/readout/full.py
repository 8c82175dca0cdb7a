"""Readout in which bits may err together: each outcome is prepared, and what is read is counted.

Column t of the matrix A is how often each outcome was read where t was prepared. A number
Σ f(t) x(t) over the true distribution x = A⁻¹ p is the mean of g = f A⁻¹ over the shots. Where A is
known from counts it moves by -g dA x, and the columns are independent multinomial samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.result.counts import Counts
from qbatch.result.independent import Sample
from qbatch.result.readout.told import Told, UntoldError, sample_of
from qbatch.result.readout.worth import Worth

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Places = npt.NDArray[np.intp]

#: The matrix tells too little where its smallest singular value is not so many times as large as
#: what its shots leave open of it: errors of √(Σ var/2ⁿ) make a matrix of twice that norm.
TELLING = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Full:
    """Mends by the inverse of the whole matrix.

    Attributes:
        bits: Classical bits that are calibrated, ascending.
        columns: Counts of each prepared outcome, by its place.
        matrix: Read, prepared -> share, shape (2ⁿ, 2ⁿ).
    """

    bits: Sequence[int]
    columns: Sequence[Counts]
    matrix: Floats

    @classmethod
    def of(cls, calibrations: Mapping[str, Counts]) -> Full:
        """Read the matrix off the counts, by what was prepared.

        Raises:
            UntoldError: A circuit has no shots yet, or the matrix can hardly be inverted.
        """
        import numpy as np

        prepared = {
            text: [bit for bit, letter in enumerate(reversed(text)) if letter == "1"]
            for text in calibrations
        }
        bits = sorted({bit for ones in prepared.values() for bit in ones})
        size = 1 << len(bits)
        by_place = {
            sum(1 << bits.index(bit) for bit in ones): calibrations[text]
            for text, ones in prepared.items()
            if calibrations[text].shots
        }
        if len(by_place) < size:
            told = f"{len(by_place)} of {size} circuits are measured"
            raise UntoldError(f"the readout is not calibrated yet: {told}; it is once all have run")
        columns = [by_place[place] for place in range(size)]
        matrix = np.zeros((size, size))
        for place, counts in enumerate(columns):
            np.add.at(matrix[:, place], _places(counts, bits), counts.counts / counts.shots)
        shots = min(counts.shots for counts in columns)
        spread = float(np.sqrt((matrix * (1 - matrix)).sum() / shots / size))
        least = float(np.linalg.svd(matrix, compute_uv=False)[-1])
        if least < max(1e-6, TELLING * spread):
            raise UntoldError(
                "the readout tells too little: its matrix can hardly be inverted (smallest "
                f"singular value {least:.2g}, known to {spread:.2g}); calibrate with more shots"
            )
        return cls(bits, columns, matrix)

    def mended(self, worth: Worth, counts: Counts) -> Told:
        """See `Readout`; slopes[t, o] is by how often o is read where t was prepared."""
        import numpy as np

        size = len(self.columns)
        wanted = np.zeros(size)
        outcomes = [self._outcome(place) for place in range(size)]
        every = Counts.from_ints(counts.registers, outcomes, [1] * size)
        wanted[_places(every, self.bits)] = worth.of(every)
        mended = np.linalg.solve(self.matrix.T, wanted).astype(np.float64)
        places = _places(counts, self.bits)
        shares = np.bincount(places, counts.counts / counts.shots, size)
        true = np.linalg.solve(self.matrix, shares)
        bounds = (float(mended.min()), float(mended.max()))
        two = len(self.bits) == 1
        sample = sample_of(mended[places], counts, bounds, is_two_valued=two)

        def along() -> Floats:
            away = shares * (mended - shares @ mended) / counts.shots
            return -np.outer(np.linalg.solve(self.matrix, away), mended)

        return Told(sample, -np.outer(true, mended), along)

    def samples(self, slopes: Floats) -> list[Sample]:
        """See `Readout`."""
        found = []
        for place, counts in enumerate(self.columns):
            slope = slopes[place]
            mean = float(slope @ self.matrix[:, place])
            bounds = (float(slope.min()) - mean, float(slope.max()) - mean)
            if bounds[0] < bounds[1]:
                values = slope[_places(counts, self.bits)] - mean
                found.append(sample_of(values, counts, bounds, is_two_valued=len(slope) == 2))
        return found

    def worth(self, slopes: Floats, prepared: str, counts: Counts) -> Floats:
        """See `Readout`."""
        letters = prepared[::-1]
        place = sum(1 << at for at, bit in enumerate(self.bits) if letters[bit] == "1")
        found: Floats = slopes[place][_places(counts, self.bits)]
        return found - float(slopes[place] @ self.matrix[:, place])

    def _outcome(self, place: int) -> int:
        return sum(1 << bit for at, bit in enumerate(self.bits) if place >> at & 1)


def _places(counts: Counts, bits: Sequence[int]) -> Places:
    """Place of each outcome among the 2ⁿ that some bits have."""
    import numpy as np

    found = np.zeros(len(counts), dtype=np.intp)
    for at, bit in enumerate(bits):
        found |= counts.bit(bit).astype(np.intp) << at
    return found
