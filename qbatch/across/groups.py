"""Groups of points along an axis: those that differ in it, and in nothing else that is told apart.

Points that share all axes but one and repeat are a group, or those that share the axes of `by`;
repeats, and what else a group has at one value, are members of their own. Axes that the one decides
(zipped with it, or computed from it) part no groups. Points of one content are the same shots: each
group that they belong to has them, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from qbatch.arithmetic import names_in
from qbatch.frozen import dataclass
from qbatch.plan.geometry.where import is_match, narrowed
from qbatch.plan.geometry.written import values_by_axis, writers_of
from qbatch.snapshot.dimensions import zipped

if TYPE_CHECKING:
    from qbatch.across.points import Measured, Points
    from qbatch.manifest.models import Manifest, Value, Where


class Along(Protocol):
    """What says how points are grouped (a fit, or an analysis of your own)."""

    @property
    def along(self) -> str: ...
    @property
    def where(self) -> Where: ...
    @property
    def by(self) -> Sequence[str] | None: ...


@dataclass(frozen=True, slots=True)
class Group:
    """Points along an axis.

    Attributes:
        axes: Axis -> value that its points share and other groups' do not.
        label: The same as text: "backend=ideal"; "" where there is one group.
        members: The points, measured or not, in the order of the plan.
    """

    axes: Mapping[str, Value]
    label: str
    members: Sequence[Measured]


def groups_along(points: Points, asked: Along) -> Iterator[Group]:
    """Yield the groups of points along an axis, in the order of the plan."""
    manifest = points.manifest
    values = values_by_axis(manifest)
    writers = writers_of(values)
    meant = narrowed(asked.where, values)
    here = [point for point in points if asked.along in point.axes and is_match(meant, point.axes)]
    if asked.by is None:
        decided = {"repeat", *_moving_with(asked.along, manifest)}
        axes = [axis for axis in points.axes if axis not in decided]
    else:
        axes = list(asked.by)
    groups: dict[tuple[object, ...], dict[str, Measured]] = {}
    for point in here:
        key = tuple((type(point.axes.get(axis)), point.axes.get(axis)) for axis in axes)
        groups.setdefault(key, {}).setdefault(point.id, point)
    varied = [at for at in range(len(axes)) if len({key[at] for key in groups}) > 1]
    for by_id in groups.values():
        members = [*by_id.values()]
        first = members[0].axes
        group = {axes[at]: first[axes[at]] for at in varied if axes[at] in first}
        label = ",".join(f"{axis}={_text(writers, axis, value)}" for axis, value in group.items())
        yield Group(group, label, members)


def _text(writers: Mapping[str, Callable[[Value], str]], axis: str, value: Value) -> str:
    """A value as it is written in the names of points."""
    return writers[axis](value) if axis in writers else str(value)


def _moving_with(x: str, manifest: Manifest) -> set[str]:
    """Axes that move together with x: zipped with it, computed from it, or what it is made of."""
    links = [set(together) for together in zipped(manifest)]
    for sweep in manifest.sweeps:
        for name, axis in {**sweep.matrix, **sweep.zip}.items():
            if axis.formula is not None:
                links.append({name, *names_in(axis.formula)} - manifest.vars.keys())
    found = {x}
    while more := [link for link in links if link & found and not link <= found]:
        found |= set().union(*more)
    return found
