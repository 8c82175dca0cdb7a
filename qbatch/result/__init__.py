"""From counts to numbers that can be trusted: each with a standard error and an interval.

Pure: no clock, no files, no randomness but what is seeded by the data itself.
"""

from __future__ import annotations

from qbatch.result.analysis import (
    AnalysisLike,
    analyse,
    observables_over_z,
    only,
    shot_outcomes,
    shot_values,
    told_apart,
    values_of_shots,
    without_observables,
)
from qbatch.result.array import CountsArray, UnlikeRegistersError, bits
from qbatch.result.check import Check, Verdict, explain, judge, margin, parse_check
from qbatch.result.counts import Counts, Registers, pool
from qbatch.result.distance import METRICS, distances, parse_distribution, sampling_floor
from qbatch.result.estimate import (
    Estimate,
    expectation_value,
    probability,
    wilson,
)
from qbatch.result.homogeneity import (
    DRAWS,
    FEW_DRAWS,
    Histogram,
    chi_squared_p,
    family,
    homogeneity_p,
    smallest_p,
)
from qbatch.result.joint import correlations, weighted_sum
from qbatch.result.mitigated import extrapolations, means_of_forms
from qbatch.result.notation import NotationError, parse_number
from qbatch.result.observable import Observable, parse_observable
from qbatch.result.own import (
    AnalysisFunction,
    Measurement,
    OwnNumbersError,
    measure_own,
    own_numbers,
)
from qbatch.result.pattern import parse_bits, parse_pattern
from qbatch.result.settings import analyse_settings, bases_of, mended_of, told_alone

__all__ = [
    "DRAWS",
    "FEW_DRAWS",
    "METRICS",
    "AnalysisFunction",
    "AnalysisLike",
    "Check",
    "Counts",
    "CountsArray",
    "Estimate",
    "Histogram",
    "Measurement",
    "NotationError",
    "Observable",
    "OwnNumbersError",
    "Registers",
    "UnlikeRegistersError",
    "Verdict",
    "analyse",
    "analyse_settings",
    "bases_of",
    "bits",
    "chi_squared_p",
    "correlations",
    "distances",
    "expectation_value",
    "explain",
    "extrapolations",
    "family",
    "homogeneity_p",
    "judge",
    "margin",
    "means_of_forms",
    "measure_own",
    "mended_of",
    "observables_over_z",
    "only",
    "own_numbers",
    "parse_bits",
    "parse_check",
    "parse_distribution",
    "parse_number",
    "parse_observable",
    "parse_pattern",
    "pool",
    "probability",
    "sampling_floor",
    "shot_outcomes",
    "shot_values",
    "smallest_p",
    "told_alone",
    "told_apart",
    "values_of_shots",
    "weighted_sum",
    "wilson",
    "without_observables",
]
