"""``qbatch show``: a run's points in a table, or one point in full."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.completing import complete_points
from qbatch.cli.options import json_option, only_expression_option, out_option, run_argument
from qbatch.cli.tables import flat, format_table, tell, wrapped
from qbatch.instants import in_zone
from qbatch.job import JobState
from qbatch.notation import amount, visible

if TYPE_CHECKING:
    from qbatch.result import Estimate
    from qbatch.snapshot import Attempt, PointResult, Run
    from qbatch.snapshot.origins import Origin

#: Rows of the table, unless --all.
ROWS = 40

#: Outcomes of one point, unless --all.
OUTCOMES = 16


@click.command()
@run_argument
@click.argument("point", required=False, shell_complete=complete_points)
@only_expression_option
@click.option(
    "--state",
    type=click.Choice([state.value for state in JobState]),
    help="Only points in this state.",
)
@click.option(
    "--drift", is_flag=True, help="The references of each machine over the time of the run."
)
@click.option("--all", "all_rows", is_flag=True, help="Every row, however many.")
@out_option
@json_option
def show(
    run: Path,
    point: str | None,
    expression: str | None,
    state: str | None,
    drift: bool,
    all_rows: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show RUN's points, or one POINT in full, named as in the table or by its id's beginning."""
    from qbatch.cli.runs import choose, open_analysed

    opened = open_analysed(run, out)
    if drift:
        from qbatch.cli.drift import show_drift

        show_drift(opened, as_json=as_json)
        return
    if point is not None:
        one = opened[point]
        click.echo(
            json.dumps(_facts_in_full(opened, one), ensure_ascii=False, default=str)
            if as_json
            else _in_full(opened, one, all_rows)
        )
        return
    chosen = (
        each
        for each in choose(opened, (), expression)
        if state is None or each.state.value == state
    )
    if as_json:
        for each in chosen:
            click.echo(json.dumps(_facts(each), ensure_ascii=False))
    else:
        _tell_table(opened, chosen, None if all_rows else ROWS)
        if expression is None and state is None:
            _tell_across(opened, None if all_rows else ROWS)


def _facts(point: PointResult) -> dict[str, Any]:
    from qbatch.report.rows import facts_of_setting

    return {
        "id": point.id,
        "point": point.name,
        "state": point.state.value,
        "circuit": point.circuit,
        "backend": point.backend,
        "shots": point.shots,
        "used": point.used,
        **({"missing": [*point.missing]} if point.missing else {}),
        "repeat": point.repeat,
        "parameters": dict(point.parameters),
        "estimates": {name: _number(each) for name, each in point.estimates.items()},
        **({"undecided": dict(point.undecided)} if point.undecided else {}),
        "error": point.job.error,
        "error_code": point.job.error_code,
        **({"settings": [*map(facts_of_setting, point.settings)]} if point.settings else {}),
    }


def _number(estimate: Estimate) -> dict[str, float]:
    return {
        "value": estimate.value,
        "se": estimate.se,
        "low": estimate.low,
        "high": estimate.high,
    }


def _facts_in_full(run: Run, point: PointResult) -> dict[str, Any]:
    from qbatch.exchange.calibration_rows import facts_of_jobs
    from qbatch.snapshot.calibrated import calibrated_facts
    from qbatch.snapshot.extrapolated import zne_facts

    others, aside = run.reused(point), run.put_aside(point)
    return {
        **_facts(point),
        "seed": point.seed,
        "attempt": point.job.generation,
        "provider_job_id": point.job.provider_job_id,
        "cost": point.job.cost,
        "unit": point.job.unit,
        "counts": None if point.counts is None else point.counts.to_dict(),
        "facts": point.facts,
        **zne_facts(point, run.manifest),
        **calibrated_facts(point),
        **({"reused": [each.facts() for each in others]} if others else {}),
        **({"put_aside": [each.facts() for each in aside]} if aside else {}),
        **facts_of_jobs(run, point),
        "attempts": [_facts_of_attempt(run, each) for each in run.attempts_of(point)],
        "history": [
            {"at": at.isoformat(), "state": state.value, "note": note}
            for at, state, note in run.history_of(point)
        ],
        "origins": [each.facts() for each in run.origins_of(point)],
        "circuit_text": run.circuit_of(point),
        **({"programs": [*programs]} if (programs := run.programs_of(point)) else {}),
        "log": run.log_of(point),
    }


