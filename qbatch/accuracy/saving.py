"""What shots by accuracy save: beside as many shots at each point, for the same largest error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from qbatch.accuracy.standing import Standing
from qbatch.notation import whole


class Saving(NamedTuple):
    """Shots of a run's points that are to reach an accuracy.

    Attributes:
        used: Measured.
        alike: That would be needed with as many at each point, for the same largest error.
    """

    used: int
    alike: int

    @property
    def share(self) -> float:
        """How many of the shots that as many at each point would be are saved; below 0: none."""
        return 1 - self.used / self.alike

    def __str__(self) -> str:
        """In words, as report, `run` and `status` tell it.

        >>> print(str(Saving(600, 800)))
        600; as many at each point, for the same largest error, would be 800, so 25 % are saved
        """
        alike = f"as many at each point, for the same largest error, would be {whole(self.alike)}"
        share = f", so {100 * self.share:.0f} % are saved" if self.share > 0 else ""
        return f"{whole(self.used)}; {alike}{share}"


def saving_of(found: Iterable[Standing]) -> Saving | None:
    """Return what is saved over two measured points or more, else None.

    An error falls as one over the root of the shots. So a point with n shots and an error e, as a
    share of its target, needs n e²/w² for the largest error w of all; and where all have as many,
    they have as many as the neediest one.
    """
    measured = [(each.shots, max(each.shares.values())) for each in found if each.shares]
    if len(measured) < 2:
        return None
    worst = max(share for _, share in measured)
    if not worst or math.isinf(worst):
        return None
    neediest = max(shots * (share / worst) ** 2 for shots, share in measured)
    return Saving(sum(shots for shots, _ in measured), math.ceil(neediest) * len(measured))
