"""``qbatch plan``: what would run, how often, what it costs, and why."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.bare import Named, circuit_options
from qbatch.cli.options import (
    json_option,
    manifest_argument,
    only_expression_option,
    out_option,
    output_option,
    overrides_option,
    reuse_option,
    trust_option,
)
from qbatch.cli.tables import format_table, say, tell
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qbatch.cli.precision import Expected
    from qbatch.manifest import Manifest
    from qbatch.manifest.accuracy import AdaptiveShots
    from qbatch.plan import BackendSummary, Had, Plan, PlanSummary, ReasonCounts
    from qbatch.plan.packing import PiecesOf
    from qbatch.plan.pinning.reasons import Reason
    from qbatch.plan.points import Only
    from qbatch.plan.pricing.limits import Limit, Rates
    from qbatch.plan.pricing.offer import Offer
    from qbatch.plan.pricing.quotes import BackendQuotes
    from qbatch.plan.pricing.spans import Span
    from qbatch.providers import Driver, Surroundings, Target
    from qbatch.shots import AgedShots

#: Points listed, unless --all.
LISTED = 20

#: Within a run's folder, where no run is.
_NOT_BEGUN = "anew"


@click.command()
@manifest_argument
@circuit_options(saves=True)
@overrides_option
@only_expression_option
@click.option("--all", "all_points", is_flag=True, help="List every point, however many.")
@click.option(
    "--precision", is_flag=True, help="Show standard errors for half, twice, four times the price."
)
@click.option(
    "--from",
    "earlier",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="A run whose shots tell how far single shots are apart.",
)
@output_option("Save the plan; `qbatch run --plan FILE` runs exactly that.")
@click.option("--fresh", is_flag=True, help="As `qbatch run --fresh` would: begin anew in all.")
@reuse_option
@out_option
@trust_option
@json_option
def plan(
    named: Named,
    overrides: tuple[str, ...],
    expression: str | None,
    all_points: bool,
    precision: bool,
    earlier: Path | None,
    output: Path | None,
    fresh: bool,
    reuse: tuple[Path, ...],
    out: Path | None,
    trust: bool,
    as_json: bool,
) -> None:
    """Show what `qbatch run MANIFEST` (or a circuit) would do, and why; run nothing."""
    from qbatch.cli.permits import surroundings_of
    from qbatch.cli.precision import expect
    from qbatch.cli.reasons import points_known, recall, sent_elsewhere
    from qbatch.cli.reusing import from_others
    from qbatch.cli.targets import chosen, describe, open_drivers, quote
    from qbatch.plan import begun, check_targets, count_reasons, pieces_of, priced

    manifest = named.manifest(overrides, trust=trust)
    folder, around = _folder(manifest, out, fresh=fresh), surroundings_of(manifest, trust=trust)
    made = _planned(manifest, folder, around, is_anew=fresh)
    only = chosen(made, expression, folder)
    drivers = open_drivers(made, around, only)
    targets = priced(describe(drivers), made)
    others = from_others(made, targets, folder, reuse, around.now)
    made.wanted = _wanted_by_age(made, others.folder, targets, only, around.now)
    known = points_known(others.folder, made)
    jobs = {id_: point.jobs for id_, point in known.items()}
    check_targets(made, targets, drivers, lambda: begun(jobs))
    told = count_reasons(made, known, only, limit=_limit(made, all_points, as_json))
    wanted = pieces_of(jobs, targets)
    offer = _offer(made, targets, only, jobs, wanted, folder)
    recall(folder, made, around.now)
    told_first = (*others.lines, *sent_elsewhere(folder, made.manifest))
    problems = (*told_first, *quote(made, targets, only, wanted, trust=trust))
    seen = _seen(offer, drivers, told, bool(known), around.now())
    expected = expect(made, others.folder, earlier, targets, only, jobs, wanted, precision)
    if output is not None:
        _save(offer, output, expression or "", drivers)
    if as_json:
        more = {**(expected.facts() if expected else {}), **others.told}
        _tell_json(made, seen, more, all_points)
    else:
        _tell_all(offer, seen, problems, expected, all_points)


def _folder(manifest: Manifest, out: Path | None, *, fresh: bool) -> Path:
    """Against what a plan is held: the run's folder, or with ``--fresh`` a place without a run."""
    from qbatch.cli.runs import folder_of

    folder = folder_of(manifest, out)
    return folder / _NOT_BEGUN if fresh else folder


