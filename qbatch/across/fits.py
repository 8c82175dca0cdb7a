"""Fits of a run: each curve of the manifest, fitted once for each group of points.

Groups are those along x (`groups`). Fitted are the points that are measured; how many are not is
said beside the fit.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from qbatch.across.fitting import Data, NoFitError, Solution, data_of, fit
from qbatch.across.groups import Group, groups_along
from qbatch.across.numbers import AcrossNumber
from qbatch.across.points import MOST_POINTS, Measured, Points, told_without
from qbatch.across.sharing import added, errors_and_turns, shares_of_forms
from qbatch.curves import EPC, Curve, CurveError, error_per_clifford
from qbatch.notation import is_number, shortened
from qbatch.result import ByForm, Estimate, InCommon
from qbatch.result.intervals import normal_quantile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.manifest.fits import Fit
    from qbatch.manifest.models import Analysis, Manifest, Value

    Floats = npt.NDArray[np.float64]

#: Fits made of one run; a fit takes some hundredths of a second.
MOST_FITS = 2_000


@dataclass(frozen=True)
class Fitted:
    """One curve fitted to one group of points, or why it is not.

    Attributes:
        name: Of the fit.
        spec: What the manifest says of it.
        curve: That was fitted.
        group: Axis -> value that its points share and other groups' do not.
        label: The same as text: "backend=ideal"; "" where there is one group.
        points: Names of the points that were fitted.
        x: Where they are.
        missing: Points of the group without such a number.
        solution: The fit; None where there is none.
        reason: Why there is none; "" where there is.
        lacking: Of the points that are missing how many are not measured, and why others have no
            number; "" where none is missing.
        members: The points that were fitted.
        common: By what their numbers err together, of each.
    """

    name: str
    spec: Fit
    curve: Curve
    group: Mapping[str, Value]
    label: str
    points: tuple[str, ...]
    x: tuple[float, ...]
    missing: int
    solution: Solution | None
    reason: str = ""
    lacking: str = ""
    members: Sequence[Measured] = field(default=(), repr=False, compare=False)
    common: Sequence[InCommon | None] = field(default=(), repr=False, compare=False)

    def shots_of(self, analysis: Analysis) -> frozenset[str]:
        """Ids of the settings whose shots it is made of, and more: see `Measured.shared_by`."""
        each = (point.shared_by(self.spec.y, analysis) for point in self.members)
        return frozenset().union(*each)

    def errors_in_common(self, name: str) -> dict[Hashable, Floats]:
        """Return by what a parameter errs that numbers of other points err by, too: by job."""
        import numpy as np

        solution = self.solution
        if solution is None or not any(self.common):
            return {}
        factor = solution.scale
        if name == EPC:
            name, factor = "p", -factor * error_per_clifford(0.0, self.spec.qubits)
        gains = factor * solution.gains[solution.free.index(name)]
        fitted = solution.at(np.array(self.x))
        parts = []
        for gain, value, point, one in zip(gains, fitted, self.members, self.common, strict=True):
            if one is not None:
                away = value - point.estimates[self.spec.y].value
                parts += [(gain, one.errors), (gain * away, one.turns)]
        return added(parts)

    def errors_by_form(self, name: str) -> ByForm | None:
        """Return by what a parameter errs in each form of twirled circuits; None where in none."""
        solution = self.solution
        if solution is None or not solution.forms:
            return None
        factor = 1.0
        if name == EPC:
            name, factor = "p", -error_per_clifford(0.0, self.spec.qubits)
        return solution.forms[solution.free.index(name)].times(factor)

    def correlations(self, names: Sequence[str]) -> Floats:
        """How its parameters depend on one another, shape (n, n)."""
        import numpy as np

        if self.solution is None:
            raise ValueError(f"{self.name} has no solution; `qbatch show` says why")
        free, sign = list(self.solution.free), {EPC: -1.0}  # it falls as p rises
        at = [free.index("p" if name == EPC else name) for name in names]
        signs = np.array([sign.get(name, 1.0) for name in names])
        found = np.array(self.solution.covariance)[np.ix_(at, at)]
        errors = np.sqrt(np.diag(found))
        made: Floats = found / np.outer(errors, errors) * np.outer(signs, signs)
        return made

    @cached_property
    def parameters(self) -> Mapping[str, Estimate]:
        """Parameter -> value, error, interval; with the error per Clifford of "rb"."""
        if self.solution is None:
            return {}
        found = dict(self.solution.parameters)
        if self.curve.name == "rb" and "p" in found:
            found[EPC] = _per_clifford(found["p"], self.spec.qubits)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters that it has, or would have."""
        free = (name for name in self.curve.names if name not in self.spec.fixed)
        return (*free, *((EPC,) if self.curve.name == "rb" and "p" not in self.spec.fixed else ()))

    @property
    def verdict(self) -> str:
        """How well the curve describes the points: good, poor, exact or undecided."""
        if self.solution is None:
            return "undecided"
        if self.solution.p is None:
            return "exact"
        return "poor" if self.solution.is_poor else "good"

    @property
    def quality(self) -> str:
        """The same in a sentence, with χ² and what became of the errors."""
        if self.solution is None:
            return f"undecided: {self.reason}"
        missing = self.missing_text
        solution = self.solution
        if solution.p is None:
            return f"as many points as parameters: nothing is left to judge the curve by{missing}"
        said = f"{self.verdict}: χ² = {solution.chi2:.3g} for {solution.dof}, p = {solution.p:.2g}"
        if solution.forms:
            said += " (its points share forms)"
        if solution.is_poor:
            said += f"; errors are multiplied by {solution.scale:.2g}"
        return said + missing

    @property
    def missing_text(self) -> str:
        """How many points are not fitted, and why; "" where all are."""
        return f"; {self.lacking}" if self.lacking else ""

    def numbers(self) -> Iterator[AcrossNumber]:
        """Yield its parameters as numbers across points: ``t1.tau``."""
        for name in self.names:
            estimate = self.parameters.get(name)
            note = self.quality if self.verdict in ("poor", "exact") or self.missing else ""
            yield AcrossNumber(
                f"{self.name}.{name}",
                self.group,
                self.label,
                estimate,
                self.reason,
                self.points,
                note=note if estimate is not None else "",
            )


