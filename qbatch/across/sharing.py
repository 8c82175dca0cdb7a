"""Errors that numbers of different points have in common, as arrays to calculate with.

Each number has an array of its own for each job that mends it (`qbatch.result.common`); stacked
they are a matrix whose rows' products are covariances. There are many outcomes and few things that
calibrations tell, so the matrix is turned until it has as few columns as it needs.

What forms of twirled circuits make numbers err by together is known with the shots' own errors in
it, by as few repetitions as there are forms. So numbers weigh as if it were each one's own, and
what is made of them errs by what it comes to in each form.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.across.fitting.repetitions import Forms
from qbatch.result import ByForm, InCommon

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Columns that are smaller than this share of the largest are left out.
_NOTHING = 1e-9


def stacked(each: Sequence[Mapping[Hashable, Floats]]) -> Floats:
    """Put arrays by job into rows, shape (n, k): what a number has nothing of is 0."""
    import numpy as np

    sizes: dict[Hashable, int] = {}
    for arrays in each:
        sizes.update({job: len(array) for job, array in arrays.items()})
    ends = dict(zip(sizes, np.cumsum([*sizes.values()]).tolist(), strict=True))
    found = np.zeros((len(each), sum(sizes.values())))
    for row, arrays in zip(found, each, strict=True):
        for job, array in arrays.items():
            row[ends[job] - sizes[job] : ends[job]] = array
    return found


def narrowed(rows: Floats) -> Floats:
    """Return a matrix of as few columns as it needs, the products of whose rows are the same."""
    import numpy as np

    if not rows.size:
        return rows
    turned, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    kept = sizes > _NOTHING * max(sizes[0], 1e-300)
    found: Floats = turned[:, kept] * sizes[kept]
    return found


def errors_and_turns(each: Sequence[InCommon | None]) -> tuple[Floats, Floats] | None:
    """Return what numbers err by in common, and how that changes with each, shapes (n, k).

    None where they have nothing in common.
    """
    if not any(one is not None and one.errors for one in each):
        return None
    errors = stacked([one.errors if one else {} for one in each])
    turns = stacked([one.turns if one else {} for one in each])
    import numpy as np

    both = narrowed(np.concatenate([errors, turns]))
    return both[: len(each)], both[len(each) :]


def shares_of_forms(each: Sequence[ByForm | None], se: Floats, common: Floats) -> Forms:
    """Return by what numbers err in each form, in their own errors.

    Args:
        each: By what each number errs in each form; None where circuits are not twirled.
        se: Standard errors, shape (n,).
        common: Variances by what else numbers err together, likewise.
    """
    import numpy as np

    size = max((len(one.errors) for one in each if one is not None), default=0)
    rows, by_shots = np.zeros((len(each), size)), np.zeros(len(each))
    for at, one in enumerate(each):
        if one is not None:
            rows[at], by_shots[at] = one.errors, one.by_shots
    squared = np.maximum(se**2 - common, (rows**2).sum(axis=1))
    squared = np.where(squared > 0, squared, 1.0)
    shares = rows / np.sqrt(squared)[:, None]
    rest = np.maximum(1 - (shares**2).sum(axis=1), 0.0)
    return Forms(shares, rest, by_shots / squared)


def added(parts: Sequence[tuple[float, Mapping[Hashable, Floats]]]) -> dict[Hashable, Floats]:
    """Return what a weighted sum of numbers errs by."""
    found: dict[Hashable, Floats] = {}
    for weight, arrays in parts:
        for job, array in arrays.items():
            found[job] = found[job] + weight * array if job in found else weight * array
    return found


def covariance(one: Mapping[Hashable, Floats], other: Mapping[Hashable, Floats]) -> float:
    """Return by how much two numbers err together."""
    return sum(float(one[job] @ other[job]) for job in one.keys() & other.keys())
