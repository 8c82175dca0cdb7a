"""Runs as verbs see them: found by folder or manifest, judged by their states, asked about."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.exits import Exit
from qbatch.errors import ConsentError, SelectionError
from qbatch.job import JobState

if TYPE_CHECKING:
    from qbatch.snapshot import PointResult, Run


def open_named(path: Path, out: Path | None = None) -> Run:
    """Open the run that `path` names, a run folder or a manifest.

    Raises:
        SelectionError: There is no such thing, or it has not been run.
        SnapshotError: The run folder is damaged.
    """
    from qbatch.snapshot import Run, find_run_folder

    if not path.exists():
        raise SelectionError(f"{path}: there is no such run folder or manifest")
    folder = find_run_folder(path, out)
    if not (folder / "snapshot.db").exists():
        hint = f"`qbatch run {path}` makes one" if path.is_file() else "name the folder of a run"
        raise SelectionError(f"{folder}: no run is kept here; {hint}")
    return Run(folder)


def choose(run: Run, names: tuple[str, ...], expression: str | None) -> Iterator[PointResult]:
    """Yield the points named, or all of the plan; of these, what the expression selects.

    Raises:
        SelectionError: There is no point of that name, or the expression is none.
    """
    is_wanted = _selector(expression)
    points = (run[name] for name in names) if names else iter(run)
    return (point for point in points if is_wanted(point))


def _selector(expression: str | None) -> Callable[[PointResult], bool]:
    if expression is None:
        return lambda _: True
    from qbatch.plan import select

    chosen: Callable[[PointResult], bool] = select(expression)
    return chosen


def exit_of(states: Mapping[JobState, int]) -> Exit:
    """The exit code that a run's states amount to: failures first, then what is pending."""
    if states.get(JobState.FAILED) or states.get(JobState.CANCELLED):
        return Exit.SOME_FAILED
    if any(number for state, number in states.items() if state is not JobState.COMPLETED):
        return Exit.PENDING
    return Exit.DONE


def ask(question: str, *, yes: bool, flag: str = "--yes") -> None:
    """Go on only with the person's word.

    Raises:
        ConsentError: The answer was no, or nobody is there to give it.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConsentError(f"{question} Nobody is there to answer; say {flag} to go on")
    if not click.confirm(question, err=True):
        raise ConsentError("nothing was done")