def _per_clifford(p: Estimate, qubits: int) -> Estimate:
    """The error per Clifford falls as p rises: its interval's ends change places."""
    slope = error_per_clifford(0.0, qubits)
    low, value, high = (error_per_clifford(each, qubits) for each in (p.high, p.value, p.low))
    return Estimate(value, slope * p.se, low, high)


def read_fits(points: Points) -> Iterator[Fitted]:
    """Fit every curve of the manifest to each of its groups, in order."""
    manifest = points.manifest
    specs = manifest.analysis.fits
    if not specs:
        return
    room = MOST_FITS
    for name, spec in specs.items():
        curve = spec.curve(manifest.vars)
        if points.left_out:
            number = f"{len(points) + points.left_out:,}"
            said = f"{number} points are too many to fit (at most {MOST_POINTS:,}); write where"
            yield Fitted(name, spec, curve, {}, "", (), (), 0, None, said)
            continue
        if curve.reason:
            yield Fitted(name, spec, curve, {}, "", (), (), 0, None, curve.reason)
            continue
        groups = list(groups_along(points, spec))
        room -= len(groups)
        if room < 0:
            said = f"{len(groups):,} groups, and {MOST_FITS:,} fits are made at most; write by"
            yield Fitted(name, spec, curve, {}, "", (), (), 0, None, said)
            continue
        if not groups:
            said = "no point matches its where; write values that the sweep has"
            yield Fitted(name, spec, curve, {}, "", (), (), 0, None, said)
        for group in groups:
            yield _fitted(name, spec, curve, group, manifest)


def _fitted(
    name: str,
    spec: Fit,
    curve: Curve,
    group: Group,
    manifest: Manifest,
) -> Fitted:
    members, axes, label = group.members, group.axes, group.label
    measured = [point for point in members if _has(point, spec.y)]
    lacking = [point for point in members if not _has(point, spec.y)]
    told = told_without(lacking, spec.y, manifest.analysis)

    def made(solution: Solution | None, reason: str = "") -> Fitted:
        names: tuple[str, ...] = ()
        x: tuple[float, ...] = ()
        if solution is not None:
            names = tuple(point.name for point in measured)
            x = tuple(float(point.axes[spec.x]) for point in measured)
        fitted = () if solution is None else tuple(measured)
        many = len(lacking)
        return Fitted(
            name, spec, curve, axes, label, names, x, many, solution, reason, told, fitted
        )

    if not measured:
        first = f"{members[0].name} {members[0].why_without(spec.y, manifest.analysis)}"
        return made(None, f"none of {len(members)} points has {spec.y} ({first})")
    for point in measured:
        if not is_number(point.axes[spec.x]):
            said = f"{spec.x} is {shortened(repr(point.axes[spec.x]))} at {point.name}: no number"
            return made(None, said)
    z = normal_quantile(manifest.analysis.intervals.level)
    common = [point.in_common(spec.y, manifest.analysis) for point in measured]
    data = _data(spec, measured, common, z)
    try:
        solution = fit(curve, data, start=spec.start, fixed=spec.fixed, z=z)
        return replace(made(solution), common=common)
    except (NoFitError, CurveError) as error:
        return made(None, f"{error}{f' ({told})' if told else ''}")


def _has(point: Measured, name: str) -> bool:
    return name in point.estimates and point.shots > 0


def _data(
    spec: Fit, measured: Sequence[Measured], common: Sequence[InCommon | None], z: float
) -> Data:
    """Gather points to fit, with what they err by together."""
    import numpy as np

    estimates = [point.estimates[spec.y] for point in measured]
    shared = errors_and_turns(common)
    se = np.array([estimate.se for estimate in estimates])
    by_others = np.zeros(len(se)) if shared is None else (shared[0] ** 2).sum(axis=1)
    each = [None if one is None else one.forms for one in common]
    forms = shares_of_forms(each, se, by_others) if any(each) else None
    x = [float(point.axes[spec.x]) for point in measured]
    return data_of(x, estimates, [point.shots for point in measured], z, shared, forms)
