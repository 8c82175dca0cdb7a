"""What references tell of a run: whether a machine drifted, and which axes went along with time.

Rules: only what is completed counts, in the order in which it ran; simulators of this machine do
not drift, and nothing is told of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.frozen import dataclass
from qbatch.result.correlation import columns_of, worst_of
from qbatch.result.drift import ALARM, DriftTest, find_drift

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest, Value

#: Correlation of an axis with time from which it is said, and points below which nothing is.
CONFOUNDED, FEWEST_POINTS = 0.3, 8

#: Times its error by chance that a correlation must be, too.
BEYOND_CHANCE = 2.6


class Moment(Protocol):
    """When a job ran (`snapshot.times.Moment`)."""

    @property
    def at(self) -> float: ...
    def __lt__(self, other: Any, /) -> bool: ...


class Run(Protocol):
    """What is asked of a run (`snapshot.Run`)."""

    @property
    def manifest(self) -> Manifest: ...
    def references(self) -> Iterator[Any]: ...
    def moments(self) -> Mapping[int, Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class Drifting:
    """One machine over the time of a run, by its references.

    Attributes:
        backend: Its name in the manifest.
        circuit: Of the reference.
        outcome: Whose share is watched.
        times: When each reference ran, in order.
        ones: How often the outcome came in each.
        shots: Of how many.
        test: What is told of them.
        confounded: Axis -> its correlation with the order in which points ran, without sign, of
            those that go along with it further than chance lets them.
    """

    backend: str
    circuit: str
    outcome: str
    times: Sequence[datetime]
    ones: Sequence[int]
    shots: Sequence[int]
    test: DriftTest
    confounded: Mapping[str, float]

    @property
    def verdict(self) -> str:
        """What is told of the machine, in a sentence."""
        test, number = self.test, len(self.ones)
        watched = f"the share of {self.outcome} in {number} runs of {self.circuit!r}"
        if test.kind == "too few":
            return f"{number} references are too few to see a drift"
        if test.kind == "none":
            return f"no drift is seen in {watched} (p = {test.p:.2g}): {test.share:.4f}"
        if test.kind == "trend":
            way = "rises" if test.change > 0 else "falls"
            return f"{watched} {way} by {abs(test.change):.4f} over the run (p = {test.p:.2g})"
        when = self.times[test.at].strftime("%Y-%m-%d %H:%M:%S UTC")
        before = f"before reference {test.at + 1}, run at {when}"
        return f"{watched} changes by {test.change:+.4f} {before} (p = {test.p:.2g})"

    @property
    def warnings(self) -> list[str]:
        """Which axes went along with time: a drift looks like an effect of them."""
        return [
            f"{axis} goes along with time on {self.backend} (correlation {value:.2f}): what drifts "
            "looks like an effect of it; `order: interleave` takes them apart"
            for axis, value in self.confounded.items()
        ]

    def facts(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "backend": self.backend,
            "circuit": self.circuit,
            "outcome": self.outcome,
            "kind": self.test.kind,
            "alarm_level": ALARM,
            "p": self.test.p,
            "trend_p": self.test.trend_p,
            "jump_p": self.test.jump_p,
            "share": self.test.share,
            "change": self.test.change,
            "jump_before": self.test.at + 1 if self.test.kind == "jump" else None,
            "confounded": dict(self.confounded),
            "references": [
                {"at": at.isoformat(), "count": ones, "shots": shots}
                for at, ones, shots in zip(self.times, self.ones, self.shots, strict=True)
            ],
        }


def read_drift(run: Run) -> list[Drifting]:
    """Tell of each backend in a cloud what its references say."""
    from qbatch.providers.registry import room_if_known

    manifest = run.manifest
    clouds = {
        name
        for name, backend in manifest.backends.items()
        if not room_if_known(backend.provider).is_local
    }
    there: dict[str, list[Any]] = {}
    for each in run.references():
        if each.backend in clouds and each.counts is not None:
            there.setdefault(each.backend, []).append(each)
    if not there:
        return []
    moments = run.moments()
    followed = _followed(run, moments, there.keys())
    return [
        _told(manifest, name, those, moments, followed.get(name, {}))
        for name, those in there.items()
    ]


def _told(
    manifest: Manifest,
    backend: str,
    references: Sequence[Any],
    moments: Mapping[int, Any],
    confounded: Mapping[str, float],
) -> Drifting:
    from qbatch.result.pattern import count_matches

    asked = manifest.run.reference
    ran = in_order(references, moments)
    counts = [each.counts for _, each in ran]
    outcome = asked.outcome if asked is not None else None
    if outcome is None:
        pooled: dict[str, int] = {}
        for own in counts:
            for text, number in zip(own.bitstrings(), own.counts.tolist(), strict=True):
                pooled[text] = pooled.get(text, 0) + number
        outcome = max(sorted(pooled), key=lambda text: pooled[text], default="")
    ones = [count_matches(own, outcome) for own in counts]
    shots = [own.shots for own in counts]
    return Drifting(
        backend,
        references[0].circuit,
        outcome,
        [datetime.fromtimestamp(moment.at, UTC) for moment, _ in ran],
        ones,
        shots,
        find_drift(ones, shots),
        confounded,
    )


def in_order(references: Sequence[Any], moments: Mapping[int, Any]) -> list[tuple[Any, Any]]:
    """Return references with when they ran, in that order."""
    ran = [(moments[each.ordinal], each) for each in references if each.ordinal in moments]
    return sorted(ran, key=lambda each: each[0])


def _followed(
    run: Run, moments: Mapping[int, Any], backends: Any
) -> dict[str, Mapping[str, float]]:
    """Return of each backend the axes that went along with the order in which its points ran."""
    ran: dict[str, list[tuple[Any, dict[str, Value]]]] = {}
    for point in run:
        if point.backend in backends:
            own = {"circuit": point.circuit, "shots": point.sampled, **point.parameters}
            of_jobs = [moments[job.ordinal] for job in point.jobs if job.ordinal in moments]
            if of_jobs:
                ran.setdefault(point.backend, []).append((min(of_jobs), own))
    return {name: _correlated(those) for name, those in ran.items()}


def _correlated(ran: list[tuple[Any, dict[str, Value]]]) -> dict[str, float]:
    if len(ran) < FEWEST_POINTS:
        return {}
    ran.sort(key=lambda each: each[0])
    least = max(CONFOUNDED, BEYOND_CHANCE / math.sqrt(len(ran) - 1))
    found: dict[str, float] = {}
    for axis in {name: None for _, own in ran for name in own}:
        values = [own[axis] for _, own in ran if axis in own]
        if len(values) == len(ran):
            worst = worst_of(range(len(values)), columns_of(values))
            if worst > least:
                found[axis] = worst
    return found
