"""Whether one circuit, measured again and again, measured the same each time.

What is watched is the share of one outcome, time after time. Two things are asked: whether it
rises or falls all along (the score test for a trend of proportions, by their order in time), and
whether it changes at one place (the largest difference of what is before and behind, over all
places). Each is held against the same measurements without any drift, drawn by chance: as many
shots each, all of the share found over all. An alarm is raised where one of the two happens by
chance in fewer than `ALARM` / 2 of the cases; so where nothing drifts, in `ALARM` at most.

Rules: the draws are seeded, so equal counts give equal answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: How often an alarm is raised at most where nothing drifts.
ALARM = 0.01

#: Draws without drift, fewer where that many numbers would be drawn in all.
DRAWS, MOST_DRAWN, FEWEST = 9_999, 3_000_000, 999

#: Measurements below which nothing is said.
FEWEST_TIMES = 4


@dataclass(frozen=True, slots=True)
class DriftTest:
    """What is told of a row of measurements.

    Attributes:
        kind: The drift that is seen: a trend, a jump, or none; `too few` to say.
        share: Of the outcome, over all.
        trend_p, jump_p: How often chance alone makes as much of either.
        change: By how much the share changes: along the trend from first to last, or at the jump.
        at: Number of the measurement that is the first behind the jump, from 0; 0 without one.
    """

    kind: Literal["none", "trend", "jump", "too few"]
    share: float
    trend_p: float = 1.0
    jump_p: float = 1.0
    change: float = 0.0
    at: int = 0

    @property
    def is_drift(self) -> bool:
        """Whether an alarm is raised."""
        return self.kind in ("trend", "jump")

    @property
    def p(self) -> float:
        """How often chance alone makes as much of the likelier of both."""
        return min(1.0, 2 * min(self.trend_p, self.jump_p))


def find_drift(ones: Sequence[int], shots: Sequence[int]) -> DriftTest:
    """Test a row of measurements, in the order of time.

    Args:
        ones: How often the outcome came.
        shots: Of how many.
    """
    import numpy as np

    hits, sizes = np.asarray(ones, dtype=float), np.asarray(shots, dtype=float)
    share = float(hits.sum() / sizes.sum()) if sizes.sum() else 0.0
    if len(hits) < FEWEST_TIMES:
        return DriftTest("too few", share)
    if not 0 < share < 1:
        return DriftTest("none", share)
    trend, jump, at = _statistics(hits[None, :], sizes)
    trends, jumps = _by_chance(int(hits.sum()), (*map(int, sizes),))
    trend_p, jump_p = _share_above(trends, trend[0]), _share_above(jumps, jump[0])
    if min(trend_p, jump_p) > ALARM / 2:
        return DriftTest("none", share, trend_p, jump_p)
    return _told(hits, sizes, share, trend_p, jump_p, int(at[0]))


@lru_cache(maxsize=16)
def _by_chance(ones: int, shots: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return both statistics of measurements drawn without drift, ascending; `ones` over all."""
    import numpy as np

    times, total = len(shots), sum(shots)
    generator = np.random.default_rng([2026, times, ones, total])
    draws = max(FEWEST, min(DRAWS, MOST_DRAWN // times))
    sizes = np.array(shots)
    drawn = generator.binomial(sizes, ones / total, size=(draws, times)).astype(float)
    trends, jumps, _ = _statistics(drawn, sizes.astype(float))
    return np.sort(trends), np.sort(jumps)


def _share_above(drawn: Floats, found: float) -> float:
    """Return how many of what is drawn are as large, what was found counted with them."""
    import numpy as np

    as_large = len(drawn) - int(np.searchsorted(drawn, found - 1e-12))
    return (1 + as_large) / (len(drawn) + 1)


def _told(
    hits: Floats, sizes: Floats, share: float, trend_p: float, jump_p: float, at: int
) -> DriftTest:
    """Say which of the two explains the measurements better: what it leaves is smaller."""
    import numpy as np

    turn = np.arange(len(hits), dtype=float)
    slope, start = np.polyfit(turn, hits / sizes, 1, w=np.sqrt(sizes))
    before, behind = hits[:at].sum() / sizes[:at].sum(), hits[at:].sum() / sizes[at:].sum()
    line = start + slope * turn
    step = np.where(turn < at, before, behind)
    left_line, left_step = (
        float(np.sum(sizes * (hits / sizes - own) ** 2)) for own in (line, step)
    )
    if left_step < left_line:
        return DriftTest("jump", share, trend_p, jump_p, float(behind - before), at)
    return DriftTest("trend", share, trend_p, jump_p, float(slope * (len(hits) - 1)))


def _statistics(hits: Floats, sizes: Floats) -> tuple[Floats, Floats, Any]:
    """Return of each row the statistic of a trend, that of a jump, and where the jump is.

    Args:
        hits: Shape (rows, times).
        sizes: Shots of each time.
    """
    import numpy as np

    total = sizes.sum()
    share = hits.sum(axis=1) / total
    variance = np.maximum(share * (1 - share), 1e-300)
    turn = np.arange(len(sizes)) - (np.arange(len(sizes)) * sizes).sum() / total
    trend = (hits @ turn) ** 2 / (variance * (sizes * turn**2).sum())
    before = np.cumsum(sizes)[:-1]
    off = np.cumsum(hits, axis=1)[:, :-1] - share[:, None] * before
    jump = off**2 / (variance[:, None] * before * (total - before) / total)
    return trend, jump.max(axis=1), jump.argmax(axis=1) + 1
