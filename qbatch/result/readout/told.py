"""What the counts of one setting tell of a number once readout is mended.

How a number errs is told to first order in the shots: it is a mean over the setting's own shots,
plus a mean over the shots of each calibration circuit, which are independent of them and of each
other. What calibrations add is linear in *slopes*: an array for all circuits, which add up over
the settings that a number is made of, for these share the calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from qbatch.frozen import dataclass
from qbatch.result.counts import Counts
from qbatch.result.independent import Sample
from qbatch.result.readout.worth import Worth

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class UntoldError(ValueError):
    """A mended number cannot be had: the message says why, and how it could be."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one setting tells.

    Attributes:
        sample: What its shots are worth, mended.
        slopes: How the mean moves with what is known of the readout; see the method.
        along: Makes the covariance of slopes and mean, by the setting's shots.
    """

    sample: Sample
    slopes: Floats
    along: Callable[[], Floats]


class Readout(Protocol):
    """What calibration circuits have told, by one of the methods."""

    def mended(self, worth: Worth, counts: Counts) -> Told:
        """Mend what the outcomes of a setting are worth.

        Raises:
            UntoldError: The calibration does not tell it.
        """

    def samples(self, slopes: Floats) -> list[Sample]:
        """Return what calibration shots are worth to a number, less their mean."""

    def worth(self, slopes: Floats, prepared: str, counts: Counts) -> Floats:
        """Return what some shots of a calibration circuit are worth to a number, by outcome.

        Less the mean over all shots of that circuit.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """How a mended number moves with what is known of the readout.

    Attributes:
        readout: What is known.
        slopes: How fast, as that has them.
        turns: How fast slopes grow with the number where its own shots had come out otherwise.
    """

    readout: Readout
    slopes: Floats
    turns: Floats

    @classmethod
    def of(cls, readout: Readout, parts: Iterable[tuple[float, Told]]) -> Moves:
        """Add up parts of one number or more, each with its weight."""
        weighed = [*parts]
        first = weighed[0][1].slopes
        slopes = sum((weight * each.slopes for weight, each in weighed), start=0.0 * first)
        along = sum((weight**2 * each.along() for weight, each in weighed), start=0.0 * first)
        own = sum(weight**2 * each.sample.squared_error for weight, each in weighed)
        return cls(readout, slopes, along / own if own else 0.0 * along)


def sample_of(
    values: Floats, counts: Counts, bounds: tuple[float, float], *, is_two_valued: bool = False
) -> Sample:
    """Make a sample of what each outcome is worth."""
    import numpy as np

    distinct, places = np.unique(values.clip(*bounds), return_inverse=True)
    shots = np.bincount(places, counts.counts, len(distinct)).astype(np.int64)
    return Sample(distinct, shots, bounds, is_two_valued)
