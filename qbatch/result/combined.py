"""A sum of Paulis from the counts of several bases: a sum of means that are independent.

Each basis's part is a mean over its own shots: the covariances of terms that are told by the same
counts are in its variance, exactly. The parts are independent, so variances add up; how the
interval of the sum is made is told in `qbatch.result.independent`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from qbatch.result.counts import Counts
from qbatch.result.estimate import Estimate, around, expectation_value, values_of
from qbatch.result.grouping import Basis, split
from qbatch.result.independent import Sample, sum_intervals
from qbatch.result.observable import Observable
from qbatch.result.pauli import PauliSum


def expectation_of(
    whole: PauliSum, counts: Mapping[Basis, Counts], level: float = 0.95
) -> Estimate:
    """Estimate a sum of Paulis from the counts of each basis.

    Args:
        whole: On bits that the counts have.
        counts: Of each basis, at least one shot each where the basis tells something; in the order
            in which terms look for one that measures them (`split`).
        level: Confidence of the interval.

    Raises:
        ValueError: No basis measures some term, one has no shots, or the level is impossible.
    """
    parts = split(whole, [*counts])
    return combined([*zip(parts, counts.values(), strict=True)], level)


def combined(parts: Sequence[tuple[Observable, Counts]], level: float = 0.95) -> Estimate:
    """Estimate a sum of observables, each measured by shots of its own.

    Args:
        parts: What is measured, and its counts. Where one alone depends on its shots, its estimate
            is that of `expectation_value`.
        level: Confidence of the interval.

    Raises:
        ValueError: One has no shots, or the level is impossible.
    """
    known = math.fsum(observable.constant for observable, _ in parts if not observable.terms)
    measured = [(observable, counts) for observable, counts in parts if observable.terms]
    if not measured:
        return Estimate(known, 0.0, known, known)
    if len(measured) == 1:
        (observable, counts), *_ = measured
        moved = replace(observable, constant=observable.constant + known)
        return expectation_value(counts, moved, level)
    samples = [sample_of(observable, counts) for observable, counts in measured]
    told, judged = ((low + known, high + known) for low, high in sum_intervals(samples, level))
    value = math.fsum([known, *(sample.mean for sample in samples)])
    return around(value, math.sqrt(sum(s.squared_error for s in samples)), told, judged)


def sample_of(observable: Observable, counts: Counts) -> Sample:
    """Return what the shots of one basis are worth, and how many are worth each.

    Raises:
        ValueError: There are none.
    """
    if counts.shots < 1:
        raise ValueError("no shots, no estimate; give counts of one or more")
    values, numbers = values_of(counts, observable)
    return Sample(values, numbers, observable.bounds, observable.reach.is_two_valued)
