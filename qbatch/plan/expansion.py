"""`expand`: a manifest to its plan, or all that is wrong with its sweeps and circuits at once.

Order of work: values of axes (`geometry.axes`), opening of circuits, names, `where`s, texts of all
circuits at all arguments they are used with, analysis, repeated points. A later check is left out
where an earlier one failed that it builds on, so that no mistake is told twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.arguments import of_type, takes
from qbatch.collecting import rarely_collecting
from qbatch.errors import SourceError, SourceErrors
from qbatch.manifest import load_manifest, load_sound_parts
from qbatch.manifest.columns import OWN_AXES, RESERVED
from qbatch.manifest.hamiltonians import told_of
from qbatch.manifest.models import Manifest, Value, Where
from qbatch.manifest.paths import setting_axis
from qbatch.manifest.prices import NO_PRICES, PriceList, load_prices
from qbatch.notation import did_you_mean, listed
from qbatch.plan.accuracy import check_accuracies
from qbatch.plan.across import check_derived, check_expected
from qbatch.plan.bases import UnmeasuredError, axes_of_observables, forms_in, scales_of
from qbatch.plan.calibrations import check_readout
from qbatch.plan.compilers import check_compilers
from qbatch.plan.factory import Factory, UnboundError, UnfitError
from qbatch.plan.fits import check_fits
from qbatch.plan.geometry.axes import MAX_POINTS
from qbatch.plan.geometry.formulas import read_by_formulas
from qbatch.plan.geometry.grid import Block, Clause, Dimension, Loc
from qbatch.plan.geometry.repeated import find_shared
from qbatch.plan.geometry.resolving import OWN, Draft, draft
from qbatch.plan.geometry.sweep import Grid
from qbatch.plan.geometry.where import choices, has_any
from qbatch.plan.layout import full_text, text_writer
from qbatch.plan.machines import check_machines
from qbatch.plan.mistakes import MOST, Mistakes
from qbatch.plan.plan import Plan
from qbatch.plan.programs import check_programs
from qbatch.plan.references import with_references
from qbatch.plan.setting_names import check_setting_names
from qbatch.plan.settings import check_setting_axes, check_settings, of_its_backend, repeated_rows
from qbatch.plan.twirls import check_twirl
from qbatch.plan.undecided import mistakes_of_decided
from qbatch.providers import tells_units, units, validate_settings

if TYPE_CHECKING:
    from qbatch.circuit import CircuitSource


@rarely_collecting()
@takes(manifest=of_type("a qbatch.Manifest, as load_manifest returns it", Manifest))
def expand(manifest: Manifest) -> Plan:
    """Return the plan of a manifest. Points are not made yet, but all that they need is checked.

    Raises:
        SourceErrors: Everything that is wrong with axes, points, circuits and analysis.
    """
    mistakes = mistakes_of_decided(manifest)
    drafts = [d for n in range(len(manifest.sweeps)) if (d := draft(manifest, n, mistakes))]
    sources = _open(manifest, drafts, mistakes)
    sets_backends = any(setting_axis(name) for each in drafts for name in _axes([each]))
    if not sets_backends:
        _check_backends(manifest, mistakes)
    _check_budget(manifest, mistakes)
    check_machines(manifest, mistakes)
    prices = _prices(manifest, mistakes)
    mistakes.raise_if_any()
    _check_parameters(sources, mistakes)
    _open_observables(manifest, mistakes)
    check_setting_names(manifest, sources, drafts, mistakes)
    if scales_of(manifest) or forms_in(manifest):
        check_compilers(manifest, mistakes)
    mistakes.raise_if_any()
    for each in drafts:
        _check_names(each, sources, axes_of_observables(manifest), mistakes)
        check_setting_axes(each, manifest, mistakes)
    grids = [_grid(each, mistakes) for each in drafts]
    _check_result_wheres(manifest, drafts, mistakes)
    check_fits(manifest, drafts, mistakes)
    mistakes.raise_if_any()
    if sets_backends:
        check_settings(manifest, grids, mistakes)
        mistakes.raise_if_any()
    factory = _factory(manifest, drafts, sources, mistakes)
    mistakes.raise_if_any()
    plan = Plan(manifest, sources, grids, _axes(drafts), factory, prices)
    _check_layouts(plan, mistakes)
    mistakes.raise_if_any()
    check_programs(plan, mistakes)
    check_readout(plan, mistakes)
    check_twirl(plan, mistakes)
    plan.shared = find_shared(plan, mistakes)
    mistakes.raise_if_any()
    check_accuracies(plan, mistakes)
    check_derived(plan, mistakes)
    check_expected(plan, mistakes)
    mistakes.raise_if_any()
    plan = with_references(plan, mistakes)
    mistakes.raise_if_any()
    plan.remarks = tuple(mistakes.remarks)
    return plan


def expand_file(path: str | Path, *, overrides: Sequence[str] = (), trust: bool = False) -> Plan:
    """Return the plan of a manifest file: `read_file` and `expand`.

    Raises:
        SourceErrors: Everything that is wrong.
    """
    return expand(read_file(path, overrides=overrides, trust=trust))


def read_file(path: str | Path, *, overrides: Sequence[str] = (), trust: bool = False) -> Manifest:
    """Return the manifest of a file, as `load_manifest` does, or more of what is wrong with it.

    Args:
        path: The file.
        overrides: ``path=value`` each, as `-S` takes them.
        trust: Python circuits may run.

    Raises:
        SourceErrors: Its own mistakes and those of its circuits and backends; the sweep comes when
            they are mended.
    """
    try:
        return load_manifest(path, overrides=overrides, trust=trust)
    except SourceErrors as error:
        parts = load_sound_parts(path, overrides=overrides, trust=trust)
        if parts is None or len(error.exceptions) >= MOST:
            raise
        mistakes = Mistakes(parts)
        mistakes.note(error)
        _check_parts(parts, mistakes)
        mistakes.raise_if_any()
        raise


def _check_parts(manifest: Manifest, mistakes: Mistakes) -> None:
    """Look into circuits and backends without knowing what sweeps give them."""
    plain = {name: spec for name, spec in manifest.circuits.items() if not spec.arguments}
    _open(manifest.model_copy(update={"circuits": plain}), (), mistakes)
    _check_backends(manifest, mistakes)
    _check_budget(manifest, mistakes)


def _open(
    manifest: Manifest, drafts: Sequence[Draft], mistakes: Mistakes
) -> dict[str, CircuitSource]:
    from qbatch.circuit import open_circuit

    hint: dict[str, Value] = {}
    for each in drafts:
        for name in (*each.axes, *(n for _, point in each.included for n in point)):
            if _is_parameter(name) and name not in hint:
                hint[name] = next(each.values_of(name))
    sources = {}
    for name, spec in manifest.circuits.items():
        inner = "qasm" if spec.qasm is not None else None
        place = mistakes.place("circuits", name, *([inner] if inner else []))
        try:
            sources[name] = open_circuit(
                name,
                spec,
                folder=manifest.folder,
                place=place,
                trust=manifest.trust,
                values_hint=hint,
                at_argument=partial(mistakes.at_argument, name),
            )
        except (SourceError, SourceErrors) as error:
            mistakes.note(error)
    return sources


def _check_backends(manifest: Manifest, mistakes: Mistakes) -> None:
    """See that each backend's options and noise are such as its provider takes."""
    for name, backend in manifest.known_backends.items():
        for loc, problem in validate_settings(backend, manifest.folder):
            mistakes.add(("backends", name, *loc), problem)


