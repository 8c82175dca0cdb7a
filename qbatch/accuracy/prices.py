"""What accuracies cost, before their shots are bought: by a forecast, or for other prices.

Prices are those of the targets' formulas. Of a cloud that quotes each job nothing is known before
it does, unless a price file says what to expect: there it is told what more shots bring.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from statistics import median
from typing import TYPE_CHECKING

from qbatch.accuracy.deciding import bisected
from qbatch.accuracy.expecting import Forecast, Outlook
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest.accuracy import AdaptiveShots
from qbatch.plan.packing import Piece, PiecesOf
from qbatch.plan.pinning.had import Had, to_buy
from qbatch.shots import ANY, cut, job_id

if TYPE_CHECKING:
    from qbatch.plan.identity import SweepPoint
    from qbatch.providers import Target

#: Times the price of a plan.
FACTORS = (0.5, 1.0, 2.0, 4.0)

#: Shots of a plan are at most so many times as many.
MOST_TIMES = 1e6


def pieces_at(
    foreseen: Forecast,
    which: int,
    jobs: Mapping[str, Sequence[Had]],
    targets: Mapping[str, Target],
    otherwise: PiecesOf,
) -> PiecesOf:
    """Return what says of a point which jobs buy what it is foreseen to take.

    Args:
        foreseen: The forecast.
        which: 0 for the fewest shots, 1 for what is likely, 2 for the most.
        jobs: Of the points that a run folder knows.
        targets: Backend -> target.
        otherwise: Of points that ask for so many shots.
    """

    def pieces(point: SweepPoint) -> Iterator[Piece]:
        span, wish = foreseen.shots.get(point.id), point.shots
        if span is None or not isinstance(wish, AdaptiveShots):
            yield from otherwise(point)
            return
        target = targets.get(point.backend)
        bounds, had = ANY if target is None else target.bounds, [*jobs.get(point.id, ())]
        for wanted in (min(span[which], wish.first), span[which]):  # the first round, and the rest
            for run in to_buy(had, wanted, bounds):
                had.append(Had(run.start, run.shots, JobState.COMPLETED))
                yield Piece(job_id(point.id, run.start), run.shots, run.start)

    return pieces


@dataclass(frozen=True, slots=True)
class AtPrice:
    """What a number is known to for a price.

    Attributes:
        factor: Times the price of the plan as it is.
        price: In the backend's unit; None where nothing is known, or nothing billed.
        shots: Of all points and settings.
        largest: The standard error of the point where it is largest.
        middle: The median over the points.
    """

    factor: float
    price: float | None
    shots: int
    largest: float
    middle: float


@dataclass(frozen=True, slots=True)
class Precision:
    """How well a number is known at a backend, for several prices.

    Attributes:
        backend: Its name in the manifest.
        number: An observable or a probability.
        unit: Of the prices; "" where nothing is billed.
        points: How many there are.
        sources: What told how far shots are apart -> of how many of the points.
        rows: For each of `FACTORS`; without those that cannot be had for so little.
    """

    backend: str
    number: str
    unit: str
    points: int
    sources: Mapping[str, int]
    rows: tuple[AtPrice, ...]


def precision(
    outlooks: Iterable[Outlook], targets: Mapping[str, Target], foreseen: Forecast
) -> list[Precision]:
    """Say for each backend and number how well it is known for half the price, the same, more.

    All settings of a backend get the same share more or fewer shots.

    Args:
        outlooks: Of all points, of the numbers that are meant.
        targets: Backend -> target.
        foreseen: What points take that are to reach an accuracy; others take what they ask for.
    """
    of: dict[str, list[Outlook]] = {}
    for each in outlooks:
        of.setdefault(each.backend, []).append(each)
    found = []
    for backend, points in of.items():
        shots = {
            setting.id: _shots_of(setting, foreseen) for each in points for setting in each.settings
        }
        scales = [*_scales(Counter(shots.values()), targets[backend])]
        sources = Counter(each.source for each in points)
        for number in dict.fromkeys(name for each in points for name in each.figures):
            rows = tuple(
                _row(factor, scale, price, number, points, shots) for factor, scale, price in scales
            )
            unit = targets[backend].price.unit
            found.append(Precision(backend, number, unit, len(points), sources, rows))
    return found


def _shots_of(setting: SweepPoint, foreseen: Forecast) -> int:
    span = foreseen.shots.get(setting.id)
    return span.likely if span else int(setting.shots)


def _scales(shots: Counter[int], target: Target) -> Iterator[tuple[float, float, float | None]]:
    """Yield a factor of the price, by how much shots are then multiplied, and the price."""
    price = target.price
    if not price.is_formula:
        yield from ((factor, factor, None) for factor in FACTORS)
        return
    now = _price(shots, target, 1.0)
    for factor in FACTORS:
        if factor == 1 or _price(shots, target, MOST_TIMES) <= factor * now:
            yield factor, 1.0, now
        elif (scale := _scale_within(shots, target, factor * now)) > 0:
            yield factor, scale, _price(shots, target, scale)


def _scale_within(shots: Counter[int], target: Target, money: float) -> float:
    """By how much shots can be multiplied for so much; 0 where one of each costs more."""
    if _price(shots, target, 0.0) > money:
        return 0.0

    def is_beyond(scale: float) -> bool:
        return _price(shots, target, scale) > money

    return bisected(is_beyond, MOST_TIMES) * (1 - 1e-9)


def _price(shots: Counter[int], target: Target, scale: float) -> float:
    """Price of all settings, their shots multiplied; at least one of each is bought."""
    total, jobs = 0.0, 0
    for number, count in shots.items():
        for size, times in cut(max(1, math.floor(number * scale)), target.bounds):
            total += target.price.of_job(size) * times * count
            jobs += times * count
    return total + target.price.per_composite * ceil(jobs / target.max_jobs)


def _row(
    factor: float,
    scale: float,
    price: float | None,
    number: str,
    points: Sequence[Outlook],
    shots: Mapping[str, int],
) -> AtPrice:
    bought = {key: max(1, math.floor(n * scale)) for key, n in shots.items()}
    errors = [each.figures[number].error(bought) for each in points if number in each.figures]
    return AtPrice(factor, price, sum(bought.values()), max(errors), median(errors))
