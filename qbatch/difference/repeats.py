"""A number that no single shot tells: of all repeats of a side together, and its change.

Repeats of a point are twirled to the same randomised forms, and mended by the same calibrations: by
these they err together, and no more of them make that less. So their shots are pooled, setting by
setting, and analysed once. Where shots are not told (exported files), or calibrations are not the
same, they are taken to err together by all that they err by.

Two runs of one circuit and root seed have the same forms, too. Then by what the change errs is told
by what it comes to in each form, as of any difference of numbers of the same forms
(`qbatch.across.dependence`): by which forms were drawn as far as these changed, and by the shots.
Of other forms both choices count, each with its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from qbatch.across.dependence import Part, Shared, together
from qbatch.bases import is_calibration
from qbatch.difference.sides import InSettings, Measured
from qbatch.difference.statistics import (
    Uncertainty,
    estimated_scatter_p,
    of_independent,
    pooled_estimate,
    quantile,
)
from qbatch.result import Estimate, InCommon, analyse_settings, in_common, pool

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.manifest.models import Analysis

    Floats = npt.NDArray[np.float64]

#: Forms of a circuit, at the least: of a file that does not tell how many there were.
_FEWEST = 16


class Repeats:
    """What a side has of one thing asked.

    Args:
        measured: Its repeats.
        analysis: What their numbers mean; None where an exported file does not tell.
        level: Of their intervals.
    """

    def __init__(self, measured: Measured, analysis: Analysis | None, level: float) -> None:
        self.measured, self.level = measured, level
        self._analysis = analysis

    def estimate(self, number: str) -> Estimate | None:
        """One estimate of all repeats; None where a repeat has none."""
        apart = pooled_estimate(
            number, self.measured, are_independent=not self._err_together(number)
        )
        several = len(self.measured.estimates) > 1
        return self._analysed.get(number, apart) if several and apart is not None else apart

    @cached_property
    def together(self) -> InSettings | None:
        """The shots of all repeats; None where they are not known, or cannot be pooled."""
        each = self.measured.in_settings
        if not each or len(each) < len(self.measured.estimates) or self._analysis is None:
            return None
        if len(each) == 1 or any(_kind(one) != _kind(each[0]) for one in each):
            return each[0] if len(each) == 1 else None
        first = each[0]
        counts = {
            text: found if is_calibration(text) else pool([one.counts[text] for one in each])
            for text, found in first.counts.items()
        }
        return InSettings(counts, first.jobs, first.settings, first.forms)

    @cached_property
    def _analysed(self) -> Mapping[str, Estimate]:
        shots = self.together
        if shots is None or self._analysis is None:
            return {}
        return analyse_settings(shots.counts, shots.settings, self._analysis)

    def _err_together(self, number: str) -> bool:
        """Whether repeats may be of the same forms, or mended by the same calibration."""
        raw, _, method = number.rpartition(".")
        mitigated = [f"{raw}.twirl", f"{raw}.readout"]
        told = self.measured.estimates[0]
        return bool(raw) and (
            number in mitigated or (method == "zne" and any(one in told for one in mitigated))
        )

    def errors(self, number: str, shots: InSettings | None) -> InCommon | None:
        """By what it errs together with others, of these shots; None where that is nothing."""
        if shots is None or self._analysis is None:
            return None
        return in_common(number, shots.counts, shots.settings, self._analysis, shots.jobs)

    def freedom(self, number: str) -> int | None:
        """Of Student's quantiles of its interval; None where they are normal."""
        raw, _, method = number.rpartition(".")
        is_twirled = f"{raw}.twirl" in self.measured.estimates[0] and method in ("twirl", "zne")
        found = self.errors(number, self.together)
        if found is not None and found.forms is not None:
            return len(found.forms.errors) - 1
        return _FEWEST - 1 if is_twirled else None

    def scatter_p(self, number: str) -> float:
        """How likely shots alone make repeats differ so much; 1 without repeats."""
        each = self.measured.in_settings
        if len(self.measured.estimates) < 2:
            return 1.0
        owns = [1.0] * len(self.measured.estimates)
        if self.together is not None:
            pairs = zip(each, self.measured.estimates, strict=True)
            owns = [_own(self.errors(number, one), told[number].se) for one, told in pairs]
        return estimated_scatter_p(number, self.measured, self.level, owns)


def _kind(one: InSettings) -> tuple[object, ...]:
    """What repeats have alike that can be pooled."""
    jobs = {text: [key for key, _ in several] for text, several in one.jobs.items()}
    registers = {text: found.registers for text, found in one.counts.items()}
    return tuple(one.settings), registers, jobs, tuple(one.forms)


def _own(found: InCommon | None, error: float) -> float:
    """Which share of its standard error a repeat does not have in common with the others."""
    if found is None or not error:
        return 1.0
    shared = sum(float(one @ one) for one in found.errors.values())
    if found.forms is not None:
        errors = found.forms.errors
        shared += max(0.0, float(errors @ errors) - found.forms.by_shots)
    return float(max(0.0, 1 - shared / error**2) ** 0.5)


def uncertainty(
    number: str, sides: tuple[Repeats, Repeats], estimates: tuple[Estimate, Estimate]
) -> Uncertainty:
    """Tell how the change of a number errs."""
    here, there = sides
    same = _of_same_forms(number, sides, estimates)
    if same is not None:
        return same
    each = [side.freedom(number) for side in sides]
    freedom = None if None in each else sum(one for one in each if one is not None)
    return of_independent(*estimates, (here.level, there.level), freedom)


def _of_same_forms(
    number: str, sides: tuple[Repeats, Repeats], estimates: tuple[Estimate, Estimate]
) -> Uncertainty | None:
    """Tell it where both sides are of the same forms; else None."""
    here, there = (side.together for side in sides)
    if here is None or there is None or not here.forms or [*here.forms] != [*there.forms]:
        return None
    level = sides[0].level
    if sides[1].level != level:
        return None
    parts = [*_parts(number, sides, estimates)]
    if len(parts) < len(sides):
        return None
    _, down, up, *_ = together(parts, level)
    change, freedom = estimates[1].value - estimates[0].value, sides[0].freedom(number)
    times = quantile(level, freedom)
    return Uncertainty(change, change - down, change + up, down / times, up / times, freedom)


def _parts(
    number: str, sides: tuple[Repeats, Repeats], estimates: tuple[Estimate, Estimate]
) -> Iterator[Part]:
    """Yield the first side's number, times -1, and the second's, where forms tell how they err."""
    for at, (side, one) in enumerate(zip(sides, estimates, strict=True)):
        found = side.errors(number, side.together)
        if found is None or found.forms is None:
            return
        common: dict[Hashable, Floats] = {(at, job): each for job, each in found.errors.items()}
        least, most = one.judged
        below, above = (
            (one.value - one.low, one.value - least),
            (one.high - one.value, most - one.value),
        )
        shared = Shared(frozenset(), frozenset(), common, found.forms)
        if at == 0:
            shared, below, above = shared.times(-1.0), above, below
        yield Part(shared, (one.se, below[0], above[0], below[1], above[1]))
