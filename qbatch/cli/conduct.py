"""A run as the person at the terminal meets it: consent before, progress during, a summary after.

`run` and `retry` share it. What is decided here is only what a person sees and the exit code; the
executor decides everything else.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.exits import Exit, code_of
from qbatch.cli.progress import MAX_TOLD, Outlet, Teller, open_teller
from qbatch.cli.runs import ask, exit_of
from qbatch.errors import ConsentError, ReportError
from qbatch.executor import (
    Event,
    Excess,
    Finished,
    JobMoved,
    Options,
    Progress,
    Started,
    Stop,
    Summary,
    Warned,
)
from qbatch.executor import run as run_manifest
from qbatch.job import JobState
from qbatch.plan import (
    check_lock,
    differences,
    load_plan,
    lock_path,
    notices,
    select,
    write_lock,
)
from qbatch.plan.limits import limits_of, shortfalls
from qbatch.report import check_template
from qbatch.report.numbers import count_of, duration, whole

if TYPE_CHECKING:
    from qbatch.plan import Plan, SavedPlan
    from qbatch.providers import Driver, Target
    from qbatch.snapshot import Run

#: Changes told when a plan is refused.
MAX_CHANGES = 10


def conduct(
    manifest: Path, consent: Consent, options: Options, *, as_json: bool, report: bool
) -> int:
    """Run a manifest and return the exit code.

    Args:
        manifest: Its file.
        consent: What the person asked for and agreed to.
        options: For the executor.
        as_json: JSON lines to stdout in place of words and bars.
        report: Write it, during the run and after.
    """
    saved = load_plan(consent.saved_plan) if consent.saved_plan else None
    expression = _expression(consent, saved)
    with closing(open_teller(as_json=as_json)) as teller:
        watcher = Watcher(teller, as_json=as_json)
        asked: Options = {
            **options,
            "overrides": consent.overrides,
            "select": expression,
            "observer": watcher.observe,
            "refresh": _refresh if report else None,
            "approve": partial(consent.give, saved, teller),
            "stop": Stop(),
            "ask_more": partial(_ask_more, teller) if _is_asked(as_json) else None,
        }
        done = run_manifest(manifest, **asked)
    summary: Summary = done.summary
    is_whole = expression is None and options.get("only") is None
    code = _code(summary, watcher, is_whole=is_whole)
    try:
        written = _write_report(done) if report and summary.signal is None else []
        mistake = None
    except ReportError as error:
        written, mistake, code = [], error, int(code_of(error))
    outlet = Outlet(sys.stdout)
    if as_json:
        facts = {"event": "finished", **_facts(done, summary), "report": list(map(str, written))}
        outlet.write(json.dumps({**facts, "exit_code": int(code)}, ensure_ascii=False))
    else:
        for line in _sentences(done, summary, written):
            outlet.write(line)
    if mistake is not None:
        raise mistake
    return code


@dataclass(frozen=True)
class Consent:
    """What the person asked for, held against the plan before anything is written or spent.

    Attributes:
        overrides: ``path=value`` each; a plan changed by them is never locked.
        expression: Points that are meant, or None; a part of a plan is never locked.
        saved_plan: The only plan that may run, or None.
        frozen: Nothing may differ from the lock.
        yes: A price was agreed to beforehand.
    """

    overrides: tuple[str, ...] = ()
    expression: str | None = None
    saved_plan: Path | None = None
    frozen: bool = False
    yes: bool = False

    def give(
        self,
        saved: SavedPlan | None,
        teller: Teller,
        plan: Plan,
        targets: Mapping[str, Target],
        drivers: Mapping[str, Driver],
    ) -> None:
        """Show what will run; go on, ask, or refuse.

        Raises:
            ConsentError: The plan is not the one agreed to, or the price was not.
        """
        from qbatch.cli.words import headline

        if template := plan.manifest.report.template:
            check_template(plan.manifest.folder, template)
        if saved is not None:
            _refuse_changes(f"--plan {saved.path}", differences(saved, plan, targets, drivers))
        if self.frozen:
            _refuse_changes(f"--frozen {lock_path(plan)}", _unlocked(plan, targets, drivers))
        expression = self.expression or (saved.selection if saved else "")
        only = select(expression, plan.axes) if expression else None
        summary = plan.summary(targets, only)
        teller.said(headline(plan.manifest.name, summary))
        limits = limits_of(plan.manifest, {})
        for notice in (*shortfalls(limits, summary, plan.prices.rates), *notices(plan, targets)):
            teller.said(notice)
        if any(not target.price.is_free for target in targets.values()):
            ask("Run it?", yes=self.yes)
        if not (self.frozen or self.overrides or only):
            _lock(plan, targets, drivers, teller)


def _expression(consent: Consent, saved: SavedPlan | None) -> str | None:
    if saved is None:
        return consent.expression
    if consent.expression is not None:
        raise click.UsageError("--plan FILE has its points chosen already; leave -k out")
    return saved.selection or None


def _is_asked(as_json: bool) -> bool:
    return not as_json and sys.stdin.isatty() and sys.stderr.isatty()


def _ask_more(teller: Teller, excess: Excess) -> float | None:
    """Ask what a limit is to be raised to; None: it stays."""
    limit = excess.limit
    with teller.aside(), suppress(click.Abort):  # Ctrl-D: no answer
        click.echo(str(excess), err=True)
        answer: float = click.prompt(
            f"New limit in {limit.unit}, or 0 to buy no more",
            default=0.0,
            type=click.FloatRange(min=0),
            err=True,
        )
        return answer if answer > limit.amount else None
    return None


def _refuse_changes(what: str, lines: list[str]) -> None:
    if not lines:
        return
    more = [f"and {len(lines) - MAX_CHANGES} more"] if len(lines) > MAX_CHANGES else []
    told = "\n  ".join([*lines[:MAX_CHANGES], *more])
    raise ConsentError(f"{what}: refused, for this has changed:\n  {told}")


def _unlocked(
    plan: Plan, targets: Mapping[str, Target], drivers: Mapping[str, Driver]
) -> list[str]:
    """What the lock would have otherwise; targets that a selection leaves out were not asked."""
    absent = tuple(f"targets.{name}." for name in plan.manifest.backends if name not in targets)
    return [
        line for line in check_lock(plan, targets, drivers=drivers) if not line.startswith(absent)
    ]


def _lock(
    plan: Plan, targets: Mapping[str, Target], drivers: Mapping[str, Driver], teller: Teller
) -> None:
    """Pin the plan beside its manifest; a folder that cannot be written is no reason to stop."""
    try:
        write_lock(plan, targets, drivers=drivers)
    except OSError as error:
        teller.said(f"{lock_path(plan)} cannot be written ({error.strerror}): --frozen needs it")


class Watcher:
    """Turns what the executor tells into what the person reads.

    Attributes:
        failed: Points of this run that failed so far.
    """

    def __init__(self, teller: Teller, *, as_json: bool) -> None:
        self._teller = teller
        self._as_json = as_json
        self._told = 0
        self.failed = 0

    def observe(self, event: Event) -> None:
        """Take in one event of the executor."""
        if isinstance(event, JobMoved):
            self._moved(event)
        elif isinstance(event, Progress):
            self.failed = event.failed
            self._teller.advanced(event.done, event.failed)
        elif isinstance(event, Started):
            self._started(event)
        elif isinstance(event, Warned):
            is_named = not event.backend or event.text.startswith(event.backend)
            about = "" if is_named else f"{event.backend}: "
            self._teller.said(f"{click.style('warning:', fg='yellow')} {about}{event.text}")
        else:
            assert isinstance(event, Finished)

    def _started(self, event: Started) -> None:
        numbers = {
            "done before": event.kept,
            "still in flight": event.resumed,
            "kept that the manifest has no more": event.removed,
        }
        parts = [f"{whole(number)} {said}" for said, number in numbers.items() if number]
        if parts:
            self._teller.said(f"{whole(event.total)} to run; {', '.join(parts)}")
        if event.total:
            self._teller.started(event.name, event.total)

    def _moved(self, event: JobMoved) -> None:
        if self._as_json:
            self._teller.event({"event": "job", **asdict(event)})
        elif event.state in (JobState.FAILED, JobState.HELD):
            self._told += 1
            if self._told <= MAX_TOLD:
                word = click.style(event.state.value, fg="red")
                self._teller.said(f"{word} {event.name}: {event.error}")
            elif self._told == MAX_TOLD + 1:
                self._teller.said("more points fail; `qbatch status` has them")


def _code(summary: Summary, watcher: Watcher, *, is_whole: bool) -> int:
    if summary.signal is not None:
        return 128 + summary.signal
    if summary.out_of_reach:
        return min(code_of(error) for error in summary.out_of_reach.values())
    if summary.over_budget:
        return Exit.NO_CONSENT
    if is_whole:
        return exit_of(summary.states)
    if summary.completed >= summary.total:
        return Exit.DONE
    is_failed = watcher.failed > summary.held
    return Exit.SOME_FAILED if is_failed else Exit.PENDING


def _refresh(run: Run) -> None:
    _write_report(run)


def _write_report(run: Run) -> list[Path]:
    from qbatch.report import write_report

    return write_report(run)


def _facts(run: Run, summary: Summary) -> dict[str, Any]:
    return {
        "name": run.name,
        "folder": str(run.folder),
        "total": summary.total,
        "completed": summary.completed,
        "states": {state.value: number for state, number in summary.states.items()},
        "pending": summary.pending,
        "held": summary.held,
        "at_providers": dict(summary.at_providers),
        "over_budget": dict(summary.over_budget),
        "stopped": summary.stopped,
        "elapsed_s": round(summary.elapsed_s, 3),
    }


def _sentences(run: Run, summary: Summary, written: list[Path]) -> list[str]:
    name = click.style(run.name, bold=True)
    total = sum(summary.states.values())
    done = summary.states.get(JobState.COMPLETED, 0)
    if summary.total == 0:
        lines = [f"{name}: nothing to do; {whole(done)} of {count_of(total, 'point')} done"]
    else:
        now = f"{whole(summary.completed)} now in {duration(summary.elapsed_s)}"
        lines = [f"{name}: {whole(done)} of {count_of(total, 'point')} done, {now}"]
    lines += [
        f"  {backend}: out of reach: {error}" for backend, error in summary.out_of_reach.items()
    ]
    if summary.failed:
        lines.append(f"  {whole(summary.failed)} failed: `qbatch status {run.folder}` says why")
    if summary.signal is not None:
        stopped = signal.Signals(summary.signal).name
        lines.append(f"  stopped by {stopped}; the same command goes on from here")
    elif summary.stopped:
        lines.append(f"  stopped: {summary.stopped}")
    lines += [
        f"  {count_of(number, 'job')} still at {backend}: `qbatch fetch {run.folder}` brings "
        "the results home"
        for backend, number in summary.at_providers.items()
    ]
    lines += [
        f"  {backend}: nothing more was bought: {reason}"
        for backend, reason in summary.over_budget.items()
    ]
    if summary.held:
        lines.append(f"  {whole(summary.held)} held: `qbatch status {run.folder}` says what to do")
    lines += [f"  {path}" for path in written]
    return lines
