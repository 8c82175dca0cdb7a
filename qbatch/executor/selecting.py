"""Which points of a plan a run is about."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.errors import SnapshotError
from qbatch.executor.events import Warned
from qbatch.plan import select_meant, states_in
from qbatch.snapshot import Run

if TYPE_CHECKING:
    from qbatch.executor.options import Options
    from qbatch.plan import Plan
    from qbatch.plan.points import Only


def chosen(options: Options, plan: Plan, folder: Path) -> Only | None:
    """Return which points are meant; None: all. The observer is told where none is.

    Args:
        options: By their `select` and `points`.
        plan: Of which.
        folder: Of the run, which says where points are.

    Raises:
        SelectionError: The expression cannot be read, or a part of it fits no point.
    """
    meant = None
    if options.select is not None:
        states = partial(states_of, folder)
        points = plan.points()
        found = select_meant(options.select, plan.names, points, plan.manifest, states=states)
        meant = found.holds
        if not found.is_any:
            said = f"-k: {options.select!r} means no point: the selection is empty"
            options.observer(Warned(said))
    ids = options.points
    if ids is None:
        return meant
    return lambda point: point.id in ids and (meant is None or meant(point))


def states_of(folder: Path) -> dict[str, str]:
    """Return where the points are that a run folder has, by id; nothing where there is no run.

    Whether it is damaged is told by who takes it.
    """
    try:
        known = Run(folder)
    except SnapshotError:
        return {}
    with known:
        return states_in(known)
