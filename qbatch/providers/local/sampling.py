"""From probabilities to counts, by one documented algorithm.

The counts of a job depend on its distribution, on which shots of its point's sample it takes and on
the point's seed, and on nothing else. The algorithm, so that anyone can repeat it:

1. Probabilities below zero (rounding) are set to zero; their running sum, divided by its last
   entry, is the cumulative distribution.
2. ``numpy.random.Generator(numpy.random.PCG64(seed)).random(…)`` gives one number a shot, each from
   one draw of the generator: shot i of a sample is the i-th, whatever runs it is bought in, and
   ``PCG64(seed).advance(start)`` goes straight to where a run begins.
3. Each counts for the first outcome whose cumulative probability exceeds it.

Counting is quicker from sorted numbers: outcome k or an earlier one comes as often as there are
numbers below the k-th border, which is the same by every comparison that is made. So is drawing for
many jobs together (`draw_all`), which is held against `draw` by the tests.

A last-bit difference between two machines' floating point moves a border by about 1e-16: the same
counts come out unless a random number falls right into that gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.providers.local.seeds import states_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

#: Random numbers in memory at once.
_BLOCK = 1 << 20

#: Random numbers, and borders of distributions, that are drawn together: what a core's cache holds.
_TOGETHER = 1 << 16


class Run(NamedTuple):
    """What is drawn of one distribution of several.

    Attributes:
        row: Which.
        shots, seed, start: As `draw` has them.
    """

    row: int
    shots: int
    seed: int
    start: int = 0


def cumulative(probabilities: npt.NDArray[Any]) -> Floats:
    """Return the cumulative distributions of weights, whose last entries are 1.

    Args:
        probabilities: Shape (..., k); need not sum up to 1 exactly.
    """
    import numpy as np

    sums = np.cumsum(np.maximum(probabilities, 0.0, dtype=np.float64), axis=-1)
    sums /= sums[..., -1:]
    return sums


def draw(distribution: Floats, shots: int, seed: int, start: int = 0) -> tuple[Ints, Ints]:
    """Draw outcomes.

    Args:
        distribution: From `cumulative`.
        shots: 1 or more.
        seed: 0 <= seed < 2**63.
        start: So many shots of the sample come before.

    Returns:
        The outcomes that came, ascending, and how often each: both of shape (k,).
    """
    import numpy as np

    bits = np.random.PCG64(seed)
    generator = np.random.Generator(bits.advance(start) if start else bits)
    outcomes, counts = _counted(distribution, generator.random(min(_BLOCK, shots)))
    for at in range(_BLOCK, shots, _BLOCK):
        came, often = _counted(distribution, generator.random(min(_BLOCK, shots - at)))
        outcomes, counts = _added(outcomes, counts, came, often)
    return outcomes, counts


def draw_all(probabilities: Floats, runs: Sequence[Run]) -> tuple[Ints, Ints, Ints]:
    """Draw outcomes of many jobs: of each what `draw` draws.

    Args:
        probabilities: Shape (rows, k).
        runs: One or more; rows ascending.

    Returns:
        The outcomes that came and how often each, job after job, both of shape (sum of sizes,);
        and how many different outcomes each job has, shape (runs,).
    """
    import numpy as np

    parts = []
    for group in _groups(runs, probabilities.shape[1]):
        first, last = group[0].row, group[-1].row
        distributions = cumulative(probabilities[first : last + 1])
        if len(group) == 1:
            _, shots, seed, start = group[0]
            outcomes, counts = draw(distributions[0], shots, seed, start)
            parts.append((outcomes, counts, np.array([len(outcomes)])))
        else:
            borders = [distributions[run.row - first] for run in group]
            parts.append(_counted_all(borders, _numbers(group)))
    outcomes, counts, sizes = (np.concatenate(part) for part in zip(*parts, strict=True))
    return outcomes, counts, sizes


def _groups(runs: Sequence[Run], size: int) -> Iterator[Sequence[Run]]:
    """Cut runs into those that are drawn together: of equal shots, not too much at once."""
    begin = 0
    for at, (run, then) in enumerate(pairwise(runs), 1):
        is_full = (at + 1 - begin) * (run.shots + size) > _TOGETHER
        if is_full or then.shots != run.shots:
            yield runs[begin:at]
            begin = at
    yield runs[begin:]


def _numbers(runs: Sequence[Run]) -> Floats:
    """Return the random numbers of runs of equal shots, shape (runs, shots)."""
    import numpy as np

    bits = np.random.PCG64(0)
    generator = np.random.Generator(bits)
    numbers = np.empty((len(runs), runs[0].shots))
    for row, run, state in zip(numbers, runs, states_of([r.seed for r in runs]), strict=True):
        bits.state = state
        if run.start:
            bits.advance(run.start)
        generator.random(out=row)
    return numbers


def _counted_all(borders: Sequence[Floats], numbers: Floats) -> tuple[Ints, Ints, Ints]:
    """Return what `_counted` does of each row of numbers, and how many outcomes that are."""
    import numpy as np

    numbers.sort(axis=1)
    size, shape = len(borders[0]), numbers.shape
    if size <= shape[1]:
        often = np.empty((len(borders), size), np.intp)
        for row, border, own in zip(often, borders, numbers, strict=True):
            row[:] = own.searchsorted(border, side="left")
        often[:, 1:] -= often[:, :-1].copy()
        came = often.reshape(-1).nonzero()[0]
        return came % size, often.reshape(-1)[came], np.count_nonzero(often, axis=1)
    drawn = np.empty(shape, np.intp)
    for row, border, own in zip(drawn, borders, numbers, strict=True):
        row[:] = border.searchsorted(own, side="right")
    is_first = np.ones(shape, bool)
    np.not_equal(drawn[:, 1:], drawn[:, :-1], out=is_first[:, 1:])
    starts = is_first.reshape(-1).nonzero()[0]
    counts = np.diff(starts, append=drawn.size)
    return drawn.reshape(-1)[starts], counts, np.count_nonzero(is_first, axis=1)


def _counted(distribution: Floats, uniforms: Floats) -> tuple[Ints, Ints]:
    """Return the outcomes that numbers stand for, and how many for each."""
    import numpy as np

    uniforms.sort()
    if len(distribution) <= len(uniforms):
        often = np.searchsorted(uniforms, distribution, side="left")
        often[1:] -= often[:-1].copy()
        came = often.nonzero()[0]
        return came, often[came]
    drawn = np.searchsorted(distribution, uniforms, side="right")
    starts = np.concatenate(([0], (drawn[1:] != drawn[:-1]).nonzero()[0] + 1))
    counts = np.empty_like(starts)
    counts[:-1] = starts[1:] - starts[:-1]
    counts[-1] = len(drawn) - starts[-1]
    return drawn[starts], counts


def _added(outcomes: Ints, counts: Ints, came: Ints, often: Ints) -> tuple[Ints, Ints]:
    import numpy as np

    merged, places = np.unique(np.concatenate([outcomes, came]), return_inverse=True)
    total = np.zeros(len(merged), np.int64)
    np.add.at(total, places, np.concatenate([counts, often]))
    return merged, total


def misread(probabilities: Floats, flips: Sequence[tuple[float, float] | None]) -> Floats:
    """Apply readout errors to distributions over outcomes, exactly.

    Args:
        probabilities: Shape (..., 2**m): bit k of the last index is measured qubit k.
        flips: For each qubit (p01, p10): probability to read 0 for a true 1, and 1 for a true 0.

    Returns:
        Distributions of what is read, same shape.
    """
    import numpy as np

    shape = probabilities.shape
    for bit, flip in enumerate(flips):
        if flip is None:
            continue
        p01, p10 = flip
        split = probabilities.reshape(-1, 2, 1 << bit)
        true0, true1 = split[:, 0], split[:, 1]
        read = np.empty_like(split)
        read[:, 0] = (1 - p10) * true0 + p01 * true1
        read[:, 1] = p10 * true0 + (1 - p01) * true1
        probabilities = read.reshape(shape)
    return probabilities


def to_rows(outcomes: Ints, positions: Sequence[int | None]) -> npt.NDArray[np.uint8]:
    """Place measured qubits in their classical bits.

    Args:
        outcomes: Shape (k,): bit p of an outcome is measured qubit p, and no other bit is set.
        positions: For each classical bit which p it holds; None: it stays 0.

    Returns:
        Shape (k, ceil(len(positions) / 8)): rows as in `Counts.outcomes`.
    """
    import numpy as np

    num_bytes = (len(positions) + 7) // 8
    if list(positions) == list(range(len(positions))):
        wide = outcomes.astype("<i8").reshape(-1, 1).view(np.uint8)
        return np.ascontiguousarray(wide[:, :num_bytes])
    rows = np.zeros((len(outcomes), num_bytes), dtype=np.uint8)
    for bit, position in enumerate(positions):
        if position is not None:
            value = ((outcomes >> position) & 1).astype(np.uint8)
            rows[:, bit >> 3] |= value << np.uint8(bit & 7)
    return rows


def count_rows(
    rows: npt.NDArray[np.uint8], often: Ints | None = None
) -> tuple[npt.NDArray[np.uint8], Ints]:
    """Count equal rows, one a shot.

    Args:
        rows: Shape (shots, num_bytes), each as in `Counts.outcomes`.
        often: Shots that each row stands for, shape (shots,); None: one.

    Returns:
        Distinct rows in some fixed order, and how often each came.
    """
    import numpy as np

    shots, num_bytes = rows.shape
    wide = np.zeros((shots, -(-num_bytes // 8) * 8), np.uint8)
    wide[:, :num_bytes] = rows
    words = wide.view("<u8")
    order = np.lexsort(words.T) if words.shape[1] > 1 else np.argsort(words[:, 0], kind="stable")
    words = words[order]
    new = np.ones(shots, dtype=bool)
    new[1:] = (words[1:] != words[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    if often is None:
        counts = np.diff(starts, append=shots).astype(np.int64)
    else:
        counts = np.add.reduceat(often[order], starts)
    return np.ascontiguousarray(words[starts].view(np.uint8)[:, :num_bytes]), counts
