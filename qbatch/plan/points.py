"""Every point of a manifest, in run order, made when it is asked for.

A point that is measured in several settings stands here once for each of them, one behind the
other: each is a content of its own, and what is said of a point holds for each.

They are pure: no clock, no network, no chance but the seed. Two plans of one manifest yield the
same points in the same order. Their memory does not grow with the number of points.
"""

from __future__ import annotations

import copy as copying
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from qbatch.bases import SETTING_NAMES, Setting, is_reference
from qbatch.manifest.accuracy import AdaptiveShots
from qbatch.manifest.paths import SettingValues, setting_axis, settings_of
from qbatch.manifest.prices import NO_PRICES, PriceList
from qbatch.plan.geometry.grid import Block, Index
from qbatch.plan.geometry.sweep import Grid, Variants
from qbatch.plan.identities import Identity, identities, ids_and_names, pins
from qbatch.plan.identity import SweepPoint, canonical_json
from qbatch.plan.layout import Layout, in_settings
from qbatch.plan.made import Made, chosen
from qbatch.providers import Order, Quote
from qbatch.shots import AgedShots

if TYPE_CHECKING:
    from qbatch.circuit import CircuitSource
    from qbatch.manifest.models import Backend, Manifest
    from qbatch.plan.factory import Factory

#: Whether a point is meant.
Only = Callable[[SweepPoint], bool]


