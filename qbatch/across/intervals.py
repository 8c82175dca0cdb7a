"""Intervals of numbers across points.

==================  ==============================================================================
weighted sums       MOVER (Newcombe 1998; Zou and Donner 2008): from the value to each end it is
                    the root of the sum of squares of what its parts have there, √Σ(cᵢ(xᵢ - lᵢ))²,
                    each by its own interval: asymmetric ones stay so, and where all shots agree a
                    width is left. Numbers of the same counts are first added up shot by shot
                    (`result.weighted_sum`), so that all dependence is in one part.
other functions     quantiles over draws: each source is drawn from two half normal distributions
                    that have its interval's ends, numbers of the same counts together by their
                    correlations; the function is computed at each draw. Where it turns within what
                    they may be (``abs(x)`` near 0), its ends over a whole region of them that
                    holds the truth as often as is asked: rather too wide (`hull`)
largest, smallest   of k: from the largest lower end of intervals that are all right together
                    (each side left out by 1/k of its share, Bonferroni), to the largest upper
                    end: never shorter than it should be. The value itself, the largest of k
                    measured ones, is on average too large.
==================  ==============================================================================

Parameters of one fit depend by its covariance, in both. Settings of different contents are
independent, repeats among them. What is mended by the same calibration has its errors in common, as
`result.common` tells them; so have fits of such points. What is twirled to the same forms depends
by what it comes to in each form, shots and all. Where parts share shots and their
dependence is not known (an extreme and one of its points; two points of which one in a basis is the
other as written; numbers that an own function makes of one group) a weighted sum takes the worst,
and so does any other function: its ends over a box that holds the truth however they depend.
Between a distance and a probability of the same counts it is undecided.

Claims are judged on the same, made of the parts' intervals for judging.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from qbatch.across.dependence import Dependence, Part, Shared, joined, together
from qbatch.across.hull import Region, hull, turns
from qbatch.across.quantity import (
    MOST_STRAY,
    Extreme,
    FitParameter,
    GroupNumber,
    Number,
    Quantity,
    Source,
    UndecidedError,
    of_each,
)
from qbatch.notation import is_number
from qbatch.result import Estimate, correlations, weighted_sum

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.across.hull import Function
    from qbatch.across.points import Points
    from qbatch.manifest.models import Value

    Floats = npt.NDArray[np.float64]

#: Draws for one number that is no weighted sum.
DRAWS = 20_000

#: From what draws begin: equal runs give equal intervals.
SEED = 20_261_130

#: How far two values of the same number may lie apart, in units of their size.
_SAME = 1e-9


class Intervals:
    """Makes estimates of quantities.

    Args:
        points: What their sources are of.
    """

    def __init__(self, points: Points) -> None:
        self._points = points
        self._analysis = points.manifest.analysis
        self.level = self._analysis.intervals.level
        self._known: dict[tuple[Source, float], Estimate] = {}
        self._dependence = Dependence(self._analysis)
        #: Quantities whose intervals are rather too wide: they turn, or their parts share shots.
        self.wide: set[Quantity] = set()

    def estimate(self, quantity: Quantity, level: float | None = None) -> Estimate:
        """Estimate a quantity.

        Args:
            quantity: What to estimate.
            level: Of its interval; None: the manifest's.

        Raises:
            UndecidedError: It has no value, or its interval cannot be told.
        """
        level = self.level if level is None else level
        values = {source: self._of_source(source, level).value for source in quantity.sources}
        value = float(quantity.at(values))
        if not math.isfinite(value):
            raise UndecidedError("it has no finite value; look at the numbers that it is made of")
        if quantity.weights is None:
            return self._drawn(quantity, value, level)
        return self._summed(quantity.weights, value, level)

    def best_of(self, extreme: Extreme) -> Value | None:
        """Return the value of the axis at which the measured extreme is.

        Raises:
            UndecidedError: One of its members has no value.
        """
        sign = 1.0 if extreme.function in ("max", "argmax") else -1.0
        return max(extreme.members, key=lambda one: sign * self.estimate(one[1]).value)[0]

    # -- sources -------------------------------------------------------------------------------

    def _of_source(self, source: Source, level: float) -> Estimate:
        key = source, level
        if key not in self._known:
            self._known[key] = (
                self._of_extreme(source, level)
                if isinstance(source, Extreme)
                else self._of_parameter(source, level)
                if isinstance(source, FitParameter)
                else self._of_group(source, level)
                if isinstance(source, GroupNumber)
                else self._of_number(source, level)
            )
        return self._known[key]

    def _of_number(self, number: Number, level: float) -> Estimate:
        told = number.point.estimates[number.name]
        if level == self.level:
            return told
        found = self._points.at_level(number.point, [number.name], level).get(number.name)
        return _stretched(told, self.level, level) if found is None else found

    def _of_parameter(self, parameter: FitParameter, level: float) -> Estimate:
        told = parameter.fitted.parameters[parameter.name]
        if not all(map(math.isfinite, (told.se, told.low, told.high))):
            raise UndecidedError(
                f"{parameter.fitted.name}.{parameter.name} has no finite interval; "
                "more shots or points may tell"
            )
        return told if level == self.level else _stretched(told, self.level, level)

    def _of_group(self, number: GroupNumber, level: float) -> Estimate:
        told = number.estimate
        return told if level == self.level else _stretched(told, self.level, level)

    def _of_extreme(self, extreme: Extreme, level: float) -> Estimate:
        sign = 1.0 if extreme.function in ("max", "argmax") else -1.0
        members = [(place, part) for place, part in extreme.members]
        told = [_turned(self.estimate(part, level), sign) for _, part in members]
        among = 1 - (1 - level) / len(members)
        ends = [_turned(self.estimate(part, among), sign) for _, part in members]
        best = max(range(len(told)), key=lambda at: told[at].value)
        low, judged_low = max(one.low for one in ends), max(one.judged[0] for one in ends)
        if extreme.function in ("max", "min"):
            found = Estimate(
                told[best].value,
                told[best].se,
                low,
                max(one.high for one in told),
                judged_low=judged_low,
                judged_high=max(one.judged[1] for one in told),
            )
            return _turned(found, sign)
        places = [place for place, _ in members]
        near = [place for place, one in zip(places, told, strict=True) if one.high >= low]
        judged = [
            place for place, one in zip(places, told, strict=True) if one.judged[1] >= judged_low
        ]
        return _place(places[best], near, judged, level)

    # -- weighted sums -------------------------------------------------------------------------

    def _summed(self, weights: Mapping[Source, float], value: float, level: float) -> Estimate:
        se, *reach = together(joined(self._parts(weights, level)), level)
        return Estimate(
            value,
            se,
            value - reach[0],
            value + reach[1],
            judged_low=value - max(reach[2], reach[0]),
            judged_high=value + max(reach[3], reach[1]),
        )

    def _parts(self, weights: Mapping[Source, float], level: float) -> Iterable[Part]:
        by_id: dict[str, dict[Number, float]] = {}
        by_fit: dict[str, dict[FitParameter, float]] = {}
        for source, weight in weights.items():
            if isinstance(source, Number):
                by_id.setdefault(source.id, {})[source] = weight
            elif isinstance(source, FitParameter):
                by_fit.setdefault(source.id, {})[source] = weight
            else:
                yield self._single(source, weight, level)
        for numbers in by_id.values():
            yield from self._of_shots(numbers, level)
        for parameters in by_fit.values():
            yield self._of_fit(parameters, level)

    def _single(self, source: Source, weight: float, level: float) -> Part:
        shared = self._dependence.of(source).times(weight)
        return _scaled(self._of_source(source, level), weight, shared)

    def _of_fit(self, parameters: Mapping[FitParameter, float], level: float) -> Part:
        """Return what one fit gives to a sum, its parameters together by their covariance."""
        import numpy as np

        first = next(iter(parameters))
        single = [self._single(each, weight, level) for each, weight in parameters.items()]
        names = [parameter.name for parameter in parameters]
        signs = np.sign(list(parameters.values()))
        depend = first.fitted.correlations(names) * np.outer(signs, signs)
        sizes = np.array([part.ends for part in single])
        squares = np.einsum("ik,ij,jk->k", sizes, depend, sizes)
        shared = single[0].shared
        for part in single[1:]:
            shared = shared.joined(part.shared)
        return Part(shared, tuple(np.sqrt(np.maximum(squares, 0.0)).tolist()))

    def _of_shots(self, numbers: Mapping[Number, float], level: float) -> Iterable[Part]:
        """Yield what the same shots give to a sum: one part, or some that depend on one another."""
        single = [self._single(each, weight, level) for each, weight in numbers.items()]
        if len(single) == 1:
            yield from single
            return
        first = next(iter(numbers))
        if self._dependence.is_by_forms(first):
            yield from single
            return
        point = first.point
        analysis, names = of_each(self._analysis, numbers)
        by_name = dict(zip(names, numbers.values(), strict=True))
        found = None
        if point.counts is not None:
            found = weighted_sum(point.counts, analysis, by_name, level)
        known = sum(
            weight * number.point.estimates[number.name].value for number, weight in numbers.items()
        )
        size = sum(abs(weight) for weight in by_name.values())
        if found is None or abs(found.value - known) > _SAME * (size + abs(known)):
            yield from single  # of the same shots: the worst is taken
        else:
            yield _scaled(found, 1.0, Shared(first.shots))

    # -- any other function --------------------------------------------------------------------

    def _drawn(self, quantity: Quantity, value: float, level: float) -> Estimate:
        import numpy as np

        generator = np.random.default_rng(SEED)
        draws = generator.standard_normal((len(quantity.sources), DRAWS))
        told, judged = (self._function(quantity, level, judged=which) for which in (False, True))
        tail = (1 - level) / 2
        by_quantiles = [
            *np.quantile(_almost_all(told(draws)), [tail, 0.158655, 0.841345, 1 - tail]).tolist(),
            *np.quantile(_almost_all(judged(draws)), [tail, 1 - tail]).tolist(),
        ]
        low, first, last, high, least, most = by_quantiles
        deviation = (last - first) / 2
        shared = self._dependence.is_open(quantity.sources)
        region, stricter = (
            Region(len(draws), held, is_box=shared) for held in (level, (1 + level) / 2)
        )
        if shared or turns(judged, stricter, generator):
            low, high = hull(told, region, draws, generator)
            least, most = hull(judged, stricter, draws, generator)
            self.wide.add(quantity)
        if shared:
            deviation = (high - low) / 2 / NormalDist().inv_cdf((1 + level) / 2)
        return Estimate(
            value,
            deviation,
            min(low, value),
            max(high, value),
            judged_low=min(low, least, value),
            judged_high=max(high, most, value),
        )

    def _function(self, quantity: Quantity, level: float, *, judged: bool) -> Function:
        """Return a quantity as a function of independent standard variables, one a source."""
        import numpy as np

        z = NormalDist().inv_cdf((1 + level) / 2)
        joined = self._joined(quantity.sources)
        ends = []
        for source in quantity.sources:
            told = self._of_source(source, level)
            ends.append((told.value, *(told.judged if judged else (told.low, told.high))))

        def compute(draws: Floats) -> Floats:
            drawn = draws.copy()
            for rows, root in joined:
                drawn[rows] = root @ drawn[rows]
            values = {}
            for source, row, (value, low, high) in zip(quantity.sources, drawn, ends, strict=True):
                values[source] = value + row * np.where(row < 0, value - low, high - value) / z
            return np.asarray(quantity.at(values), dtype=float)

        return compute

    def _joined(self, sources: Sequence[Source]) -> list[tuple[list[int], Floats]]:
        """Tell which sources depend on each other, and how they are made of independent draws."""
        groups = self._dependence.groups(sources)
        return [(rows, self._root([sources[row] for row in rows])) for rows in groups]

    def _root(self, sources: Sequence[Source]) -> Floats:
        """Return a matrix that makes independent draws depend as these sources do."""
        import numpy as np

        depend = np.eye(len(sources))
        errors = [self._of_source(source, self.level).se or math.inf for source in sources]
        for row, column in combinations(range(len(sources)), 2):
            together = self._dependence.covariance(sources[row], sources[column])
            depend[row, column] = depend[column, row] = together / errors[row] / errors[column]
        by_id: dict[str, list[int]] = {}
        for row, source in enumerate(sources):
            by_id.setdefault("" if isinstance(source, Extreme) else source.id, []).append(row)
        for rows in by_id.values():
            if len(rows) > 1 and not self._is_known_by_forms(sources[rows[0]]):
                depend[np.ix_(rows, rows)] = self._of_one_id([sources[row] for row in rows])
        sizes, vectors = np.linalg.eigh(depend)
        root: Floats = vectors * np.sqrt(np.clip(sizes, 0.0, None))
        return root

    def _is_known_by_forms(self, source: Source) -> bool:
        return isinstance(source, Number) and self._dependence.is_by_forms(source)

    def _of_one_id(self, sources: Sequence[Source]) -> Floats:
        """How sources of one id depend on one another."""
        parameters = [each for each in sources if isinstance(each, FitParameter)]
        if parameters:
            return parameters[0].fitted.correlations([each.name for each in parameters])
        return self._of_same_shots([each for each in sources if isinstance(each, Number)])

    def _of_same_shots(self, numbers: Sequence[Number]) -> Floats:
        """How numbers of the same shots depend on one another."""
        analysis, names = of_each(self._analysis, numbers)
        counts = numbers[0].point.counts
        found = None if counts is None else correlations(counts, analysis, names)
        if found is None:
            said = " and ".join(dict.fromkeys(number.name for number in numbers))
            raise UndecidedError(
                f"how {said} of the same shots depend on each other is not known; "
                "more shots change nothing"
            )
        return found


def _almost_all(values: Floats) -> Floats:
    """Return those that are finite.

    Raises:
        UndecidedError: More are not than `MOST_STRAY` of them.
    """
    import numpy as np

    found = values[np.isfinite(values)]
    if len(found) < len(values) * (1 - MOST_STRAY):
        raise UndecidedError(
            "it has no finite value at some of what its numbers may be; more shots may tell"
        )
    return found


def _scaled(estimate: Estimate, weight: float, shared: Shared) -> Part:
    value = estimate.value
    below, above = value - estimate.low, estimate.high - value
    least, most = value - estimate.judged[0], estimate.judged[1] - value
    ends = (below, above, least, most) if weight >= 0 else (above, below, most, least)
    size = abs(weight)
    return Part(shared, tuple(size * end for end in (estimate.se, *ends)))


def _turned(estimate: Estimate, sign: float) -> Estimate:
    """Return an estimate of the same number with this sign."""
    if sign > 0:
        return estimate
    least, most = estimate.judged
    return Estimate(
        -estimate.value,
        estimate.se,
        -estimate.high,
        -estimate.low,
        judged_low=-most,
        judged_high=-least,
    )


def _place(best: Any, near: Sequence[Any], judged: Sequence[Any], level: float) -> Estimate:
    """Estimate where an extreme is: from the first to the last place that may have it."""
    if not all(map(is_number, [best, *near, *judged])):
        raise UndecidedError("its axis has values that are no numbers; use min or max")
    low, high = float(min(near)), float(max(near))
    z = NormalDist().inv_cdf((1 + level) / 2)
    least, most = float(min(judged)), float(max(judged))
    return Estimate(
        float(best),
        (high - low) / 2 / z,
        low,
        high,
        judged_low=min(low, least),
        judged_high=max(high, most),
    )


def _stretched(estimate: Estimate, level: float, to: float) -> Estimate:
    """Return an estimate at another level where its counts cannot be asked: rather too wide."""
    inverse = NormalDist().inv_cdf
    factor = (inverse((1 + to) / 2) / inverse((1 + level) / 2)) ** 2
    value, (least, most) = estimate.value, estimate.judged
    low, high, judged_low, judged_high = (
        value + factor * (end - value) for end in (estimate.low, estimate.high, least, most)
    )
    return Estimate(value, estimate.se, low, high, judged_low=judged_low, judged_high=judged_high)
