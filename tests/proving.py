"""How long a slow proof goes on: so many cases at least, and more of them while its time lasts.

``QBATCH_PROOF_TIME=10 python -m pytest -m slow`` gives each proof ten times its seconds: by hand,
over night. What a proof takes at least does not change with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

#: Times its seconds does a proof go on.
PATIENCE = float(os.environ.get("QBATCH_PROOF_TIME", "1"))


def patiently(cases: int) -> int:
    """How many cases a proof has whose time cannot be looked at meanwhile."""
    return max(1, round(cases * PATIENCE))


class Allowance:
    """Seconds, from now on."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds * PATIENCE

    @property
    def is_spent(self) -> bool:
        return time.monotonic() >= self._end


def for_a_while(cases: Iterable[T], least: int, seconds: float) -> Iterator[T]:
    """Yield the first `least` cases, and more until the seconds are over."""
    allowance = Allowance(seconds)
    for number, case in enumerate(cases):
        if number >= least and allowance.is_spent:
            return
        yield case
