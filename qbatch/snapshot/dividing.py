"""Which shots that machines gave other runs are counted with which: as far as they are alike.

Those of one *epoch* belong together: of one calibration, where results tell it, else of one run on
one day. Each epoch is held against what counts already, the run's own shots and what it has taken
before; where there is nothing yet, against the newest epoch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from qbatch.frozen import dataclass
from qbatch.result import Counts, pool
from qbatch.result.pooling import that_differ
from qbatch.snapshot.put_aside import PutAside
from qbatch.snapshot.reused import Reused


@dataclass(frozen=True, slots=True)
class Sample:
    """What one job gave.

    Attributes:
        counts: Of its shots.
        facts: Of its result.
        reused: Where it comes from.
    """

    counts: Counts
    facts: Mapping[str, Any]
    reused: Reused

    @property
    def epoch(self) -> tuple[str, ...]:
        """Of which calibration it is, else of which run and day."""
        if calibration := self.facts.get("calibration"):
            return ("calibration", str(calibration))
        at = self.reused.completed_at
        day = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" if at is not None else ""
        return "run", self.reused.run, day


@dataclass(frozen=True, slots=True)
class Candidates:
    """What there is of one point.

    Attributes:
        id: Of the point.
        name: Of the point.
        counting: Counts that count already.
        samples: What might count with them.
    """

    id: str
    name: str
    counting: Sequence[Counts]
    samples: Sequence[Sample]


def put_aside_of(points: Iterable[Candidates]) -> list[PutAside]:
    """Return what is not to be counted with the rest."""
    epochs: list[tuple[Candidates, Sequence[Sample]]] = []
    pairs: list[tuple[Counts, Counts]] = []
    for point in points:
        by_epoch: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
        for each in point.samples:
            by_epoch[each.epoch].append(each)
        groups = sorted(by_epoch.values(), key=_newest, reverse=True)
        reference = [*point.counting] or [each.counts for each in groups.pop(0)]
        for group in groups:
            epochs.append((point, group))
            pairs.append((pool(reference), pool([each.counts for each in group])))
    return [
        PutAside(
            point.id, point.name, each.counts.shots, each.counts.to_dict(), p_value, each.reused
        )
        for (point, group), (differs, p_value) in zip(epochs, that_differ(pairs), strict=True)
        if differs
        for each in group
    ]


def _newest(group: Sequence[Sample]) -> tuple[float, tuple[str, ...]]:
    return max(each.reused.completed_at or 0.0 for each in group), group[0].epoch
