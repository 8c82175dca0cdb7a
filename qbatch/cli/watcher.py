"""What the executor tells of a run, as the person reads it."""

from __future__ import annotations

from dataclasses import asdict

import click

from qbatch.cli.progress import MAX_TOLD, Teller
from qbatch.cli.tables import tell
from qbatch.executor import (
    Decided,
    Event,
    Finished,
    JobMoved,
    Progress,
    Started,
    Step,
    Summary,
    Waiting,
    Warned,
)
from qbatch.job import JobState
from qbatch.notation import duration, whole
from qbatch.report.numbers import count_of


class Watcher:
    """Turns what the executor tells into what the person reads.

    Args:
        teller: Where it is told.
        as_json: Each move of a point is an event.
        verbose: Steps of jobs at clouds are told, too.

    Attributes:
        failed: Points of this run that failed, or were cancelled, so far.
        cancelled: Ids of jobs that were cancelled since.
        failures: (state, the provider's own words) -> the points' names.
    """

    def __init__(self, teller: Teller, *, as_json: bool, verbose: bool = False) -> None:
        self._teller = teller
        self._as_json = as_json
        self._is_verbose = verbose
        self._told = 0
        self.failed = 0
        self.cancelled: set[str] = set()
        self.failures: dict[tuple[JobState, str], dict[str, None]] = {}

    def observe(self, event: Event) -> None:
        """Take in one event of the executor."""
        if isinstance(event, JobMoved):
            self._moved(event)
        elif isinstance(event, Progress):
            self.failed = event.failed + event.cancelled
            if event.total:  # else nothing was said to have started
                self._teller.advanced(event)
        elif isinstance(event, Waiting):
            self._teller.waiting(event.backend, event.waits)
        elif isinstance(event, Step):
            if self._is_verbose:
                self._step(event)
        elif isinstance(event, Started):
            self._started(event)
        elif isinstance(event, Warned):
            is_named = not event.backend or event.text.startswith(event.backend)
            about = "" if is_named else f"{event.backend}: "
            self._teller.said(f"{click.style('warning:', fg='yellow')} {about}{event.text}")
        elif isinstance(event, Decided):
            self._decided(event)
        else:
            assert isinstance(event, Finished)

    def _decided(self, event: Decided) -> None:
        if self._as_json:
            self._teller.event({"event": "decided", **asdict(event)})
        elif event.points:
            points, shots = count_of(event.points, "point"), count_of(event.shots, "more shot")
            want = "wants" if event.points == 1 else "want"
            short = f"; the budget is short for {event.short}" if event.short else ""
            self._teller.said(f"round {event.round}: {points} {want} {shots}{short}")

    def _step(self, event: Step) -> None:
        if self._as_json:
            self._teller.event({"event": "step", **asdict(event), "took_s": round(event.took_s, 3)})
            return
        took = f"{event.took_s:.1f} s" if event.took_s < 10 else duration(event.took_s)
        self._teller.said(f"{event.backend}: {event.job}: {event.text} ({took})")

    def _started(self, event: Started) -> None:
        numbers = {
            "done before": event.kept,
            "still in flight": event.resumed,
            "earlier ones kept that are no part of this plan, nor of its report": event.removed,
        }
        parts = [f"{whole(number)} {said}" for said, number in numbers.items() if number]
        if parts:
            total = whole(event.total) if event.unit == "point" else count_of(event.total, "job")
            self._teller.said(f"{total} to run; {', '.join(parts)}")
        if event.total:
            self._teller.started(event.name, event.total, unit=event.unit)

    def _moved(self, event: JobMoved) -> None:
        if event.state is JobState.CANCELLED:
            self.cancelled.add(event.id)
        is_bad = event.state in (JobState.FAILED, JobState.HELD)
        if is_bad:
            self.failures.setdefault((event.state, event.error), {})[event.name] = None
        if self._as_json:
            self._teller.event({"event": "job", **asdict(event)})
        elif is_bad:
            self._told += 1
            if self._told <= MAX_TOLD:
                word = click.style(event.state.value, fg="red")
                self._teller.said(f"{word} {event.name}: {event.error}")
            elif self._told == MAX_TOLD + 1:
                self._teller.said("more points fail; `qbatch status` has them")


def tell_untold(summary: Summary) -> None:
    """Say who could not be told of a run, once all else is said."""
    for text in summary.untold():
        tell(f"{click.style('warning:', fg='yellow')} {text}")
