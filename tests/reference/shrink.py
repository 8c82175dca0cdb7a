"""A program that shows a disagreement, made as small as still shows it."""

from __future__ import annotations

import time
from collections.abc import Callable

from tree import Program, smaller


def shrink(
    program: Program, still_wrong: Callable[[Program], bool], *, at_most_s: float = 60.0
) -> Program:
    """Leave out and simplify while the smaller program is wrong in the same way.

    Args:
        program: Wrong.
        still_wrong: Judges a candidate; one that is no program any more is not wrong.
        at_most_s: Seconds after which the smallest found so far is returned.
    """
    end = time.monotonic() + at_most_s
    found = True
    while found and time.monotonic() < end:
        found = False
        for candidate in smaller(program):
            if time.monotonic() > end:
                break
            if still_wrong(candidate):
                program, found = candidate, True
                break
    return program
