"""Why each point would run, or not: a plan held against what a run folder has.

A point that the folder does not have is *changed* when the folder holds a point that the plan no
longer has, of the same name, or else one that differs from it in the fewest leaves of the settings
(two at most); otherwise it is *new*. A point of which there are fewer shots than wanted would run
for the others. Points that the folder has and the plan no longer are *removed*; their results stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from qbatch.circuit.changes import CircuitChange, circuit_change
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest.models import Value
from qbatch.manifest.paths import setting_axis
from qbatch.notation import whole
from qbatch.plan.identity import SweepPoint
from qbatch.plan.pinning.had import Had, done, states_left
from qbatch.purchase import AT_WORK, PRECEDENCE

if TYPE_CHECKING:
    from qbatch.plan.plan import Plan
    from qbatch.plan.points import Only

#: Leaves in which a point may differ from another and still be called that one, changed.
_NEAR = 2

#: How many points that are gone are compared with each new one; more are found by name only.
_MOST_COMPARED = 200

_ABSENT = "(none)"

#: The leaf that is a circuit's text.
CIRCUIT = "circuit"


class Why(StrEnum):
    """Why a point would run; the last three would not."""

    NEW = "new"
    MISSING = "missing"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CHANGED = "changed"
    MORE = "more shots"
    IN_FLIGHT = "in flight"
    HELD = "held"
    DONE = "done"

    @property
    def runs(self) -> bool:
        """True when `run` would submit the point."""
        return self not in (Why.IN_FLIGHT, Why.HELD, Why.DONE)


@dataclass(frozen=True, slots=True)
class Stored:
    """A point as a run folder has it.

    Attributes:
        name: Readable, as it was.
        state: Of its job, or of the one that is furthest behind.
        shots: That were asked for.
        jobs: All of them.
        repeat: 1 for the first copy.
        parameters: As in `SweepPoint`, by name.
        setting: Returns what `Plan.setting` returned for it; called only to explain a change.
    """

    name: str
    state: JobState
    shots: int
    repeat: int
    parameters: Mapping[str, Value]
    setting: Callable[[], Mapping[str, Any]]
    jobs: Sequence[Had]

    def why(self, wanted: int) -> Why:
        """Why it would run, or not, where so many shots are wanted."""
        states = states_left(self.jobs, wanted)
        if not states:
            on_their_way = {job.state for job in self.jobs if job.is_bought} - {JobState.COMPLETED}
            return _OF_STATE[next((s for s in PRECEDENCE if s in on_their_way), JobState.COMPLETED)]
        state = next(state for state in PRECEDENCE if state in states)
        has_some = state is JobState.CREATED and any(job.is_bought for job in self.jobs)
        return Why.MORE if has_some else _OF_STATE[state]

    @property
    def leaves(self) -> dict[str, Any]:
        """All that decides its id, leaf by leaf, and its shots."""
        return _leaves_of(self.setting(), self.parameters, self.repeat, self.shots)


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf of the settings in which two points differ.

    Attributes:
        leaf: Dotted path: ``backend.noise.readout``, ``parameters.gamma``.
        old: What was run; "(none)" when it was not there.
        new: What would run.
    """

    leaf: str
    old: Any
    new: Any

    @property
    def circuit(self) -> CircuitChange | None:
        """What changed in a circuit's text, statement by statement; None where it is no circuit."""
        is_text = isinstance(self.old, str) and isinstance(self.new, str)
        return circuit_change(self.old, self.new) if self.leaf == CIRCUIT and is_text else None

    def __str__(self) -> str:
        if self.circuit is not None:
            return f"{self.leaf}: {self.circuit}"
        return f"{self.leaf}: {_shown(self.old)} → {_shown(self.new)}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one point would run or not.

    Attributes:
        point: Of the plan.
        why: In a word.
        changes: For CHANGED, what differs from the point that was run.
        before: For CHANGED, that point's id; "" otherwise.
        done: Shots that there are.
    """

    point: SweepPoint
    why: Why
    changes: tuple[Change, ...] = ()
    before: str = ""
    done: int = 0

    def __str__(self) -> str:
        if not self.changes:
            same_as = f", with {self.point.same_as}" if self.point.same_as else ""
            return f"{self.why}{self._shots}{same_as}"
        return f"{self.why}: {'; '.join(map(str, self.changes))}"

    @property
    def _shots(self) -> str:
        """How many there are, where that are others than wanted."""
        wanted, there = whole(self.point.shots), whole(self.done)
        if self.done > self.point.shots:
            return f": {wanted} wanted, {there} used"
        return f": {there} of {wanted} done" if 0 < self.done < self.point.shots else ""


@dataclass(frozen=True, slots=True)
class Removed:
    """A point that the run folder has and the plan no longer."""

    id: str
    name: str
    state: JobState


_OF_STATE = {
    JobState.CREATED: Why.MISSING,
    JobState.COMPLETED: Why.DONE,
    JobState.FAILED: Why.FAILED,
    JobState.CANCELLED: Why.CANCELLED,
    JobState.HELD: Why.HELD,
    **dict.fromkeys(AT_WORK, Why.IN_FLIGHT),
}


def reasons(plan: Plan, stored: Mapping[str, Stored]) -> Iterator[Reason]:
    """Yield for every point of the plan, in run order, why it would run or not.

    Args:
        plan: What is wanted.
        stored: What the run folder has, by id.
    """
    gone = _Gone(plan, stored)
    for point in plan.points():
        known = stored.get(point.id)
        if known is None:
            yield gone.explain(point)
        else:
            yield Reason(point, known.why(point.shots), done=done(known.jobs))


def removed(plan: Plan, stored: Mapping[str, Stored]) -> Iterator[Removed]:
    """Yield the stored points that the plan no longer has, in the folder's order."""
    for id_ in _ids_gone(plan, stored):
        point = stored[id_]
        yield Removed(id_, point.name, point.state)


