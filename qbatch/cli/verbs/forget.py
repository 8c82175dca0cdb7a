"""``qbatch forget``: drop points, or a whole run, with their results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.completing import complete_points
from qbatch.cli.options import only_expression_option, out_option, run_argument, yes_option
from qbatch.cli.tables import tell

if TYPE_CHECKING:
    from qbatch.snapshot import Run


@click.command()
@run_argument
@click.argument("points", nargs=-1, shell_complete=complete_points)
@only_expression_option
@click.option("--removed", is_flag=True, help="Points that the manifest has no more.")
@out_option
@yes_option
def forget(
    run: Path,
    points: tuple[str, ...],
    expression: str | None,
    removed: bool,
    out: Path | None,
    yes: bool,
) -> None:
    """Drop POINTS of RUN with their results; without POINTS, -k or --removed, the whole run.

    What is forgotten is gone: `qbatch run` computes or buys it again, and no budget counts what it
    cost. Points that may still be at a provider are not forgotten.
    """
    from qbatch.cli.runs import ask, choose, open_named
    from qbatch.notation import listed
    from qbatch.report.numbers import count_of

    with open_named(run, out) as opened:
        folder, number, noun = opened.folder, len(opened), "point"
        if not (points or expression or removed):
            _check_nothing_is_out(opened)
            told = _told_cost(opened, None)
            ask(f"Delete {folder} with its {count_of(number, 'point')}{told}?", yes=yes)
            _delete(folder)
            tell(f"forgot {folder}")
            return
        chosen = opened.removed() if removed else choose(opened, points, expression, is_exact=True)
        named = [(point.id, point.name) for point in chosen]
        ids = list(dict.fromkeys(id_ for id_, _ in named))
        others = [] if removed else _other_places(opened, named)
        told = _told_cost(opened, set(ids))
        if opened.has_settings:
            number, noun = opened.num_settings, "setting"
    part = f"{len(named) + len(others)} of {count_of(number, noun)}"
    if others:
        part += f", with {listed(others, 3)}, which {_is_or_are(others)} bought with the same jobs,"
    if ids:
        ask(f"Forget {part} of {folder} with all results{told}?", yes=yes)
        _forget(folder, ids)
    tell(f"forgot {part} of {folder}")


def _other_places(run: Run, named: Sequence[tuple[str, str]]) -> list[str]:
    """Names of points that were not chosen and lose their results all the same."""
    ids, chosen = {id_ for id_, _ in named}, set(named)
    every = run.settings()
    return [each.name for each in every if each.id in ids and (each.id, each.name) not in chosen]


def _is_or_are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _check_nothing_is_out(run: Run) -> None:
    """Refuse to delete a run with jobs that nobody else knows of."""
    from qbatch.errors import SelectionError
    from qbatch.report.numbers import count_of

    if number := sum(1 for _ in run.in_flight()):
        raise SelectionError(
            f"{run.folder}: {count_of(number, 'job')} may still be at a provider, and nothing else "
            "knows of them: `qbatch fetch`, `cancel` or `resolve` first"
        )


def _told_cost(run: Run, ids: set[str] | None) -> str:
    """What purchases of these points cost, to be asked about; None: of all."""
    from qbatch.notation import amount
    from qbatch.report.numbers import emulated
    from qbatch.snapshot import total_up
    from qbatch.snapshot.doubles import total_beside

    entries = [each.entry for each in run.ledger() if ids is None or each.id in ids]
    sums: dict[str, float] = {}
    for (_, unit), total in total_up(entries).items():
        sums[unit] = sums.get(unit, 0.0) + total.spent + total.outstanding
    if ids is None:
        for unit, cost in total_beside(run.doubles()).items():
            sums[unit] = sums.get(unit, 0.0) + cost
    targets = run.targets
    told = " + ".join(amount(cost, unit) + emulated(targets, unit) for unit, cost in sums.items())
    return f", and with purchases of {told} that no budget will count any more" if told else ""


def _forget(folder: Path, ids: list[str]) -> None:
    from qbatch.accuracy.kept import forget_decisions
    from qbatch.snapshot import Snapshot
    from qbatch.snapshot.put_aside import forget_put_aside

    with Snapshot(folder) as snapshot:
        meta = snapshot.meta()
        if facts := forget_decisions(meta, ids) | forget_put_aside(meta, ids):
            snapshot.set_meta(**facts)
        before = int(snapshot.meta().get("forgotten") or 0)
        snapshot.set_meta(forgotten=str(before + snapshot.forget(ids)))


def _delete(folder: Path) -> None:
    """Delete a run folder, once sure that no runner is at work in it."""
    import shutil

    from qbatch.errors import SnapshotError
    from qbatch.snapshot import Snapshot

    Snapshot(folder).close()
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise SnapshotError(f"{folder}: cannot be deleted: {error.strerror}") from error
