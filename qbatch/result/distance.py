"""How far counts are from a distribution one had in mind, and how far a perfect device would be.

Metrics, for probabilities p and q: total variation ½ Σ|p - q|, Hellinger √(1 - Σ√(p q)), and the
classical fidelity (Σ√(p q))².

A distance of finitely many shots is never zero, even on a perfect device: that is the *sampling
floor*, the mean distance of as many shots drawn from the target itself (for the fidelity, which is
1 at best, a ceiling): `qbatch.result.floor`. Near it the value says little; the interval does.

The interval is guaranteed, at the target and away from it, for every number of shots
(`qbatch.result.nearness`). So it covers more often than its level says, mostly always, and is wider
than the standard error would have it: near the target because the value itself is biased by as much
as the floor. The standard error takes one shot away at a time. At the target, where the metrics
have no derivative, it is what it would be nearby, up to 1.8 times the true one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qbatch.result.counts import Counts, Registers, order_keys, rows_of_text
from qbatch.result.estimate import Estimate
from qbatch.result.floor import floors_of
from qbatch.result.intervals import Interval
from qbatch.result.nearness import Cells, overlap_interval, tvd_interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

METRICS = ("tvd", "hellinger", "fidelity")

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Probabilities of some outcomes, all others being impossible.

    Attributes:
        keys: Sortable scalars of the outcomes, ascending, shape (m,).
        probabilities: Shape (m,), adding up to 1.
    """

    keys: npt.NDArray[Any]
    probabilities: Floats


def parse_distribution(target: Mapping[str, float], registers: Registers) -> Distribution:
    """Read bitstring -> probability.

    Raises:
        ValueError: A bitstring does not fit the registers or stands twice, a probability is
            negative, or they do not add up to 1 (within 1e-6).
    """
    return _parse_distribution(tuple(target.items()), registers)


@lru_cache(maxsize=64)
def _parse_distribution(
    target: tuple[tuple[str, float], ...], registers: Registers
) -> Distribution:
    import numpy as np

    keys = order_keys(rows_of_text(registers, [bits for bits, _ in target]))
    probabilities = np.array([float(p) for _, p in target])
    total = float(probabilities.sum())
    if not np.all(probabilities >= 0):
        raise ValueError(f"target: {probabilities.min():g} is no probability; write 0 or more")
    if abs(total - 1) > _SUM_TOLERANCE:
        raise ValueError(f"target: the probabilities add up to {total:.9g}; they must make 1")
    order = np.argsort(keys, kind="stable")
    if len(np.unique(keys)) != len(keys):
        raise ValueError("target: a bitstring stands twice; write each once")
    return Distribution(keys[order], probabilities[order] / total)


def distances(
    counts: Counts, target: Mapping[str, float], metrics: Sequence[str], level: float = 0.95
) -> dict[str, tuple[Estimate, float]]:
    """Measure how far `counts` are from `target`.

    Returns:
        Metric -> (estimate, sampling floor); the estimate's own `floor` is the same number.

    Raises:
        ValueError: The target cannot be read, there are no shots, or a metric is unknown.
    """
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown:
        raise ValueError(f"metric {unknown[0]!r} is unknown; there are {', '.join(METRICS)}")
    if counts.shots < 1:
        raise ValueError("no shots, no distance; give counts of one or more")
    cells = _cells(counts, parse_distribution(target, counts.registers))
    floors = sampling_floor(target, counts.registers, counts.shots)
    overlap: Interval | None = None
    found = {}
    for metric in metrics:
        if metric == "tvd":
            value, se, ends = cells.tvd, _tvd_se(cells), tvd_interval(cells, level)
        else:
            overlap = overlap or overlap_interval(cells, level)
            value, se, ends = _OF_OVERLAP[metric](cells, overlap)
        low, high = min(ends[0], value), max(ends[1], value)
        estimate = Estimate(value, se, low, high, floors[metric])
        found[metric] = estimate, floors[metric]
    return found


def _cells(counts: Counts, target: Distribution) -> Cells:
    """Count by cell of the target; outcomes that it says are impossible are outside."""
    import numpy as np

    possible = target.probabilities > 0
    keys, q = target.keys[possible], target.probabilities[possible]
    own = order_keys(counts.outcomes)
    at = np.minimum(np.searchsorted(keys, own), len(keys) - 1)
    inside = keys[at] == own
    shots = np.zeros(len(keys), dtype=np.int64)
    shots[at[inside]] = counts.counts[inside]
    digest = hashlib.blake2b(counts.outcomes.tobytes() + counts.counts.tobytes(), digest_size=8)
    is_everything = counts.num_bits < 63 and len(keys) == 1 << counts.num_bits
    seed = int.from_bytes(digest.digest(), "little")
    return Cells(shots, q, int(counts.counts[~inside].sum()), is_everything, seed)


def _tvd_se(cells: Cells) -> float:
    """Standard error of the total variation."""
    import numpy as np

    shots = cells.shots
    fewer = np.abs((cells.counts - 1) / shots - cells.q)
    return _se_of_steps(
        cells, (np.abs(cells.counts / shots - cells.q) - fewer) / 2, 1 / (2 * shots)
    )


def _overlap_se(cells: Cells) -> float:
    """Standard error of the overlap."""
    import numpy as np

    fewer = np.maximum(cells.counts - 1, 0)
    steps = np.sqrt(cells.q / cells.shots) * (np.sqrt(cells.counts) - np.sqrt(fewer))
    return _se_of_steps(cells, steps, 0.0)


def _se_of_steps(cells: Cells, steps: Floats, outside: float) -> float:
    """Standard error of a metric that one shot more in a cell, or outside, takes a step further."""
    shots = cells.shots
    mean = float(cells.counts @ steps) / shots + cells.outside / shots * outside
    square = float(cells.counts @ (steps - mean) ** 2) + cells.outside * (outside - mean) ** 2
    return math.sqrt(square)


def _hellinger(cells: Cells, overlap: Interval) -> tuple[float, float, Interval]:
    value = math.sqrt(1 - cells.overlap)
    error = _overlap_se(cells)
    if value > 1e-7:
        se = error / (2 * value)
    else:  # the limit, frequencies being as the target has them
        se = 0.0 if error == 0 and len(cells.q) == 1 else math.sqrt(2 / cells.shots) / 4
    return value, se, (math.sqrt(1 - overlap[1]), math.sqrt(1 - overlap[0]))


def _fidelity(cells: Cells, overlap: Interval) -> tuple[float, float, Interval]:
    value = cells.overlap**2
    return value, 2 * cells.overlap * _overlap_se(cells), (overlap[0] ** 2, overlap[1] ** 2)


_OF_OVERLAP = {"hellinger": _hellinger, "fidelity": _fidelity}


def sampling_floor(
    target: Mapping[str, float], registers: Registers, shots: int
) -> dict[str, float]:
    """Mean of each metric over a perfect device's counts of `shots` shots."""
    return dict(_sampling_floor(tuple(target.items()), registers, shots))


@lru_cache(maxsize=256)
def _sampling_floor(
    target: tuple[tuple[str, float], ...], registers: Registers, shots: int
) -> tuple[tuple[str, float], ...]:
    q = _parse_distribution(target, registers).probabilities
    return tuple(floors_of(q[q > 0], shots).items())