def _check_budget(manifest: Manifest, mistakes: Mistakes) -> None:
    """See that somebody could bill in each unit of the budget, where all providers say theirs."""
    providers = {backend.provider for backend in manifest.known_backends.values()}
    if not all(map(tells_units, providers)):
        return
    known = sorted(units(providers))
    for name, amounts in {**manifest.budget.backends, "total": manifest.budget.total}.items():
        for unit in amounts.keys() - known:
            said = f"{unit!r} is no unit ({listed(known)}){did_you_mean(unit, known)}"
            mistakes.add(("budget", name, unit), said)


def _prices(manifest: Manifest, mistakes: Mistakes) -> PriceList:
    try:
        return load_prices(manifest.folder, manifest.budget.prices)
    except SourceErrors as error:
        mistakes.note(error)
        return NO_PRICES


def _check_parameters(sources: Mapping[str, CircuitSource], mistakes: Mistakes) -> None:
    """See that no parameter of a circuit is named like what every point has, or like a column.

    ``input float shots`` would be bound to the number of shots.
    """
    for name, source in sources.items():
        must_be_swept = source.required | (source.parameters - source.arguments)
        for parameter in sorted(source.parameters):
            if parameter in OWN_AXES:
                what = "is an axis of its own, and would be given that axis' values"
            elif parameter in RESERVED & must_be_swept:
                what = "is the name of a column of the results"
            else:
                continue
            said = f"circuit {name!r}: its parameter {parameter!r} {what}; rename it in the circuit"
            mistakes.add(("circuits", name), said)


