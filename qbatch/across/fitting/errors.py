"""How a fit errs: its parameters' covariance, how long their intervals' arms are, and p of its χ².

Of independent points that is the curvature of the sum of squares. Where points are twirled to the
same forms, what the fit makes of their errors in each form tells how its parameters err, with
Student's quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.across.fitting.repetitions import Distances, Forms
from qbatch.across.fitting.weighing import Data, Weights
from qbatch.frozen import dataclass
from qbatch.result import ByForm, chi_squared_p, widened_by

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Errors:
    """How a fit errs.

    Attributes:
        covariance: Of the parameters.
        arms: How many times as long as of independent points their intervals' arms are: lower and
            upper.
        forms: By what each parameter errs in each form; none where circuits are not twirled.
        mean: Of χ²: what it would be on average.
        p: Chance of as large a χ² or larger; None without degrees of freedom.
    """

    covariance: Floats
    arms: Sequence[tuple[float, float]]
    forms: Sequence[ByForm]
    mean: float
    p: float | None


@dataclass(frozen=True, slots=True)
class Linear:
    """A fit near its values.

    Attributes:
        data: The points.
        weights: Of them.
        slopes: Of the curve by each parameter, shape (points, parameters).
        gains: Of each parameter by each point's y, shape (parameters, points).
        covariance: Of the parameters, were they fitted to independent points.
        chi2: How far the points are off.
    """

    data: Data
    weights: Weights
    slopes: Floats
    gains: Floats
    covariance: Floats
    chi2: float

    @property
    def dof(self) -> int:
        """Points less parameters."""
        return len(self.data) - len(self.gains)

    def errors(self, z: float) -> Errors:
        """Tell how it errs; `z` is half an interval's width in standard deviations."""
        forms = self.data.forms
        if forms is None:
            one = [(1.0, 1.0)] * len(self.gains)
            p = chi_squared_p(self.chi2, self.dof) if self.dof else None
            return Errors(self.covariance, one, (), self.dof, p)
        distances = self._distances(forms)
        p = distances.p_value(self.chi2) if self.dof else None
        covariance, by_form = self._by_form(forms, z)
        arms = []
        for at, each in enumerate(by_form):
            longer = math.sqrt(covariance[at, at] / self.covariance[at, at])
            low, high = each.arms(math.erf(z / math.sqrt(2)))
            arms.append((longer * low, longer * high))
        return Errors(covariance, arms, by_form, distances.mean, p)

    def _by_form(self, forms: Forms, z: float) -> tuple[Floats, list[ByForm]]:
        """Return the covariance of the parameters, and by what each errs in each form."""
        import numpy as np

        # Points' errors are the arms of intervals by Student's quantiles, where forms tell them.
        longer = widened_by(forms.shares.shape[1], math.erf(z / math.sqrt(2)))
        plain = self.weights.errors / np.where(forms.shares.any(axis=1), longer, 1.0)
        repeated = self.gains @ (plain[:, None] * forms.shares)
        less = self.weights.errors**2 - plain**2 * forms.rest
        covariance = self.covariance + repeated @ repeated.T - self.gains * less @ self.gains.T
        by_shots = (self.gains * plain) ** 2 @ forms.by_shots
        each = zip(repeated, by_shots.tolist(), strict=True)
        return covariance, [ByForm(row, shots) for row, shots in each]

    def _distances(self, forms: Forms) -> Distances:
        """Tell how points' distances from the curve are distributed, each in its own error."""
        import numpy as np

        data, weights = self.data, self.weights
        along, _ = np.linalg.qr(weights(self.slopes))
        rest = forms.rest * (1 - (along**2).sum(axis=1))
        common = np.zeros((len(data), 0)) if data.common is None else data.common[0]
        by_forms, others = (
            weights(one - self.slopes @ (self.gains @ one))
            for one in (weights.errors[:, None] * forms.shares, common)
        )
        return Distances(by_forms, others, rest, max(1, self.dof))
