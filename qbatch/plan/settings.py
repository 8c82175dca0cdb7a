"""Axes that are settings of backends (`qbatch.manifest.paths`), held against the backends they set.

Rules: a point is run as if its backend said in the manifest what the point's axes say, and what the
manifest would be refused for is refused here, at the axis' value. ``backends.NAME.noise.readout``
is an axis of points of NAME alone: points of other backends are there once, not once for each of
its values, and no ``where`` that asks about it means them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qbatch.manifest.models import Value, Where
from qbatch.manifest.paths import Path, SettingValues, setting_axis, settings_of
from qbatch.notation import did_you_mean, listed
from qbatch.plan.geometry.grid import Block, Clause, Dimension, Loc
from qbatch.plan.geometry.where import choices
from qbatch.providers import validate_changed, validate_settings

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest
    from qbatch.plan.geometry.resolving import Draft
    from qbatch.plan.geometry.sweep import Grid
    from qbatch.plan.mistakes import Mistakes


#: Of mistakes in an axis' values.
_MOST_AT_ONE_PLACE = 3


def concerns(name: str, backend: str) -> bool:
    """Tell whether points of `backend` have the axis `name`, if any points of its block do."""
    axis = setting_axis(name)
    return axis is None or axis.concerns(backend)


def settings_for(backend: str, values: Mapping[str, Value]) -> SettingValues:
    """Return what a point of `backend` with these axes changes of it."""
    return settings_of((n, v) for n, v in values.items() if concerns(n, backend))


# -- which points have an axis ---------------------------------------------------------------------


def of_its_backend(where: Where) -> Where:
    """Return a `where` that means no points but of the backends whose settings it asks about."""
    named = {axis.backend for name in where if (axis := setting_axis(name)) and axis.backend}
    if not named:
        return where
    asked = choices(where["backend"]) if "backend" in where else tuple(sorted(named))
    return {**where, "backend": tuple(one for one in asked if {one} == named)}


def repeated_rows(dimensions: Sequence[Dimension], first_bit: int, loc: Loc) -> list[Clause]:
    """Return clauses that exclude what other backends' settings would make of a point twice.

    Args:
        dimensions: Of the sweep's matrix.
        first_bit: The number of the first clause's bit.
        loc: Of the sweep.
    """
    backends = next(d.column("backend") for d in dimensions if "backend" in d.names)
    clauses: list[Clause] = []
    for dimension in dimensions:
        particular = [n for n in dimension.names if (axis := setting_axis(n)) and axis.backend]
        for backend in dict.fromkeys(map(str, backends)) if particular else ():
            if rows := _repeated(dimension, backend):
                name = particular[0]
                bit = 1 << (first_bit + len(clauses))
                where: Where = {"backend": backend, name: ()}
                clauses.append(Clause("exclude", where, bit, loc, {name: rows}))
    return clauses


def _repeated(dimension: Dimension, backend: str) -> frozenset[int]:
    """Return the rows that are like an earlier one in all that concerns points of `backend`."""
    names = [name for name in dimension.names if concerns(name, backend)]
    if len(names) == len(dimension.names):
        return frozenset()
    first: dict[object, int] = {}
    keys = (tuple((value.__class__, value) for value in key) for key in dimension.keys(names))
    return frozenset(row for row, key in enumerate(keys) if first.setdefault(key, row) != row)


# -- what is wrong with them -----------------------------------------------------------------------


def check_setting_axes(each: Draft, manifest: Manifest, mistakes: Mistakes) -> None:
    """See that each axis of one backend has points, and that no setting is set by two axes."""
    used = set(map(str, each.values_of("backend")))
    for name, loc in _named(each):
        axis = setting_axis(name)
        if axis is None or axis.backend is None:
            continue
        if axis.backend not in manifest.backends:
            near = did_you_mean(axis.backend, manifest.backends)
            there = f"there is no backend {axis.backend!r} ({listed(manifest.backends)})"
            mistakes.add(loc, f"{name!r}: {there}{near}")
        elif axis.backend not in used:
            unused = f"no point of this sweep is of backend {axis.backend!r}"
            mistakes.add(loc, f"{name!r}: {unused} ({listed(sorted(used))})")
    for number, point in each.included:
        for name in point:
            if not concerns(name, str(point["backend"])):
                backend = str(point["backend"])
                told = f"include: {name!r} is no setting of this point's backend {backend!r}"
                mistakes.add((*each.loc, "include", number, name), f"{told}; take it out")


def _named(each: Draft) -> Iterator[tuple[str, Loc]]:
    """Yield every axis that is named somewhere in a sweep, with the place."""
    for part in ("matrix", "zip"):
        yield from ((name, (*each.loc, part, name)) for name in getattr(each.sweep, part))
    for number, point in enumerate(each.sweep.include):
        yield from ((name, (*each.loc, "include", number, name)) for name in point)
    for number, override in enumerate(each.sweep.overrides):
        at = (*each.loc, "overrides", number, "set")
        yield from ((name, (*at, name)) for name in override.set)


def check_settings(manifest: Manifest, grids: Sequence[Grid], mistakes: Mistakes) -> None:
    """See that each backend can be set as each point sets it, and as it stands where none does."""
    judge = _Judge(manifest, mistakes)
    plain = set(manifest.backends)
    for grid in grids:
        names = {n for b in grid.blocks for n in b.names} | _set_later(grid)
        swept = {name for name in names if setting_axis(name)}
        for block, mask, values, _ in grid.groups(frozenset(swept | {"backend"})):
            values = values | grid.overridden(mask)
            backend = str(values["backend"])
            axes = {n: v for n, v in values.items() if n in swept and concerns(n, backend)}
            if axes:
                plain.discard(backend)
                judge.judge(grid, block, mask, backend, axes)
    judge.tell()
    for name in manifest.backends:
        if name in plain:
            for loc, problem in judge.as_it_stands(name):
                mistakes.add(("backends", name, *loc), problem)


def _set_later(grid: Grid) -> set[str]:
    return {name for _, override in grid.overrides for name in override.set}


@dataclass
class _Judge:
    """Judges backends as points set them, and tells what is wrong with all of them at once."""

    manifest: Manifest
    mistakes: Mistakes
    _seen: set[tuple[object, ...]] = field(default_factory=set)
    _standing: dict[str, list[tuple[Loc, str]]] = field(default_factory=dict)
    #: Axis -> backends it sets.
    _set: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: Axis, its place, what is wrong -> of which backends.
    _wrong: dict[tuple[str, Loc, str], dict[str, None]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def as_it_stands(self, name: str) -> list[tuple[Loc, str]]:
        """Say what is wrong with a backend of the manifest."""
        if name not in self._standing:
            backend = self.manifest.backends[name]
            self._standing[name] = validate_settings(backend, self.manifest.folder)
        return self._standing[name]

    def judge(
        self, grid: Grid, block: Block, mask: int, backend: str, axes: Mapping[str, Value]
    ) -> None:
        """Judge a backend as some of a sweep's points set it."""
        settings = settings_of(axes.items())
        key = (backend, *((path, value.__class__, value) for path, value in settings))  # True is 1
        if key in self._seen:
            return
        self._seen.add(key)
        for name in axes:
            self._set[name].add(backend)
        where = _Where(self.manifest, grid, block, mask)
        if clash := _clash(axes):
            name, said = clash
            self.mistakes.add(where.key(name), f"{said} of backend {backend!r}; keep one of them")
            return
        found = self.manifest.backends[backend]
        for loc, problem in validate_changed(found, settings, self.manifest.folder):
            if (loc, problem) in self.as_it_stands(backend):
                self.mistakes.add(("backends", backend, *loc), problem)
            else:
                self._blame(where, backend, axes, loc, problem)

    def _blame(
        self, where: _Where, backend: str, axes: Mapping[str, Value], loc: Loc, problem: str
    ) -> None:
        near = [name for name in axes if _touches(_path(name), loc)]
        name = near[-1] if near else [*axes][-1]
        path = _path(name)
        within = ".".join(map(str, loc[len(path) :]))
        if within:
            problem = f"{within}: {problem}"
        elif len(loc) < len(path) and problem.startswith("is "):
            problem = f"{'.'.join(map(str, loc))} {problem}"
        is_key = problem.startswith("unknown key") or loc != path
        place = where.key(name) if is_key else where.value(name, axes[name])
        self._wrong[name, place, problem][backend] = None

    def tell(self) -> None:
        """Note what is wrong, each mistake once with the backends that it is of.

        Values of a spacing or a file share a place: the first few that are wrong are told.
        """
        told_at: Counter[Loc] = Counter()
        for (name, loc, problem), backends in self._wrong.items():
            told_at[loc] += 1
            if told_at[loc] > _MOST_AT_ONE_PLACE:
                continue
            told = "; ".join(
                f"backend {backend!r}, {self.manifest.backends[backend].provider}, "
                f"at {self.mistakes.place('backends', backend)}"
                for backend in backends
            )
            some = self._set[name] - backends.keys() and _path(name) == tuple(name.split("."))
            mend = f"; write backends.NAME.{name} where it is meant for one backend" if some else ""
            self.mistakes.add(loc, f"{name}: {problem} ({told}){mend}")
        for loc, number in told_at.items():
            if number > _MOST_AT_ONE_PLACE:
                self.mistakes.add(
                    loc,
                    f"{number - _MOST_AT_ONE_PLACE} more values are wrong here; mend these first",
                )


