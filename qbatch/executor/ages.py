"""How old the calibrations of a run folder are, and what is to be wanted of them by that."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.errors import SnapshotError
from qbatch.job import JobState
from qbatch.plan import Had, pieces_of
from qbatch.plan.aging import calibrations_by_setting, longest_age_s
from qbatch.shots import AgedShots
from qbatch.snapshot import Run, is_run_folder

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.plan.points import Only
    from qbatch.providers import Target


@dataclass
class _Kept:
    """What a run folder has.

    Attributes:
        jobs: Of each content.
        ran: Content -> when its jobs ran that are completed.
        last: Key of what points share -> when jobs of theirs ran.
        in_flight: Key of what points share -> how many jobs of theirs are under way.
    """

    jobs: dict[str, list[Had]] = field(default_factory=lambda: defaultdict(list))
    ran: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    last: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    in_flight: Counter[str] = field(default_factory=Counter)


def wanted_by_age(
    folder: Path | None,
    plan: Plan,
    targets: Mapping[str, Target],
    only: Only | None,
    now: Callable[[], float],
    states: Collection[JobState] | None = None,
) -> dict[str, AgedShots]:
    """Return what is wanted of calibrations that are bought again when they are too old.

    One is wanted again beforehand where jobs of points are left to run, and the latest is too old
    for them now; or where a job ran just now, and a run was cut off before it was bought for that.

    Args:
        folder: Of the run; None: nothing is there.
        plan: What is wanted.
        targets: Backend -> target; where one is missing, it takes any number of shots.
        only: Points that are meant; None: all.
        now: UTC, seconds since 1970.
        states: In which jobs are bought now; None: whether or not they were tried before.
    """
    every_s = longest_age_s(plan.manifest)
    by_setting = calibrations_by_setting(plan)
    if every_s is None or not by_setting:
        return {}
    kept = _kept_in(folder, by_setting)
    left, points = _left(plan, targets, only, states, kept, by_setting)
    found = {}
    for content, users in _users(by_setting).items():
        had = kept.jobs.get(content, [])
        bought = sum(each.shots for each in had if each.is_bought)
        first = points.get(content, 0)
        is_under_way = any(each.is_bought and each.state is not JobState.COMPLETED for each in had)
        is_due = False
        if kept.ran.get(content) and not is_under_way:
            ran, at = kept.ran[content], now()
            is_left = any(left[user] for user in users) and _buys_new(states)
            just_ran = (each for user in users for each in kept.last.get(user, ()))
            is_due = is_left and at - max(ran) > every_s
            is_due |= any(
                at - each <= every_s < min(abs(each - one) for one in ran) for each in just_ran
            )
        most = sum(left[user] + kept.in_flight[user] for user in users)
        wanted = max(first, bought) + is_due * first
        found[content] = AgedShots(wanted, first, wanted + most * first, is_due=is_due)
    return found


def _buys_new(states: Collection[JobState] | None) -> bool:
    return states is None or JobState.CREATED in states


def _users(by_setting: Mapping[str, Collection[str]]) -> Mapping[str, Sequence[str]]:
    """Content of a calibration -> keys of what the points share that need it."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, contents in by_setting.items():
        for content in contents:
            found[content].append(key)
    return found


def _kept_in(folder: Path | None, by_setting: Mapping[str, Collection[str]]) -> _Kept:
    kept = _Kept()
    if folder is None or not is_run_folder(folder):
        return kept
    calibrations = frozenset().union(*by_setting.values())
    with suppress(SnapshotError), Run(folder) as run:  # damaged: whoever needs it will tell
        moments = run.moments()
        for point, job in run.stored_points():
            had = Had(point.start, point.shots, job.state)
            kept.jobs[point.point_id].append(had)
            moment = moments.get(point.ordinal)
            if point.point_id in calibrations:
                if had.shots and moment is not None:
                    kept.ran[point.point_id].append(moment.at)
            elif point.setting in by_setting:
                if moment is not None:
                    kept.last[point.setting].append(moment.at)
                elif had.is_bought and job.state is not JobState.COMPLETED:
                    kept.in_flight[point.setting] += 1
    return kept


def _left(
    plan: Plan,
    targets: Mapping[str, Target],
    only: Only | None,
    states: Collection[JobState] | None,
    kept: _Kept,
    by_setting: Mapping[str, Collection[str]],
) -> tuple[Counter[str], dict[str, int]]:
    """Count jobs of points that are left to buy, by what these share; and shots of calibrations."""
    jobs, shots = Counter[str](), {}
    calibrations = frozenset().union(*by_setting.values())
    pieces = pieces_of(kept.jobs, targets, states)
    for point in plan.bought():
        if point.id in calibrations:
            shots[point.id] = (
                point.shots if not isinstance(point.shots, AgedShots) else point.shots.first
            )
    for point in plan.bought(only):
        if point.setting in by_setting and point.id not in calibrations:
            jobs[point.setting] += sum(1 for _ in pieces(point))
    return jobs, shots
