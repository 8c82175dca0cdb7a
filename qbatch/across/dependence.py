"""How the sources of a number across points depend on one another.

Sources that share shots depend in a way that only sources of one id tell (`intervals`). Those that
share calibrations alone depend by what they err by in common, and that is known of each; those of
twirled circuits by what they err by in each form, which has in it what their shots do.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import reduce
from statistics import NormalDist
from typing import TYPE_CHECKING

from qbatch.across.quantity import Extreme, FitParameter, GroupNumber, Number, Source
from qbatch.across.sharing import added, covariance, shares_of_forms
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.across.points import Measured
    from qbatch.manifest.models import Analysis
    from qbatch.result import ByForm

    Floats = npt.NDArray[np.float64]

#: Of the distance to an end of an interval at least so much is a part's own.
_OWN = 0.05


@dataclass(frozen=True, slots=True)
class Shared:
    """What a source, or a part of a sum, may share with others.

    Attributes:
        shots: Ids of settings, and more: see `Measured.shared_by`.
        known: Those of them whose errors are in `common`, or in `forms`.
        common: By what it errs together with others, by job.
        forms: By what it errs in each form of twirled circuits; None where they are not.
    """

    shots: frozenset[str]
    known: frozenset[str] = frozenset()
    common: Mapping[Hashable, Floats] = field(default_factory=dict, compare=False)
    forms: ByForm | None = field(default=None, compare=False)

    @property
    def keys(self) -> frozenset[Hashable]:
        """By what it errs together with others: those with one of these depend on it."""
        return frozenset(self.common) | ({"forms"} if self.forms is not None else set())

    def is_open(self, other: Shared) -> bool:
        """Whether it shares with another what is not known by its errors."""
        both = self.known & other.known
        return not (self.shots & other.shots) <= both

    def joined(self, other: Shared) -> Shared:
        """Return what the sum of both shares."""
        unknown = (self.shots - self.known) | (other.shots - other.known)
        known = (self.known | other.known) - unknown
        common = added([(1.0, self.common), (1.0, other.common)])
        forms = other.forms if self.forms is None else self.forms.plus(other.forms)
        return Shared(self.shots | other.shots, known, common, forms)

    def times(self, weight: float) -> Shared:
        """Return what it shares, so many times."""
        forms = None if self.forms is None else self.forms.times(weight)
        return Shared(self.shots, self.known, added([(weight, self.common)]), forms)


class Dependence:
    """Tells what sources share; each is asked for once.

    Args:
        analysis: Of the manifest.
    """

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._known: dict[Source, Shared] = {}

    def of(self, source: Source) -> Shared:
        """Return what a source shares."""
        asked = self._analysis.mitigation
        if isinstance(source, Extreme) or (asked.readout is None and asked.twirl is None):
            return Shared(source.shots)
        if source not in self._known:
            self._known[source] = self._find(source)
        return self._known[source]

    def _find(self, source: Number | FitParameter | GroupNumber) -> Shared:
        common: Mapping[Hashable, Floats] = {}
        forms: ByForm | None = None
        members: Sequence[Measured] = ()
        name = source.name
        if isinstance(source, Number):
            found = source.point.in_common(name, self._analysis)
            if found is not None:
                common, members = found.errors, [source.point]
                forms = found.forms
        elif isinstance(source, FitParameter):
            common, members = source.fitted.errors_in_common(name), source.fitted.members
            forms, name = source.fitted.errors_by_form(name), source.fitted.spec.y
        if not common and forms is None:
            return Shared(source.shots)
        ids = (point.known_of(name, self._analysis) for point in members)
        return Shared(source.shots, frozenset().union(*ids), common, forms)

    def is_open(self, sources: Sequence[Source]) -> bool:
        """Whether some share what is not known: neither by one id, nor by errors in common."""
        seen: list[tuple[str, Shared]] = []
        for source in sources:
            id_, shared = "" if isinstance(source, Extreme) else source.id, self.of(source)
            if any(shared.is_open(one) and not (id_ and id_ == other) for other, one in seen):
                return True
            seen.append((id_, shared))
        return False

    def groups(self, sources: Sequence[Source]) -> list[list[int]]:
        """Tell which sources depend on one another: the places of two or more, each."""
        found: list[tuple[set[Hashable], list[int]]] = []
        for row, source in enumerate(sources):
            if isinstance(source, Extreme):
                continue
            keys: set[Hashable] = {source.id, *self.of(source).keys}
            rows = [row]
            for near in [one for one in found if not one[0].isdisjoint(keys)]:
                found.remove(near)
                keys, rows = keys | near[0], [*near[1], *rows]
            found.append((keys, rows))
        return [rows for _, rows in found if len(rows) > 1]

    def covariance(self, one: Source, other: Source) -> float:
        """Return by how much two sources of different ids err together."""
        first, second = self.of(one), self.of(other)
        found = covariance(first.common, second.common)
        if first.forms is not None and second.forms is not None:
            found += float(first.forms.errors @ second.forms.errors)
        return found

    def is_by_forms(self, source: Source) -> bool:
        """Whether forms of twirled circuits tell how it depends on others, shots and all."""
        return self.of(source).forms is not None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a weighted sum, which depends on others by what it is known to err by alone.

    Attributes:
        shared: What it may share with others.
        ends: Standard error, and distances to low, high, judged low and judged high, its weight in
            them, each 0 or more.
    """

    shared: Shared
    ends: tuple[float, ...]


