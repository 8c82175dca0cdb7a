"""From a sweep as written to its axes' values and included points, before any circuit is opened.

What the manifest's models have checked already (names of circuits, whole shots, shapes) is checked
again only where values come from elsewhere: spacings, random draws and files.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from math import prod
from operator import gt, lt

from qbatch.errors import SourceError
from qbatch.frozen import dataclass
from qbatch.manifest.models import Axis, Manifest, Sweep, Value
from qbatch.notation import did_you_mean, listed
from qbatch.plan.geometry.axes import MAX_POINTS, count_values, expand_axis
from qbatch.plan.geometry.draw import find_repeated
from qbatch.plan.geometry.formulas import add_formulas
from qbatch.plan.geometry.grid import Dimension, Loc
from qbatch.plan.layout import full_text
from qbatch.plan.mistakes import Mistakes

#: Axes that are no parameters.
OWN = ("circuit", "backend", "shots")

#: Columns longer than this are looked through for repeated values without a set of them all.
_LONG = 100_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A sweep with its values.

    Attributes:
        number: In the manifest, from 0.
        sweep: As written.
        dimensions: Of the matrix as written, with the implied axes.
        included: (number in the list, axis -> value) of each included point, all axes filled in.
    """

    number: int
    sweep: Sweep
    dimensions: tuple[Dimension, ...]
    included: tuple[tuple[int, Mapping[str, Value]], ...]

    @property
    def loc(self) -> Loc:
        return ("sweep", self.number)

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes of the matrix, with zipped and implied ones."""
        return tuple(name for dimension in self.dimensions for name in dimension.names)

    def values_of(self, name: str) -> Iterator[Value]:
        """Return every value that a point may have on the axis `name`, repeatedly perhaps."""
        return chain(
            *(each.column(name) for each in self.dimensions if name in each.names),
            (point[name] for _, point in self.included if name in point),
            (o.set[name] for o in self.sweep.overrides if name in o.set),
        )


def draft(manifest: Manifest, number: int, mistakes: Mistakes) -> Draft | None:
    """Make the values of one sweep; None when mistakes (noted) stand in the way."""
    sweep = manifest.sweeps[number]
    loc: Loc = ("sweep", number)
    if not _is_size_allowed(sweep, loc, mistakes):
        return None
    matrix = _columns(manifest, sweep, "matrix", loc, mistakes)
    zipped = _columns(manifest, sweep, "zip", loc, mistakes)
    included = tuple(_included(manifest, sweep, loc, mistakes))
    if matrix is None or zipped is None:
        return None
    for name in matrix.keys() & zipped.keys():
        mistakes.add((*loc, "zip", name), f"axis {name!r} is in matrix too; keep one of them")
    dimensions = [Dimension((name,), (column,)) for name, column in matrix.items()]
    if zipped:
        if len({len(column) for column in zipped.values()}) > 1:
            lengths = ", ".join(f"{name} {len(column)}" for name, column in zipped.items())
            mistakes.add(
                (*loc, "zip"), f"zipped axes differ in length: {lengths}; give all as many values"
            )
            return None
        dimensions.append(Dimension(tuple(zipped), tuple(zipped.values())))
    for dimension in dimensions:
        _check_distinct(dimension, loc, mistakes)
    dimensions = add_formulas(manifest, sweep, dimensions, loc, mistakes)
    whole = _with_implied(manifest, dimensions)
    size = prod(map(len, whole)) * sweep.repeat
    if size > MAX_POINTS:
        mistakes.add(loc, _too_many(size))
        return None
    return Draft(number, sweep, whole, included)


def _is_size_allowed(sweep: Sweep, loc: Loc, mistakes: Mistakes) -> bool:
    """Refuse an absurd matrix by arithmetic alone, before a value is made."""
    counts = [count_values(axis) or 1 for axis in sweep.matrix.values()]
    zipped = [count_values(axis) or 1 for axis in sweep.zip.values()]
    size = prod(counts) * min(zipped, default=1) * sweep.repeat + len(sweep.include)
    if size > MAX_POINTS:
        mistakes.add((*loc, "matrix") if counts else loc, _too_many(size))
    return size <= MAX_POINTS


def _too_many(size: int) -> str:
    return (
        f"{size if size < 10**15 else format(size, '.3g')} points are too many "
        f"(at most {MAX_POINTS}, counted before exclude and sample); shorten or split an axis"
    )


def _columns(
    manifest: Manifest, sweep: Sweep, part: str, loc: Loc, mistakes: Mistakes
) -> dict[str, Sequence[Value]] | None:
    axes: Mapping[str, Axis] = getattr(sweep, part)
    found: dict[str, Sequence[Value]] = {}
    written = {name: axis for name, axis in axes.items() if axis.formula is None}
    for name, axis in written.items():
        at = (*loc, part, name)
        try:
            values = expand_axis(
                name, axis, seed=sweep.seed, folder=manifest.folder, place=mistakes.place(*at)
            )
        except SourceError as error:
            mistakes.note(error)
            continue
        if name == "shots" and part == "matrix" and axis.values is None:
            values = tuple(dict.fromkeys(values))
        checked = _checked(manifest, name, values, at, mistakes)
        if checked is not None:
            found[name] = checked
    return found if len(found) == len(written) else None


def _checked(
    manifest: Manifest, name: str, values: Sequence[Value], loc: Loc, mistakes: Mistakes
) -> Sequence[Value] | None:
    """Return the values, shots as integers; None (and why is noted) when some are wrong."""
    if name not in OWN:
        return values
    before = len(mistakes)
    if name == "shots":
        whole = [_whole(value) for value in values]
        for value, shots in zip(values, whole, strict=True):
            if shots is None:
                said = f"shots: {value!r} is no whole number of 1 or more; write one"
                mistakes.add(loc, said)
        values = [shots for shots in whole if shots is not None]
    else:
        known = manifest.circuits if name == "circuit" else manifest.backends
        for value in values:
            if value not in known:
                near = did_you_mean(str(value), known)
                mistakes.add(loc, f"there is no {name} {value!r} ({listed(known)}){near}")
    return values if len(mistakes) == before else None


def _whole(value: Value) -> int | None:
    if isinstance(value, (bool, str)) or value < 1 or value != int(value):
        return None
    return int(value)


def _included(
    manifest: Manifest, sweep: Sweep, loc: Loc, mistakes: Mistakes
) -> Iterator[tuple[int, Mapping[str, Value]]]:
    known = {"circuit": manifest.circuits, "backend": manifest.backends}
    for number, point in enumerate(sweep.include):
        at = (*loc, "include", number)
        whole: dict[str, Value] = {"shots": manifest.shots}
        for name, names in known.items():
            if name not in point and len(names) == 1:
                whole[name] = next(iter(names))
        whole |= point
        missing = [name for name in known if name not in whole]
        for name in missing:
            said = f"include takes whole points: write its {name} ({listed(known[name])})"
            mistakes.add(at, said)
        checked = [
            _checked(manifest, name, [whole[name]], (*at, name), mistakes)
            for name in OWN
            if name in whole
        ]
        if not missing and all(checked):
            yield number, whole


def _never_repeats(values: Sequence[Value]) -> bool:
    """Tell whether that is known: numbers made by us rise or fall all along, others are few."""
    if not isinstance(values, (array, range)):
        return len(values) <= _LONG and len(set(values)) == len(values)
    after = islice(values, 1, None)
    return all(map(lt if values[0] < values[-1] else gt, values, after))


def _check_distinct(dimension: Dimension, loc: Loc, mistakes: Mistakes) -> None:
    if any(map(_never_repeats, dimension.columns)):
        return
    rows: Iterable[object] = zip(*dimension.columns, strict=True)
    if len(dimension) > _LONG:
        suspects = find_repeated(hash(row) & (2**64 - 1) for row in rows)
        rows = zip(*dimension.columns, strict=True)
        rows = [row for row in rows if hash(row) & (2**64 - 1) in suspects] if suspects else []
    seen: dict[object, tuple[Value, ...]] = {}
    for row in rows:
        assert isinstance(row, tuple)
        first = seen.setdefault(row, row)
        if first is not row:
            shown, before = (", ".join(map(full_text, values)) for values in (row, first))
            names = " and ".join(dimension.names)
            part = "zip" if len(dimension.names) > 1 else "matrix"
            at = (*loc, part, dimension.names[0])
            has = f"{shown} twice" if shown == before else f"{before} and {shown}, which are equal"
            mistakes.add(at, f"sweep axis {names} has {has}; keep one of them")
            return


def _swept(manifest: Manifest) -> Iterable[str]:
    """Return the circuits that a sweep means without naming any: a reference is none of them."""
    reference = manifest.run.reference
    others = [name for name in manifest.circuits if reference is None or name != reference.circuit]
    return others or manifest.circuits


def _with_implied(manifest: Manifest, written: Sequence[Dimension]) -> tuple[Dimension, ...]:
    names = {name for dimension in written for name in dimension.names}
    before = [
        Dimension((name,), (tuple(known),))
        for name, known in (("circuit", _swept(manifest)), ("backend", manifest.swept_backends))
        if name not in names
    ]
    after = [] if "shots" in names else [Dimension(("shots",), ((manifest.shots,),))]
    return (*before, *written, *after)