def _open_observables(manifest: Manifest, mistakes: Mistakes) -> None:
    """Load the functions that make observables, so that it is known what they are made of."""
    for name, each in manifest.analysis.varying.items():
        try:
            each.open(mistakes.place("analysis", "observables", name))
        except SourceError as error:
            mistakes.note(error)


def _check_names(
    each: Draft,
    sources: Mapping[str, CircuitSource],
    others: Collection[str],
    mistakes: Mistakes,
) -> None:
    """See that every axis is a parameter of a circuit, and every circuit has its arguments.

    Args:
        each: The sweep.
        sources: Name -> opened circuit.
        others: Names that an axis may have, too: what observables are made of.
        mistakes: What is wrong is told here.
    """
    circuits = [str(name) for name in dict.fromkeys(each.values_of("circuit"))]
    known = {p for name in circuits for p in sources[name].parameters}
    known |= {*read_by_formulas(each.sweep), *others}
    for part in ("matrix", "zip"):
        for name in getattr(each.sweep, part):
            if _is_parameter(name) and name not in known:
                said = f"sweep axis {name!r} {_no_parameter(name, circuits, known)}"
                mistakes.add((*each.loc, part, name), said)
    for number, override in enumerate(each.sweep.overrides):
        for name in override.set:
            if _is_parameter(name) and name not in known:
                said = f"set: {name!r} {_no_parameter(name, circuits, known)}"
                mistakes.add((*each.loc, "overrides", number, "set", name), said)
    for number, point in each.included:
        source = sources[str(point["circuit"])]
        _check_included(each, number, point, source, others, mistakes)


def _is_parameter(name: str) -> bool:
    return name not in OWN and setting_axis(name) is None


def _check_included(
    each: Draft,
    number: int,
    point: Mapping[str, Value],
    source: CircuitSource,
    others: Collection[str],
    mistakes: Mistakes,
) -> None:
    loc = (*each.loc, "include", number)
    known = source.parameters | {*read_by_formulas(each.sweep), *others}
    for name in point:
        if _is_parameter(name) and name not in known:
            said = f"include: {name!r} {_no_parameter(name, [source.name], source.parameters)}"
            mistakes.add((*loc, name), said)
    set_later = {name for override in each.sweep.overrides for name in override.set}
    optional = source.arguments - source.required | source.defaults.keys() | set_later
    if missing := sorted(source.parameters - optional - point.keys()):
        many = "s" if len(missing) > 1 else ""
        said = f"include takes whole points: {source.name!r} needs its parameter{many}"
        mistakes.add(loc, f"{said} {listed(missing)}; add a value for each")


def _no_parameter(name: str, circuits: Sequence[str], known: Collection[str]) -> str:
    has = f"({listed(sorted(known))})" if known else "(it has none)"
    return f"is no parameter of {listed(circuits)} {has}{did_you_mean(name, [*known, *OWN])}"