@dataclass(frozen=True, slots=True)
class ReasonCounts:
    """The reasons of a whole plan, summed up.

    Attributes:
        counts: How many points there are of each kind; each setting of a point counts, and what
            several come to, once: what is to be bought.
        again: How many more come to one of these contents.
        first: The reasons of the first points in run order.
    """

    counts: Counter[Why]
    again: Counter[Why]
    first: tuple[Reason, ...]

    @property
    def total(self) -> int:
        """How many reasons there are, of all places."""
        return self.counts.total() + self.again.total()

    @property
    def runs(self) -> int:
        """How many would run; of a content one."""
        return sum(number for why, number in self.counts.items() if why.runs)


def count_reasons(
    plan: Plan, stored: Mapping[str, Stored], only: Only | None = None, *, limit: int = 0
) -> ReasonCounts:
    """Count the points by why they would run or not; much faster than going through `reasons`.

    Args:
        plan: What is wanted.
        stored: What the run folder has, by id; empty: all is new, and nothing is gone through.
        only: Points that are meant; None: all.
        limit: How many reasons to return in full.
    """
    if only is not None:
        kept: list[Reason] = []
        chosen = (reason for reason in reasons(plan, stored) if only(reason.point))
        counts, again = _once(_keep_first(chosen, limit, kept), plan.shared)
        return ReasonCounts(counts, again, tuple(kept))
    first = tuple(islice(reasons(plan, stored), limit))
    if not stored and not plan.shared:
        return ReasonCounts(Counter({Why.NEW: plan.num_settings}), Counter(), first)
    return ReasonCounts(*_once(_whys(plan, stored), plan.shared), first)


def _keep_first(
    chosen: Iterator[Reason], limit: int, kept: list[Reason]
) -> Iterator[tuple[str, Why]]:
    for reason in chosen:
        if len(kept) < limit:
            kept.append(reason)
        yield reason.point.id, reason.why


def _once(
    found: Iterator[tuple[str, Why]], shared: Container[str]
) -> tuple[Counter[Why], Counter[Why]]:
    """Count whys by content: of each the first, and all others."""
    counts: Counter[Why] = Counter()
    again: Counter[Why] = Counter()
    met: set[str] = set()
    for id_, why in found:
        if id_ in met:
            again[why] += 1
            continue
        if id_ in shared:
            met.add(id_)
        counts[why] += 1
    return counts, again