def together(parts: Sequence[Part], level: float) -> list[float]:
    """Return how far the ends of a sum are away: in the order of those of its parts.

    Args:
        parts: Of the sum.
        level: Of its interval, and theirs.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    whole = added([(1.0, part.shared.common) for part in parts])
    common = covariance(whole, whole)
    twirled = [part for part in parts if part.shared.forms is not None]
    others = [part for part in parts if part.shared.forms is None]
    by_form = _by_form(twirled, level, z) if twirled else [0.0] * 5
    found = []
    for at, times in enumerate((1.0, z, z, z, z)):
        own = sum(_alone(part, at, times) ** 2 for part in others)
        found.append(math.sqrt(own + by_form[at] ** 2 + times**2 * common))
    return found


def _by_form(parts: Sequence[Part], level: float, z: float) -> list[float]:
    """Return how far ends of a sum of twirled numbers are away, without what else is in common.

    The parts' arms are taken for those of many forms that are alike, and the sum's are made longer
    as a number's whose forms are as far away as its are (`qbatch.result.twirled`).
    """
    import numpy as np

    se = np.array([part.ends[0] for part in parts])
    common = np.array([covariance(each, each) for each in (part.shared.common for part in parts)])
    each = [part.shared.forms for part in parts]
    forms = shares_of_forms(each, se, common)
    arms = [(1.0, *one.arms(level), *one.arms(level)) for one in each if one is not None]
    whole = reduce(lambda one, other: one.plus(other), (one for one in each if one is not None))
    longer = (1.0, *whole.arms(level), *whole.arms(level))
    found = []
    for at, times in enumerate((1.0, z, z, z, z)):
        own = np.array([_alone(part, at, times) for part in parts])
        own = own / np.array([one[at] for one in arms])
        by_form = own @ forms.shares
        squared = float(own**2 @ forms.rest + by_form @ by_form)
        found.append(longer[at] * math.sqrt(squared))
    return found


def _alone(part: Part, at: int, z: float) -> float:
    """Return how far an end is without what the part errs by together with others."""
    end, common = part.ends[at], part.shared.common
    alone = end**2 - z**2 * covariance(common, common)
    found: float = max(alone, (_OWN * end) ** 2 if common else 0.0) ** 0.5
    return found


def joined(parts: Iterable[Part]) -> list[Part]:
    """Join parts that share what is not known: their distances add up, the worst there can be."""
    found: list[Part] = []
    for part in parts:
        for one in [each for each in found if each.shared.is_open(part.shared)]:
            found.remove(one)
            ends = tuple(first + second for first, second in zip(part.ends, one.ends, strict=True))
            part = Part(part.shared.joined(one.shared), ends)
        found.append(part)
    return found
