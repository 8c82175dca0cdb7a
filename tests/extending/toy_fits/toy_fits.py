"""A stretched exponential, as many decays that add up look like."""

from collections.abc import Iterator

import numpy as np

import qbatch


def _decay(x: np.ndarray, a: float, tau: float, beta: float) -> np.ndarray:
    return a * np.exp(-((x / tau) ** beta))


def _starts(x: np.ndarray, y: np.ndarray) -> Iterator[dict[str, float]]:
    """Yield where to begin: the points' own height, and times over all that they span."""
    height = y[np.argmin(x)]
    for tau in np.geomspace(max(np.min(x[x > 0]), 1e-12), np.max(x), 5):
        yield {"a": height, "tau": tau, "beta": 1.0}


stretched = qbatch.FitModel(
    function=_decay,
    parameters={"a": "any number", "tau": "above 0", "beta": "above 0"},
    starts=_starts,
    text="a*exp(-(x/tau)**beta)",
)
