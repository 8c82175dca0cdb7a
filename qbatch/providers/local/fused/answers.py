"""Points computed here, and their samples drawn.

Rules: as for Aer (`exact`): a point whose angles are no finite numbers fails by itself, with its
reason, and probabilities that do not add up to 1 are never sampled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbatch.errors import Refused
from qbatch.providers.local.exact import failed, probabilities_of, sampled
from qbatch.providers.local.failures import failures, told
from qbatch.providers.local.fused.evolution import probabilities
from qbatch.providers.local.fused.program import Fused
from qbatch.providers.local.points import assigned
from qbatch.providers.local.sampling import cumulative, misread
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
    for evolution, row, seen in zip(evolutions, found, read, strict=True):
        try:
            _refuse_no_numbers(fused, evolution, row)
            probabilities_of(fused, {"probabilities": row})
        except failures() as error:
            yield failed(evolution, told(error), share)
        else:
            yield sampled(evolution, cumulative(seen), fused.positions, share)


def _refuse_no_numbers(fused: Fused, evolution: Evolution, row: npt.NDArray[np.float64]) -> None:
    """Say why a point has no probabilities, as it is said where points are bound."""
    if row[0] == row[0]:
        return
    assigned(fused.circuit, fused.parameters, evolution.values)
    raise Refused("local: a gate's matrix has no finite numbers at this point's values")
