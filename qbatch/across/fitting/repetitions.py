"""How numbers depend on one another, as repetitions of the whole experiment tell.

All that is measured in one form of twirled circuits is one repetition.

Distances from a curve, each in its own error, add up to a χ² that is no sum of independent squares:
one form that stands out moves all of them. It is held against the distribution of such a sum by its
mean and variance, as is done for χ² of samples of clusters (Rao and Scott, JASA 76, 221 (1981),
after Satterthwaite): with M the covariance of the distances, χ² r / tr M is taken for one of
r = (tr M)²/tr M² degrees of freedom. M is told by few repetitions, which make tr M² too large; that
is taken off (Bai and Saranadasa, Statistica Sinica 6, 311 (1996)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result import chi_squared_p

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forms:
    """By what numbers err in each form of twirled circuits, in their own errors.

    Attributes:
        shares: Products of rows are correlations, shape (n, forms).
        rest: Of the square of its own error, what a number errs by beside: 0 where forms are all,
            more where its error is taken for larger than they say, 1 where it is not twirled,
            shape (n,).
        by_shots: Likewise, its variance by the shots alone.
    """

    shares: Floats
    rest: Floats
    by_shots: Floats

    def evened(self) -> tuple[Forms, Floats]:
        """Return the same in errors by which numbers are to weigh, and how large these are.

        Each number's own error is known by few forms, and by chance some seem to be known well,
        which would draw a fit to them. So how many times as large as by the shots alone variances
        are is drawn to the (geometric) mean over all numbers, as far as the forms' number lets it
        stray (as for variances of genes: Smyth, Stat. Appl. Genet. Mol. Biol. 3, 3 (2004)).
        """
        import numpy as np
        from scipy.special import chdtri

        is_told = self.by_shots > 0
        if is_told.sum() < 2:
            return self, np.ones(len(self.rest))
        ratios = -np.log(self.by_shots[is_told])
        stray = 2 / (self.shares.shape[1] - 1)  # of a variance's logarithm, squared
        times = len(ratios) - 1
        by_chance = stray * float(chdtri(times, 0.05)) / times
        more = float(np.var(ratios, ddof=1)) - by_chance
        kept = more / (more + stray) if more > 0 else 0.0
        factors = np.ones(len(self.rest))
        factors[is_told] = np.exp((1 - kept) * (ratios.mean() - ratios) / 2)
        squares = factors**2
        shares = self.shares / factors[:, None]
        return Forms(shares, self.rest / squares, self.by_shots / squares), factors


@dataclass(frozen=True, slots=True)
class Distances:
    """How distances from a curve, each in its own error, are distributed where the curve is right.

    Attributes:
        repeated: By what they err in each repetition, shape (n, repetitions).
        common: By what else they err together, shape (n, k).
        own: Variance of what else each errs by alone, shape (n,).
        rank: Of their covariance: so many err independently at most.
    """

    repeated: Floats
    common: Floats
    own: Floats
    rank: int

    @property
    def mean(self) -> float:
        """Of χ²: what it would be on average."""
        return float((self.repeated**2).sum() + (self.common**2).sum() + self.own.sum())

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a χ² whose mean and variance are in the same proportion."""
        by_forms = self.repeated.T @ self.repeated
        others = self.common.T @ self.common
        once = float((by_forms**2).sum())
        mean, times = float(by_forms.trace()), self.repeated.shape[1] - 1
        true = (once - mean**2 / times) * times**2 / ((times - 1) * (times + 2))
        crossed = float(((self.repeated.T @ self.common) ** 2).sum())
        both = (self.repeated**2).sum(axis=1) + (self.common**2).sum(axis=1)
        squares = max(true, mean**2 / self.rank) + float((others**2).sum()) + 2 * crossed
        squares += float((self.own * (self.own + 2 * both)).sum())
        return self.mean**2 / squares if squares else 0.0

    def p_value(self, chi2: float) -> float:
        """Tell how probable so large a χ² is, or a larger one."""
        freedom = self.freedom
        return chi_squared_p(chi2 * freedom / self.mean, freedom) if freedom else 1.0
