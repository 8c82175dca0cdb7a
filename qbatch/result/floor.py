"""What a perfect device would on average show: distances of finitely many shots from their source.

For shots drawn from q itself, over k outcomes:

- total variation ½ Σ E|c_i/n - q_i|: exact, by de Moivre's formula for a binomial's mean absolute
  deviation, E|c - n q| = 2 ν (1 - q) P(c = ν) with ν = ⌊n q⌋ + 1 (Diaconis and Zabell 1991);
- Hellinger and fidelity: exact for one and two outcomes, by summing over the binomial; beyond,
  from draws of a fixed seed, with the exact mean of Σ√(q_i c_i/n) as control variate. Their
  standard error is at most 0.5 % of the floor (of 1 less the floor, for the fidelity).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MOST_DRAWS = 4000
_FEWEST_DRAWS = 64
_MOST_NUMBERS = 200_000
#: Expected shots from which a series in their inverse is good to 1e-4 of what it adds to √q.
_MANY = 200.0
_WINDOW = 9.0  # standard deviations


def floors_of(q: Floats, shots: int) -> dict[str, float]:
    """Mean of each metric over counts of `shots` shots drawn from `q`, which is above 0."""
    if len(q) == 1:
        return {"tvd": 0.0, "hellinger": 0.0, "fidelity": 1.0}
    hellinger, fidelity = _of_two(q, shots) if len(q) == 2 else _drawn(q, shots)
    return {"tvd": _tvd(q, shots), "hellinger": hellinger, "fidelity": fidelity}


def _tvd(q: Floats, shots: int) -> float:
    import numpy as np

    above = np.minimum(np.floor(shots * q) + 1, shots)  # at q = 1 the factor 1 - q is 0 anyway
    deviations = 2 * above * (1 - q) * _binomial(above, shots, q)
    return float(deviations.sum() / (2 * shots))


def _binomial(c: Any, shots: int, q: Any) -> Any:
    """Probability of `c` successes."""
    import numpy as np
    from scipy.special import betaln, xlog1py, xlogy

    choices = -betaln(c + 1, shots - c + 1) - np.log(shots + 1)
    return np.exp(choices + xlogy(c, q) + xlog1py(shots - c, -q))


def _support(q: float, shots: int) -> tuple[Floats, Floats]:
    """Numbers of successes that matter, and their probabilities."""
    import numpy as np

    reach = _WINDOW * np.sqrt(shots * q * (1 - q)) + _WINDOW**2
    low, high = max(0.0, shots * q - reach), min(float(shots), shots * q + reach)
    c = np.arange(np.floor(low), np.ceil(high) + 1)
    chances = _binomial(c, shots, q)
    return c, chances / chances.sum()


def _of_two(q: Floats, shots: int) -> tuple[float, float]:
    """Hellinger and fidelity floors of two outcomes."""
    import numpy as np

    c, chances = _support(float(q[0]), shots)
    overlap = np.sqrt(q[0] * c / shots) + np.sqrt(q[1] * (shots - c) / shots)
    return (
        float(chances @ np.sqrt(np.maximum(0.0, 1 - overlap))),
        float(chances @ overlap**2),
    )


def _drawn(q: Floats, shots: int) -> tuple[float, float]:
    """Hellinger and fidelity floors from draws."""
    import numpy as np

    draws = max(_FEWEST_DRAWS, min(_MOST_DRAWS, _MOST_NUMBERS // len(q)))
    block = max(1, 5 * _MOST_NUMBERS // len(q))
    rng = np.random.default_rng(0)
    root = np.sqrt(q / shots)
    parts = [
        np.sqrt(rng.multinomial(shots, q, size=min(block, draws - done))) @ root
        for done in range(0, draws, block)
    ]
    short = np.maximum(0.0, 1 - np.concatenate(parts))
    exact = 1 - _mean_overlap(q, shots)
    squares = _controlled(short**2, short, exact)
    return _controlled(np.sqrt(short), short, exact), 1 - 2 * exact + squares


def _controlled(drawn: Floats, control: Floats, mean: float) -> float:
    """Mean of `drawn`, corrected by what is known of the mean of `control`."""
    spread = float(control.var())
    if spread == 0:
        return float(drawn.mean())
    slope = float(((drawn - drawn.mean()) * (control - control.mean())).mean()) / spread
    return float(drawn.mean() + slope * (mean - control.mean()))


def _mean_overlap(q: Floats, shots: int) -> float:
    """Σ √q_i E√(c_i/n)."""
    import numpy as np

    distinct, times = np.unique(q, return_counts=True)
    means = np.empty(len(distinct))
    is_many = distinct * shots > _MANY
    means[is_many] = _mean_root_of_many(distinct[is_many], shots)
    for at in np.flatnonzero(~is_many):
        c, chances = _support(float(distinct[at]), shots)
        means[at] = chances @ np.sqrt(c / shots)
    return float((times * np.sqrt(distinct)) @ means)


def _mean_root_of_many(q: Floats, shots: int) -> Floats:
    """E√(c/n) by its series about q, to the fourth central moment."""
    import numpy as np

    second = q * (1 - q) / shots
    third = second * (1 - 2 * q) / shots
    fourth = 3 * second**2 + second * (1 - 6 * q * (1 - q)) / shots**2
    series: Floats = np.sqrt(q) * (
        1 - second / (8 * q**2) + third / (16 * q**3) - 5 * fourth / (128 * q**4)
    )
    return series
