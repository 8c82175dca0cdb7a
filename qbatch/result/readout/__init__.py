"""Numbers as they were before readout: what calibration circuits tell of the errors is undone.

A calibration prepares known bits and measures them. From its counts come the probabilities of
reading one thing where another was (`tensored`, `full`, `subspace`); with their inverse each
outcome of a point's shots has another worth, and the mended number is the mean of these
(`mending`). It need not lie where a probability can: see `mending`.
"""

from qbatch.result.readout.analysis import ENDING, mend_settings, mended_names

__all__ = [
    "ENDING",
    "MOST_FULL_BITS",
    "calibrations_of",
    "mend_settings",
    "mended_names",
]
