"""One side of a comparison: what its points ask, what they measured, and what is known of it.

A side is a run folder (or a manifest, whose run is meant), a file that `qbatch export` wrote as
JSON or CSV, or ``REV:path`` of such a file in git. Of a run every shot is known; an exported file
tells each number with its standard error and interval, and they are compared by these.

Points are matched by what they ask: circuit, backend and parameters by their names. Repeats of a
point are put together. Shots say only how well a number is known, unless points differ in them
alone: then they are what is asked, too. Seeds, dates and point ids are nothing that is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.bases import is_twirled
from qbatch.difference.facts import facts_of
from qbatch.difference.texts import Texts
from qbatch.errors import SelectionError
from qbatch.frozen import dataclass
from qbatch.manifest.models import Value
from qbatch.plan.layout import text_writer
from qbatch.report.numbers import plain
from qbatch.result import Counts, Estimate, pool

if TYPE_CHECKING:
    from qbatch.across.drifting import Drifting
    from qbatch.manifest.models import Analysis
    from qbatch.snapshot import PointResult, Run

#: Points of a side; more are refused.
MOST_POINTS = 200_000


class Asked(NamedTuple):
    """What a point asks.

    Attributes:
        circuit: Name.
        backend: Name.
        parameters: Names and values, by name.
        shots: Where points of a side differ in them alone, else None.
    """

    circuit: str
    backend: str
    parameters: tuple[tuple[str, Value], ...]
    shots: int | None = None

    @property
    def values(self) -> dict[str, Value]:
        """All of it by name."""
        values = {"circuit": self.circuit, "backend": self.backend, **dict(self.parameters)}
        return values if self.shots is None else values | {"shots": self.shots}

    def __str__(self) -> str:
        return named(self, self.values, dict.fromkeys(self.values, plain))


@dataclass(frozen=True, slots=True)
class InSettings:
    """The shots of a point that is measured in several settings.

    Attributes:
        counts: Setting -> its counts, of those that have some, calibrations included.
        jobs: Setting of each calibration by which it is mended -> its jobs: row, and counts.
        settings: All of the point's.
        forms: Contents of the randomised forms of its circuit, in the order of `settings`.
    """

    counts: Mapping[str, Counts]
    jobs: Mapping[str, Sequence[tuple[Hashable, Counts]]]
    settings: Sequence[str]
    forms: Sequence[str]


@dataclass(slots=True)
class Measured:
    """What came of one thing asked, of each of its repeats.

    Attributes:
        shots: Of each repeat.
        estimates: Of each repeat: number -> estimate.
        counts: Of each repeat; empty where an exported file tells no shots.
        in_settings: Of each repeat that is measured in several settings, where these are known.
        drawn: Id of each setting -> its counts, where these are known.
        circuit: Content of the circuit; "" where an exported file tells none.
        programs: Basis of each setting -> digest of what was sent, where that is known.
    """

    shots: list[int] = field(default_factory=list)
    estimates: list[Mapping[str, Estimate]] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    in_settings: list[InSettings] = field(default_factory=list)
    drawn: dict[str, Counts] = field(default_factory=dict)
    circuit: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)

    def add(self, one: Told) -> None:
        self.shots.append(one.shots)
        self.estimates.append(one.estimates)
        if one.counts is not None:
            self.counts.append(one.counts)
        if one.in_settings is not None:
            self.in_settings.append(one.in_settings)
        self.drawn.update(one.drawn)
        self.circuit = self.circuit or one.circuit
        self.programs = self.programs or one.programs

    def pooled(self) -> Counts | None:
        """All repeats' shots together; None where they are not known, or of unlike registers."""
        if not self.counts or len({one.registers for one in self.counts}) > 1:
            return None
        return pool(self.counts)


