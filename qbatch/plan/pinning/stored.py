"""The points of a run folder as a plan is held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.job import Job
from qbatch.plan.pinning.former import known_as
from qbatch.plan.pinning.had import jobs_in
from qbatch.plan.pinning.reasons import Stored

if TYPE_CHECKING:
    from qbatch.plan.plan import Plan


class Run(Protocol):
    """What is asked of a run folder."""

    @property
    def has_former_ids(self) -> bool: ...
    def setting_of(self, point: Any) -> dict[str, Any]: ...
    def stored_points(self) -> Iterator[tuple[Any, Job]]: ...
    def settings(self) -> Iterable[Any]: ...
    def removed(self) -> Iterable[Any]: ...
    def __getitem__(self, key: str) -> Any: ...


def stored_in(run: Run, plan: Plan) -> dict[str, Stored]:
    """Return the points of a run folder, by the ids a plan knows them by.

    Raises:
        SnapshotError: It is damaged.
    """
    jobs = jobs_in(run)
    planned = {id_ for id_, _ in plan.ids_and_names()} if run.has_former_ids else set()
    found: dict[str, Stored] = {}
    for points in (run.settings(), run.removed()):
        for point in points:
            if point.same_as:
                continue
            ids = known_as(run, point)
            id_ = next((id_ for id_ in reversed(ids) if id_ in planned), ids[0])
            told = (point.name, point.state, point.shots, point.repeat, point.parameters)
            found.setdefault(id_, Stored(*told, _setting_reader(run, point.id), jobs[id_]))
    return found


def _setting_reader(run: Run, id_: str) -> Callable[[], Mapping[str, Any]]:
    """Return what reads a setting when a change is to be explained: results stay on the disk."""
    return lambda: run.setting_of(run[id_])
