"""What points will take to be as accurate as asked for, before their shots are bought.

It is told by the shots that there are of them, in their own run folder or in another run, else by
what cannot be exceeded: no shot of a number is worth less or more than its bounds. So there are
three answers: what is likely, and between which it will be. Where nothing is known, `min` shots may
do; the worst case is the bounds'; and likely two thirds of that, as on the average over all
probabilities that an outcome may have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from qbatch.accuracy.deciding import ENDLESS, Figure, shots_for, targets_of
from qbatch.bases import Setting, is_calibration, is_reference, point_of
from qbatch.frozen import dataclass
from qbatch.manifest.accuracy import Accuracy, AdaptiveShots

if TYPE_CHECKING:
    from qbatch.manifest.analysis import Analysis
    from qbatch.plan import Plan
    from qbatch.plan.identity import SweepPoint
    from qbatch.plan.points import Only
    from qbatch.result.spread import Spread
    from qbatch.snapshot import PointResult, Run

#: What a variance is likely to be, as a share of the most that it can be.
PRIOR = 2 / 3

#: Where a point's variances come from.
HERE, EARLIER, WORST = "this run", "earlier run", "worst case"


class Span(NamedTuple):
    """A number of shots: the fewest, what is likely, the most."""

    low: int
    likely: int
    high: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a point before more of it is bought.

    Attributes:
        settings: Its settings, calibrations left out.
        figures: Number -> what is known of it; of the worst case, the most that it can vary.
        source: `HERE`, `EARLIER` or `WORST`.
    """

    settings: tuple[SweepPoint, ...]
    figures: Mapping[str, Figure]
    source: str

    @property
    def name(self) -> str:
        """Of the point."""
        return point_of(self.settings[0].name)

    @property
    def backend(self) -> str:
        """Where it is to be measured."""
        return self.settings[0].backend

    def spans(self, accuracy: Accuracy) -> dict[str, Span]:
        """Setting -> shots that reach an accuracy, whatever `max` allows."""
        if self.source == WORST:
            low = dict.fromkeys((each.id for each in self.settings), accuracy.min)
            shares = PRIOR, 1.0
        else:
            low = self._needs(accuracy, 1.0, doubt=-1.0)
            shares = 1.0, 1.0
        likely = self._needs(accuracy, shares[0])
        high = self._needs(accuracy, shares[1], doubt=1.0)
        return {key: Span(low[key], likely[key], high[key]) for key in low}

    def _needs(self, accuracy: Accuracy, share: float, doubt: float = 0.0) -> dict[str, int]:
        """Shots by a share of each variance, and so often what it may be more."""
        first = {each.id: accuracy.min for each in self.settings}
        needs = {key: float(number) for key, number in first.items()}
        targets = targets_of(accuracy, self.figures)
        for name, figure in self.figures.items():
            spreads = {
                key: each._replace(likely_most=share * each.variance + doubt * _doubt(each))
                for key, each in figure.spreads.items()
            }
            taken = Figure(figure.value, figure.width, spreads)
            for key, number in shots_for(taken, first, targets[name]).items():
                needs[key] = max(needs[key], number)
        return {key: math.ceil(min(number, ENDLESS)) for key, number in needs.items()}


