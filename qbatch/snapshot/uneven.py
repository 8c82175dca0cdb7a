"""Settings of a point that ask for different numbers of shots, as if spread by weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from qbatch.bases import is_shared_out


class SettingLike(Protocol):
    """What is asked of a setting (`PointResult`)."""

    @property
    def basis(self) -> str: ...
    @property
    def shots(self) -> int: ...
    @property
    def done(self) -> int: ...


class Uneven(NamedTuple):
    """What such settings ask for and have together, calibrations and twirled forms left out.

    Attributes:
        settings: How many they are.
        asked: Shots asked for.
        done: Shots that there are.
        is_short: Whether one has fewer than it asks for.
    """

    settings: int
    asked: int
    done: int
    is_short: bool

    @property
    def mean(self) -> int:
        """Shots that there are, of each on average."""
        return round(self.done / self.settings)


def uneven_of(settings: Sequence[SettingLike]) -> Uneven | None:
    """Sum up a point's settings; None where all ask for the same."""
    own = [each for each in settings if not is_shared_out(each.basis)]
    if len({each.shots for each in own}) < 2:
        return None
    asked, done = (sum(column) for column in zip(*((s.shots, s.done) for s in own), strict=True))
    return Uneven(len(own), asked, done, any(each.done < each.shots for each in own))