def _facts_of_attempt(run: Run, attempt: Attempt) -> dict[str, Any]:
    facts = asdict(attempt)
    del facts["composite"]
    key, account = run.purchase_of(attempt)
    return {**facts, "purchase": key, "account": account}


def _tell_table(run: Run, points: Iterator[PointResult], limit: int | None) -> None:
    from qbatch.notation import whole
    from qbatch.report.numbers import outcomes, short

    shown = list(islice(points, limit))
    names = list(dict.fromkeys(name for point in shown for name in point.estimates))
    rows = [
        [point.id[:8], point.name, point.state_in_words]
        + [short(point.estimates[name]) if name in point.estimates else "" for name in names]
        + ([] if names else [outcomes(point.counts) if point.counts else ""])
        + [point.job.error]
        for point in shown
    ]
    units = run.manifest.units
    told = [f"{name} ({units[name]})" if name in units else name for name in names]
    heads = told or ["most frequent outcomes"]
    click.echo(format_table(["id", "point", "state", *heads, "error"], rows))
    more = sum(1 for _ in points)
    if more:
        tell(f"and {whole(more)} more: --all shows them, -k EXPR selects")
    elif not shown:
        tell("no such points")
    else:
        tell(f"`qbatch show {run.folder} {shown[0].id[:8]}` shows one in full")


def _tell_across(run: Run, limit: int | None) -> None:
    """Tell the numbers that are made of several points: derived, of own functions, of fits."""
    from qbatch.notation import whole
    from qbatch.report.numbers import full

    analysis = run.manifest.analysis
    if not (analysis.derived or analysis.fits or analysis.own_over_axes):
        return
    units = run.manifest.units
    numbers = run.across()
    rows = [
        [
            f"{one.name} ({units[one.name]})" if one.name in units else one.name,
            one.label,
            "undecided" if one.estimate is None else full(one.estimate),
            one.reason or one.note,
        ]
        for one in numbers[:limit]
    ]
    click.echo()
    click.echo(format_table(["across points", "of", "value and interval", "note"], rows))
    if more := len(numbers) - len(rows):
        tell(f"and {whole(more)} more across points: --all shows them")


def _shots(point: PointResult) -> str:
    from qbatch.bases import is_shared_out, is_twirled
    from qbatch.notation import whole
    from qbatch.snapshot.uneven import uneven_of

    used = point.used
    told = f" wanted, {whole(used)} used" if used not in (0, point.shots) else ""
    settings = [each for each in point.settings if not is_shared_out(each.basis)]
    if uneven := uneven_of(point.settings):
        told = f"{whole(uneven.asked)} in {len(settings)} settings"
        return f"{told}, {whole(used)} or more used of each"
    several = f", in each of {len(settings)} settings" if len(settings) > 1 else ""
    if forms := [each.shots for each in point.settings if is_twirled(each.basis)]:
        several += f", and {whole(sum(forms))} of {len(forms)} twirled forms"
    return f"{whole(point.shots)}{told}{several}"


