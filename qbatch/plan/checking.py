"""A plan held against its targets: what cannot run there, told before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from qbatch import providers
from qbatch.instants import told_if_known
from qbatch.notation import did_you_mean, listed, shortened
from qbatch.plan.mistakes import Mistakes
from qbatch.plan.pricing.summary import Kind, any_order, count_shots, kind_of
from qbatch.plan.times import times_as_numbers
from qbatch.providers import Cap, Order, Target, depends_on_values, is_local, misfit
from qbatch.shots import cut

if TYPE_CHECKING:
    from qbatch.manifest.models import Backend
    from qbatch.manifest.paths import SettingValues
    from qbatch.plan.layout import Layout
    from qbatch.plan.plan import Plan


#: Different values of one circuit that are looked at before a run; beyond, points fail one by one.
MOST_VALUES = 10_000


class Checks(Protocol):
    """What is asked of a driver here."""

    def check(self, order: Order, target: Target) -> str | None:
        """Say why `target` cannot run `order`, or None."""
        ...


def check_targets(
    plan: Plan,
    targets: Mapping[str, Target],
    drivers: Mapping[str, Checks],
    begun: Callable[[], Collection[str]] | None = None,
) -> None:
    """See that every circuit can run on every backend it is planned for.

    Each circuit text is checked once for each backend and setting of it, with the largest number of
    shots that one of its jobs takes, and with the values of one of its points. Numbers of shots are
    those of points that begin: where some are bought, a job of further ones is made long enough.

    Args:
        plan: The plan.
        targets: Backend -> target.
        drivers: Backend -> driver.
        begun: Returns the ids of points of which shots are bought; asked where that matters. None:
            there are none.

    Raises:
        SourceErrors: Everything that cannot run, at the circuit's or backend's place.
    """
    check_values(plan)
    mistakes = Mistakes(plan.manifest)
    histogram = count_shots(plan)
    refused = set()
    for name, target in targets.items():
        numbers = {n for key, counted in histogram.items() if key[0] == name for n in counted}
        problem = _shots_problem(numbers, target)
        if problem and begun is not None and target.bounds.is_possible:
            there = begun()
            fresh = (p for p in plan.bought(None) if p.backend == name and p.id not in there)
            problem = _shots_problem({point.shots for point in fresh}, target)
        if problem:
            refused.add(name)
            mistakes.add(("backends", name), f"backend {name!r} ({target.name}): {problem}")
    for layout in _one_of_each(plan):
        if layout.backend not in targets.keys() & drivers.keys() - refused:
            continue
        counted = histogram.get(kind_of(layout))
        if not counted:
            continue
        target = targets[layout.backend]
        shots = max(size for number in counted for size, _ in cut(number, target.bounds))
        problem = drivers[layout.backend].check(any_order(layout, shots), target)
        if problem is not None:
            said = f"circuit {layout.circuit!r} on backend {_as_set(layout)}: {problem}"
            mistakes.add(("circuits", layout.circuit), said)
    mistakes.raise_if_any()


def check_values(plan: Plan) -> None:
    """See that circuits can run at all their points, where a backend can run some only.

    Args:
        plan: The plan; nothing is asked of backends that take any value.

    Raises:
        SourceErrors: A circuit cannot, once for each backend, at its place.
    """
    backends = {(lay.backend, lay.settings): plan.backend_of(lay) for lay in plan.layouts()}
    picky = {key: backend for key, backend in backends.items() if depends_on_values(backend)}
    if not picky:
        return
    mistakes = Mistakes(plan.manifest)
    for layout, rows in _values_of_each(plan, picky):
        folder = plan.manifest.folder
        backend = picky[layout.backend, layout.settings]
        problem = misfit(backend, folder, layout.program, rows)
        if problem is not None:
            said = f"circuit {layout.circuit!r} on backend {_as_set(layout)}: {problem}"
            mistakes.add(("circuits", layout.circuit), said)
    mistakes.raise_if_any()


def _as_set(layout: Layout) -> str:
    """Return the backend's name with what is changed of it."""
    told = ", ".join(f"{'.'.join(path)}: {value}" for path, value in layout.settings)
    return f"{layout.backend!r} with {told}" if told else repr(layout.backend)


def _values_of_each(
    plan: Plan, backends: Collection[tuple[str, SettingValues]]
) -> Iterator[tuple[Layout, Collection[tuple[float, ...]]]]:
    """Yield each circuit text of some backends with the different values it is planned at."""
    found: dict[Kind, tuple[Layout, dict[tuple[float, ...], None]]] = {}
    for layout, index in plan.rows():
        if (layout.backend, layout.settings) in backends:
            names = layout.program.facts.parameters
            columns = {name: (at, values) for name, at, values in layout.parameters}
            row = tuple(float(columns[n][1][index[columns[n][0]]]) for n in names)
            rows = found.setdefault(kind_of(layout), (layout, {}))[1]
            if len(rows) < MOST_VALUES:
                rows[row] = None
    yield from ((layout, rows.keys()) for layout, rows in found.values())


