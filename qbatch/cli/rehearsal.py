"""``qbatch run --rehearse``: what a run would come to, told from emulated clouds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.choices import shown_choice
from qbatch.cli.configured import report_formats
from qbatch.cli.exits import Exit, code_of
from qbatch.cli.progress import Outlet, open_teller
from qbatch.cli.runs import exit_of
from qbatch.job import JobState
from qbatch.notation import amount, duration, whole
from qbatch.report.numbers import count_of

if TYPE_CHECKING:
    from qbatch.executor import Options, Wait
    from qbatch.executor.rehearsal import BackendPass, Pass, Rehearsal
    from qbatch.plan import Plan

#: Waits told of one backend.
MAX_WAITS = 4

BANNER = "rehearsal: emulated clouds, virtual clock; nothing is sent, nothing is spent"


def rehearse_manifest(
    manifest: Path,
    options: Options,
    *,
    queues_s: Sequence[float],
    noise: bool,
    as_json: bool,
    report: bool,
) -> int:
    """Rehearse a manifest and return the exit code, which is that of such a run."""
    from qbatch.cli.watcher import Watcher
    from qbatch.emulators import USUAL
    from qbatch.executor.rehearsal import rehearse

    plan = options.plan or _planned(manifest, options)
    with closing(open_teller(as_json=as_json)) as teller:
        teller.said(BANNER)
        for decision in plan.manifest.decisions:
            for line in shown_choice(decision):
                teller.said(line)
        watcher = Watcher(teller, as_json=as_json)
        watched = replace(options, observer=watcher.observe)
        done = rehearse(plan, watched, queues_s=queues_s, noise=USUAL if noise else None)
    code = _code(done)
    written = _write_report(done) if report else []
    outlet = Outlet(sys.stdout)
    if as_json:
        facts = {"event": "rehearsed", **done.to_dict(), "report": list(map(str, written))}
        outlet.write(json.dumps({**facts, "exit_code": int(code)}, ensure_ascii=False))
    else:
        for line in (*_sentences(done), *(f"  {path}" for path in written)):
            outlet.say(line)
    return code


def _planned(path: Path, options: Options) -> Plan:
    """Plan a manifest; targets as they were decided, else by what emulated clouds tell."""
    from qbatch.executor.deciding import decided_before
    from qbatch.executor.rehearsal import decide_rehearsed
    from qbatch.plan import expand, read_file
    from qbatch.snapshot import run_folder_of

    manifest = read_file(path, overrides=options.overrides, trust=options.trust)
    if manifest.open_questions:
        manifest = decided_before(manifest, run_folder_of(manifest))
    return expand(decide_rehearsed(manifest) if manifest.open_questions else manifest)


def _code(done: Rehearsal) -> int:
    codes = []
    for one in done.passes:
        if one.summary.out_of_reach:
            return min(code_of(error) for error in one.summary.out_of_reach.values())
        states = [backend.states for backend in one.backends.values() if backend.states]
        codes.append(max((exit_of(each) for each in states), default=Exit.DONE))
    return max(codes, default=Exit.DONE)


def _write_report(done: Rehearsal) -> list[Path]:
    from qbatch.report import write_report
    from qbatch.snapshot import Run

    with Run(done.folder) as run:
        return [*write_report(run, report_formats(run)), done.folder / "rehearsal.json"]


def _sentences(done: Rehearsal) -> Iterator[str]:

    jobs = sum(backend.jobs for backend in done.passes[-1].backends.values())
    yield f"{click.style(done.name, bold=True)}: rehearsal of {count_of(jobs, 'job')}"
    yield f"  would take  {_span(done.makespan_s)}"
    spent = [_between(amount(low, u), amount(high, u)) for u, (low, high) in done.spent.items()]
    yield f"  would cost  {' + '.join(spent) or 'nothing'}, at the emulated clouds' prices"
    yield f"  {_assumption(done)}"
    if done.uncounted:
        yield f"  This machine's own simulators take no time in it: {', '.join(done.uncounted)}."
    if done.noise is not None:
        yield f"  Noise is on: the clouds' {done.noise}; their simulators have none."
    for name, target in done.assumed.items():
        yield (
            f"  {name}: {target} is none of the emulated cloud's usual machines; "
            "its limits and prices are assumed."
        )
    for name in done.passes[-1].backends:
        yield ""
        yield from _backend(name, done)


def _assumption(done: Rehearsal) -> str:
    """Say what a range is between."""
    queues = [duration(one.queue_s) for one in done.passes]
    said = f"if every job queues {queues[0]}"
    if len(queues) > 1:
        said += f", and if {queues[-1]}"
    return f"The time is that {said}; each machine then runs one job after the other."


def _backend(name: str, done: Rehearsal) -> Iterator[str]:
    from qbatch.cli.tables import format_table

    last: BackendPass = done.passes[-1].backends[name]
    prices = " + ".join(amount(price, unit) for unit, price in last.spent.items()) or "free"
    yield (
        f"{click.style(name, bold=True)} ({done.targets.get(name, '')}): "
        f"{count_of(last.jobs, 'job')} in {count_of(last.composite_jobs, 'composite job')}, "
        f"{prices}"
    )
    causes = list(dict.fromkeys(cause for one in done.passes for cause in one.backends[name].waits))
    rows = [
        [
            cause.description,
            *(_share(one, one.backends[name].waits.get(cause)) for one in done.passes),
        ]
        for cause in causes[:MAX_WAITS]
    ]
    if rows:
        head = ["held up by", *(f"queue {duration(one.queue_s)}" for one in done.passes)]
        yield format_table(head, rows, indent="  ")
    for reason, number in last.refused.items():
        yield f"  {whole(number)} would fail: {reason}"
    if short := done.passes[-1].summary.over_budget.get(name):
        number = last.states.get(JobState.CREATED, 0)
        yield f"  {count_of(number, 'job')} would not be bought: {short}"


def _share(one: Pass, wait: Wait | None) -> str:
    if wait is None or one.makespan_s <= 0:
        return "-"
    return f"{duration(wait.seconds)} ({100 * wait.seconds / one.makespan_s:.0f} %)"


def _span(span: tuple[float, float]) -> str:
    return _between(*map(duration, span))


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