def _in_full(run: Run, point: PointResult, all_rows: bool) -> str:
    from qbatch.notation import whole
    from qbatch.report.numbers import full, in_unit, plain
    from qbatch.snapshot.calibrated import calibrated

    units = run.manifest.units
    lines = {
        "point": point.name,
        "id": point.id,
        "state": point.state_in_words + (f": {point.job.error}" if point.job.error else ""),
        **({"bought with": point.same_as} if point.same_as else {}),
        "circuit": point.circuit,
        "backend": point.backend,
        "shots": _shots(point),
        "repeat": str(point.repeat),
        "seed": str(point.seed),
        **{
            _unlike(name, "seed", "attempt"): in_unit(plain(v), units.get(name))
            for name, v in point.parameters.items()
        },
        "attempt": str(point.job.generation),
        **_job_at_provider(point),
    }
    if (warning := point.warning) and "warning" not in point.facts:
        lines["warning"] = warning
    for each in run.reused(point):
        lines[f"{whole(each.shots)} shots from"] = each.in_short()
    if when := str(calibrated(point) or ""):
        lines["readout calibrated"] = when
    lines |= _calibrations(run, point)
    for name, why in point.undecided.items():
        lines[f"no numbers of {name}"] = why
    parts = [_pairs(lines)]
    if point.estimates:
        told = {n: in_unit(full(each), units.get(n)) for n, each in point.estimates.items()}
        parts.append(_pairs(told))
    if point.settings:
        parts += [*_zne(run, point), _settings(point)]
    if point.counts is not None:
        top = point.counts.top(len(point.counts) if all_rows else OUTCOMES)
        parts.append(format_table(["outcome", "count"], [[bits, whole(n)] for bits, n in top]))
    parts += _aside(run, point, all_rows)
    parts += _facts_told(point)
    if point.pieces or point.settings or point.job.generation > 1:
        parts.append(_attempts(run, point))
    parts += [_pairs(_told_origin(each)) for each in run.origins_of(point)]
    if log := run.log_of(point).strip():
        parts.append(f"log of the provider\n{log}")
    parts.append("\n".join(_history(run, point)))
    return "\n\n".join(part for part in parts if part)


def _calibrations(run: Run, point: PointResult) -> dict[str, str]:
    """Which calibrations held while its jobs ran."""
    from qbatch.notation import whole

    found: dict[str, int] = {}
    for job, held in run.calibrations.of_point(point):
        found[str(held)] = found.get(str(held), 0) + job.done
    if len(found) == 1:
        return {"calibration": next(iter(found))}
    return {f"calibration of {whole(shots)} shots": text for text, shots in found.items()}


def _aside(run: Run, point: PointResult, all_rows: bool) -> Iterator[str]:
    """What is kept and not counted, and why."""
    from qbatch.notation import whole

    for each in run.put_aside(point):
        often = sorted(each.counts.items(), key=lambda one: (-one[1], one[0]))
        top = often[: None if all_rows else OUTCOMES]
        head = ["outcome", "not counted"]
        yield f"{each}\n{format_table(head, [[bits, whole(n)] for bits, n in top])}"


def _told_origin(origin: Origin) -> dict[str, str]:
    from qbatch.plan.pinning.revision import Revision

    where = f"{origin.user}@{origin.host}" if origin.user and origin.host else origin.host
    told = {
        "sent by": origin.command or "Python",
        "from": f"{where or origin.user}, {origin.system}, Python {origin.python}",
        "packages": f"{origin.packages[:12]} (SHA-256 of their list)",
        "git": str(Revision(**origin.revision)) if origin.revision else "",
    }
    return {key: visible(value) for key, value in told.items() if value}


def _zne(run: Run, point: PointResult) -> Iterator[str]:
    """What numbers without noise are made of: a column for each scale, and how well they fit."""
    from qbatch.report.numbers import short, with_error
    from qbatch.snapshot.extrapolated import extrapolations_of

    found = extrapolations_of(point, run.manifest)
    if not found:
        return
    rows = []
    for name, one in found.items():
        at = (with_error(value, se) for value, se in zip(one.values, one.errors, strict=True))
        fit = "" if one.p is None else f"{one.chi2:.3g} / {one.dof}, p = {one.p:.2g}"
        rows.append([name, *at, short(one.estimate), fit])
    scales = next(iter(found.values())).scales
    head = ["without noise", *(f"scale {scale:g}" for scale in scales), "scale 0", "χ²"]
    yield format_table(head, rows)


