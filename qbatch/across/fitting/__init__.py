"""Curves fitted to points: where to begin, how points weigh, and how one is fitted.

starts      where to begin, from the points
weighing    how much each point weighs
solving     values, intervals, covariance, and how well the curve fits

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
