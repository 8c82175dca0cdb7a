"""The read view of a run folder: what reports, exports, `status` and notebooks are made from.

In layers: `opened` has the run as a whole, `kept` what there is of one point, `listing` finds the
points, and here they are summed up and made tables of.

Rules: it never writes and takes no lock, so it works beside a runner and sees each finished step.
Nothing is shown that was not checked: see `trust`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

from typing_extensions import deprecated

from qbatch.arguments import NOTHING, TEXT, Kind, takes
from qbatch.errors import PointsFailed
from qbatch.job import JobState
from qbatch.snapshot.calibrations import Calibrations
from qbatch.snapshot.doubles import Double, read_doubles, total_beside, with_figures
from qbatch.snapshot.faults import translated
from qbatch.snapshot.from_runs import FromRun, by_run, shots_from_others
from qbatch.snapshot.held import Held, described
from qbatch.snapshot.ledger import Purchase, read_purchases, total_up
from qbatch.snapshot.listing import Listing
from qbatch.snapshot.points import (
    PointResult,
)
from qbatch.snapshot.put_aside import PutAside, read_put_aside
from qbatch.snapshot.reading import (
    InPart,
    checked,
    counts_by_state,
    points_in_part,
)
from qbatch.snapshot.reused import REUSED
from qbatch.snapshot.times import Times, read_times

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from qbatch.across import AcrossNumber
    from qbatch.across.drifting import Drifting
    from qbatch.across.fits import Fitted
    from qbatch.result import CountsArray, Estimate


#: States of points that came to nothing, or of which nobody knows.
LOST = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.HELD})

POINTS = Kind(
    "points of the run", lambda value: isinstance(value, Iterable) and not isinstance(value, str)
)


class Run(Listing):
    """A run folder, opened for reading.

    Iterating yields a `PointResult` for every point of the plan, lazily and in plan order;
    ``run[…]`` finds one by name or by the beginning of its id.

    Args:
        folder: The run folder.

    Raises:
        SnapshotError: There is no run, or it is damaged or newer than this qbatch.
    """

    def counts_by_state(self) -> dict[JobState, int]:
        """Points of the plan in each state; states without points are left out."""
        self._trust.check("jobs", "positions")
        return counts_by_state(self._db, self.path)

    def in_part(self) -> InPart:
        """Sum up the points of the plan that have some of the shots they ask for, not all."""
        self._trust.check("jobs", "positions")
        if self.has_settings:
            return self._in_part_by_point()
        return points_in_part(self._db, self.path)

    def _in_part_by_point(self) -> InPart:
        found = InPart()
        for point in self:
            if point.state is not JobState.COMPLETED and point.used:
                found = found.and_one(point.counted, point.asked)
        return found

    def raise_for_error(self) -> Self:
        """Return this run, unless some of its points came to nothing.

        Points that are not done yet, here or at their cloud, raise nothing.

        Raises:
            PointsFailed: Some failed, were cancelled or are held: all of them, each with its error.
        """
        if self.counts_by_state().keys() & LOST:
            raise PointsFailed(self.name, len(self), [one for one in self if one.state in LOST])
        return self

    def completed_since(self, moment: datetime) -> int:
        """How many points of the plan have results that came at `moment` or later."""
        rows = self._rows(
            "SELECT count(*) FROM results JOIN points USING (ordinal)"
            " WHERE position IS NOT NULL AND at >= ?",
            (moment.timestamp(),),
            of=("results", "points"),
        )
        return int(rows[0][0])

    def spent(self) -> dict[str, float]:
        """Unit -> what all attempts cost so far, also of points in the plan no more.

        By the ledger where a job stands in it, else by what was noted beside its result; and what
        stands at clouds under the run's names without its order.
        """
        rows = self._rows(
            "WITH bought AS (SELECT DISTINCT job FROM ledger) SELECT unit, sum(cost) FROM ("
            "SELECT unit, cost FROM jobs WHERE ordinal NOT IN bought UNION ALL "
            "SELECT attempts.unit, attempts.cost FROM attempts JOIN jobs ON ordinal = job "
            "WHERE attempts.generation < jobs.generation AND job NOT IN bought) "
            "WHERE cost IS NOT NULL AND unit <> '' GROUP BY unit",
            of=("jobs", "attempts", "ledger"),
        )
        spent = {unit: float(cost) for unit, cost in rows}
        for (_, unit), total in total_up(each.entry for each in self.ledger()).items():
            if total.jobs > total.open:
                spent[unit] = spent.get(unit, 0.0) + total.spent
        for unit, cost in total_beside(self.doubles()).items():
            spent[unit] = spent.get(unit, 0.0) + cost
        return spent

    def doubles(self) -> list[Double]:
        """What stands at clouds under the run's names and was not ordered, as it counts."""
        known = read_doubles(self.meta).values()
        bought = ((each.point, each.entry) for each in (self.ledger() if known else ()))
        return with_figures(known, bought)

    def ledger(self) -> list[Purchase]:
        """Every purchase that may be billed, in the order of the points, then of the attempts."""
        self._trust.check("ledger", "composites", "intents")
        with translated(self.path), checked(self.path):
            return list(read_purchases(self._db))

    def reused(self, point: PointResult | None = None) -> list[FromRun]:
        """What comes from other runs, by where it was read; see `--reuse`.

        Args:
            point: Of which; None: of all of the run.
        """
        if REUSED not in self.meta:
            return []
        points = self.all_points() if point is None else [point]
        return [*by_run(each for one in points for each in shots_from_others(one))]

    def put_aside(self, point: PointResult | None = None) -> list[PutAside]:
        """Shots that are kept and do not count: of other runs, or set aside of this one.

        Args:
            point: Of which, with all its settings; None: of all of the run.
        """
        found = read_put_aside(self.meta)
        if point is None:
            return found
        ids = {point.id, *(each.id for each in point.each_setting)}
        return [each for each in found if each.id in ids]

    def all_points(self) -> Iterator[PointResult]:
        """Yield the points of the plan, then those that are in it no more, each content once."""
        for point in (*self.settings(), *self.removed()):
            if not point.same_as:
                yield point

    def held(self) -> list[Held]:
        """The jobs of which nobody can tell whether the provider took them."""
        return [
            described(
                point,
                self.manifest.backends.get(point.backend),
                self.targets.get(point.backend, {}).get("name"),
                self.intent_key_of(point),
                self.memo_of(point),
            )
            for point in self.in_flight()
            if point.state is JobState.HELD
        ]

    def times(self, backends: Collection[str]) -> dict[str, Times]:
        """Backend -> how long its completed jobs took; those without any are left out."""
        if not backends:
            return {}
        has_others = REUSED in self.meta
        self._trust.check("events", "jobs", "points", *(["results"] if has_others else []))
        with translated(self.path):
            return read_times(self._db, backends, has_others=has_others)

    def drift(self) -> list[Drifting]:
        """What references tell of each cloud machine's drift; see `Drifting`."""
        from qbatch.across.drifting import read_drift

        return read_drift(self)

    @cached_property
    def calibrations(self) -> Calibrations:
        """What is known of its machines' calibrations, and which held for which job."""
        return Calibrations(self)

    def composites_by_stage(self) -> dict[tuple[str, str], int]:
        """(backend, stage) -> composite jobs."""
        sql = "SELECT backend, stage, count(*) FROM composites GROUP BY 1, 2"
        rows = self._rows(sql, of=("composites",))
        return {(backend, stage): number for backend, stage, number in rows}

    @deprecated("deprecated since qbatch 0.1, gone in 0.2: write point.estimates")
    def estimates(self, point: PointResult) -> dict[str, Estimate]:
        """The manifest's named analyses of `point`, each with its interval."""
        return point.estimates

    @takes(register=TEXT | NOTHING, bit_order=TEXT, points=POINTS | NOTHING)
    def counts_array(
        self,
        register: str | None = None,
        *,
        bit_order: Literal["right", "left"] = "right",
        points: Iterable[PointResult] | None = None,
    ) -> CountsArray:
        """How often each outcome came, a row per completed point, a column per outcome seen.

        Args:
            register: One classical register; None: all of them together.
            bit_order: Where in the labels bit 0 stands: "right" as everywhere in qbatch, "left" as
                OQC writes.
            points: Of this run; None: all of it.

        Raises:
            SelectionError: No completed point, or none with that register, or the points'
                registers differ: choose points of one kind, or a register that they share.
        """
        from qbatch.snapshot.tables import counts_array

        return counts_array(self, register, bit_order, points)

    def derived(self) -> list[AcrossNumber]:
        """The manifest's derived numbers, each for each of its groups; see `AcrossNumber`.

        What is made of points that are not all measured has no estimate, and says why.
        """
        from qbatch.across import read_across

        return list(read_across(self).derived)

    def fits(self) -> list[Fitted]:
        """The manifest's fits, each for each of its groups; see `Fitted`.

        One that the points do not allow has no solution, and says why.
        """
        from qbatch.across import read_across

        return list(read_across(self).fits)

    def across(self) -> list[AcrossNumber]:
        """All numbers across points: derived, of own functions of groups, and of fits."""
        from qbatch.across import read_across

        return list(read_across(self).numbers)

    def across_to_dataframe(self) -> pd.DataFrame:
        """One row per number across points and group (needs the extra ``[data]``).

        Columns as in ``export --format across``; NaN where a number is undecided.
        """
        from qbatch.across import ACROSS_COLUMNS, across_rows
        from qbatch.snapshot.tables import frame_of

        return frame_of(across_rows(self.across(), self.manifest.units), ACROSS_COLUMNS)

    def zne_to_dataframe(self) -> pd.DataFrame:
        """One row per point and number without noise, with χ² (needs the extra ``[data]``).

        Columns as in ``export --format zne``; NaN where no value is left to judge the curve by.
        """
        from qbatch.snapshot.extrapolated import ZNE_COLUMNS, zne_rows
        from qbatch.snapshot.tables import frame_of

        return frame_of(zne_rows(self, self.manifest), ZNE_COLUMNS)

    def fits_to_dataframe(self) -> pd.DataFrame:
        """One row per fitted parameter and group (needs the extra ``[data]``).

        Columns as in ``export --format fits``; NaN where a fit is undecided.
        """
        from qbatch.across.fit_facts import FIT_COLUMNS, fit_rows
        from qbatch.snapshot.tables import frame_of

        return frame_of(fit_rows(self.fits(), self.manifest), FIT_COLUMNS)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per point, columns as in ``results.csv`` (needs the extra ``[data]``)."""
        from qbatch.snapshot.tables import to_dataframe

        return to_dataframe(self)

    def to_xarray(self) -> xr.Dataset:
        """Sweep axes as dimensions, NaN where a point is missing (needs the extra ``[data]``).

        Zipped axes are one dimension, on which each is a coordinate.
        """
        from qbatch.snapshot.tables import to_xarray

        return to_xarray(self)

    def __repr__(self) -> str:
        if self._is_closed:
            return f"<Run in {self.folder}, closed>"
        states = ", ".join(f"{number} {state}" for state, number in self.counts_by_state().items())
        return f"<Run {self.name!r} in {self.folder}: {states or 'no points'}>"
