"""How far counts are from a distribution one had in mind, and how far a perfect device would be.

Metrics, for probabilities p and q: total variation ½ Σ|p - q|, Hellinger √(1 - Σ√(p q)), and the
classical fidelity (Σ√(p q))².

A distance of finitely many shots is never zero, even on a perfect device: that is the *sampling
floor*, the mean distance of as many shots drawn from the target itself (for the fidelity, which is
1 at best, a ceiling). It is simulated from a fixed seed.

The interval rests on the triangle inequality, which holds for both distances: the true distance is
within r of the measured one when the true distribution is within r of the measured frequencies. r
is the `level` quantile of that, by a bootstrap seeded from the counts themselves, widened by Good
and Turing's estimate of the probability never seen (the share of outcomes that came once), and not
less than what may hide behind shots that all agree (Wilson's bound for an outcome that never came):
they do not prove a certainty. It is conservative, and honest at the floor, where the estimate's own
bias is as large as its value. The fidelity is (1 - Hellinger²)², and its interval is mapped the
same way.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qbatch.result.counts import Counts, Registers, order_keys, rows_of_text
from qbatch.result.estimate import Estimate, wilson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

METRICS = ("tvd", "hellinger", "fidelity")

_SUM_TOLERANCE = 1e-6
_MOST_RESAMPLES = 400
_FEWEST_RESAMPLES = 50
_LARGEST_BLOCK = 1_000_000  # numbers drawn at once: 8 MB


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
        raise ValueError("target: a bitstring stands twice")
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
        raise ValueError("no shots, no distance")
    distribution = parse_distribution(target, counts.registers)
    spread = _Spread.measure(counts, distribution, level)
    floors = sampling_floor(target, counts.registers, counts.shots)
    found = {}
    for metric in metrics:
        value, se, low, high = getattr(spread, metric)()
        estimate = Estimate(value, se, min(low, value), max(high, value), floors[metric])
        found[metric] = estimate, floors[metric]
    return found


def sampling_floor(
    target: Mapping[str, float], registers: Registers, shots: int
) -> dict[str, float]:
    """Mean of each metric over a perfect device's counts of `shots` shots."""
    return dict(_sampling_floor(tuple(target.items()), registers, shots))


@lru_cache(maxsize=256)
def _sampling_floor(
    target: tuple[tuple[str, float], ...], registers: Registers, shots: int
) -> tuple[tuple[str, float], ...]:
    import numpy as np

    q = _parse_distribution(target, registers).probabilities
    ((tvd, overlap),) = _resample(np.random.default_rng(0), shots, q, [(q, 0.0)])
    return (
        ("tvd", float(tvd.mean())),
        ("hellinger", float(_hellinger(overlap).mean())),
        ("fidelity", float((overlap**2).mean())),
    )


def _hellinger(overlap: Any) -> Any:
    import numpy as np

    return np.sqrt(np.maximum(0.0, 1.0 - overlap))


def _resample(
    rng: np.random.Generator, shots: int, source: Floats, others: Sequence[tuple[Floats, float]]
) -> list[tuple[Floats, Floats]]:
    """Draw from `source` again and again, and compare each draw with each of `others`.

    Args:
        rng: Seeded by the caller.
        shots: Of each draw.
        source: Probabilities drawn from, shape (k,).
        others: (probabilities of the same k outcomes, probability outside them) each.

    Returns:
        Total variation and overlap Σ√(p q) of each draw, shape (resamples,), for each of `others`.
    """
    import numpy as np

    many = min(_MOST_RESAMPLES, max(_FEWEST_RESAMPLES, 4 * _LARGEST_BLOCK // len(source)))
    block = max(1, _LARGEST_BLOCK // len(source))
    found = [(np.empty(many), np.empty(many)) for _ in others]
    for start in range(0, many, block):
        part = slice(start, min(start + block, many))
        drawn = rng.multinomial(shots, source, size=part.stop - start) / shots
        root = np.sqrt(drawn)
        for (tvd, overlap), (other, outside) in zip(found, others, strict=True):
            tvd[part] = (np.abs(drawn - other).sum(axis=1) + outside) / 2
            overlap[part] = root @ np.sqrt(other)
    return found


@dataclass(frozen=True, slots=True)
class _Spread:
    """Counts against a target, with all that the three metrics need.

    Attributes:
        tvd_value: Total variation from the target; tvd_se its standard error, tvd_reach its r.
        overlap: Σ√(p q) with the target; overlap_draws the same for each resample.
        hellinger_reach: r of the Hellinger distance.
    """

    tvd_value: float
    tvd_se: float
    tvd_reach: float
    overlap: float
    overlap_draws: Floats
    hellinger_reach: float

    @classmethod
    def measure(cls, counts: Counts, target: Distribution, level: float) -> _Spread:
        import numpy as np

        shots = counts.shots
        p = counts.counts / shots
        q = _look_up(target, order_keys(counts.outcomes))
        outside = max(0.0, 1.0 - float(q.sum()))
        unseen = int((counts.counts == 1).sum()) / shots
        hidden = wilson(0, shots, level).high
        digest = hashlib.blake2b(counts.pack(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(digest, "little"))
        (tvd_draws, overlap_draws), (own_tvd, own_overlap) = _resample(
            rng, shots, p, [(q, outside), (p, 0.0)]
        )
        reach = float(np.quantile(own_tvd, level, method="higher"))
        own_reach = float(np.quantile(_hellinger(own_overlap), level, method="higher"))
        return cls(
            float(np.abs(p - q).sum() + outside) / 2,
            float(tvd_draws.std()),
            max(reach + unseen, hidden),
            min(1.0, float(np.sqrt(p) @ np.sqrt(q))),
            overlap_draws,
            max(own_reach + _hellinger_of(unseen), _hellinger_of(hidden)),
        )

    def tvd(self) -> tuple[float, float, float, float]:
        return self.tvd_value, self.tvd_se, *_within(self.tvd_value, self.tvd_reach)

    def hellinger(self) -> tuple[float, float, float, float]:
        value = float(_hellinger(self.overlap))
        se = float(_hellinger(self.overlap_draws).std())
        return value, se, *_within(value, self.hellinger_reach)

    def fidelity(self) -> tuple[float, float, float, float]:
        _, _, low, high = self.hellinger()
        se = float((self.overlap_draws**2).std())
        return self.overlap**2, se, (1 - high**2) ** 2, (1 - low**2) ** 2


def _hellinger_of(share: float) -> float:
    """Hellinger distance of a distribution from the same with `share` of it moved elsewhere."""
    return math.sqrt(1 - math.sqrt(1 - share))


def _within(value: float, reach: float) -> tuple[float, float]:
    return max(0.0, value - reach), min(1.0, value + reach)


def _look_up(target: Distribution, keys: npt.NDArray[Any]) -> Floats:
    """Probability that `target` gives each of `keys`."""
    import numpy as np

    at = np.minimum(np.searchsorted(target.keys, keys), len(target.keys) - 1)
    return np.where(target.keys[at] == keys, target.probabilities[at], 0.0)
