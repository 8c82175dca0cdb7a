"""What `fetch` and `cancel` share: progress while they ask the clouds, and a summary after."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.accuracies import wants_more
from qbatch.cli.configured import report_formats
from qbatch.cli.exits import Exit, code_of
from qbatch.cli.progress import Outlet, open_teller
from qbatch.cli.runs import exit_of_run
from qbatch.cli.watcher import Watcher, tell_untold
from qbatch.job import IN_FLIGHT, JobState
from qbatch.notation import whole
from qbatch.report.numbers import count_of

if TYPE_CHECKING:
    from qbatch.executor import Observer, Summary
    from qbatch.snapshot import Run


def ask_clouds(
    errand: Callable[[Observer], Run],
    judge: Callable[[Run], Exit],
    *,
    as_json: bool,
    report: bool,
    verbose: bool = False,
    cancels: bool = False,
) -> int:
    """Do an errand at the clouds, tell what came of it, and return the exit code.

    Args:
        errand: Given the observer.
        judge: Says the exit code of the run after it, where every cloud could be asked.
        as_json: JSON lines to stdout in place of words.
        report: Write it afterwards.
        verbose: Tell each step of jobs at clouds.
        cancels: The errand is to cancel: say of how many it came to that, of none too.
    """
    with closing(open_teller(as_json=as_json)) as teller:
        watcher = Watcher(teller, as_json=as_json, verbose=verbose)
        done = errand(watcher.observe)
    summary: Summary = done.summary
    written = _write_report(done) if report and summary.total else []
    code = _code(summary, done, judge)
    cancelled = len(watcher.cancelled) if cancels else None
    outlet = Outlet(sys.stdout)
    if as_json:
        outlet.write(_last_line(done, summary, code, written, cancelled))
        tell_untold(summary)
        return code
    for line in _sentences(done, summary, cancelled):
        outlet.say(line)
    for path in written:
        outlet.say(f"  {path}")
    tell_untold(summary)
    return code


def tell_nothing(run: Run, code: Exit, *, cancels: bool) -> None:
    """Write the last line of JSON where no cloud is to be asked."""
    from qbatch.executor import Summary

    summary = Summary(states=run.counts_by_state())
    Outlet(sys.stdout).write(_last_line(run, summary, code, [], 0 if cancels else None))


def _last_line(
    run: Run, summary: Summary, code: Exit, written: list[Path], cancelled: int | None
) -> str:
    facts = {"event": "finished", **_facts(run, summary)}
    facts |= {} if cancelled is None else {"cancelled": cancelled}
    facts |= {"report": list(map(str, written)), "exit_code": int(code)}
    return json.dumps(facts, ensure_ascii=False)


def _write_report(run: Run) -> list[Path]:
    from qbatch.report import write_report

    return write_report(run, report_formats(run))


def _code(summary: Summary, run: Run, judge: Callable[[Run], Exit]) -> Exit:
    if summary.out_of_reach:
        return min(code_of(error) for error in summary.out_of_reach.values())
    return judge(run)


def judge_whole(run: Run) -> Exit:
    """What is in flight or held comes first, then what failed."""
    states = run.counts_by_state()
    if any(states.get(state) for state in IN_FLIGHT):
        return Exit.PENDING
    return exit_of_run(run)


def _facts(run: Run, summary: Summary) -> dict[str, object]:
    return {
        "name": run.name,
        "folder": str(run.folder),
        "asked_about": summary.total,
        "completed": summary.completed,
        "at_providers": dict(summary.at_providers),
        "held": summary.held,
        "out_of_reach": {name: str(error) for name, error in summary.out_of_reach.items()},
        "states": {state.value: number for state, number in summary.states.items()},
    }


def _sentences(run: Run, summary: Summary, cancelled: int | None) -> list[str]:
    name = click.style(run.name, bold=True)
    states = summary.states
    total, done = sum(states.values()), states.get(JobState.COMPLETED, 0)
    if summary.total == 0:
        lines = [f"{name}: nothing is in flight"]
    else:
        lines = [
            f"{name}: asked about {count_of(summary.total, 'job')}, "
            f"{whole(summary.completed)} completed now"
        ]
    if cancelled is not None:
        lines[0] += f", {whole(cancelled)} cancelled" if cancelled else ", nothing was cancelled"
    lines[0] += f"; {whole(done)} of {count_of(total, 'point')} done"
    lines += [
        f"  {backend}: out of reach: {error}" for backend, error in summary.out_of_reach.items()
    ]
    lines += [
        f"  {count_of(number, 'job')} still at {backend}"
        for backend, number in summary.at_providers.items()
    ]
    if (in_part := run.in_part()).points:
        lines.append(f"  {in_part}")
    if wants_more(run):
        lines.append("  points want more shots for their accuracy: `qbatch run` buys them")
    if summary.held:
        lines.append(f"  {whole(summary.held)} held: `qbatch status {run.folder}` says what to do")
    for state, advice in _ADVICE.items():
        if number := states.get(state, 0):
            lines.append(f"  {whole(number)} {state.value}: {advice}")
    return lines


_ADVICE = {
    JobState.FAILED: "`qbatch status` says why",
    JobState.CANCELLED: "`qbatch run` would buy them again",
    JobState.CREATED: "not submitted; `qbatch run` does",
}