def _grid(each: Draft, mistakes: Mistakes) -> Grid:
    """Make the grid of a sweep, and see that its `where`s match something and points are left."""
    sweep = each.sweep
    excludes = [("exclude", w, ("exclude", i)) for i, w in enumerate(sweep.exclude)]
    samples = [("sample", s.where, ("sample", i, "where")) for i, s in enumerate(sweep.sample)]
    sets = [("override", o.where, ("overrides", i, "where")) for i, o in enumerate(sweep.overrides)]
    clauses = [
        Clause(kind, of_its_backend(where), 1 << bit, (*each.loc, *loc))  # type: ignore[arg-type]
        for bit, (kind, where, loc) in enumerate([*excludes, *samples, *sets])
    ]
    after = clauses[len(excludes) :]
    dimensions = each.dimensions
    if sweep.order in (None, "interleave"):
        dimensions = tuple(sorted(dimensions, key=lambda d: d.names == ("backend",)))
    repeated = repeated_rows(dimensions, len(clauses), each.loc)
    blocks = [Block(dimensions, [*clauses, *repeated], (*each.loc, "matrix"))]
    blocks += _included_blocks(each, after)
    grid = Grid(
        each.number,
        blocks,
        samples=list(zip(after, sweep.sample, strict=False)),
        overrides=list(zip(after[len(samples) :], sweep.overrides, strict=True)),
        repeat=sweep.repeat,
        order=sweep.order,
        seed=sweep.seed,
        has_shots_axis=sweep.has_shots_axis,
    )
    for clause in clauses:
        _check_clause(grid, clause, mistakes)
    for clause in clauses[len(excludes) + len(samples) :]:
        _note_included(grid, clause, mistakes)
    if not mistakes and not any(count for *_, count in grid.groups()):
        mistakes.add((*each.loc, "exclude"), "nothing is left of this sweep; exclude less")
    return grid


