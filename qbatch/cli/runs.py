"""Runs as verbs see them: found by folder or manifest, judged by their states, asked about."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from qbatch.bases import SETTING_NAMES
from qbatch.cli.exits import Exit
from qbatch.cli.tables import tell, wrapped
from qbatch.errors import ConsentError, SelectionError, SnapshotError, SourceErrors
from qbatch.job import JobState

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.plan import SweepPoint
    from qbatch.snapshot import PointResult, Run

_DIGITS = re.compile(r"(\d+)")

#: What an expression holds that chooses settings, not points.
_OF_SETTINGS = re.compile(rf"\b(?:{'|'.join(SETTING_NAMES)})\b")


def open_named(path: Path, out: Path | None = None) -> Run:
    """Open the run that `path` names, a run folder or a manifest.

    Raises:
        SelectionError: There is no such thing, or it has not been run.
        SnapshotError: The run folder is damaged.
    """
    from qbatch.snapshot import Run, find_run_folder, is_run_folder

    if not path.exists():
        raise SelectionError(
            f"{path}: there is no such run folder or manifest; "
            "`qbatch status` lists the runs below here"
        )
    folder = find_run_folder(path, out)
    if not is_run_folder(folder):
        hint = f"`qbatch run {path}` makes one" if path.is_file() else "name the folder of a run"
        raise SelectionError(f"{folder}: no run is kept here; {hint}")
    return Run(folder)


def runs_here() -> tuple[Path, ...]:
    """Return the runs of the project that the current folder is in.

    Raises:
        SelectionError: There is none.
    """
    found = run_folders()
    if not found:
        raise SelectionError("there is no run below here; `qbatch run MANIFEST` makes one")
    return (*found,)


def run_folders(out: Path | None = None) -> list[Path]:
    """Return the run folders of a project: the current folder, those in its ``runs``, and `out`.

    Those, too, in ``runs`` of a folder within it, where a manifest of no project keeps its run.
    """
    from qbatch.project import project_root
    from qbatch.snapshot import RUNS, as_seen, is_run_folder

    root = project_root(Path())
    found = [Path()]
    for runs in (root / RUNS, *sorted(root.glob(f"*/{RUNS}"))):
        there = (path for path in as_seen(runs).glob("*") if path.is_dir())
        found += sorted(there, key=_in_order)
    if out is not None and out.resolve() not in {path.resolve() for path in found}:
        found.append(out)
    return [path for path in found if is_run_folder(path)]


def _in_order(path: Path) -> list[tuple[int, str]]:
    """Of names with numbers in them: ``run-9`` before ``run-10``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in _DIGITS.split(path.name)]


def open_analysed(path: Path, out: Path | None = None) -> Run:
    """Open a run to tell its numbers; named by its manifest, as that analyses them now.

    Raises:
        SelectionError: There is no such thing, or it has not been run.
        SnapshotError: The run folder is damaged.
        SourceErrors: The manifest is wrong.
    """
    from qbatch.manifest import load_manifest
    from qbatch.manifest.bare import is_circuit

    opened = open_named(path, out)
    is_folder = path.resolve().is_relative_to(opened.folder.resolve())
    if is_folder or is_circuit(path) or "manifest" not in opened.meta:
        return opened
    manifest = load_manifest(path, overrides=opened.manifest.overrides)
    if not opened.analyse_as(manifest):
        told = (
            f"{path}: it asks for other points now; told are those that ran (`qbatch run` goes on)"
        )
        tell(told)
    return opened


