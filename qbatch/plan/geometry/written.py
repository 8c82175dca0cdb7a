"""What values a manifest asks for on each axis, and how they are written so that none look alike.

For whoever has a manifest and no plan (a report, a run that is read): the same texts as in the
names of points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.errors import SourceError
from qbatch.manifest.models import Axis, Value
from qbatch.plan.geometry.axes import count_values, expand_axis
from qbatch.plan.layout import full_text, text_writer

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest, Sweep

#: Of an axis; longer ones are written with all digits.
MOST_VALUES = 20_000


def writers_of(
    values_of: Mapping[str, Sequence[Value] | None],
) -> dict[str, Callable[[Value], str]]:
    """Return for each axis how its values are written: short where that tells all apart."""
    return {
        name: full_text if values is None else text_writer(values)
        for name, values in values_of.items()
    }


def values_by_axis(manifest: Manifest) -> dict[str, list[Value] | None]:
    """Return the values of each axis in all sweeps; None where they are too many or not known.

    Not known is a file's column where the file is gone or changed beyond use since the run.
    """
    found: dict[str, list[Value] | None] = {}
    for sweep in manifest.sweeps:
        for name, values in _values_of(manifest, sweep):
            known = found.setdefault(name, [])
            if known is None or values is None or len(known) + len(values) > MOST_VALUES:
                found[name] = None
            else:
                known += values
    return found


def _values_of(manifest: Manifest, sweep: Sweep) -> Iterator[tuple[str, Sequence[Value] | None]]:
    for name, axis in {**sweep.matrix, **sweep.zip}.items():
        yield name, _expanded(manifest, sweep, name, axis)
    for point in sweep.include:
        yield from ((name, [value]) for name, value in point.items())
    for override in sweep.overrides:
        yield from ((name, [value]) for name, value in override.set.items())


def _expanded(manifest: Manifest, sweep: Sweep, name: str, axis: Axis) -> Sequence[Value] | None:
    count = count_values(axis)
    if count is not None and count > MOST_VALUES:
        return None
    place = manifest.place_of("sweep")
    try:
        return expand_axis(name, axis, seed=sweep.seed, folder=manifest.folder, place=place)
    except SourceError:
        return None
