"""Whether backends that ran the same settings, and repeats of one point, measured the same.

For backends a setting is a circuit with its parameters; shots and repeats only say how well it is
known, so each backend's shots on a setting are put together. Repeats are compared where circuit,
backend, shots and parameters are the same. How: see `comparing` and `qbatch.result.homogeneity`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.report.comparing import ALARM, Compared, Comparison
from qbatch.report.numbers import count_of, p_text
from qbatch.report.rows import Columns, asked_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qbatch.manifest.models import Manifest
    from qbatch.report.rows import Point


@dataclass(frozen=True, slots=True)
class Verdict:
    """One number over all settings that two backends or more have run.

    Attributes:
        number: Name.
        settings: Compared.
        differing: Of these, where shot noise hardly explains the difference.
        too_few: Of these, where no result could have shown a difference.
        least_likely: The setting with the smallest p.
    """

    number: str
    settings: int
    differing: int
    too_few: int
    least_likely: Compared

    @property
    def word(self) -> str:
        """The verdict in a word or two."""
        if self.differing:
            return "differ"
        return "too few shots to say" if self.too_few == self.settings else "agree"


class Agreement:
    """Collects what points measured; then judges whether their backends agree.

    Args:
        manifest: A run with one backend has nothing to compare.
        columns: How settings are written.
    """

    def __init__(self, manifest: Manifest, columns: Columns) -> None:
        self._analysis = manifest.analysis
        self._comparison = Comparison(manifest.analysis) if len(manifest.backends) > 1 else None
        self._columns = columns

    @property
    def compares(self) -> bool:
        """Whether there is anything to compare."""
        return self._comparison is not None

    def add(self, point: Point) -> None:
        """Take in one measured point."""
        if self._comparison is not None:
            bases = [each.basis for each in point.each_setting]
            setting, counts = self._columns.setting(point), point.counts_by_basis
            self._comparison.add(
                setting, point.backend, counts, bases, asked_of(point, self._analysis)
            )

    def note(self) -> str:
        """Which numbers are not compared; "" where all are."""
        return "" if self._comparison is None else self._comparison.note

    def verdicts(self) -> list[Verdict]:
        """Judge each number, in the order of the analysis; empty without anything to compare."""
        if self._comparison is None:
            return []
        judged = self._comparison.judged()
        by_number = {
            number: [one for one in judged if one.number == number]
            for number in self._comparison.numbers
        }
        return [_verdict(number, found) for number, found in by_number.items() if found]


def _verdict(number: str, found: Sequence[Compared]) -> Verdict:
    different = sum(one.is_different is True for one in found)
    too_few = sum(one.is_different is None for one in found)
    return Verdict(number, len(found), different, too_few, min(found, key=lambda one: one.p_value))


class Repeats:
    """Collects repeats of points; then says whether they scatter more than shot noise lets them.

    Args:
        manifest: Without repeats there is nothing to compare.
        columns: Of the results.
    """

    def __init__(self, manifest: Manifest, columns: Columns) -> None:
        has_any = "repeat" in columns.axes and bool(columns.numbers)
        self._analysis = manifest.analysis
        self._comparison = Comparison(manifest.analysis) if has_any else None

    @property
    def compares(self) -> bool:
        """Whether there is anything to compare."""
        return self._comparison is not None

    def add(self, point: Point) -> None:
        """Take in one measured point."""
        if self._comparison is not None:
            name = point.name.rpartition("#")[0] if point.repeat > 1 else point.name
            bases = [each.basis for each in point.each_setting]
            group, counts = f"repeat {point.repeat}", point.counts_by_basis
            self._comparison.add(name, group, counts, bases, asked_of(point, self._analysis))

    def note(self) -> str:
        """What is to be said about them; "" without repeats."""
        if self._comparison is None:
            return ""
        judged, left_out = self._comparison.judged(), self._comparison.note
        if not judged:
            return f"Repeats were compared by no number. {left_out}" if left_out else ""
        settings = {one.setting for one in judged}
        numbers = ", ".join(dict.fromkeys(one.number for one in judged))
        told = (
            f"Repeats of {count_of(len(settings), 'setting')} were compared by {numbers}: do they "
            f"scatter more than shot noise lets them? (All tests together: {ALARM:.0%} false "
            "alarms.) "
        )
        return f"{told}{_scattering(judged)} {left_out}".rstrip()


def _scattering(judged: Sequence[Compared]) -> str:
    able = [one for one in judged if one.is_different is not None]
    if not able:
        return "There are too few shots to say."
    worst = min(able, key=lambda one: one.p_value)
    least = f"the least likely, {worst.number} at {worst.setting}, has {p_text(worst.p_value)}"
    unable = len(judged) - len(able)
    few = f" Of {count_of(unable, 'comparison')} there are too few shots to say." if unable else ""
    excessive = list(dict.fromkeys(one.setting for one in able if one.is_different))
    if not excessive:
        return f"Shot noise explains all of it ({least}).{few}"
    names = ", ".join(excessive[:5]) + (", …" if len(excessive) > 5 else "")
    return f"{len(excessive)} scatter more than shot noise explains ({least}): {names}.{few}"
