"""Points computed here, and their samples drawn.

Rules: as for Aer (`exact`): a point whose angles are no finite numbers fails by itself, with its
reason, and probabilities that do not add up to 1 are never sampled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbatch.errors import Refused
from qbatch.providers.local.exact import SUM_ERROR, failed, probabilities_of, sampled
from qbatch.providers.local.failures import failures, told
from qbatch.providers.local.fused.evolution import probabilities
from qbatch.providers.local.fused.program import Fused
from qbatch.providers.local.points import assigned
from qbatch.providers.local.sampling import misread
from qbatch.providers.local.work import Computed, Evolution

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def probabilities_at(fused: Fused, points: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """Return outcomes' probabilities, shape (points, 2**measured); NaN where there are none."""
    import numpy as np

    values = np.array(points, np.float64).reshape(len(points), len(fused.parameters))
    return probabilities(fused.stages, values)


def evaluate(fused: Fused, evolutions: Sequence[Evolution]) -> Iterator[Computed]:
    """Compute evolutions and draw their samples."""
    began = time.perf_counter()
    found = probabilities_at(fused, [evolution.values for evolution in evolutions])
    read = misread(found, fused.flips)
    share = (time.perf_counter() - began) / len(evolutions)
    totals = found.sum(axis=1)
    suspect = ~(abs(totals - 1) <= SUM_ERROR[fused.precision])
    if not suspect.any():
        yield from sampled(evolutions, read, fused.positions, share)
        return
    why = [
        _why_not(fused, evolution, row) if is_suspect else ""
        for evolution, row, is_suspect in zip(evolutions, found, suspect, strict=True)
    ]
    good = [at for at, reason in enumerate(why) if not reason]
    drawn = sampled([evolutions[at] for at in good], read[good], fused.positions, share)
    for evolution, reason in zip(evolutions, why, strict=True):
        yield failed(evolution, reason, share) if reason else next(drawn)


def _why_not(fused: Fused, evolution: Evolution, row: npt.NDArray[np.float64]) -> str:
    """Say why a point cannot be sampled; "" where it can."""
    try:
        _refuse_no_numbers(fused, evolution, row)
        probabilities_of(fused, {"probabilities": row})
    except failures() as error:
        return told(error)
    return ""


def _refuse_no_numbers(fused: Fused, evolution: Evolution, row: npt.NDArray[np.float64]) -> None:
    """Say why a point has no probabilities, as it is said where points are bound."""
    if row[0] == row[0]:
        return
    assigned(fused.circuit, fused.parameters, evolution.values)
    raise Refused(
        "local: a gate's matrix has no finite numbers at this point's values; "
        "leave out where it has none"
    )