def _path(name: str) -> Path:
    axis = setting_axis(name)
    return axis.path if axis else ()


def _clash(axes: Mapping[str, Value]) -> tuple[str, str] | None:
    """Find two axes that set the same key, or one a part of what the other sets."""
    known: dict[str, Path] = {}
    for name in axes:
        path = _path(name)
        for other, theirs in known.items():
            if _touches(path, theirs):
                shorter = min(path, theirs, key=len)
                return name, f"{name!r} and {other!r} both set {'.'.join(shorter)}"
        known[name] = path
    return None


def _touches(one: Sequence[object], other: Sequence[object]) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))


class _Where:
    """Where the values of some points' axes stand in the manifest."""

    def __init__(self, manifest: Manifest, grid: Grid, block: Block, mask: int) -> None:
        self._loc: Loc = ("sweep", grid.number)
        self._sweep = manifest.sweeps[grid.number]
        self._block = block
        self._set = [
            (number, override.set)
            for number, (clause, override) in enumerate(grid.overrides)
            if mask & clause.bit
        ]

    def key(self, name: str) -> Loc:
        return self._key(name, None)

    def value(self, name: str, value: Value) -> Loc:
        loc = self._key(name, value)
        axis = {**self._sweep.matrix, **self._sweep.zip}.get(name)
        if len(loc) == 4 and axis is not None and axis.values and value in axis.values:
            return (*loc, axis.values.index(value))
        return loc

    def _key(self, name: str, value: Value | None) -> Loc:
        for number, values in reversed(self._set):
            if name in values:
                return (*self._loc, "overrides", number, "set", name)
        for number in self._block.members or ():
            found = self._sweep.include[number].get(name)
            if found is not None and value in (None, found):
                return (*self._loc, "include", number, name)
        return (*self._loc, "zip" if name in self._sweep.zip else "matrix", name)
