"""Evenly spaced numbers: the rule of ``linspace``, as numpy has it."""

from __future__ import annotations

from array import array


def evenly_spaced(start: float, stop: float, n: int) -> array[float]:
    """Return n numbers from start to stop, both included; of one only the first."""
    if n <= 1:
        return array("d", [start] * n)
    step = (stop - start) / (n - 1)
    values = array("d", (i * step + start for i in range(n)))
    values[-1] = stop
    return values
