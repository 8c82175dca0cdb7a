"""All numbers across points of one run: the door for reports, checks, files and Python."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from qbatch.across.derived import derived_numbers
from qbatch.across.expected import Agreement, agreements
from qbatch.across.fits import Fitted, read_fits
from qbatch.across.numbers import AcrossNumber
from qbatch.across.own import OwnOfGroup, read_own
from qbatch.across.points import Points, Run


class Across:
    """The numbers across points of a run, each made when it is first asked for.

    Args:
        points: All of the run's plan.
    """

    def __init__(self, points: Points) -> None:
        self.points = points

    @cached_property
    def derived(self) -> tuple[AcrossNumber, ...]:
        """Derived numbers, in the order of the manifest."""
        return tuple(derived_numbers(self.points, lambda: self.fits, lambda: self._of_groups))

    @cached_property
    def own(self) -> tuple[AcrossNumber, ...]:
        """What own functions say of groups of points, in the order of the manifest."""
        return tuple(number for one in self._of_groups for number in one.numbers())

    @cached_property
    def _of_groups(self) -> tuple[OwnOfGroup, ...]:
        return tuple(read_own(self.points))

    @cached_property
    def fits(self) -> tuple[Fitted, ...]:
        """Fits, each for each of its groups, in the order of the manifest."""
        return tuple(read_fits(self.points))

    @cached_property
    def expected(self) -> tuple[Agreement, ...]:
        """Numbers of which theory speaks, held against it, in the order of the manifest."""
        return tuple(agreements(self.points, lambda: self.fits))

    @property
    def numbers(self) -> tuple[AcrossNumber, ...]:
        """All of them, in the order of the manifest."""
        fitted = (number for one in self.fits for number in one.numbers())
        return (*self.derived, *self.own, *fitted)

    def named(self, name: str) -> Iterator[AcrossNumber]:
        """Yield those of one name: one for each group."""
        return (number for number in self.numbers if number.name == name)


def read_across(run: Run) -> Across:
    """Read a run once for the numbers across its points.

    Args:
        run: From `open_run`.
    """
    points = Points(run.manifest)
    points.add_all(run)
    return Across(points)
