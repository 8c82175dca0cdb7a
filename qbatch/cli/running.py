"""A run as the person at the terminal meets it: progress during, a summary after.

`run` and `retry` share it. What is decided here is only what a person sees and the exit code; the
executor decides everything else, and what comes before is `consent`'s.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli import accuracies
from qbatch.cli.amounts import Number
from qbatch.cli.configured import report_formats
from qbatch.cli.exits import Exit, code_of
from qbatch.cli.outcome import MOST_POINTS, Outcome, outcome_of
from qbatch.cli.permits import surroundings_for, surroundings_of
from qbatch.cli.progress import Outlet, Teller, open_teller
from qbatch.cli.reasons import sent_elsewhere
from qbatch.cli.runs import exit_of_run, folder_of
from qbatch.cli.tables import tell
from qbatch.cli.watcher import Watcher, tell_untold
from qbatch.cli.words import typed_command
from qbatch.errors import ReportError, SnapshotError
from qbatch.executor import Excess, Options, Stop, Summary, run_with
from qbatch.executor.consent import Asking
from qbatch.job import JobState
from qbatch.notation import duration, listed, whole
from qbatch.report.numbers import count_of
from qbatch.snapshot import Run

if TYPE_CHECKING:
    from qbatch.cli.consent import Consent
    from qbatch.executor import Offer
    from qbatch.manifest import Manifest
    from qbatch.plan import SavedPlan
    from qbatch.providers import Surroundings

FAILED = JobState.FAILED

#: Different failures told again at the end.
MAX_FAILURES = 10

#: Points named of each.
MAX_NAMES = 3


def run_manifest(
    manifest: Path,
    options: Options,
    consent: Consent,
    *,
    as_json: bool,
    report: bool,
    check: bool = False,
    verbose: bool = False,
) -> int:
    """Run a manifest and return the exit code.

    Args:
        manifest: Its file.
        options: What the person asked for.
        consent: What the person has to agree to.
        as_json: JSON lines to stdout in place of words and bars.
        report: Write it, during the run and after.
        check: A check that fails or is undecided is the exit code of a run that is done.
        verbose: Tell each step of jobs at clouds.
    """
    options = replace(
        options,
        select=_selection(options, consent.saved),
        surroundings=_surroundings(manifest, options),
        refresh=_refresh if report else None,
        quote=not consent.yes and consent.saved is None,
        stop=Stop(),
        command=typed_command(),
    )
    with closing(open_teller(as_json=as_json)) as teller:
        watcher = Watcher(teller, as_json=as_json, verbose=verbose)
        give = partial(_give, consent, teller, options, report=report)
        attended = replace(
            options,
            observer=watcher.observe,
            approve=Asking(give, consent.saved or consent.yes, consent.frozen),
            ask_more=partial(_ask_more, teller) if _is_asked(as_json) else None,
        )
        done = run_with(manifest, attended)
    summary: Summary = done.summary
    written, mistake = _try_report(done) if report and summary.signal is None else ([], None)
    code = _code(done, watcher, options) if mistake is None else int(code_of(mistake))
    found = _outcome(done, summary, check=check)
    if check and found is not None and code == Exit.DONE:
        code = found.exit_code
    _tell(done, summary, found, written, None if as_json else watcher, code)
    if mistake is not None:
        raise mistake
    return code


def _surroundings(manifest: Path, options: Options) -> Surroundings:
    if options.plan is not None:
        return surroundings_of(options.plan.manifest, trust=options.trust)
    return surroundings_for(manifest, options.overrides, trust=options.trust)


def _tell(
    run: Run,
    summary: Summary,
    found: Outcome | None,
    written: list[Path],
    watcher: Watcher | None,
    code: int,
) -> None:
    """Say what came of a run: in words, or as JSON where there is no watcher for them."""
    if watcher is None:
        _tell_json(run, summary, found, written, code)
    else:
        _say(_sentences(run, summary, watcher, found, written))
    tell_untold(summary)


def tell_nothing(folder: Path) -> None:
    """Write the last line of JSON where nothing is to be run, and no cloud is asked."""
    with Run(folder) as run:
        _tell_json(run, Summary(states=run.counts_by_state()), None, [], Exit.DONE)


def _say(lines: Iterable[str]) -> None:
    outlet = Outlet(sys.stdout)
    for line in lines:
        outlet.say(line)


def _tell_json(
    run: Run, summary: Summary, found: Outcome | None, written: Sequence[Path], code: int
) -> None:
    facts = {"event": "finished", **_facts(run, summary), "report": list(map(str, written))}
    if found is not None:
        facts["checks"] = found.facts()
    line = json.dumps({**facts, "exit_code": int(code)}, ensure_ascii=False)
    Outlet(sys.stdout).write(line)


def _outcome(run: Run, summary: Summary, *, check: bool) -> Outcome | None:
    """What was measured; None where nothing was, or it would take long and nobody asked."""
    is_measured = summary.states.get(JobState.COMPLETED) or run.in_part().points
    if summary.signal is not None or not is_measured:
        return None
    return outcome_of(run) if check or len(run) <= MOST_POINTS else None


def _selection(options: Options, saved: SavedPlan | None) -> str | None:
    if saved is None:
        return options.select
    if options.select is not None:
        raise click.UsageError("--plan FILE has its points chosen already; leave -k out")
    return saved.selection or None


def _is_asked(as_json: bool) -> bool:
    return not as_json and sys.stdin.isatty() and sys.stderr.isatty()


def _ask_more(teller: Teller, excess: Excess) -> float | None:
    """Ask what a limit is to be raised to; None: it stays."""
    limit = excess.limit
    with teller.aside(), suppress(click.Abort):  # Ctrl-D: no answer
        tell(str(excess))
        answer: float = click.prompt(
            f"New limit in {limit.unit}, or 0 to buy no more",
            default=0.0,
            type=Number(0),
            err=True,
        )
        return answer if answer > limit.amount else None
    return None


def _code(run: Run, watcher: Watcher, options: Options) -> int:
    summary: Summary = run.summary
    if summary.signal is not None:
        return 128 + summary.signal
    if summary.out_of_reach:
        return min(code_of(error) for error in summary.out_of_reach.values())
    if summary.over_budget or summary.not_agreed:
        return Exit.NO_CONSENT
    if options.select is None and options.only is None and options.points is None:
        return exit_of_run(run)
    if summary.completed >= summary.total:
        return Exit.DONE
    return Exit.SOME_FAILED if watcher.failed else Exit.PENDING


def _give(
    consent: Consent, teller: Teller, options: Options, offer: Offer, *, report: bool
) -> bool:
    """Have the person agree, who is told before whose report would be replaced."""
    out = Path(options.out) if options.out else None
    if report and not options.fresh and (note := _trial_note(offer.plan.manifest, out)):
        teller.said(note)
    if not options.fresh:
        manifest = offer.plan.manifest
        with suppress(SnapshotError):  # damaged: taking it will tell
            for line in sent_elsewhere(folder_of(manifest, out), manifest):
                teller.said(line)
    return consent.give(teller, offer)


def _trial_note(manifest: Manifest, out: Path | None) -> str:
    """Say that the report of a trial (``-S``) is to replace that of another plan; "" where not.

    The points of both are kept side by side, each by its content.
    """
    from qbatch.report.writing import FILES

    tried, folder = _changes(manifest.overrides), folder_of(manifest, out)
    if not tried or not (folder / "snapshot.db").exists():
        return ""
    before: tuple[str, ...] = ()
    with suppress(SnapshotError), Run(folder) as known:  # damaged: taking it will tell
        before = _changes(json.loads(known.meta.get("overrides", "[]")))
    there = [name for name in FILES.values() if (folder / name).exists()]
    if before == tried or not there:
        return ""
    plan = f"-S {shlex.join(before)}" if before else "the manifest as written"
    return (
        f"{folder}: {listed(there)} now tell of {plan}, and will tell of this trial. No point is "
        "lost: a run without these -S writes them as they were, and buys nothing twice. "
        "--no-report leaves them alone"
    )


def _changes(overrides: Iterable[str]) -> tuple[str, ...]:
    """Of ``-S``, those that change what is run, not how."""
    return tuple(one for one in overrides if not one.startswith("run."))


def _refresh(run: Run) -> None:
    _write_report(run)


def _write_report(run: Run) -> list[Path]:
    from qbatch.report import write_report

    return write_report(run, report_formats(run))


def _try_report(run: Run) -> tuple[list[Path], ReportError | None]:
    """Write the report; return its files, or why it could not be written."""
    try:
        return _write_report(run), None
    except ReportError as error:
        return [], error


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
        "not_agreed": dict(summary.not_agreed),
        "left": dict(summary.left),
        "stopped": summary.stopped,
        "elapsed_s": round(summary.elapsed_s, 3),
    }


def _first_line(run: Run, summary: Summary) -> str:
    name, total = click.style(run.name, bold=True), sum(summary.states.values())
    done = f"{whole(summary.states.get(JobState.COMPLETED, 0))} of {count_of(total, 'point')} done"
    if summary.total == 0:
        return f"{name}: nothing to do; {done}"
    new = summary.completed
    jobs = whole(new) if summary.unit == "point" else count_of(new, "job")
    return f"{name}: {done}, {jobs} now in {duration(summary.elapsed_s)}"


def _to_retry(run: Run, summary: Summary, watcher: Watcher) -> Iterator[str]:
    """Say how what failed or was cancelled is run again."""
    if summary.failed:
        told = sum(len(names) for (state, _), names in watcher.failures.items() if state is FAILED)
        all_ = "" if told == summary.failed else f"{whole(summary.failed)} failed in all: "
        yield (
            f"  {all_}`qbatch retry {run.folder}` runs what failed again, `qbatch status` lists it"
        )
    if summary.cancelled:
        them = "it" if summary.cancelled == 1 else "them"
        yield (
            f"  {whole(summary.cancelled)} cancelled: `qbatch retry {run.folder}` runs {them} again"
        )


def _sentences(
    run: Run, summary: Summary, watcher: Watcher, found: Outcome | None, written: list[Path]
) -> list[str]:
    lines = [_first_line(run, summary)]
    if found is not None:
        lines += found.lines()
    lines += [
        f"  {backend}: out of reach: {error}" for backend, error in summary.out_of_reach.items()
    ]
    lines += [
        f"  {backend}: left: {reason}; `qbatch run` goes on from here"
        for backend, reason in summary.left.items()
    ]
    lines += _failures(watcher.failures)
    lines += _to_retry(run, summary, watcher)
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
    lines += [f"  {backend}: {told}" for backend, told in summary.not_agreed.items()]
    never_run = summary.states.get(JobState.CREATED, 0)
    is_cut_off = summary.signal or summary.stopped or summary.over_budget or summary.left
    is_cut_off = is_cut_off or summary.not_agreed
    if never_run and not (is_cut_off or summary.out_of_reach):
        lines.append(f"  {count_of(never_run, 'point')} not done yet: `qbatch run` runs them")
    if (in_part := run.in_part()).points:
        lines.append(f"  {in_part}")
    if facts := accuracies.facts_of(run):
        lines += [f"  {line}" for line in accuracies.short(facts)]
    if summary.held:
        lines.append(f"  {whole(summary.held)} held: `qbatch status {run.folder}` says what to do")
    lines += [f"  {path}" for path in written]
    return lines


def _failures(failures: Mapping[tuple[JobState, str], Collection[str]]) -> list[str]:
    """What went wrong now, in the providers' words, the most frequent first."""
    told = sorted(failures.items(), key=lambda one: -len(one[1]))
    lines = []
    for (state, error), names in told[:MAX_FAILURES]:
        points = ", ".join(islice(names, MAX_NAMES)) + (", …" if len(names) > MAX_NAMES else "")
        word = click.style(f"{whole(len(names))} {state.value}", fg="red")
        lines.append(f"  {word}: {error or 'no reason given'} ({points})")
    if len(told) > MAX_FAILURES:
        lines.append(f"  and {len(told) - MAX_FAILURES} other errors")
    return lines
