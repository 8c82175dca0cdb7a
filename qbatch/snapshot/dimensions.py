"""The dimensions of a run as one array: which axes its points differ in, and which go together.

Rules: what the manifest sweeps is a dimension, however many values it has. Axes that it zips, in
every sweep that has any of them, are one: crossed, they would be an array of mostly nothing.
Shots that it does not sweep say how well a point is known, not which one it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.manifest.columns import OWN_AXES

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest, Value
    from qbatch.snapshot.points import PointResult

#: Values of a dimension's axes at one place of it; True is told from 1.
Key = tuple[tuple[bool, "Value | None"], ...]


class Run(Protocol):
    """What dimensions are made of."""

    @property
    def manifest(self) -> Manifest: ...
    def __iter__(self) -> Iterator[PointResult]: ...


@dataclass(slots=True)
class Dimension:
    """One dimension of the array.

    Attributes:
        axes: One, or those that are zipped with one another.
        places: Values of the axes -> where along the dimension.
    """

    axes: tuple[str, ...]
    places: dict[Key, int]

    def key(self, values: Mapping[str, Value]) -> Key:
        """What a point with these values is found by."""
        found = (values.get(axis) for axis in self.axes)
        return tuple((value.__class__ is bool, value) for value in found)

    def take_in(self, values: Mapping[str, Value]) -> None:
        """Make room for a point with these values."""
        self.places.setdefault(self.key(values), len(self.places))

    def sort(self) -> None:
        """Put the places of one numeric axis in order, last where it is missing; others stay."""
        there = [key for key in self.places if key[0][1] is not None]
        if len(self.axes) == 1 and all(isinstance(_number(key), (int, float)) for key in there):
            missing = [key for key in self.places if key[0][1] is None]
            self.places = {
                key: place for place, key in enumerate([*sorted(there, key=_number), *missing])
            }

    def column(self, axis: str) -> list[Any]:
        """The values of one of the axes, place by place; None where points lack it."""
        at = self.axes.index(axis)
        return [key[at][1] for key in self.places]


def _number(key: Key) -> Any:
    return key[0][1]


def axis_values(point: PointResult) -> dict[str, Value]:
    """Every axis of a point, by name."""
    return {**point.parameters, **{axis: getattr(point, axis) for axis in OWN_AXES}}


def dimensions_of(run: Run) -> tuple[list[Dimension], dict[str, Value]]:
    """Return the dimensions that hold all points of a run, and what is the same in all of them."""
    found = _found(run)
    swept = {name for sweep in run.manifest.sweeps for name in (*sweep.matrix, *sweep.zip)}
    constant: dict[str, Any] = {}
    for one in found:
        one.sort()
        if len(one.places) == 1 and swept.isdisjoint(one.axes):
            constant |= {axis: one.column(axis)[0] for axis in one.axes}
    none = constant.keys() | ({"shots"} - swept)
    return [one for one in found if none.isdisjoint(one.axes)], constant


def _found(run: Run) -> list[Dimension]:
    """Every axis that a point has, in the order of tables; the run is read once."""
    grouped = {axis: group for group in zipped(run.manifest) for axis in group}
    found: dict[tuple[str, ...], Dimension] = {}
    for number, point in enumerate(run):
        values = axis_values(point)
        for axis in values:
            axes = grouped.get(axis, (axis,))
            if axes not in found:
                found[axes] = Dimension(axes, {})
                if number:  # those before lack it
                    found[axes].take_in({})
        for one in found.values():
            one.take_in(values)
    first, last = (
        [found.pop((axis,)) for axis in axes if (axis,) in found]
        for axes in (OWN_AXES[:3], OWN_AXES[3:])
    )
    return [*first, *found.values(), *last]


def zipped(manifest: Manifest) -> list[tuple[str, ...]]:
    """Return the axes that go together wherever the manifest sweeps any of them."""
    groups: list[tuple[str, ...]] = []
    for sweep in manifest.sweeps:
        groups += [*((axis,) for axis in sweep.matrix), tuple(sweep.zip)]
    kept = (tuple(axis for axis in group if _is_whole(axis, group, groups)) for group in groups)
    return list(dict.fromkeys(group for group in kept if len(group) > 1))


def _is_whole(axis: str, group: tuple[str, ...], groups: Iterable[tuple[str, ...]]) -> bool:
    """Whether every group that has `axis` is of the same axes."""
    return all(set(other) == set(group) for other in groups if axis in other)
