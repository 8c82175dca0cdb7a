"""Points whose outcomes' probabilities Aer computes; samples are drawn from them by us.

Rules: what one evolution gives depends on nothing but itself. Many points go in one call where that
is proven to be right (`batching`); where the call fails or results go missing, each point is bound
by itself, so that one wrong point harms no other. Probabilities that do not add up to 1 are never
sampled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused
from qbatch.providers.local.failures import failures, told, told_of
from qbatch.providers.local.prepare import Looked, Prepared, bound
from qbatch.providers.local.sampling import Run, draw_all, misread, to_rows
from qbatch.providers.local.work import Computed, Drawn, Evolution

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: What computed probabilities may miss 1 by, in double and in single precision.
SUM_ERROR = {"double": 1e-6, "single": 1e-2}

#: A point's data of Aer, or why there is none.
Data = Mapping[str, Any] | str


def evaluate(prepared: Prepared, evolutions: Sequence[Evolution]) -> Iterator[Computed]:
    """Compute evolutions and draw their samples."""
    import numpy as np

    began = time.perf_counter()
    data = data_of(prepared, [evolution.values for evolution in evolutions])
    share = (time.perf_counter() - began) / len(evolutions)
    found = [_probabilities(prepared, each) for each in data]
    good = [one for one, each in zip(evolutions, found, strict=True) if not isinstance(each, str)]
    rows = [each for each in found if not isinstance(each, str)]
    drawn = sampled(good, np.array(rows), prepared.positions, share) if rows else iter(())
    for evolution, each, told_ in zip(evolutions, found, data, strict=True):
        if isinstance(each, str):
            yield failed(evolution, each, share)
        else:
            state = told_.get("statevector") if isinstance(told_, Mapping) else None
            yield next(drawn) if state is None else next(drawn)._replace(statevector=state)


def _probabilities(prepared: Prepared, data: Data) -> npt.NDArray[np.float64] | str:
    """Return a point's probabilities as they are read, or why there are none."""
    if isinstance(data, str):
        return data
    try:
        return misread(probabilities_of(prepared, data), prepared.flips)
    except Refused as error:
        return str(error)


def data_of(prepared: Prepared, points: Sequence[Sequence[float]]) -> list[Data]:
    """Return what Aer computes at each point, in one call where that is right."""
    if prepared.together is not None:
        together = data_together(prepared, points)
        if together is not None:
            return together
    return data_apart(prepared, points)


def data_together(prepared: Prepared, points: Sequence[Sequence[float]]) -> list[Data] | None:
    """Evaluate all points in one call; None when that gave not all of them."""
    used = set(prepared.together.parameters) if prepared.together is not None else set()
    binds = {
        parameter: [values[index] for values in points]
        for index, parameter in enumerate(prepared.parameters)
        if parameter in used
    }
    try:
        result = prepared.simulator.run(
            [prepared.together], parameter_binds=[binds], shots=1, seed_simulator=0
        ).result()
    except failures():
        return None
    if not result.success or len(result.results) != len(points):
        return None
    return [result.data(index) for index in range(len(points))]


def data_apart(prepared: Prepared, points: Sequence[Sequence[float]]) -> list[Data]:
    """Bind each point by itself; all in one call, and if that fails each in its own."""
    circuits: list[Any] = []
    for values in points:
        try:
            circuits.append(bound(prepared, values))
        except failures() as error:
            circuits.append(told(error))
    good = [circuit for circuit in circuits if not isinstance(circuit, str)]
    found = iter(_run(prepared, good))
    return [circuit if isinstance(circuit, str) else next(found) for circuit in circuits]


def _run(prepared: Prepared, circuits: Sequence[Any]) -> list[Data]:
    if not circuits:
        return []
    try:
        result = prepared.simulator.run(circuits, shots=1, seed_simulator=0).result()
    except failures() as error:
        if len(circuits) == 1:
            return [told(error)]
    else:
        if result.success and len(result.results) == len(circuits):
            return [result.data(index) for index in range(len(circuits))]
        if len(circuits) == 1:
            return [told_of(result, 0)]
    return [data for circuit in circuits for data in _run(prepared, [circuit])]


def failed(evolution: Evolution, error: str, seconds: float) -> Computed:
    """Say that all jobs of an evolution failed."""
    drawn = tuple(Drawn(each.job_id, error=error) for each in evolution.samplings)
    return Computed(drawn, seconds)


def sampled(
    evolutions: Sequence[Evolution],
    probabilities: npt.NDArray[np.float64],
    positions: Sequence[int | None],
    seconds: float,
) -> Iterator[Computed]:
    """Draw the samples of evolutions' jobs.

    Args:
        evolutions: One or more.
        probabilities: Of each, as they are read: shape (evolutions, 2**measured).
        positions: Classical bit -> measured qubit.
        seconds: That each evolution took.
    """
    runs = [
        Run(row, sampling.shots, sampling.seed, sampling.start)
        for row, evolution in enumerate(evolutions)
        for sampling in evolution.samplings
    ]
    outcomes, counts, sizes = draw_all(probabilities, runs)
    rows, start = to_rows(outcomes, positions), 0
    of_each = iter(sizes.tolist())
    for evolution in evolutions:
        drawn = []
        for sampling in evolution.samplings:
            end = start + next(of_each)
            drawn.append(Drawn(sampling.job_id, rows[start:end], counts[start:end]))
            start = end
        yield Computed(tuple(drawn), seconds)


def probabilities_of(prepared: Looked, data: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Return the probabilities of the measured qubits' outcomes.

    Raises:
        Refused: They do not add up to 1.
    """
    import numpy as np

    if not prepared.measured:
        return np.ones(1)
    probabilities = np.asarray(data["probabilities"], np.float64)
    total = float(probabilities.sum())
    if not abs(total - 1) <= SUM_ERROR[prepared.precision]:
        raise Refused(f"local: probabilities add up to {total:g}, not to 1; not sampled")
    return probabilities
