"""What accuracy costs, for a person: what targets are expected to take, and `plan --precision`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.accuracy.expecting import Forecast
    from qbatch.accuracy.prices import Precision
    from qbatch.plan import Had, Plan, PlanSummary
    from qbatch.plan.packing import PiecesOf
    from qbatch.plan.points import Only
    from qbatch.plan.pricing.limits import Limit, Rates
    from qbatch.providers import Target

#: Points named whose targets are out of reach.
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """What the rounds of a plan are expected to take.

    Attributes:
        foreseen: Shots of each setting.
        summaries: What is left to buy: at the least, likely, at the most.
        precisions: What other prices would bring, where that is asked for.
        earlier: Name of the other run that told; "" for none.
    """

    foreseen: Forecast
    summaries: tuple[PlanSummary, PlanSummary, PlanSummary] | None
    precisions: Sequence[Precision] | None
    earlier: str = ""

    def lines(
        self,
        limits: Sequence[Limit],
        rates: Rates,
        spent: Mapping[Limit, float] = MappingProxyType({}),
    ) -> Iterator[str]:
        """Say what targets are expected to take, which are out of reach, and what told that.

        Args:
            limits: On what the run may cost in all.
            rates: What units are worth.
            spent: What counts against a limit already.
        """
        from qbatch.notation import whole

        if self.summaries is None or not self.foreseen.sources:
            return
        low, likely, high = self.summaries
        parts = [f"{whole(likely.shots)} more shots ({whole(low.shots)} to {whole(high.shots)})"]
        parts += [*_prices(low, likely, high)]
        told = _likely_by(self.foreseen.sources, self.earlier)
        yield f"targets are expected to take {', '.join(parts)}, by {told}"
        yield from self._beyond()
        yield from self._over(limits, rates, spent)

    def _beyond(self) -> Iterator[str]:
        from qbatch.accuracy.deciding import ENDLESS
        from qbatch.notation import whole

        beyond = [*self.foreseen.beyond.items()]
        for name, (shots, most, source) in beyond[:MOST_NAMED]:
            told = f"by {_likely_by({source: 1}, self.earlier)}"
            takes = f"its target is likely to take {whole(shots)}, {told}"
            if shots >= ENDLESS:  # relative to a number that may be 0
                takes = f"{told}, no number of shots reaches its target"
            yield f"{name}: max allows {whole(most)} shots of a setting, and {takes}"
        if len(beyond) > MOST_NAMED:
            yield f"and {whole(len(beyond) - MOST_NAMED)} more points whose targets are beyond max"

    def _over(
        self, limits: Sequence[Limit], rates: Rates, spent: Mapping[Limit, float]
    ) -> Iterator[str]:
        from qbatch.notation import amount
        from qbatch.plan.pricing.limits import SLACK, planned

        assert self.summaries is not None
        low, likely, high = self.summaries
        for limit in limits:
            least, middle, most = (planned(limit, each, rates) for each in (low, likely, high))
            before = spent.get(limit, 0.0)
            if most and before + most > limit.amount + SLACK:
                is_sure = before + least > limit.amount + SLACK
                short = "is not enough" if is_sure else "may not be enough"
                after = f" in all, {amount(before, limit.unit)} of it spent" if before else ""
                told = f"{limit.said_by} allows {amount(limit.amount, limit.unit)}{after}"
                yield (
                    f"{told}, which {short} for all targets: they are expected to cost "
                    f"{amount(middle, limit.unit)} more "
                    f"({amount(least, limit.unit)} to {amount(most, limit.unit)})"
                )

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        from qbatch.accuracy.deciding import told_shots

        found: dict[str, Any] = {}
        if self.summaries is not None:
            names = "least", "likely", "most"
            found["expected"] = {
                **{
                    name: {"shots": each.shots, "jobs": each.jobs, "prices": each.prices}
                    for name, each in zip(names, self.summaries, strict=True)
                },
                "told_by": dict(self.foreseen.sources),
                "beyond_max": [
                    {"point": name, "needs": told_shots(shots), "max": most, "told_by": source}
                    for name, (shots, most, source) in self.foreseen.beyond.items()
                ],
            }
        if self.precisions is not None:
            found["precision"] = [
                {**asdict(each), "sources": dict(each.sources)} for each in self.precisions
            ]
        return found

    def table(self) -> str:
        """How well each number is known at each backend, for several prices; "" if not asked."""
        from qbatch.cli.tables import format_table

        if not self.precisions:
            return ""
        head = ["backend", "number", "half", "same", "twice", "four times", "by"]
        rows = [
            [each.backend, each.number, *_cells(each), _sources(each.sources, self.earlier)]
            for each in self.precisions
        ]
        return format_table(head, rows, indent="  ")


def _cells(precision: Precision) -> Iterator[str]:
    """Of each price, the largest standard error with the price; a dash where it buys nothing."""
    from qbatch.accuracy.prices import FACTORS
    from qbatch.notation import amount, whole

    rows = {row.factor: row for row in precision.rows}
    for factor in FACTORS:
        if row := rows.get(factor):
            price = amount(row.price, precision.unit) if row.price is not None else ""
            yield f"{row.largest:.2g} ({price or f'{whole(row.shots)} shots'})"
        else:
            yield "-"


def _prices(low: PlanSummary, likely: PlanSummary, high: PlanSummary) -> Iterator[str]:
    from qbatch.notation import amount

    for unit, price in likely.prices.items():
        least, most = low.prices.get(unit, 0.0), high.prices.get(unit, 0.0)
        mark = likely.emulated(unit)
        told = f"{amount(price, unit)} ({amount(least, unit)} to {amount(most, unit)})"
        yield f"{told} ({mark})" if mark else told


def _likely_by(sources: Mapping[str, int], earlier: str) -> str:
    """What told what is likely."""
    return _sources(sources, earlier, worst="two thirds of the worst case (nothing is known yet)")


def _sources(sources: Mapping[str, int], earlier: str, worst: str = "the worst case") -> str:
    """What told how far single shots are apart, of how many points where it is not one of all."""
    from qbatch.accuracy.expecting import EARLIER, HERE, WORST
    from qbatch.notation import whole

    words = {HERE: "shots of this run", EARLIER: f"shots of {earlier}", WORST: worst}
    if len(sources) == 1:
        return words[next(iter(sources))]
    return ", ".join(f"{words[name]} for {whole(number)}" for name, number in sources.items())


def expect(
    plan: Plan,
    folder: Path,
    earlier: Path | None,
    targets: Mapping[str, Target],
    only: Only | None,
    jobs: Mapping[str, Sequence[Had]],
    wanted: PiecesOf,
    is_precision_asked: bool,
) -> Expected | None:
    """Say what targets are expected to take; None where there are none, and nothing is asked.

    Raises:
        SelectionError: There is nothing to be told by the earlier run, or no number to be told of.
    """
    from qbatch.accuracy.expecting import forecast
    from qbatch.accuracy.prices import pieces_at, precision
    from qbatch.errors import SelectionError

    if not (plan.has_accuracies or is_precision_asked):
        if earlier is not None:
            raise SelectionError(
                "--from tells how far single shots are apart, and this plan asks for numbers of "
                "shots; add --precision"
            )
        return None
    analysis = plan.manifest.analysis
    names = [*analysis.observables, *analysis.probabilities]
    if is_precision_asked and not names:
        raise SelectionError(
            "--precision tells standard errors of observables and probabilities, and `analysis` "
            "has none of either; add one"
        )
    with ExitStack() as stack:
        known = _known(stack, plan, folder, earlier)
        foreseen = forecast(known(None).of_points(only))
        precisions = None
        if is_precision_asked:
            precisions = precision(known(names).of_points(only), targets, foreseen)
    summaries = None
    if foreseen.shots:
        low, likely, high = (
            plan.summary(
                targets, pieces_of=pieces_at(foreseen, each, jobs, targets, wanted), only=only
            )
            for each in range(3)
        )
        summaries = low, likely, high
    return Expected(foreseen, summaries, precisions, "" if earlier is None else str(earlier))


def _known(stack: ExitStack, plan: Plan, folder: Path, earlier: Path | None) -> Any:
    from functools import partial

    from qbatch.accuracy.expecting import Outlooks
    from qbatch.cli.runs import open_named
    from qbatch.errors import SnapshotError
    from qbatch.snapshot import Run, is_run_folder

    here = other = None
    if is_run_folder(folder):
        try:
            here = stack.enter_context(Run(folder))
        except SnapshotError:  # damaged: whoever needs it will tell
            here = None
    if earlier is not None:
        other = stack.enter_context(open_named(earlier))
    return partial(Outlooks, plan, here=here, earlier=other)