def _whys(plan: Plan, stored: Mapping[str, Stored]) -> Iterator[tuple[str, Why]]:
    gone = _Gone(plan, stored)
    for layout, index in plan.rows():
        id_ = layout.id_at(index)
        known = stored.get(id_)
        if known:
            shots = plan.wanted.get(id_) or plan.shared.get(id_) or layout.shots_at(index)
            yield id_, known.why(shots)
        else:
            yield id_, gone.explain(layout.point_at(index)).why if gone else Why.NEW


def _ids_gone(plan: Plan, stored: Mapping[str, Stored]) -> dict[str, None]:
    if not stored or len(stored) == sum(id_ in stored for id_, _ in plan.ids_and_names()):
        return {}
    left = dict.fromkeys(stored)
    for id_, _ in plan.ids_and_names():
        left.pop(id_, None)
    return left


class _Gone:
    """Stored points that the plan no longer has: what a point may have changed from."""

    def __init__(self, plan: Plan, stored: Mapping[str, Stored]) -> None:
        self._plan = plan
        self._stored = stored
        self._left = _ids_gone(plan, stored)
        self._by_name = {stored[id_].name: id_ for id_ in self._left}
        self._leaves: dict[str, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._left)

    def explain(self, point: SweepPoint) -> Reason:
        if not self._left:
            return Reason(point, Why.NEW)
        setting = self._plan.setting(point.setting)
        shots = point.shots if point.has_shots_axis else None
        wanted = _leaves_of(setting, dict(point.parameters), point.repeat, shots)
        before = self._by_name.get(point.name)
        if before is None or before not in self._left:
            before = self._nearest(wanted)
        if before is None:
            return Reason(point, Why.NEW)
        self._left.pop(before)
        return Reason(point, Why.CHANGED, _differences(self._known(before), wanted), before)

    def _nearest(self, wanted: Mapping[str, Any]) -> str | None:
        if len(self._left) > _MOST_COMPARED:
            return None
        near = {id_: len(_differences(self._known(id_), wanted)) for id_ in self._left}
        best = min(near, key=lambda id_: near[id_])
        return best if near[best] <= _NEAR else None

    def _known(self, id_: str) -> dict[str, Any]:
        if id_ not in self._leaves:
            if len(self._leaves) > 2 * _MOST_COMPARED:
                self._leaves.clear()
            self._leaves[id_] = self._stored[id_].leaves
        return self._leaves[id_]


def _leaves_of(
    setting: Mapping[str, Any], parameters: Mapping[str, Value], repeat: int, shots: int | None
) -> dict[str, Any]:
    told = {key: setting[key] for key in _TOLD if key in setting}
    bound = {name: v for name, v in parameters.items() if setting_axis(name) is None}
    return leaves({**told, "parameters": bound, "repeat": repeat, "shots": shots})


#: What is told of a setting, of which kind its ids ever were.
_TOLD = ("backend", "circuit", "content", "seed")


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return in which leaves that count two points differ.

    Of two circuits the texts are told, where what they say differs; shots count on an axis alone.
    """
    silent = {"content"}
    if old.get("content") == new.get("content"):
        silent.add("circuit")
    if new.get("shots") is None:
        silent.add("shots")
    return tuple(change for change in changes(old, new) if change.leaf not in silent)


def leaves(settings: Any, path: str = "") -> dict[str, Any]:
    """Return dotted path -> value for every leaf of nested mappings and lists."""
    if isinstance(settings, Mapping) and settings:
        items = [(str(key), item) for key, item in settings.items()]
    elif isinstance(settings, (list, tuple)) and settings:
        items = [(str(number), item) for number, item in enumerate(settings)]
    else:
        return {path: settings}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= leaves(item, f"{path}.{key}" if path else key)
    return found


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the leaves in which two settings differ, those of `new` first."""
    names = dict.fromkeys((*new, *old))
    return tuple(
        Change(name, old.get(name, _ABSENT), new.get(name, _ABSENT))
        for name in names
        if old.get(name, _ABSENT) != new.get(name, _ABSENT)
    )


#: A digest: all of them are as long, and a few digits tell two apart.
_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{64}")


def _shown(value: Any) -> str:
    text = str(value)
    if _DIGEST.fullmatch(text):
        return f"{text[:12]}…"
    if len(text) <= 40 and "\n" not in text:
        return text
    from hashlib import sha256

    return f"{len(text)} characters ({sha256(text.encode()).hexdigest()[:8]}…)"