def _planned(manifest: Manifest, folder: Path, around: Surroundings, *, is_anew: bool) -> Plan:
    """The plan of a manifest, its targets decided, with what is wanted of it by now."""
    from qbatch.accuracy.standing import wanted_next
    from qbatch.cli.choices import decided
    from qbatch.plan import expand

    made = expand(decided(manifest, folder, around, is_anew=is_anew))
    made.wanted = wanted_next(folder, made)
    return made


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a plan amounts to.

    Attributes:
        summary: All of it.
        left: What is left to buy.
        told: Why points run or do not.
        quoted: What clouds quoted.
        times: Backend -> how long what is left takes.
    """

    summary: PlanSummary
    left: PlanSummary
    told: ReasonCounts
    quoted: Sequence[BackendQuotes]
    times: Mapping[str, Span | None]


def _seen(
    offer: Offer, drivers: Mapping[str, Driver], told: ReasonCounts, is_begun: bool, now_s: float
) -> _Seen:
    from qbatch.plan.pricing.quotes import sum_up
    from qbatch.plan.pricing.spans import spans_of

    made, targets, only, wanted = offer.plan, offer.targets, offer.only, offer.pieces_of
    quoted = sum_up(made, targets, only, wanted)
    summary, left = _summaries(offer, drivers, is_begun)
    times = spans_of(left, made.manifest.backends, targets, now_s)
    return _Seen(summary, left, told, quoted, times)


def _wanted_by_age(
    made: Plan,
    folder: Path,
    targets: Mapping[str, Target],
    only: Only | None,
    now: Callable[[], float],
) -> Mapping[str, AdaptiveShots | AgedShots]:
    """What is wanted by now, with what is by the age of calibrations where that is asked."""
    from qbatch.plan.aging import longest_age_s

    if longest_age_s(made.manifest) is None:
        return made.wanted
    from qbatch.executor.ages import wanted_by_age

    return {**made.wanted, **wanted_by_age(folder, made, targets, only, now)}


def _summaries(
    offer: Offer, drivers: Mapping[str, Driver], is_begun: bool
) -> tuple[PlanSummary, PlanSummary]:
    """What is planned in all, and what is left of it."""
    made, targets, only = offer.plan, offer.targets, offer.only
    whole = made.summary(targets, only, drivers=drivers)
    if not (is_begun or made.shared):  # all of it is left, which is counted without its points
        return whole, whole
    return whole, made.summary(targets, only, drivers=drivers, pieces_of=offer.pieces_of)


def _offer(
    made: Plan,
    targets: Mapping[str, Target],
    only: Only | None,
    jobs: Mapping[str, Sequence[Had]],
    wanted: PiecesOf,
    folder: Path,
) -> Offer:
    from qbatch.plan import most_pieces_of
    from qbatch.plan.pricing.limits import limits_of
    from qbatch.plan.pricing.offer import Offer

    most, limits = most_pieces_of(jobs, targets), limits_of(made.manifest, {})
    return Offer(
        plan=made,
        targets=targets,
        only=only,
        pieces_of=wanted,
        most_of=most,
        limits=limits,
        spent=_spent(folder, limits, made.prices.rates),
        rates=made.prices.rates,
    )


def _spent(folder: Path, limits: Sequence[Limit], rates: Rates) -> dict[Limit, float]:
    """What counts already against limits on what the run may cost in all."""
    if not limits:
        return {}
    from qbatch.errors import SnapshotError
    from qbatch.plan.pricing.limits import dump_limits, taken
    from qbatch.snapshot import Run, is_run_folder

    if is_run_folder(folder):
        with suppress(SnapshotError), Run(folder) as known:  # damaged: whoever needs it will tell
            return dict(taken(dump_limits(limits, rates), known.ledger(), known.doubles()))
    return {}


def _limit(plan: Plan, all_points: bool, as_json: bool) -> int:
    """How many points are listed."""
    if all_points:
        return plan.num_settings
    return 0 if as_json else LISTED


def _notices(offer: Offer, left: PlanSummary, expected: Expected | None) -> Iterator[str]:
    """What a person should know of a plan, and of what is left to buy of it."""
    from qbatch.cli.accuracies import planned
    from qbatch.plan import notices
    from qbatch.plan.pricing.limits import shortfalls
    from qbatch.plan.pricing.offer import shares

    limits, rates, spent = offer.limits, offer.rates, offer.spent
    yield from planned(offer)
    if expected is not None:
        yield from expected.lines(limits, rates, spent)
    yield from shares(left, offer.targets)
    if left.jobs:
        yield from shortfalls(limits, left, rates, spent)
    yield from notices(offer.plan, offer.targets)


def _save(offer: Offer, output: Path, selection: str, drivers: Mapping[str, Driver]) -> None:
    from qbatch.cli.files import named_by_person
    from qbatch.plan import save_plan
    from qbatch.report.files import replacing
    from qbatch.report.numbers import count_of

    with named_by_person(), replacing(output) as fresh:
        number = save_plan(
            offer.plan,
            fresh,
            selection=selection,
            targets=offer.targets,
            drivers=drivers,
            adds=offer.adds,
        )
    noun = "setting" if number > offer.plan.num_points else "point"
    tell(f"wrote {output}: {count_of(number, noun)}")


def _tell_json(made: Plan, seen: _Seen, more: Mapping[str, Any], all_points: bool) -> None:
    from qbatch.cli.choices import choices_facts
    from qbatch.cli.quotes import quotes_facts
    from qbatch.cli.spans import times_facts
    from qbatch.plan.allocation import allocations_facts
    from qbatch.plan.calibrations import calibrations_facts
    from qbatch.plan.measured import bases_of, overhead_of, scales_in, settings_of_circuits
    from qbatch.plan.references import references_facts
    from qbatch.plan.turns import turns_facts

    summary, left, told = seen.summary, seen.left, seen.told
    facts: dict[str, Any] = {"name": made.manifest.name, **summary.to_dict()}
    facts |= {"prices": left.prices, "seconds": left.seconds}  # what is bought costs no more
    facts["would_run"] = told.runs
    facts["left"] = {"jobs": left.jobs, "shots": left.shots, "prices": left.prices}
    facts |= {"quotes": quotes_facts(seen.quoted), **times_facts(seen.times)}
    from qbatch.plan.bases import forms_in

    settings, calibrations = settings_of_circuits(made), calibrations_facts(made)
    if settings or calibrations:
        facts["settings"] = summary.settings
    if settings:
        facts["bases"] = {name: [*map(bases_of, each)] for name, each in settings.items()}
        if overhead := overhead_of(made):
            facts["overhead"] = overhead
        if "zne" in overhead:
            scales = {name: [*map(scales_in, each)] for name, each in settings.items()}
            facts["noise_scales"] = scales
        if forms := forms_in(made.manifest):
            facts["forms"] = forms
    facts |= allocations_facts(made) | calibrations | turns_facts(made)
    facts |= references_facts(made) | choices_facts(made.manifest)
    facts |= more
    facts["why"] = {why.value: number for why, number in told.counts.items()}
    if all_points:
        facts["list"] = [_facts(reason) for reason in told.first]
    click.echo(json.dumps(facts, ensure_ascii=False))


def _facts(reason: Reason) -> dict[str, Any]:
    from qbatch.cli.changed import change_facts

    point = reason.point
    return {
        "id": point.id,
        "point": point.name,
        "circuit": point.circuit,
        "backend": point.backend,
        "shots": point.shots,
        "done": reason.done,
        "repeat": point.repeat,
        "parameters": dict(point.parameters),
        "why": reason.why.value,
        "changes": [change_facts(change) for change in reason.changes],
    }


def _tell_all(
    offer: Offer,
    seen: _Seen,
    problems: Sequence[str],
    expected: Expected | None,
    all_points: bool,
) -> None:
    from qbatch.cli.quotes import quotes_table
    from qbatch.cli.spans import told_times

    _tell(offer, seen)
    if table := quotes_table(seen.quoted):
        click.echo(table)
    for line in told_times(seen.times):
        say(line)
    is_in_parts = seen.summary.settings > seen.summary.points
    _tell_reasons(seen.told, "setting" if is_in_parts else "", all_points)
    if expected is not None and (table := expected.table()):
        click.echo(table)
    for line in (*problems, *_notices(offer, seen.left, expected)):
        tell(line)


def _tell(offer: Offer, seen: _Seen) -> None:
    from qbatch.cli.choices import tell_choices
    from qbatch.cli.words import headline
    from qbatch.notation import whole
    from qbatch.plan.aging import told_aging
    from qbatch.plan.allocation import told_allocations
    from qbatch.plan.calibrations import many_calibrations, told_calibrations
    from qbatch.plan.measured import many_settings, told_settings
    from qbatch.plan.references import told_references
    from qbatch.plan.turns import told_turns

    summary, left, times = seen.summary, seen.left, seen.times
    made = offer.plan
    for line in (*many_settings(made), *many_calibrations(made, summary.shots, offer.only)):
        say(click.style(line, fg="yellow"))
    is_new = (left.jobs, left.shots) == (summary.jobs, summary.shots)
    say(headline(made.manifest.name, summary, is_priced=is_new, times=times))
    if not is_new:
        again = sum(number for why, number in seen.told.again.items() if why.runs)
        places = seen.told.runs + again
        points = left.points if made.has_bases else places
        rest = f"of that is left to run: {headline('', replace(left, points=points), times=times)}"
        say(rest if left.jobs else "nothing is left to run")
    tell_choices(made.manifest)
    calibrations = (*told_calibrations(made), *told_aging(made))
    settings = (*told_settings(made), *told_allocations(made), *calibrations)
    for line in (*settings, *told_turns(made), *told_references(made, offer.only)):
        say(line)
    rows = [
        [
            each.backend,
            each.target,
            whole(each.points),
            whole(each.shots),
            "?" if each.composite_jobs is None else whole(each.composite_jobs),
            _told_price(each),
            f"{each.formula} ({each.source})" if each.price is not None and each.unit else "",
        ]
        for each in left.backends
    ]
    head = ["backend", "target", "points", "shots", "composite jobs", "price", "formula"]
    if rows:
        click.echo(format_table(head, rows, indent="  "))


def _told_price(summary: BackendSummary) -> str:
    """Without how sure it is: the formula beside it says so."""
    from qbatch.notation import amount, at_most

    if not summary.unit:
        return "free"
    mark = " (emulated)" if summary.is_emulated else ""
    if summary.certainty == "unknown":
        return f"not told{mark}"
    if summary.price is None:
        return f"{summary.unit} as quoted{mark}"
    told = at_most if summary.certainty == "at most" else amount
    return f"{told(summary.price, summary.unit)}{mark}"


def _tell_reasons(told: ReasonCounts, of: str, all_points: bool) -> None:
    from qbatch.cli.changed import tell_circuits
    from qbatch.notation import whole

    words = [f"{whole(number)} {why.value}" for why, number in told.counts.items()]
    if again := told.again.total():
        words.append(f"{whole(again)} with another")
    say(f"why{f', of each {of}' if of else ''}: " + (", ".join(words) or "nothing"))
    width = max((len(reason.point.name) for reason in told.first), default=0)
    for reason in told.first:
        line = f"  {reason.point.id[:8]}  {reason.point.name.ljust(width)}  {reason}"
        say(line, " " * 12)
    more = told.total - len(told.first)
    if more:
        say(f"  and {whole(more)} more; --all lists them, -k selects")
    tell_circuits(told.first, is_whole=all_points)
