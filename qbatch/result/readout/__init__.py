"""Numbers as they were before readout: what calibration circuits tell of the errors is undone.

A calibration prepares known bits and measures them. From its counts come the probabilities of
reading one thing where another was (`tensored`, `full`, `subspace`); with their inverse each
outcome of a point's shots has another worth, and the mended number is the mean of these
(`mending`). It need not lie where a probability can: see `mending`.
"""

from qbatch.result.readout.analysis import ENDING, Mended, mend_settings, moves_of_mended
from qbatch.result.readout.methods import MOST_FULL_BITS, calibrations_of
from qbatch.result.readout.told import Moves

__all__ = [
    "ENDING",
    "MOST_FULL_BITS",
    "Mended",
    "Moves",
    "calibrations_of",
    "mend_settings",
    "moves_of_mended",
]
