"""A plan held against its run folder: why each point would run, or not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qbatch.manifest import Manifest
    from qbatch.plan import Plan, Stored


def points_known(folder: Path, plan: Plan) -> dict[str, Stored]:
    """The points of a run folder, by the ids a plan knows them by; nothing where there is none.

    Raises:
        SnapshotError: It is damaged.
    """
    from qbatch.snapshot import is_run_folder

    if not is_run_folder(folder):
        return {}
    from qbatch.plan.pinning.stored import stored_in
    from qbatch.snapshot import Run

    return stored_in(Run(folder), plan)


def recall(folder: Path, plan: Plan, now: Callable[[], float]) -> None:
    """Let a plan know what clouds quoted lately above what a person was shown."""
    from qbatch.snapshot import is_run_folder

    if is_run_folder(folder):
        from qbatch.snapshot import Run
        from qbatch.snapshot.quotes import recalled_prices

        with Run(folder) as run:
            plan.recalled = recalled_prices(run.meta, now())


def sent_elsewhere(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Say which jobs are at machines that their backends were, and are no more.

    Args:
        folder: Of the run; nothing where there is none.
        manifest: As it would run now.
    """
    from qbatch.snapshot import is_run_folder

    if not is_run_folder(folder):
        return
    from qbatch.providers import is_local
    from qbatch.report.numbers import count_of
    from qbatch.snapshot import Run

    found: Counter[tuple[str, str, str]] = Counter()
    machines: dict[str | None, Mapping[str, Any]] = {}  # many jobs share a setting
    with Run(folder) as run:
        for job in run.in_flight():
            if job.setting not in machines:
                machines[job.setting] = run.setting_of(job)["backend"]
            sent = machines[job.setting]
            provider, target = sent["provider"], sent.get("target")
            now = manifest.backends.get(job.backend)
            is_there = now is not None and (now.provider, now.target) == (provider, target)
            if not (is_there or is_local(provider)):
                found[job.backend, provider, target or ""] += 1
    for (backend, provider, target), number in found.items():
        jobs, machine = count_of(number, "job"), f"{provider} {target}".rstrip()
        yield (
            f"{jobs} in flight at {machine}, which backend {backend!r} was then: this plan does "
            f"not go on with that; before it runs, `qbatch fetch {folder}` brings results home, "
            f"and `qbatch cancel {folder}` stops jobs"
        )