def choose(
    run: Run, names: tuple[str, ...], expression: str | None, *, is_exact: bool = False
) -> Iterator[PointResult]:
    """Yield the points named, or all of the plan; of these, what the expression selects.

    Settings are yielded each alone where they are dropped or cancelled, or selected by their basis.

    Args:
        run: Whose points.
        names: Names or ids.
        expression: As ``-k`` takes it.
        is_exact: They are dropped or cancelled: a part of a name names nothing.

    Raises:
        SelectionError: There is no point of that name, or the expression is none, or a part of it
            fits no point at all.
    """
    has_settings = run.has_settings and (is_exact or bool(_OF_SETTINGS.search(expression or "")))
    points = (run[name] for name in names) if names else iter(run)
    found = _seen(points, has_settings=has_settings)
    if expression is None:
        return (each.found for each in found)
    from qbatch.plan.select import STATE, select_meant

    manifest = _manifest_of(run)
    numbers = manifest.analysis.names if manifest is not None else ()
    known = {*run.axes, STATE, *numbers, *(SETTING_NAMES if has_settings else ())}
    there = cast("Iterator[SweepPoint]", _seen(iter(run), has_settings=has_settings))
    is_wanted = select_meant(expression, known, there, manifest, is_exact=is_exact).holds
    return (each.found for each in found if is_wanted(cast("SweepPoint", each)))


class _Seen:
    """A point of a run as ``-k`` sees it: all that the plan's has, where it is and its numbers.

    Attributes:
        found: The point, or a setting of it.
        of_point: Of a setting shots and copy of its point, as in `plan.SweepPoint`.
    """

    def __init__(self, found: PointResult, of_point: tuple[int, int] | None = None) -> None:
        self.found = found
        self.of_point = of_point

    def __getattr__(self, name: str) -> Any:
        return getattr(self.found if name in ("state", "estimates") else self.found.point, name)


def _seen(points: Iterator[PointResult], *, has_settings: bool) -> Iterator[_Seen]:
    """Yield points, or each of their settings alone."""
    for point in points:
        if has_settings:
            of_point = (point.shots, point.repeat)
            yield from (_Seen(each, of_point) for each in point.each_setting)
        else:
            yield _Seen(point)


def _manifest_of(run: Run) -> Manifest | None:
    """The manifest of a run; None where none is kept that can be read."""
    try:
        return run.manifest
    except (SnapshotError, SourceErrors):
        return None


def folder_of(manifest: Manifest, out: Path | None) -> Path:
    """Where the run of a manifest is kept: `out`, or its own folder.

    Raises:
        SnapshotError: Another manifest's run is kept there.
    """
    from qbatch.snapshot import check_owner, run_folder_of

    folder = run_folder_of(manifest) if out is None else out
    check_owner(folder, manifest)
    return folder


def exit_of(states: Mapping[JobState, int]) -> Exit:
    """The exit code that a run's states amount to: failures first, then what is pending.

    Of a run without points nothing is done.
    """
    if not states:
        return Exit.PENDING
    if states.get(JobState.FAILED) or states.get(JobState.CANCELLED):
        return Exit.SOME_FAILED
    if any(number for state, number in states.items() if state is not JobState.COMPLETED):
        return Exit.PENDING
    return Exit.DONE


def exit_of_run(run: Run) -> Exit:
    """The exit code that a run amounts to: as `exit_of`, and pending while a round is due."""
    from qbatch.cli.accuracies import wants_more

    code = exit_of(run.counts_by_state())
    return Exit.PENDING if code == Exit.DONE and wants_more(run) else code


def check_points(run: Run) -> None:
    """See that there are points, in the plan or in flight.

    Raises:
        SnapshotError: There are none.
    """
    if not len(run) and not any(run.in_flight()):
        raise SnapshotError(f"{run.folder}: {why_no_points(run)}")


def why_no_points(run: Run) -> str:
    """Say what became of a run without points."""
    if run.has_plan:
        return "all its points were forgotten; `qbatch run` runs them anew"
    if run.is_running:
        return "its points are not known yet; look again in a moment"
    return "cut off before its points were known; `qbatch run` goes on"


def ask(question: str, *, yes: bool, flag: str = "--yes") -> None:
    """Go on only with the person's word.

    Raises:
        ConsentError: The answer was no, or nobody is there to give it.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConsentError(f"{question} Nobody is there to answer; say {flag} to go on")
    try:
        is_agreed = click.confirm(wrapped(question, stream=sys.stderr), err=True)
    except click.Abort:
        raise KeyboardInterrupt from None
    if not is_agreed:
        raise ConsentError(f"nothing was done; answer y, or say {flag}, to go on")
