"""A point that is measured in several settings: how their rows become one point.

Each setting has a row of its own, with a name by which its point is known (`qbatch.bases`). They
stand behind one another in the plan. The point stands where that of its settings stands which is
furthest behind, costs what they cost together, and has the numbers that their counts give.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from qbatch.bases import SETTING_NAMES, is_calibration, point_of
from qbatch.job import Job
from qbatch.snapshot.point_rows import job_of
from qbatch.snapshot.points import PointResult
from qbatch.snapshot.uneven import uneven_of


def as_settings(points: Iterable[PointResult]) -> Iterator[PointResult]:
    """Yield points of which each is a setting, alone."""
    return (replace(point, is_setting=True) for point in points)


def as_points(
    settings: Iterable[PointResult], forgotten: Mapping[str, Mapping[str, int]]
) -> Iterator[PointResult]:
    """Yield the points that these settings are of, which are sorted by their place in the plan.

    Args:
        settings: Those that there are.
        forgotten: Name of a point -> basis of a setting that was forgotten -> shots asked for.
    """
    for name, together in groupby(settings, key=lambda each: point_of(each.name)):
        yield as_point([*together], forgotten.get(name, {}))


class _Gone(NamedTuple):
    """A setting that was forgotten, as `uneven_of` asks for it."""

    basis: str
    shots: int
    done: int = 0


def _shots_of(settings: Sequence[PointResult], forgotten: Mapping[str, int]) -> int:
    """Shots asked for of each of these, calibrations left out; where they differ, on average."""
    gone = [_Gone(basis, shots) for basis, shots in forgotten.items() if shots]
    if (uneven := uneven_of([*settings, *gone])) is not None:
        return round(uneven.asked / uneven.settings)
    own = [each for each in settings if not is_calibration(each.basis)]
    return (own or settings)[0].shots


def as_point(
    settings: Sequence[PointResult], forgotten: Mapping[str, int] = MappingProxyType({})
) -> PointResult:
    """Return the point of which these are all settings, but for those that were forgotten."""
    first = settings[0]
    if len(settings) == 1 and not first.basis and not forgotten:
        return replace(first, is_setting=False)
    same_as = first.same_as if all(each.same_as for each in settings) else ""
    return replace(
        first,
        name=point_of(first.name),
        shots=_shots_of(settings, forgotten),
        parameters={name: v for name, v in first.parameters.items() if name not in SETTING_NAMES},
        job=job_of([*(each.job for each in settings), *(Job("") for _ in forgotten)], first.job.id),
        same_as=point_of(same_as),
        pieces=(),
        settings=tuple(settings),
        is_setting=False,
        forgotten=forgotten,
        _packed=None,
        _counts=None,
        _estimates=None,
    )