@dataclass(frozen=True, slots=True)
class Told:
    """One point as a side tells it.

    Attributes:
        id: Of the point.
        asked: With its shots, whether or not they are what is asked.
        shots: That there are.
        estimates: Number -> estimate.
        counts: None where they are not told, or are of several settings.
        in_settings: None where they are not told, or are of one setting.
        drawn: Id of each setting -> its counts; empty where they are not told.
        circuit: Content of the circuit; "" where it is not told.
        programs: Basis of each setting -> digest of what was sent, where that is known.
    """

    id: str
    asked: Asked
    shots: int
    estimates: Mapping[str, Estimate]
    counts: Counts | None = None
    in_settings: InSettings | None = None
    drawn: Mapping[str, Counts] = field(default_factory=dict)
    circuit: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """What the references of one machine measured.

    Attributes:
        drifting: Over the time of the run.
        content: Of their circuit.
    """

    drifting: Drifting
    content: str

    def is_as(self, other: Reference) -> bool:
        """Whether both measure one outcome of one circuit."""
        asked = self.content, self.drifting.outcome
        return asked == (other.content, other.drifting.outcome)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two things compared.

    Attributes:
        name: As the person wrote it.
        told: Its points that were measured.
        unmeasured: How many were not.
        level: Of its intervals.
        assumed: What is taken for granted, for the file does not tell; "" for nothing.
        texts: Content of a circuit, or digest of a program -> its text, where these are told.
        references: Backend -> what its references measured, where there are some.
        asked_as: What is asked under a name for this comparison -> as the side itself has it.
        analysis: What its numbers mean; None where an exported file does not tell.
        facts: Dotted name -> what is known of it beside its numbers.
    """

    name: str
    told: Sequence[Told]
    unmeasured: int
    level: float
    analysis: Analysis | None
    facts: Mapping[str, Any]
    assumed: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Reference] = field(default_factory=dict)
    asked_as: Mapping[Asked, Asked] = field(default_factory=dict)

    def own(self, asked: Asked) -> Asked:
        """What is asked, as the side itself has it."""
        return self.asked_as.get(asked, asked)

    def analysis_at(self, asked: Asked) -> Analysis | None:
        """What its numbers mean at a point."""
        return None if self.analysis is None else self.analysis.at(self.own(asked).values)

    @property
    def differs_in_shots(self) -> bool:
        """Whether some of its points differ in nothing but their shots."""
        seen: dict[Asked, set[int | None]] = {}
        for one in self.told:
            seen.setdefault(one.asked._replace(shots=None), set()).add(one.asked.shots)
        return any(len(shots) > 1 for shots in seen.values())

    def by_what_is_asked(self, *, with_shots: bool) -> dict[Asked, Measured]:
        """Put the repeats of each thing asked together, in the order told."""
        found: dict[Asked, Measured] = {}
        for one in self.told:
            asked = one.asked if with_shots else one.asked._replace(shots=None)
            found.setdefault(asked, Measured()).add(one)
        return found


def side_of(name: str, run: Run) -> Side:
    """Read a run as one side.

    Raises:
        SelectionError: It has more than `MOST_POINTS` measured points.
        SnapshotError: The run folder is damaged.
    """
    manifest = run.manifest
    told: list[Told] = []
    texts = Texts()
    unmeasured = 0
    for point in run:
        if not point.used:
            unmeasured += 1
            continue
        counts = None if point.settings else point.counts  # one setting's tell not all numbers
        parameters = tuple(sorted(point.parameters.items()))
        asked = Asked(point.circuit, point.backend, parameters, point.shots)
        each = ((setting.id, setting.counts) for setting in point.each_setting)
        drawn = {id_: one for id_, one in each if one is not None}
        texts_of = texts.add(run, point), texts.add_programs(run, point)
        several = _in_settings(texts, run, point) if point.settings else None
        known_shots = point.estimates, counts, several, drawn
        told.append(Told(point.id, asked, point.used, *known_shots, *texts_of))
        check_number(name, told)
    level = manifest.analysis.intervals.level
    known = facts_of(run), "", texts.of, _references(run, texts)
    return Side(name, told, unmeasured, level, manifest.analysis, *known)


def _in_settings(texts: Texts, run: Run, point: PointResult) -> InSettings:
    each = point.each_setting
    forms = [texts.content(run, setting) for setting in each if is_twirled(setting.basis)]
    settings = [setting.basis for setting in each]
    return InSettings(point.counts_by_basis, point.calibrating_jobs, settings, forms)


def _references(run: Run, texts: Texts) -> dict[str, Reference]:
    if not run.has_references:
        return {}
    contents = {one.backend: texts.add(run, one) for one in run.references()}
    return {one.backend: Reference(one, contents[one.backend]) for one in run.drift()}


def check_number(name: str, told: Sequence[Any]) -> None:
    """See that points are not too many.

    Raises:
        SelectionError: They are.
    """
    if len(told) > MOST_POINTS:
        raise SelectionError(
            f"{name}: has more than {MOST_POINTS:,} measured points; compare parts of it"
        )


def spread(asked: Iterable[Asked]) -> dict[str, list[Value]]:
    """Return the values that each part of what is asked takes."""
    found: dict[str, dict[Value, None]] = {}
    for one in asked:
        for name, value in one.values.items():
            found.setdefault(name, {})[value] = None
    return {name: list(values) for name, values in found.items()}


#: Part of what is asked -> how its values are written.
Writers = Mapping[str, Callable[[Value], str]]


def writers_of(asked: Iterable[Asked]) -> Writers:
    """Return how values are written that tell these apart: as names of points have them."""
    return {name: text_writer(values) for name, values in spread(asked).items()}


def named(asked: Asked, parts: Collection[str], writers: Writers) -> str:
    """Name what is asked by some of its parts; by its circuit where it has none of them."""
    values = ((name, value) for name, value in asked.values.items() if name in parts)
    told = [f"{name}={writers[name](value)}" for name, value in values]
    return ",".join(told) or asked.circuit
