"""The plan: the points of a manifest, how they are packed, and what they amount to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from qbatch.fragments import line, table
from qbatch.manifest.paths import SettingValues, settings_of
from qbatch.notation import whole
from qbatch.plan.packing import PiecesOf, pack
from qbatch.plan.points import Only, Points
from qbatch.plan.pricing.summary import PlanSummary, summarise
from qbatch.providers import Batch, Target


class Plan(Points):
    """The points of a manifest, lazily, and what they amount to; `expand` makes it."""

    def __repr__(self) -> str:
        summary = self.summary({})
        return f"<Plan {self.manifest.name!r}: {summary.points} points, {summary.shots} shots>"

    def _repr_html_(self) -> str:
        summary = self.summary({})
        rows = [
            (each.backend, *map(whole, (each.points, each.shots, each.jobs)))
            for each in summary.backends
        ]
        told = [f"{whole(summary.points)} points", f"{whole(summary.shots)} shots"]
        return line(self.manifest.name, *told) + table(("backend", "points", "shots", "jobs"), rows)

    def backends_used(self, only: Only | None = None) -> dict[str, list[SettingValues]]:
        """Backends that points use, in the manifest's order, and how the points set them.

        Args:
            only: Points that are meant; None: all.
        """
        used = {(layout.backend, layout.settings): None for layout in self.layouts()}
        if only is not None:
            chosen: dict[tuple[str, SettingValues], None] = {}
            for point in self.bought(only):
                chosen[point.backend, settings_of(point.parameters)] = None
                if len(chosen) == len(used):
                    break
            used = chosen
        names = {name for name, _ in used}
        return {
            name: [settings for backend, settings in used if backend == name]
            for name in self.manifest.backends
            if name in names
        }

    def composites(
        self,
        targets: Mapping[str, Target],
        only: Only | None = None,
        *,
        pieces_of: PiecesOf | None = None,
        places: Iterable[int] | None = None,
    ) -> Iterator[Batch]:
        """Pack points into composite jobs under the targets' limits, lazily.

        Args:
            targets: Backend name -> target; points of other backends are left out.
            only: Points to pack; None: all.
            pieces_of: What is to be bought of a point now; None: all of it, for the first time.
            places: Where the points stand of which something may have to be bought, counted from 0
                in run order; None: anywhere.
        """
        return pack(self, targets, only, pieces_of, places)

    def summary(
        self,
        targets: Mapping[str, Target],
        only: Only | None = None,
        *,
        drivers: Mapping[str, object] | None = None,
        pieces_of: PiecesOf | None = None,
    ) -> PlanSummary:
        """Say how many points, shots and jobs there are, what they cost and how long they take.

        Args:
            targets: Backend name -> target.
            only: Points that count; None: all.
            drivers: Backend name -> driver; those that have `estimate_s` are asked for the time.
            pieces_of: What is to be bought of a point now, each a job; None: all of it.
        """
        return summarise(self, targets, only, drivers, pieces_of)
