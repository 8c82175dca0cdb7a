"""What a report says of targets and of numbers without noise: how far, and how well they fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qbatch.notation import whole
from qbatch.report.numbers import count_of, p_cell
from qbatch.report.own_sections import Section
from qbatch.result import chi_squared_p

if TYPE_CHECKING:
    from qbatch.accuracy.standing import Standing
    from qbatch.report.rows import Run
    from qbatch.result.extrapolation import Extrapolation

#: Rows of the table of targets: of points that did not reach theirs, then of those that did.
MAX_ROWS = 100


def precision_sections(run: Run) -> list[Section]:
    """Make the sections of the run's targets and of its extrapolations, where it has any."""
    return [*_targets(run), *_without_noise(run)]


def _targets(run: Any) -> Iterator[Section]:
    from qbatch.accuracy.standing import SAID, standings

    if not run.manifest.accuracies:
        return
    found = standings(run)
    told = ", ".join(f"{whole(n)} {SAID[why]}" for why, n in Counter(x.why for x in found).items())
    asked = "; ".join(dict.fromkeys(str(each.accuracy) for each in found))
    shown = sorted(found, key=lambda each: each.why == "reached")[:MAX_ROWS]
    rows = [
        (
            each.point.name,
            ", ".join(f"{name} {share:.3g}" for name, share in each.shares.items()),
            whole(each.shots),
            SAID[each.why].partition(":")[0],
        )
        for each in shown
    ]
    left = len(found) - len(shown)
    more = f"\n\nand {count_of(left, 'more point')}" if left else ""
    head = ("point", "error / target", "shots", "stands")
    said = f"Asked for: {asked}.\n\nPoints: {told}.{_saved(found)}{more}"
    yield Section("Targets", said, head, rows)


def _saved(found: Sequence[Standing]) -> str:
    from qbatch.accuracy.saving import saving_of

    saving = saving_of(found)
    return "" if saving is None else f"\n\nShots: {saving}."


@dataclass(slots=True)
class _Fits:
    """How well one number's values at all scales lie on their curves, over all points.

    Attributes:
        points: With a degree of freedom left.
        chi2: Sum over them.
        dof: Likewise.
        poorest: The least likely, and its point.
    """

    points: int = 0
    chi2: float = 0.0
    dof: int = 0
    poorest: tuple[float, str] = (1.0, "")

    def add(self, point: str, found: Extrapolation) -> None:
        self.points += 1
        self.chi2 += found.chi2
        self.dof += found.dof
        if found.p is not None and (not self.poorest[1] or found.p < self.poorest[0]):
            self.poorest = (found.p, point)

    def p_value(self, *, is_twirled: bool) -> float:
        """Tell how probable so large a χ² is, or one that is less likely.

        Points that are twirled to the same forms do not err independently: there it is the least p
        of all points, times their number (Bonferroni), which holds however they depend.
        """
        if is_twirled:
            return min(1.0, self.points * self.poorest[0])
        return chi_squared_p(self.chi2, self.dof)


def _without_noise(run: Any) -> Iterator[Section]:
    zne = run.manifest.analysis.mitigation.zne
    if zne is None:
        return
    from qbatch.snapshot.extrapolated import extrapolations_of

    is_twirled = run.manifest.analysis.mitigation.twirl is not None
    fits: dict[str, _Fits] = {}
    for point in run:
        for name, found in extrapolations_of(point, run.manifest).items():
            if found.dof:
                fits.setdefault(name, _Fits()).add(point.name, found)
    if not fits:
        return
    rows = [
        (
            name,
            whole(each.points),
            f"{each.chi2:.3g} ({each.dof})",
            p_cell(each.p_value(is_twirled=is_twirled)),
            f"{each.poorest[1]} (p = {p_cell(each.poorest[0])})",
        )
        for name, each in fits.items()
    ]
    scales = ", ".join(f"{scale:g}" for scale in zne.scales)
    yield Section(
        "Numbers without noise",
        f"Extrapolated from noise scaled by {scales}, fit {zne.fit}. χ² is of the values at all "
        "scales about their curves, summed over points; a small p says that the curve is another."
        + (" For points of the same forms it is the least of any times their number." * is_twirled),
        ("number", "points", "χ² (degrees of freedom)", "p", "least likely point"),
        rows,
    )