class Points:
    """The points of a manifest: all of a `Plan` but how they are packed and what they cost.

    Attributes:
        manifest: What it was made from.
        sources: Name -> opened circuit.
        grids: One for each sweep.
        axes: Names of the swept axes in the order written: what names show and reports tabulate.
        factory: Makes layouts.
        prices: What providers do not say, by the manifest's file of prices.
        shared: Id of a content that several places of the sweeps come to -> its shots: as many as
            the place that asks for most. It is bought once, and shown at each of them.
        remarks: What a person should know of it, a sentence each.
        quotes: Backend, circuit text's SHA-256 and settings, with shots -> in what ways a cloud
            that quotes each job would sell one of them; empty where none was asked.
        recalled: By the same, what a cloud quoted for one of them lately, and that held it back.
        wanted: Id of a point's setting that is to reach an accuracy, or is bought again when it is
            too old -> the shots decided on so far.
    """

    def __init__(
        self,
        manifest: Manifest,
        sources: Mapping[str, CircuitSource],
        grids: Sequence[Grid],
        axes: Sequence[str],
        factory: Factory,
        prices: PriceList = NO_PRICES,
    ) -> None:
        self.manifest = manifest
        self.prices = prices
        self.sources = sources
        self.grids = tuple(grids)
        self.axes = tuple(axes)
        self.factory = factory
        self.shared: Mapping[str, int] = {}
        self.remarks: tuple[str, ...] = ()
        self.quotes: Mapping[tuple[tuple[str, str, SettingValues], int], Sequence[Quote]] = {}
        self.recalled: Mapping[tuple[tuple[str, str, SettingValues], int], float] = {}
        self.wanted: Mapping[str, AdaptiveShots | AgedShots] = {}
        self._variants: dict[int, Variants] = {}
        self._alone = ""
        self._made = Made(len(axes))

    def alone(self, backend: str) -> Self:
        """Return a plan that buys what one backend needs, though others need the same, too.

        Its sums are right for that backend.
        """
        found = copying.copy(self)
        found._alone, found._made = backend, Made(len(self.axes))
        found.shared = {}
        if self.shared:
            places = Counter(point.id for point in found.points())
            found.shared = {id_: n for id_, n in self.shared.items() if places[id_] > 1}
        return found

    @cached_property
    def num_points(self) -> int:
        """How many points there are, worked out without making them; each place counts."""
        return sum(grid.count_kept() * grid.repeat for grid in self.grids)

    @cached_property
    def has_accuracies(self) -> bool:
        """Whether some points are to reach an accuracy, so that their shots are decided later."""
        return bool(self.manifest.accuracies)

    @property
    def may_want_more(self) -> bool:
        """Whether more shots may come to be wanted than are now."""
        aged = (shots for shots in self.wanted.values() if isinstance(shots, AgedShots))
        return self.has_accuracies or any(shots.most > shots for shots in aged)

    @property
    def has_bases(self) -> bool:
        """Whether some points may have settings other than as their circuit is written."""
        return self.factory.measurements is not None

    @cached_property
    def num_settings(self) -> int:
        """How many settings the points have in all."""
        if not self.has_bases:
            return self.num_points
        return sum(1 for _ in self.rows())

    @property
    def names(self) -> tuple[str, ...]:
        """What points can be chosen by: the axes, and what a setting is measured with."""
        return (*self.axes, *SETTING_NAMES) if self.has_bases else self.axes

    @cached_property
    def variant_names(self) -> frozenset[str]:
        """Axes that decide circuit text and backend, with its settings."""
        names = {name for grid in self.grids for block in grid.blocks for name in block.names}
        return (
            frozenset({"circuit", "backend"})
            | self.factory.arguments
            | {name for name in names if setting_axis(name)}
        )

    def variants(self, grid: Grid, block: Block) -> Variants:
        """Return the layouts of a block."""
        if id(block) not in self._variants:
            self._variants[id(block)] = Variants(
                block,
                self.variant_names,
                grid.override_bits,
                lambda values, mask: self.factory.layout(grid, block, values, mask),
            )
        return self._variants[id(block)]

    def layouts(self, sweep: int | None = None) -> Iterator[Layout]:
        """Yield the layout of every variant (of one sweep, by its number), before sampling.

        Of points with several settings that of each.
        """
        for layout in self._variant_layouts(sweep):
            yield from layout.each

    def variant_layouts(self) -> Iterator[Layout]:
        """Yield the layout of every variant, whatever settings its points have; no references."""
        return self._variant_layouts(all_kinds=False)

    def _variant_layouts(
        self, sweep: int | None = None, *, all_kinds: bool = True
    ) -> Iterator[Layout]:
        for grid in self.grids:
            if sweep not in (None, grid.number) or (grid.reference and not all_kinds):
                continue
            for block, mask, values, _ in grid.groups(self.variant_names):
                yield self.factory.layout(grid, block, values, mask)

    def _tables(self, grid: Grid) -> dict[int, Variants]:
        return {id(block): self.variants(grid, block) for block in grid.blocks}

    def rows(self) -> Iterator[tuple[Layout, Index]]:
        """Yield layout and index of every point, in run order, once for each of its settings."""
        places = self._places()
        if self._alone:
            places = (each for each in places if each[0].backend == self._alone)
        return in_settings(places) if self.has_bases else places

    def _rows_of(self, grid: Grid) -> Iterator[tuple[Layout, Index]]:
        rows = grid.rows(self._tables(grid))
        return in_settings(rows) if self.has_bases else rows

    def _places(self, *, all_kinds: bool = True) -> Iterator[tuple[Layout, Index]]:
        """Yield layout and index of every place, references last; without them if not all kinds."""
        grids = [grid for grid in self.grids if not grid.reference]
        tables = {grid.number: self._tables(grid) for grid in grids}
        for copy in range(max((grid.repeat for grid in grids), default=0)):
            for grid in grids:
                if grid.is_by_copy and copy < grid.repeat:
                    yield from grid.rows(tables[grid.number], range(copy, copy + 1))
                elif not grid.is_by_copy and not copy:
                    yield from grid.rows(tables[grid.number])
        for grid in self.grids if all_kinds else ():
            if grid.reference:
                yield from grid.rows(self._tables(grid))

    def references(self, backend: str) -> Iterator[SweepPoint]:
        """Yield what is run again between the points of a backend, in order."""
        for grid in self.grids:
            if grid.reference:
                found = (layout.point_at(index) for layout, index in grid.rows(self._tables(grid)))
                yield from (point for point in found if point.backend == backend)

    def points(self, *, are_written: bool = False) -> Iterator[SweepPoint]:
        """Yield every point, in run order, on request with its parameters written."""
        points = self._made.points(self.rows(), are_written=are_written)
        return self._tell_shared(points) if self.shared else self._as_decided(points)

    def points_once(self) -> Iterator[SweepPoint]:
        """Yield every point once, as listed, whatever settings it is measured in; no references."""
        places = self._places(all_kinds=False)
        return (layout.point_at(index) for layout, index in places)

    def points_at(self, places: Iterable[int]) -> Iterator[SweepPoint]:
        """Yield the points at these places of the run order, counted from 0, in that order.

        Others are not made; where places share a content, all are looked through.
        """
        if self.shared:
            yield from chosen(self.points(), places)
        else:
            yield from self._as_decided(self._made.at(self.rows(), places))

    def _as_decided(self, points: Iterator[SweepPoint]) -> Iterator[SweepPoint]:
        """Return points with the shots that are wanted of them by now."""
        if not self.wanted:
            return points
        wanted = self.wanted
        return (replace(p, shots=wanted[p.id]) if p.id in wanted else p for p in points)

    def _tell_shared(self, points: Iterator[SweepPoint]) -> Iterator[SweepPoint]:
        first: dict[str, str] = {}
        for point in self._as_decided(points):
            if shots := self.wanted.get(point.id) or self.shared.get(point.id):
                same_as = first.get(point.id, "")
                first.setdefault(point.id, point.name)
                point = replace(point, shots=shots, same_as=same_as)
            yield point

    def bought(
        self, only: Only | None = None, *, places: Iterable[int] | None = None
    ) -> Iterator[SweepPoint]:
        """Yield what has to be bought for the points that are meant: of each content one point.

        Where several places come to one content, it is bought for the first of them, also where
        only another one is meant, with the shots of the one that asks for most.

        Args:
            only: Points that are meant; None: all.
            places: Where the points stand that may have to be bought, first places all of them,
                counted from 0 in run order; None: anywhere.
        """
        if places is not None and not self.shared:
            yield from filter(only, self.points_at(places)) if only else self.points_at(places)
            return
        yield from (point for point, _ in self.bought_for(only))

    def bought_for(self, only: Only | None = None) -> Iterator[tuple[SweepPoint, SweepPoint]]:
        """Yield what `bought` does, and with each the first place that is meant by it."""
        first: dict[str, SweepPoint] = {}
        told: set[str] = set()
        for point in self.points():
            if point.id not in self.shared:
                if only is None or only(point):
                    yield point, point
                continue
            first.setdefault(point.id, point)
            if point.id not in told and (only is None or only(point)):
                told.add(point.id)
                yield first[point.id], point

    def ids_and_names(self, grid: Grid | None = None) -> Iterator[tuple[str, str]]:
        """Yield id and name of every point (of one sweep), in run order; faster than `points`."""
        return ids_and_names(self._rows_of(grid) if grid else self.rows())

    @property
    def identities(self) -> Callable[[], Iterator[Identity]] | None:
        """Yields what tells each point from a former one, in run order; faster than `points`.

        None where places share a content, or shots are decided on: `points` alone tells them.
        """
        return None if self.shared or self.wanted else lambda: identities(self.rows())

    def pins(self, grid: Grid | None = None) -> Iterator[tuple[str, str, int]]:
        """Yield id, name and shots of every point (of one sweep), in run order, as written."""
        return pins(self._rows_of(grid) if grid else self.rows())

    def order_of(self, point: SweepPoint) -> Order:
        """Return what a driver needs to know to run `point`."""
        source = self.sources[point.circuit]
        values = dict(point.parameters)
        given = sorted(source.arguments & values.keys())
        circuit = self.factory.whole(source.circuit({name: values[name] for name in given}))
        if self.factory.measurements is not None and not is_reference(point.name):
            seed = self.factory.settings[point.setting].seed
            circuit = self.factory.measurements.program(circuit, Setting.of(values), seed)
        names = circuit.facts.parameters
        bound = values.values() if tuple(values) == names else map(values.__getitem__, names)
        return Order(
            id=point.id,
            name=point.name,
            circuit=circuit,
            parameters=dict(zip(names, map(float, bound), strict=True)),
            shots=point.shots,
            seed=point.seed,
            settings=settings_of(point.parameters),
        )

    def backend_of(self, layout: Layout) -> Backend:
        """Return the backend of a layout's points, with what they change of it."""
        return self.manifest.backends[layout.backend].with_settings(layout.settings)

    def setting(self, key: str) -> dict[str, Any]:
        """Return what points share, as it is kept.

        ``{"backend": {…}, "circuit": text, "content": of the text, "language": "3.0",
        "reader": version of what made the content, "seed": root seed}``

        Raises:
            KeyError: No point of this plan has this key.
        """
        return self.factory.settings[key].to_dict()

    def setting_text(self, key: str) -> str:
        """Return `setting` as canonical JSON, for keeping."""
        return canonical_json(self.setting(key))

    def settings_of(self, point: SweepPoint) -> dict[str, Any]:
        """Return the canonical settings from which the point's id is made."""
        free = self.order_of(point).parameters
        return {
            **self.factory.settings[point.setting].identity(),
            "parameters": dict(free),
            "repeat": point.repeat,
            **({"shots": point.shots} if point.has_shots_axis else {}),
        }