def _settings(point: PointResult) -> str:
    """What a point is measured in; each is shown in full by its id."""
    from qbatch.bases import AS_WRITTEN
    from qbatch.report.numbers import outcomes

    rows = [
        [
            each.basis or AS_WRITTEN,
            each.id[:8],
            each.state_in_words,
            outcomes(each.counts) if each.counts else "",
            each.job.error,
        ]
        for each in point.settings
    ]
    rows += [[basis or AS_WRITTEN, "", "forgotten", "", ""] for basis in point.forgotten]
    return format_table(["measured in", "id", "state", "most frequent outcomes", "error"], rows)


def _job_at_provider(point: PointResult) -> dict[str, str]:
    """The provider's id; of several jobs the table of attempts has them."""
    id_ = point.job.provider_job_id
    if id_ is None or point.pieces or point.settings:
        return {}
    return {"job at the provider": id_}


def _history(run: Run, point: PointResult) -> Iterator[str]:
    """All moves; those of several jobs in one second are one line."""
    from qbatch.report.numbers import count_of

    lines = (
        f"{in_zone(at)}  {state.value}{f'  {note}' if note else ''}"
        for at, state, note in run.history_of(point)
    )
    for line, same in groupby(lines):
        number = sum(1 for _ in same)
        yield f"{line}  ({count_of(number, 'job')})" if number > 1 else line


def _unlike(parameter: str, *taken: str) -> str:
    """A parameter's name, marked where a line of another kind is called so."""
    return f"parameter {parameter}" if parameter in taken else parameter


def _pairs(pairs: dict[str, str]) -> str:
    width = max(map(len, pairs))
    further = " " * (width + 2)
    return "\n".join(
        wrapped(f"{key.ljust(width)}  {value}", further) for key, value in pairs.items()
    )


def _facts_told(point: PointResult) -> Iterator[str]:
    """What the provider told: once where all settings share it, else a row for each setting."""
    from qbatch.bases import AS_WRITTEN

    first, *others = [_provider_facts(each) for each in point.settings or (point,)]
    shared = {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}
    if shared:
        yield _pairs(shared)
    heads = [key for key in dict.fromkeys(chain(first, *others)) if key not in shared]
    if heads:
        rows = [
            [each.basis or AS_WRITTEN, *(facts.get(key, "") for key in heads)]
            for each, facts in zip(point.settings or (point,), (first, *others), strict=True)
        ]
        yield format_table(["measured in", *heads], rows)


def _provider_facts(point: PointResult) -> dict[str, str]:
    """Facts of a setting by dotted name; without what says nothing or is told in words above."""
    return {
        name: text
        for name, text in flat(point.facts)
        if text and not name.startswith(("reused.", "put_aside."))
    }


def _attempts(run: Run, point: PointResult) -> str:
    """Every attempt at a point, or at each of its settings, with what became of it."""
    from qbatch.bases import AS_WRITTEN

    head = ["shots", "attempt", "ended", "state", "job at the provider", "cost", "error"]
    if not point.settings:
        return format_table(head, [_attempt(each) for each in run.attempts_of(point)])
    rows = [
        [part.basis or AS_WRITTEN, *_attempt(each)]
        for part in point.settings
        for each in run.attempts_of(part)
    ]
    return format_table(["measured in", *head], rows)


def _attempt(attempt: Attempt) -> list[str]:
    return [
        _shots_of(attempt),
        str(attempt.generation),
        in_zone(attempt.ended_at) if attempt.ended_at else "",
        attempt.state.value,
        attempt.provider_job_id or "",
        "" if attempt.cost is None else amount(attempt.cost, attempt.unit),
        attempt.error,
    ]


def _shots_of(attempt: Attempt) -> str:
    """Which shots of the sample it bought: ``[1000, 4000)``; ``[0, ?)`` in folders of before."""
    from qbatch.shots import FIRST_OF_OTHERS

    if attempt.start is None:
        return "?"
    if attempt.start >= FIRST_OF_OTHERS:
        return f"{attempt.shots} of another run"
    end = "?" if attempt.shots is None else attempt.start + attempt.shots
    return f"[{attempt.start}, {end})"