def _included_blocks(each: Draft, clauses: Sequence[Clause]) -> Iterator[Block]:
    """Yield a block for the included points that name the same axes."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for at, (_, point) in enumerate(each.included):
        alike.setdefault(tuple(sorted(point)), []).append(at)
    for names, members in alike.items():
        points = [each.included[at][1] for at in members]
        columns = tuple(tuple(point[name] for point in points) for name in names)
        numbers = [each.included[at][0] for at in members]
        yield Block([Dimension(names, columns)], clauses, (*each.loc, "include"), numbers)


def _check_clause(grid: Grid, clause: Clause, mistakes: Mistakes) -> None:
    blocks = grid.blocks[:1] if clause.kind == "exclude" else grid.blocks
    known = {name for block in blocks for name in block.names}
    for name in clause.where.keys() - known:
        said = f"{name!r} is no axis of this sweep ({listed(sorted(known))})"
        mistakes.add((*clause.loc, name), said + did_you_mean(name, known))
    if clause.where.keys() - known:
        return
    for block in blocks:
        for mask, _ in block.tally():
            if mask & clause.bit and (clause.kind == "exclude" or not mask & block.excluded):
                return
    word = "exclude" if clause.kind == "exclude" else "where"
    name, problem = _why_nothing(clause.where, blocks)
    loc = (*clause.loc, name) if name else clause.loc
    mistakes.add_unmatched(loc, f"{word} matches no point: {problem}")


def _note_included(grid: Grid, clause: Clause, mistakes: Mistakes) -> None:
    """Say where an override changes points that are written whole in `include`."""
    tallies = (tally for block in grid.blocks[1:] for tally in block.tally().items())
    if number := sum(count for (mask, _), count in tallies if mask & clause.bit):
        place, points = mistakes.place(*clause.loc), "point" if number == 1 else "points"
        mistakes.remarks.append(f"{place}: this override changes {number} included {points} too")


def _why_nothing(where: Where, blocks: Sequence[Block]) -> tuple[str, str]:
    for name, wanted in where.items():
        values = [v for b in blocks if (found := b.find_axis(name)) for v in found[1]]
        if not has_any(values, wanted):
            asked = " or ".join(full_text(choice) for choice in choices(wanted))
            shown = listed(dict.fromkeys(full_text(value) for value in values[:1000]))
            return name, f"{name} is never {asked} (it is {shown})"
    return "", "no point has all of these together"


def _check_result_wheres(manifest: Manifest, drafts: Sequence[Draft], mistakes: Mistakes) -> None:
    """See that checks and plots speak of axes and values that there are."""
    checks = [(check.where, ("checks", i, "where")) for i, check in enumerate(manifest.checks)]
    plots = enumerate(manifest.report.plots)
    wheres: list[tuple[Where, Loc]] = [
        *checks,
        *((plot.where, ("report", "plots", i, "where")) for i, plot in plots),
        *(
            (fit.where, ("analysis", "fits", n, "where"))
            for n, fit in manifest.analysis.fits.items()
        ),
        *(
            (own.where, ("analysis", "own", n, "where"))
            for n, own in manifest.analysis.own_over_axes.items()
        ),
    ]
    if not any(where for where, _ in wheres):
        return
    names = {name for each in drafts for name in each.axes}
    names |= {name for each in drafts for _, point in each.included for name in point}
    names |= {name for each in drafts for o in each.sweep.overrides for name in o.set}
    for where, loc in wheres:
        for name, wanted in where.items():
            if name == "repeat":
                continue
            if name not in names:
                said = f"{name!r} is no axis of the sweep ({listed(sorted(names))})"
                mistakes.add((*loc, name), said + did_you_mean(name, names))
            elif not has_any((v for each in drafts for v in each.values_of(name)), wanted):
                asked = " or ".join(full_text(choice) for choice in choices(wanted))
                problem = (
                    f"where matches no point: {name} is never {asked}; ask for a value that it has"
                )
                mistakes.add_unmatched((*loc, name), problem)


def _axes(drafts: Sequence[Draft]) -> tuple[str, ...]:
    """Return the swept axes in the order written: parameters, and the own axes with two values."""
    written: dict[str, None] = {}
    for each in drafts:
        written |= dict.fromkeys((*each.sweep.matrix, *each.sweep.zip))
        written |= dict.fromkeys(n for _, point in each.included for n in point if n not in OWN)
        written |= dict.fromkeys(n for o in each.sweep.overrides for n in o.set if n not in OWN)
    swept = {name for name in OWN if _has_two(v for d in drafts for v in d.values_of(name))}
    names = [name for name in written if name not in OWN or name in swept]
    first = [name for name in ("circuit", "backend") if name in swept and name not in written]
    last = [name for name in ("shots",) if name in swept and name not in written]
    return (*first, *names, *last)


def _has_two(values: Iterator[Value]) -> bool:
    first = next(values, None)
    return any(value != first for value in values)


def _factory(
    manifest: Manifest,
    drafts: Sequence[Draft],
    sources: Mapping[str, CircuitSource],
    mistakes: Mistakes,
) -> Factory:
    axes = _axes(drafts)
    writers = {
        name: text_writer(chain.from_iterable([each.values_of(name) for each in drafts]))
        for name in axes
    }
    seeds = {each.sweep.seed for each in drafts}
    try:
        return Factory(manifest, sources, axes=axes, writers=writers, shows_seed=len(seeds) > 1)
    except ValueError as error:
        mistakes.add(("backends",), str(error))
        mistakes.raise_if_any()
        raise


def _told_source(plan: Plan, loc: Sequence[str], values: Mapping[str, Value]) -> str:
    """Return what is said before a mistake of an observable that does not stand as it is."""
    analysis = plan.manifest.analysis
    if loc[1] != "observables":
        return ""
    if loc[-1] in analysis.varying:
        return f"{analysis.varying[loc[-1]].told(values)}: "
    return told_of(analysis.observables[loc[-1]], plan.manifest.sums)


def _check_layouts(plan: Plan, mistakes: Mistakes) -> None:
    """Make every circuit text that the plan needs, and see that its parameters have values."""
    total = sum(grid.repeat * block.size for grid in plan.grids for block in grid.blocks)
    if total > MAX_POINTS:
        mistakes.add(("sweep",), f"{total} points in all are too many (at most {MAX_POINTS})")
        return
    for grid in plan.grids:
        unbound: dict[str, tuple[str, ...]] = {}
        for block, mask, values, _ in grid.groups(plan.variant_names):
            try:
                plan.factory.layout(grid, block, values, mask)
            except UnboundError as error:
                unbound[error.circuit] = error.names
            except UnmeasuredError as error:
                told = _told_source(plan, error.loc, values)
                mistakes.add(error.loc, f"{told}{error.problem}")
            except UnfitError as error:
                part = "zip" if error.name in plan.manifest.sweeps[grid.number].zip else "matrix"
                mistakes.add(("sweep", grid.number, part, error.name), error.problem)
            except (SourceError, SourceErrors) as error:
                mistakes.note(error)
        for circuit, names in unbound.items():
            many = "s" if len(names) > 1 else ""
            said = f"{circuit!r} needs a value for its parameter{many} {listed(names)}"
            loc = ("sweep", grid.number)
            mistakes.add(loc, f"{said}; write an axis, as in matrix: {{{names[0]}: [0.5]}}")
