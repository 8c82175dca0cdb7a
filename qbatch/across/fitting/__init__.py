"""Curves fitted to points: where to begin, how points weigh, and how one is fitted.

starts      where to begin, from the points
repetitions how points of the same randomised forms depend on one another
weighing    how much each point weighs
errors      covariance, and how probable so large a χ² is
solving     values, intervals, and how well the curve fits

Which curves there are, `qbatch.curves` has. Nothing here knows of runs or manifests.
"""

from __future__ import annotations

from qbatch.across.fitting.solving import POOR, NoFitError, Solution, fit
from qbatch.across.fitting.weighing import Data, data_of

__all__ = [
    "POOR",
    "Data",
    "NoFitError",
    "Solution",
    "data_of",
    "fit",
]
