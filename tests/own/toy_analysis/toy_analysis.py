"""How many bits of each outcome are 1: mean and largest number."""

from __future__ import annotations

from math import sqrt

from qbatch.result import Counts, Estimate, wilson


def sizes(
    counts: Counts, *, level: float = 0.95, least: int = 1
) -> dict[str, Estimate | tuple[float, float]]:
    """Return the mean number of ones, and how often there are `least` or more."""
    ones = {text: text.count("1") for text in counts.to_dict()}
    shots = counts.shots
    mean = sum(ones[text] * n for text, n in counts.to_dict().items()) / shots
    square = sum(ones[text] ** 2 * n for text, n in counts.to_dict().items()) / shots
    many = sum(n for text, n in counts.to_dict().items() if ones[text] >= least)
    return {
        "mean_ones": (mean, sqrt(max(0.0, square - mean**2) / shots)),
        "many_ones": wilson(many, shots, level),
    }


def broken(counts: Counts) -> tuple[float, float]:
    """Fail wherever it is asked."""
    raise ArithmeticError(f"{counts.shots} shots are not my number")
