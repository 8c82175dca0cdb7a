"""Readout mended among the outcomes that were seen: matrix-free measurement mitigation, M3.

As Nation, Kang, Sundaresan and Gambetta (PRX Quantum 2, 040326 (2021)) do: bits err by themselves,
the matrix is taken between outcomes that came at least once, its columns are made to add up to 1
again, and the equations are solved there. The quasi-probabilities so found add up to 1; those that
are negative are kept, for they are what makes means of them right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.result.counts import Counts
from qbatch.result.independent import Sample
from qbatch.result.readout.tensored import Flips
from qbatch.result.readout.told import Told, UntoldError, sample_of
from qbatch.result.readout.worth import Worth

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Outcomes between which the equations are solved, at most.
MOST_OUTCOMES = 2048

#: Rates are taken between this and 1 less this: what is divided by them is multiplied again.
_LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Subspace:
    """Mends among the outcomes that were seen.

    Attributes:
        flips: From the calibration.
    """

    flips: Flips

    def mended(self, worth: Worth, counts: Counts) -> Told:
        """See `Readout`; slopes are by `Flips.rates`.

        Raises:
            UntoldError: A bit's readout tells too little, or there are too many outcomes.
        """
        import numpy as np

        self.flips.check(self.flips.bits)
        if len(counts) > MOST_OUTCOMES:
            raise UntoldError(
                f"{len(counts)} different outcomes are more than the {MOST_OUTCOMES} that mthree "
                "is solved for; write method: tensored"
            )
        joint = self._matrix(counts)
        matrix = joint / joint.sum(axis=0)
        try:
            mended = np.linalg.solve(matrix.T, worth.of(counts))
            true = np.linalg.solve(matrix, counts.counts / counts.shots)
        except np.linalg.LinAlgError as error:
            raise UntoldError(
                "the equations of mthree cannot be solved for these counts; "
                "use another readout method"
            ) from error
        least, most = float(mended.min()), float(mended.max())
        wanted = worth.of(counts)
        bounds = (min(least, float(wanted.min())), max(most, float(wanted.max())))
        sample = sample_of(mended, counts, bounds)

        def along() -> Floats:
            shares = counts.counts / counts.shots
            away = np.linalg.solve(matrix, shares * (mended - shares @ mended) / counts.shots)
            return self._slopes(counts, joint, mended, away)

        return Told(sample, self._slopes(counts, joint, mended, true), along)

    def samples(self, slopes: Floats) -> list[Sample]:
        """See `Readout`."""
        return self.flips.samples(slopes)

    def worth(self, slopes: Floats, prepared: str, counts: Counts) -> Floats:
        """See `Readout`."""
        return self.flips.worth(slopes, prepared, counts)

    def _matrix(self, counts: Counts) -> Floats:
        """Probability of reading each outcome where each other was; columns do not add up to 1."""
        import numpy as np

        found = np.ones((len(counts), len(counts)))
        for at, bit in enumerate(self.flips.bits):
            zero, one = self.flips.rates[:, at].clip(_LEAST, 1 - _LEAST)
            own = np.array([[1 - zero, one], [zero, 1 - one]])
            column = counts.bit(bit)
            found *= own[column[:, None], column[None, :]]
        return found

    def _slopes(self, counts: Counts, joint: Floats, mended: Floats, true: Floats) -> Floats:
        """How the mean moves: -g d(A/S) x, with S the sums of A's columns."""
        import numpy as np

        sums = joint.sum(axis=0)
        weights = true / sums
        slopes = np.zeros_like(self.flips.rates)
        mean = mended @ (joint / sums)
        for at, bit in enumerate(self.flips.bits):
            column = counts.bit(bit)
            for value in (0, 1):
                rate = float(self.flips.rates[value, at].clip(_LEAST, 1 - _LEAST))
                was = column == value
                relative = np.where(column[:, None] == value, -1 / (1 - rate), 1 / rate)
                moved = joint * relative
                moved[:, ~was] = 0.0
                slopes[value, at] = -float((mended @ moved - mean * moved.sum(axis=0)) @ weights)
        return slopes
