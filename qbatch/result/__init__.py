"""From counts to numbers that can be trusted: each with a standard error and an interval.

Pure: no clock, no files, no randomness but what is seeded by the data itself. Its public names are
loaded when they are first used: a plan asks for one module, and needs no statistics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.lazy import names_of

if TYPE_CHECKING:
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
    from qbatch.result.common import InCommon, in_common
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
    from qbatch.result.twirled import ByForm, widened_by

__all__ = [
    "DRAWS",
    "FEW_DRAWS",
    "METRICS",
    "AnalysisFunction",
    "AnalysisLike",
    "ByForm",
    "Check",
    "Counts",
    "CountsArray",
    "Estimate",
    "Histogram",
    "InCommon",
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
    "in_common",
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
    "widened_by",
    "wilson",
    "without_observables",
]

__getattr__ = names_of(
    __name__,
    {
        "qbatch.result.analysis": (
            "AnalysisLike analyse observables_over_z only shot_outcomes shot_values "
            "told_apart values_of_shots without_observables"
        ),
        "qbatch.result.array": "CountsArray UnlikeRegistersError bits",
        "qbatch.result.check": "Check Verdict explain judge margin parse_check",
        "qbatch.result.common": "InCommon in_common",
        "qbatch.result.counts": "Counts Registers pool",
        "qbatch.result.distance": "METRICS distances parse_distribution sampling_floor",
        "qbatch.result.estimate": "Estimate expectation_value probability wilson",
        "qbatch.result.homogeneity": (
            "DRAWS FEW_DRAWS Histogram chi_squared_p family homogeneity_p smallest_p"
        ),
        "qbatch.result.joint": "correlations weighted_sum",
        "qbatch.result.mitigated": "extrapolations means_of_forms",
        "qbatch.result.notation": "NotationError parse_number",
        "qbatch.result.observable": "Observable parse_observable",
        "qbatch.result.own": "AnalysisFunction Measurement OwnNumbersError measure_own own_numbers",
        "qbatch.result.pattern": "parse_bits parse_pattern",
        "qbatch.result.settings": "analyse_settings bases_of mended_of told_alone",
        "qbatch.result.twirled": "ByForm widened_by",
    },
)
