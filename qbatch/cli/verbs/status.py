"""``qbatch status``: how far a run is."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.options import json_option, out_option
from qbatch.cli.tables import say, tell

if TYPE_CHECKING:
    from qbatch.cli.waiting import Waits
    from qbatch.executor import Progress
    from qbatch.snapshot import Run

#: Seconds between two looks at a run that somebody watches.
LOOK_S = 0.5

#: Failed points told by name.
MAX_FAILED = 10


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=click.Path(path_type=Path))
@out_option
@click.option("-w", "--watch", is_flag=True, help="Follow the run until its runner stops.")
@json_option
def status(runs: tuple[Path, ...], out: Path | None, watch: bool, as_json: bool) -> int:
    """Say how far RUN is: a run folder, or the manifest that was run.

    Of several a line each; without RUN, of all runs of this project.

    Exit code 0 when all is done, 1 when points failed, 9 while work is pending.
    """
    from qbatch.cli import status_jobs
    from qbatch.cli.runs import exit_of_run, open_named, runs_here

    names = runs or ((out,) if out else runs_here())
    if len(names) > 1:
        from qbatch.cli.status_runs import tell_runs

        if out:
            raise click.UsageError("--out is for one RUN; name it")
        return tell_runs(names, _described, watch=watch, as_json=as_json)
    opened = open_named(names[0], out)
    if watch:
        _watch(opened, as_json=as_json)
    waits = status_jobs.waits_of(opened)
    facts = describe(opened, waits)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        _tell(opened, facts, waits)
    return exit_of_run(opened)


def _described(run: Run) -> dict[str, Any]:
    from qbatch.cli import status_jobs

    return describe(run, status_jobs.waits_of(run))


def describe(run: Run, waits: Waits) -> dict[str, Any]:
    """What `--json` says about a run, and what its runner waits for."""
    from qbatch.cli import accuracies, status_costs, status_jobs, waiting
    from qbatch.cli.choices import choices_facts
    from qbatch.cli.runs import exit_of_run
    from qbatch.providers import is_here

    states, reached = run.counts_by_state(), accuracies.facts_of(run)
    flying = list(run.in_flight())
    is_kept = "manifest" in run.meta
    backends = run.manifest.backends if is_kept else {}
    local = {name for name, backend in backends.items() if is_here(backend)}
    return {
        "name": run.name,
        "folder": str(run.folder),
        "running": run.is_running,
        "waiting": {name: waiting.facts_of(theirs) for name, theirs in waits.items()},
        "points": sum(states.values()),
        **({"settings": run.num_contents} if run.has_settings else {}),
        "states": {state.value: number for state, number in states.items()},
        "in_part": run.in_part()._asdict(),
        "exit_code": int(exit_of_run(run)),
        **({"accuracy": reached} if reached else {}),
        **(choices_facts(run.manifest, str(run.folder)) if is_kept else {}),
        **(
            {"drift": [each.facts() for each in run.drift()]}
            if is_kept and run.has_references
            else {}
        ),
        "spent": run.spent(),
        "at_providers": status_jobs.at_providers(flying, local),
        "words": status_jobs.words_of(flying, local),
        "forgotten": int(run.meta.get("forgotten") or 0),
        "held": [status_jobs.facts_of(each) for each in run.held()],
        "ledger": status_costs.facts_of(run),
    }


def _watch(run: Run, *, as_json: bool) -> None:
    """Tell progress, as the runner itself tells it, until no runner holds the folder."""
    from contextlib import closing

    from qbatch.cli.progress import open_teller

    if not run.is_running:
        return
    began = run.meta.get("started_at")
    moment = datetime.fromisoformat(began) if began else datetime.now(UTC)
    told: Waits = {}
    with closing(open_teller(as_json=as_json)) as teller:
        progress, waits = _look(run, moment)
        ran_s = (datetime.now(UTC) - moment).total_seconds()
        teller.started(run.name, progress.total, 0, ran_s)
        while True:
            for backend, theirs in waits.items():
                if told.get(backend) != theirs:
                    teller.waiting(backend, theirs)
            told = waits
            teller.advanced(progress)
            time.sleep(LOOK_S)
            if not run.is_running:
                return
            progress, waits = _look(run, moment)


def _look(run: Run, began: datetime) -> tuple[Progress, Waits]:
    """How far the run is: as its runner tells, or by the results that came since it began."""
    from qbatch.cli.waiting import read_standing
    from qbatch.executor import Progress
    from qbatch.job import JobState

    if found := read_standing(run.standing()):
        return found
    states = run.counts_by_state()
    before = states.get(JobState.COMPLETED, 0) - run.completed_since(began)
    failed, held = states.get(JobState.FAILED, 0), states.get(JobState.HELD, 0)
    cancelled = states.get(JobState.CANCELLED, 0)
    done = states.get(JobState.COMPLETED, 0) - before + failed + cancelled + held
    total = sum(states.values()) - before
    return Progress(total, done, failed, held, 0, cancelled=cancelled), {}


def _tell(run: Run, facts: dict[str, Any], waits: Waits) -> None:
    from qbatch.cli import accuracies, status_costs, status_jobs
    from qbatch.job import JobState
    from qbatch.manifest.decisions import Decision
    from qbatch.notation import amount, whole
    from qbatch.report.numbers import count_of, emulated

    word = "running now" if facts["running"] else _verdict(run, facts["states"])
    points = count_of(facts["points"], "point")
    if facts.get("settings", 0) > facts["points"]:
        points += f" in {count_of(facts['settings'], 'setting')}"
    if facts["forgotten"]:
        points += f", and {whole(facts['forgotten'])} forgotten (`qbatch run` runs them anew),"
    say(f"{click.style(run.name, bold=True)}: {word}; {points} in {run.folder}")
    for state, number in facts["states"].items():
        say(f"  {state:<11}{whole(number):>8}")
    if (in_part := run.in_part()).points:
        say(f"  {in_part}")
    for one in facts.get("any_of", ()):
        say(f"  {one['backend']} is {Decision.of(one)}")
    for line in accuracies.lines_of(facts["accuracy"]) if "accuracy" in facts else ():
        say(f"  {line}")
    for each in run.drift() if "drift" in facts else ():
        say(f"  {each.backend}: {each.verdict}")
        for warning in each.warnings:
            tell(f"warning: {warning}")
        if each.test.kind == "jump":
            tell(f"`qbatch retry {run.folder} --drifted` buys again what ran in a bad stretch")
    status_jobs.tell_waits(waits)
    status_jobs.tell_jobs(facts["folder"], facts, run.held())
    for unit, cost in facts["spent"].items():
        say(f"  {'spent':<11}{amount(cost, unit):>8}{emulated(run.targets, unit)}")
    status_costs.tell_costs(facts["ledger"], run.targets)
    if facts["states"].get(JobState.FAILED):
        _tell_failed(run, facts["states"][JobState.FAILED])


def _verdict(run: Run, states: dict[str, int]) -> str:
    """Say in words what the exit code says, and of code 1 which of both it is."""
    from qbatch.cli.accuracies import wants_more
    from qbatch.cli.runs import why_no_points
    from qbatch.job import JobState

    if not states:
        return why_no_points(run)
    if states.get(JobState.FAILED):
        more = " and some were cancelled" if states.get(JobState.CANCELLED) else ""
        return f"some points failed{more}"
    if states.get(JobState.CANCELLED):
        return "some points were cancelled"
    is_done = states.keys() == {JobState.COMPLETED} and not wants_more(run)
    return "done" if is_done else "work is pending"


def _tell_failed(run: Run, number: int) -> None:
    from itertools import islice

    from qbatch.job import JobState

    failed = (point for point in run if point.state is JobState.FAILED)
    for point in islice(failed, MAX_FAILED):
        say(f"  {click.style('failed', fg='red')} {point.name}: {point.job.error}")
    if number > MAX_FAILED:
        say(f"  and {number - MAX_FAILED} more; `qbatch show {run.folder} --state failed`")
    tell(f"`qbatch retry {run.folder}` runs them again")
