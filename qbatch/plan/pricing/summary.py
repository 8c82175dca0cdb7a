"""What a plan amounts to: points, shots, jobs, price and time, for each backend and in all.

Units never add up: each has a total of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.bases import point_of
from qbatch.frozen import dataclass
from qbatch.manifest.paths import SettingValues
from qbatch.notation import spoken
from qbatch.plan.packing import PiecesOf, pack, size_of
from qbatch.plan.weights import Spread
from qbatch.providers import Order, Price, Target
from qbatch.shots import ANY, cut

if TYPE_CHECKING:
    from qbatch.plan.identity import SweepPoint
    from qbatch.plan.layout import Layout
    from qbatch.plan.points import Only, Points

#: Backend, circuit text's SHA-256, what is changed of the backend.
Kind = tuple[str, str, SettingValues]

#: Kind -> shots -> how many points, or jobs
Histogram = dict[Kind, Counter[int]]


@dataclass(frozen=True, slots=True)
class BackendSummary:
    """One backend's share of a plan.

    Attributes:
        backend: Its name in the manifest.
        target: As resolved by the provider; "" when it was not asked.
        points: How many; of those that come to one content, the first.
        settings: In how many settings they are measured, in all; as many, where each has one.
        jobs: How many; a point of more shots than the target takes at once is cut into several.
        shots: In all.
        composite_jobs: What is submitted; None when the target was not asked.
        price: In `unit`; None when the target was not asked, or quotes each job and was not asked
            for that.
        unit: "" when free.
        formula: How the price comes about.
        source: Where the price comes from.
        certainty: Whether the bill will be that price, about that, or at most that; "unknown":
            its provider tells none.
        seconds: Time its jobs take; None when nobody can tell.
        is_emulated: An emulator stands in for the cloud: the price is no money.
    """

    backend: str
    target: str
    points: int
    settings: int
    jobs: int
    shots: int
    composite_jobs: int | None
    price: float | None
    unit: str
    formula: str
    source: str
    certainty: str
    seconds: float | None
    is_emulated: bool = False


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in numbers.

    Attributes:
        points: How many.
        shots: In all.
        backends: The share of each backend that has points, in the manifest's order.
    """

    points: int
    shots: int
    backends: tuple[BackendSummary, ...]

    @property
    def jobs(self) -> int:
        """How many jobs buy the points."""
        return sum(each.jobs for each in self.backends)

    @property
    def settings(self) -> int:
        """In how many settings the points are measured, those bought with another left out."""
        return sum(each.settings for each in self.backends)

    @property
    def shared(self) -> int:
        """How many points come to the same content as one before, and are bought with it."""
        return self.points - sum(each.points for each in self.backends)

    @property
    def composite_jobs(self) -> int | None:
        """What is submitted in all; None when some target was not asked."""
        counts = [each.composite_jobs for each in self.backends]
        return None if None in counts else sum(count for count in counts if count)

    @property
    def prices(self) -> dict[str, float]:
        """Unit -> price of all backends that bill in it."""
        total: dict[str, float] = {}
        for each in self.backends:
            if each.price is not None and each.unit:
                total[each.unit] = total.get(each.unit, 0.0) + each.price
        return total

    @property
    def not_told(self) -> list[str]:
        """Backends whose providers tell no price, where anything is bought there."""
        return [each.backend for each in self.backends if each.certainty == "unknown" and each.jobs]

    def certainty(self, unit: str) -> str:
        """Whether what is billed in `unit` will be its price ("exact"), "about" or "at most" it."""
        said = {
            each.certainty for each in self.backends if each.unit == unit and each.price is not None
        }
        return said.pop() if len(said) == 1 else "about" if "about" in said else "at most"

    def emulated(self, unit: str) -> str:
        """Whether what is billed in `unit` is no money: "emulated", "in part emulated" or ""."""
        said = {each.is_emulated for each in self.backends if each.unit == unit}
        return "" if True not in said else "in part emulated" if False in said else "emulated"

    @property
    def seconds(self) -> float | None:
        """Time until all backends are done, side by side; None when one cannot tell."""
        times = [each.seconds for each in self.backends]
        return None if None in times else max((time for time in times if time), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``plan --json`` prints."""
        return {
            "points": self.points,
            "jobs": self.jobs,
            "composite_jobs": self.composite_jobs,
            "shots": self.shots,
            "prices": self.prices,
            "seconds": self.seconds,
            "backends": [
                {name: getattr(each, name) for name in BackendSummary.__slots__}
                for each in self.backends
            ],
        }


def priced(targets: Mapping[str, Target], plan: Points) -> dict[str, Target]:
    """Return targets with the prices of the manifest's file where providers name none.

    Where a provider quotes each job, the file's price is what is expected until then.

    Args:
        targets: Backend -> target, as its provider describes it.
        plan: Of the manifest.
    """
    listed, asked = plan.prices.prices, plan.manifest.backends
    source = f"{plan.manifest.budget.prices}, {plan.prices.date}"
    found = {}
    for name, target in targets.items():
        said = listed.get(asked[name].target or "") or listed.get(target.name)
        price = target.price
        if said is not None and (price.is_free or not price.is_told):
            price = Price(**dict(said), source=source)
        elif said is not None and price.quoted and price.unit == said.unit:
            told = f"{price.source}; until then {source}"
            price = Price(**dict(said), source=told, quoted=True, certainty="about")
        found[name] = replace(target, price=price)
    return found


def price_formula(price: Price) -> str:
    """Return a price as a person reads it: ``max(1, 0.3 + 0.00035 x shots) USD per job``."""
    if price.is_free:
        return "free"
    if not price.is_told:
        return "not told"
    terms = [f"{price.per_job:g}"] if price.per_job or not price.per_shot else []
    terms += [f"{price.per_shot:g} x shots"] if price.per_shot else []
    job = " + ".join(terms)
    if price.minimum:
        job = f"max({price.minimum:g}, {job})"
    unit = spoken(price.unit)
    is_by_job = price.per_job or price.per_shot or price.minimum
    parts = [f"{job} {unit} per job"] if is_by_job else []
    if price.per_composite:
        parts.append(f"{price.per_composite:g} {unit} per composite job")
    formula = " + ".join(parts)
    return formula if price.certainty == "exact" else f"{price.certainty} {formula}"


def summarise(
    plan: Points,
    targets: Mapping[str, Target],
    only: Only | None,
    drivers: Mapping[str, object] | None = None,
    pieces_of: PiecesOf | None = None,
) -> PlanSummary:
    """Sum a plan up; see `Plan.summary`. Fast at any size, unless points are chosen one by one."""
    settings, jobs = count_jobs(plan, targets, only, pieces_of)
    points = _count_points(plan, only, pieces_of) if plan.has_bases else settings
    rows = tuple(_backends(plan, points, settings, jobs, targets, only, drivers or {}, pieces_of))
    bought, shots = points.total(), sum(row.shots for row in rows)
    return PlanSummary(bought if pieces_of else _num_points(plan, only, bought), shots, rows)


def count_jobs(
    plan: Points, targets: Mapping[str, Target], only: Only | None, pieces_of: PiecesOf | None
) -> tuple[Counter[str], Histogram]:
    """Count the settings of each backend, and the jobs that buy what is (left) to be bought."""
    if pieces_of is not None:
        return _left(plan, only, pieces_of)
    counted = count_shots(plan, only)
    return _points_of(counted), _cut(counted, targets)


def _points_of(counted: Histogram) -> Counter[str]:
    found: Counter[str] = Counter()
    for (backend, *_), shots in counted.items():
        found[backend] += shots.total()
    return found


def _count_points(plan: Points, only: Only | None, pieces_of: PiecesOf | None) -> Counter[str]:
    """Count by backend the points of which a setting is meant, or something is to be bought."""
    found: Counter[str] = Counter()
    last = ""
    for each, meant in plan.bought_for(only):
        point = point_of(meant.name)
        if point != last and (pieces_of is None or any(True for _ in pieces_of(each))):
            last = point
            found[each.backend] += 1
    return found


def _cut(counted: Histogram, targets: Mapping[str, Target]) -> Histogram:
    """Count the jobs that buy points of which there is nothing yet."""
    found: Histogram = {}
    for kind, shots in counted.items():
        target = targets.get(kind[0])
        bounds = ANY if target is None else target.bounds
        jobs = found.setdefault(kind, Counter())
        for number, points in shots.items():
            for size, times in cut(number, bounds):
                jobs[size] += times * points
    return found


def _left(plan: Points, only: Only | None, pieces_of: PiecesOf) -> tuple[Counter[str], Histogram]:
    """Count by backend the settings of which something is to be bought, and the jobs that do."""
    points: Counter[str] = Counter()
    jobs: Histogram = {}
    for point in plan.bought(only):
        if pieces := [*pieces_of(point)]:
            points[point.backend] += 1
            counted = jobs.setdefault(_kind_of_point(plan, point), Counter())
            counted.update(piece.shots for piece in pieces)
    return points, jobs


def _kind_of_point(plan: Points, point: SweepPoint) -> Kind:
    order = plan.order_of(point)
    return point.backend, order.circuit.sha256, order.settings


def _num_points(plan: Points, only: Only | None, bought: int) -> int:
    """Count the places that are meant; each is bought but for those that share a content."""
    if not plan.shared:
        return bought
    if only is None:
        return plan.num_points
    return len({point_of(point.name) for point in plan.points() if only(point)})


def count_shots(plan: Points, only: Only | None = None) -> Histogram:
    """Count points by kind and shots; by arithmetic where that is possible.

    Of those that come to one content the first counts alone.
    """
    if plan.shared:
        return _bought(plan, only)
    if only is None and not any(grid.samples for grid in plan.grids):
        return _counted(plan)
    return _walked(plan, only)


def _bought(plan: Points, only: Only | None) -> Histogram:
    found: Histogram = {}
    for point in plan.bought(only):
        found.setdefault(_kind_of_point(plan, point), Counter())[point.shots] += 1
    return found


def _counted(plan: Points) -> Histogram:
    names = plan.variant_names | {"shots"}
    found: Histogram = {}
    for grid in plan.grids:
        for block, mask, values, count in grid.groups(names):
            variant = {name: value for name, value in values.items() if name != "shots"}
            layout = plan.factory.layout(grid, block, variant, mask)
            for setting in layout.each:
                at, column = setting.shots
                shots = column[0]
                if at >= 0:
                    shots = int(values["shots"])
                    if isinstance(column, Spread):
                        shots = column.of(shots)
                    elif setting.of_points is not None:  # as of a form: its share of them
                        shots = column[setting.of_points[1].index(shots)]
                found.setdefault(kind_of(setting), Counter())[shots] += count * grid.repeat
    return found


def _walked(plan: Points, only: Only | None) -> Histogram:
    found: Histogram = {}
    for layout, index in plan.rows():
        if only is None or only(layout.point_at(index)):
            found.setdefault(kind_of(layout), Counter())[layout.shots_at(index)] += 1
    return found


def kind_of(layout: Layout) -> Kind:
    """Return what decides how its points are packed, checked and how long they take."""
    return layout.backend, layout.program.sha256, layout.settings


def _backends(
    plan: Points,
    points: Counter[str],
    settings: Counter[str],
    counted: Histogram,
    targets: Mapping[str, Target],
    only: Only | None,
    drivers: Mapping[str, object],
    pieces_of: PiecesOf | None,
) -> Iterator[BackendSummary]:
    for name in plan.manifest.backends:
        parts = {key: shots for key, shots in counted.items() if key[0] == name}
        shots = sum(parts.values(), Counter[int]())
        if not shots:
            continue
        jobs, total = shots.total(), sum(n * count for n, count in shots.items())
        numbers = points[name], settings[name], jobs, total
        target = targets.get(name)
        if target is None:
            yield BackendSummary(name, "", *numbers, None, None, "", "", "", "", None)
            continue
        composites = _composites(plan, name, target, parts, only, pieces_of)
        price = _priced(plan, target.price, parts, composites)
        yield BackendSummary(
            backend=name,
            target=target.name,
            points=points[name],
            settings=settings[name],
            jobs=jobs,
            shots=total,
            composite_jobs=composites,
            price=price.amount,
            unit=target.price.unit,
            formula=price.formula,
            source=target.price.source,
            certainty=price.certainty,
            seconds=_seconds(plan, name, target, parts, drivers.get(name)),
            is_emulated=target.is_emulated,
        )


class _Priced(NamedTuple):
    amount: float | None
    formula: str
    certainty: str


def _priced(plan: Points, price: Price, parts: Histogram, composites: int) -> _Priced:
    """Price jobs as they were quoted, else by their target's formula, if it has one."""
    quotes = [
        (price.of_job(shots), shown_quote(plan, kind, shots), jobs)
        for kind, counted in parts.items()
        for shots, jobs in counted.items()
    ]
    if price.quoted and all(quote is not None for _, quote, _ in quotes):
        total = sum((quote or 0.0) * jobs for _, quote, jobs in quotes)
        return _Priced(total, "as quoted now" if plan.quotes else "as quoted before", "about")
    if not (price.is_free or price.is_formula):
        return _Priced(None, price_formula(price), price.certainty)
    amount = price.per_composite * composites
    amount += sum(max(listed, quote or 0.0) * jobs for listed, quote, jobs in quotes)
    is_more = any(quote and quote > listed for listed, quote, _ in quotes)
    formula = price_formula(price) + (", or as quoted before" if is_more else "")
    return _Priced(amount, formula, price.certainty)


def shown_quote(plan: Points, kind: Kind, shots: int) -> float | None:
    """Return the quote that a person is shown for one job of a kind; None: there is none.

    As the backend's options choose from what was asked now; but where another job of the kind was
    quoted above that and held back, as that was.
    """
    before = plan.recalled.get((kind, shots))
    chosen = [each.price for each in plan.quotes.get((kind, shots), ()) if each.is_chosen]
    return max((each for each in (*chosen[:1], before) if each is not None), default=None)


def shown_quotes(plan: Points) -> dict[tuple[Kind, int], float]:
    """Return `shown_quote` of every kind and number of shots that has one."""
    found = {key: shown_quote(plan, *key) for key in {**plan.quotes, **plan.recalled}}
    return {key: quote for key, quote in found.items() if quote is not None}


def _composites(
    plan: Points,
    name: str,
    target: Target,
    parts: Histogram,
    only: Only | None,
    pieces_of: PiecesOf | None,
) -> int:
    """Count composite jobs: by arithmetic where only the number of jobs limits them."""
    if target.max_bytes is not None and not _surely_fits(plan, name, target):
        return sum(1 for _ in pack(plan, {name: target}, only, pieces_of))
    ours = plan.manifest.backends[name].limits.jobs
    most = min(target.max_jobs, ours or target.max_jobs)
    packed: Counter[object] = Counter()
    for (_, sha256, settings), counted in parts.items():
        part = sha256 if target.pack_by == "circuit" else ""
        for shots, count in counted.items():
            packed[settings, part, shots if target.one_number_of_shots else 0] += count
    return sum(ceil(count / most) for count in packed.values())


def _surely_fits(plan: Points, name: str, target: Target) -> bool:
    """Tell whether even a full composite job of the largest circuit is small enough."""
    largest = max(
        (
            size_of(
                Order("", "", lay.program, dict.fromkeys(lay.program.facts.parameters, 0.0), 1, 0),
                target,
            )
            for lay in plan.layouts()
            if lay.backend == name
        ),
        default=0,
    )
    return largest * target.max_jobs <= (target.max_bytes or 0)


def _seconds(
    plan: Points, name: str, target: Target, parts: Histogram, driver: object
) -> float | None:
    """Estimate by the target's own figures, or order by order where the driver can tell."""
    shots = sum(parts.values(), Counter[int]())
    if target.seconds_per_job is not None:
        total = sum(number * count for number, count in shots.items())
        return target.seconds_per_job * shots.total() + target.seconds_per_shot * total
    estimate_s: Callable[[Order], float] | None = getattr(driver, "estimate_s", None)
    if estimate_s is None:
        return None
    layouts = {kind_of(layout): layout for layout in plan.layouts() if layout.backend == name}
    return sum(
        count * estimate_s(any_order(layouts[kind], number))
        for kind, counted in parts.items()
        for number, count in counted.items()
    )


def any_order(layout: Layout, shots: int) -> Order:
    """Return the order of one point of a layout, for what does not depend on which."""
    free = set(layout.program.facts.parameters)
    first = {name: float(values[0]) for name, _, values in layout.parameters if name in free}
    return Order("0" * 64, layout.circuit, layout.program, first, shots, 0, layout.settings)