def _doubt(spread: Spread) -> float:
    return spread.likely_most - spread.variance


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the points of a plan that are to reach an accuracy will take.

    Attributes:
        shots: Setting -> shots, within `min` and `max`.
        sources: How many points were told by what.
        beyond: Point -> the most shots of one of its settings that its target is likely to take,
            where `max` allows fewer; with that number, and what told it.
    """

    shots: Mapping[str, Span] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    beyond: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)


def forecast(outlooks: Iterable[Outlook]) -> Forecast:
    """Say what points will take that are to reach an accuracy."""
    shots: dict[str, Span] = {}
    sources: dict[str, int] = {}
    beyond: dict[str, tuple[int, int, str]] = {}
    for each in outlooks:
        wish = each.settings[0].shots
        if not isinstance(wish, AdaptiveShots):
            continue
        if wish.is_last:
            shots |= {setting.id: Span(*[int(setting.shots)] * 3) for setting in each.settings}
            continue
        accuracy, spans = wish.accuracy, each.spans(wish.accuracy)
        sources[each.source] = sources.get(each.source, 0) + 1
        for key, span in spans.items():
            low, likely, high = (min(number, accuracy.max) for number in span)
            shots[key] = Span(low, likely, high)
        most = max(span.likely for span in spans.values())
        if most > accuracy.max:
            beyond[each.name] = most, accuracy.max, each.source
    return Forecast(shots, sources, beyond)


class Outlooks:
    """What is known of the points of a plan.

    Args:
        plan: The plan.
        names: Numbers of its analysis; None: those that each point's accuracy is of.
        here: Its run folder, open; None: there is none.
        earlier: Another run whose shots tell how far single shots are apart.
    """

    def __init__(
        self,
        plan: Plan,
        names: Sequence[str] | None = None,
        here: Run | None = None,
        earlier: Run | None = None,
    ) -> None:
        self._plan, self._names = plan, names
        self._here = {p.each_setting[0].id: p for p in here} if here is not None else {}
        self._earlier = dict(_by_what_is_asked(earlier)) if earlier is not None else {}
        self._worst: dict[tuple[object, ...], dict[str, dict[str, Spread]]] = {}

    def of_points(self, only: Only | None = None) -> Iterator[Outlook]:
        """Yield what is known of each point that is bought; a reference is none."""
        group: list[SweepPoint] = []
        for each in self._plan.bought(only):
            if is_reference(each.name):
                continue
            if group and point_of(group[0].name) != point_of(each.name):
                yield from self._of(group)
                group = []
            if not is_calibration(Setting.of(dict(each.parameters)).text):
                group.append(each)
        yield from self._of(group)

    def _of(self, group: Sequence[SweepPoint]) -> Iterator[Outlook]:
        if not group:
            return
        wish = group[0].shots
        names = self._names
        if names is None:
            names = wish.accuracy.of if isinstance(wish, AdaptiveShots) else ()
        if names:
            yield self._outlook(tuple(group), names)

    def _outlook(self, settings: tuple[SweepPoint, ...], names: Sequence[str]) -> Outlook:
        here = self._here.get(settings[0].id)
        if here is not None and (found := self._as_seen(here, settings, names)):
            return Outlook(settings, found, HERE)
        circuit, asked = settings[0].circuit, _asked(settings[0].parameters)
        for backend in (settings[0].backend, ""):
            there = self._earlier.get((circuit, backend, asked))
            if there is not None and (found := self._as_seen(there, settings, names)):
                return Outlook(settings, found, EARLIER)
        return Outlook(settings, self._at_worst(settings, names), WORST)

    def _as_seen(
        self, point: PointResult, settings: Sequence[SweepPoint], names: Sequence[str]
    ) -> dict[str, Figure]:
        """What a point's own shots tell, or those of one that asks the same; {} where not all."""
        from qbatch.accuracy.standing import figures_of

        ids = {Setting.of(dict(each.parameters)).text: each.id for each in settings}
        found = figures_of(point, names, self._analysis_at(settings[0]), ids)
        return found if found.keys() == set(names) else {}

    def _at_worst(self, settings: Sequence[SweepPoint], names: Sequence[str]) -> dict[str, Figure]:
        from qbatch.result.spread import Spread

        analysis = self._analysis_at(settings[0])
        circuit = self._plan.order_of(settings[0]).circuit
        bases = [Setting.of(dict(each.parameters)).text for each in settings]
        registers = tuple((each.name, each.num_bits) for each in circuit.facts.registers)
        observables = tuple(analysis.observables.get(name, "") for name in names)
        key = registers, tuple(bases), tuple(names), observables
        if key not in self._worst:
            self._worst[key] = {name: _most_of(name, registers, bases, analysis) for name in names}
        level = self._plan.manifest.analysis.intervals.level
        wide = 2 * NormalDist().inv_cdf((1 + level) / 2)
        found = {}
        for name, by_basis in self._worst[key].items():
            of = {
                each.id: by_basis[b]
                for each, b in zip(settings, bases, strict=True)
                if b in by_basis
            }
            of = {id_: Spread(1, *each[1:]) for id_, each in of.items()}
            error = math.sqrt(sum(each.variance for each in of.values()))
            found[name] = Figure(0.0, wide * error, of)
        return found

    def _analysis_at(self, point: SweepPoint) -> Analysis:
        own = {"circuit": point.circuit, "backend": point.backend}
        return self._plan.manifest.analysis.at({**own, **dict(point.parameters)})


def _most_of(
    name: str,
    registers: tuple[tuple[str, int], ...],
    bases: Sequence[str],
    analysis: Analysis,
) -> dict[str, Spread]:
    """Basis -> the most that shots of it can vary in what they tell of a number."""
    from qbatch.result.grouping import Basis, split
    from qbatch.result.pauli import parse_pauli
    from qbatch.result.spread import Spread

    if name in analysis.probabilities:
        return {"": Spread(1, 0.25, 0.25)}
    raw = [text for text in bases if Setting.parse(text).is_raw]
    num_bits = sum(size for _, size in registers)
    whole = parse_pauli(analysis.observables[name], num_bits, registers)
    parts = split(whole, [Basis.parse(text) for text in raw])
    found = {}
    for text, part in zip(raw, parts, strict=True):
        if part.terms:
            low, high = part.bounds
            most = ((high - low) / 2) ** 2
            found[text] = Spread(1, most, most)
    return found


def _asked(parameters: Iterable[tuple[str, object]]) -> tuple[tuple[str, object], ...]:
    """What a point asks beside circuit and backend, without the setting it is measured in."""
    given = dict(parameters)
    of_setting = {name for name, _ in Setting.of(given).parameters}
    return tuple(sorted((name, value) for name, value in given.items() if name not in of_setting))


def _by_what_is_asked(
    run: Run,
) -> Iterator[tuple[tuple[str, str, tuple[tuple[str, object], ...]], PointResult]]:
    """Yield the points of a run by what they ask, whatever the backend, and then with it."""
    points = [*run][::-1]  # the first of several counts
    for point in points:
        yield (point.circuit, "", _asked(point.parameters.items())), point
    for point in points:
        yield (point.circuit, point.backend, _asked(point.parameters.items())), point
