"""Runs of shots: which of a sample there are, and which are to be taken next.

Rules: the shots of one content are numbered from 0; a *run* (start, number) is shots [start, start
+ number), bought by one job. Runs add up; what is missing is taken from the lowest free numbers on,
so that a sample grows by its next shots, whatever the cuts.
"""

from __future__ import annotations

from collections.abc import Iterable

#: (start, number).
Shots = tuple[int, int]


def missing(had: Iterable[Shots], wanted: int) -> list[Shots]:
    """Return the runs that are to be bought so that there are `wanted` shots in all.

    Args:
        had: Runs that are bought already; they do not overlap.
        wanted: In all.

    >>> missing([], 4000), missing([(0, 1000)], 4000), missing([(0, 4000)], 1000)
    ([(0, 4000)], [(1000, 3000)], [])
    >>> missing([(0, 10), (20, 10)], 35)
    [(10, 10), (30, 5)]
    """
    runs, at = sorted(had), 0
    left = wanted - sum(number for _, number in runs)
    found: list[Shots] = []
    for start, number in [*runs, (at + left + sum(map(sum, runs)), 0)]:
        if left <= 0:
            break
        if start > at:
            found.append((at, min(left, start - at)))
            left -= found[-1][1]
        at = start + number
    return found