def _shots_problem(shots: Collection[int], target: Target) -> str | None:
    """Say why not all of these points can be bought in jobs that the target takes."""
    least, most = target.bounds
    if not shots:
        return None
    if not target.bounds.is_possible:
        return f"it takes no jobs: each would have {least} shots or more, and {most} or fewer"
    if min(shots) < least:
        told = f"{min(shots)} shots are too few; it takes {least} or more"
        return f"{told}: write `shots: {least}`, or more"
    odd = next((n for n in sorted(shots) if not target.bounds.divides(n)), None)
    if odd is None:
        return None
    jobs = target.bounds.jobs_for(odd)
    near = f"{(jobs - 1) * (most or 0)} or {jobs * least}"
    return f"{odd} shots cannot be divided into jobs of {least} to {most}; write {near}"


def _one_of_each(plan: Plan) -> Iterator[Layout]:
    seen: set[Kind] = set()
    for layout in plan.layouts():
        key = kind_of(layout)
        if key not in seen:
            seen.add(key)
            yield layout


def remarks(plan: Plan) -> list[str]:
    """Say what is left out, what is legal and hardly meant, and how times were read."""
    told: dict[str, None] = dict.fromkeys(plan.remarks)
    settings: dict[str, dict[SettingValues, Backend]] = {
        name: {} for name in plan.manifest.backends
    }
    for layout in plan.layouts():
        told |= {
            f"circuit {layout.circuit!r}: {said}": None for said in layout.program.facts.remarks
        }
        if layout.settings not in settings[layout.backend]:
            settings[layout.backend][layout.settings] = plan.backend_of(layout)
    for name, backends in settings.items():
        found = providers.remarks([*backends.values()], plan.manifest.folder)
        told |= {f"backend {name!r}: {said}": None for said in found}
    return [*told, *times_as_numbers(plan)]


def notices(plan: Plan, targets: Mapping[str, Target]) -> list[str]:
    """Say what a person should know of the plan's targets before they are used.

    What is hardly meant in its circuits; what their drivers remark; jobs that are expected to end
    before their time; which backends are offline, and until when; and which prices of the
    manifest's file are of none of its targets, while a target has no price there: it may have been
    meant.
    """
    found = [*remarks(plan), *_stray_prices(plan, targets)]
    for name in plan.manifest.backends:
        target = targets.get(name)
        if target is not None and not target.online:
            opens = told_if_known(target.next_window_at, "minute")
            until = f"; next window {opens}" if opens else ""
            found.append(f"backend {name!r} ({target.name}) is {target.standing}{until}")
        if target is not None and target.remark:
            found.append(f"backend {name!r}: {target.remark}")
        if target is not None and target.cap is not None:
            found += _cut_off(plan, name, target, target.cap)
    return found


def _cut_off(plan: Plan, name: str, target: Target, cap: Cap) -> Iterator[str]:
    """Say so where a composite job is expected to use more than it may."""
    shots = (n for kind, counted in count_shots(plan).items() if kind[0] == name for n in counted)
    if target.price.of_composite([max(shots, default=0)] * target.max_jobs) <= cap.amount:
        return
    for batch in plan.composites({name: target}):
        needed = target.price.of_composite(order.shots for order in batch.orders)
        if needed > cap.amount:
            first, more = batch.orders[0].name, len(batch.orders) - 1
            others = f" and {more} more in one job" if more else ""
            unit = target.price.unit.replace("_", " ").replace("qpu", "QPU")
            yield (
                f"backend {name!r} ({target.name}): {first}{others}: about {needed:.3g} {unit} "
                f"are needed, and {cap.said_by} ends a job after {cap.amount:g}: it would be paid "
                "for and give nothing; raise it, or take fewer shots or `limits: {jobs: …}`"
            )
            return


def _stray_prices(plan: Plan, targets: Mapping[str, Target]) -> Iterator[str]:
    named: dict[str, set[str]] = {}
    for name, backend in plan.manifest.backends.items():
        resolved = targets[name].name if name in targets else None
        named[name] = {target for target in (backend.target, resolved) if target}
    prices = plan.prices.prices
    unpriced = [
        target
        for name, names in named.items()
        if not is_local(plan.manifest.backends[name].provider) and not names & prices.keys()
        for target in sorted(names)
    ]
    if not unpriced:
        return
    stray = [key for key in prices if key not in set().union(*named.values())]
    meant = {key: said for key in stray if (said := did_you_mean(key, unpriced))}
    path = plan.manifest.budget.prices
    for key, said in meant.items():
        yield f"{path}: prices: {shortened(key)!r} is no target of this manifest{said}"
    if others := [key for key in stray if key not in meant]:
        yield f"{path}: prices: of no target of this manifest: {listed(others)}"
