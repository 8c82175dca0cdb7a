"""Samples of equally likely outcomes: one number of 64 bits a shot, more where it takes more.

The algorithm, so that anyone can repeat it: ``numpy.random.PCG64(seed)`` gives each shot `words`
raw numbers, shot i those from i · words on. With k directions, the leading k bits of the first
k / 64 of them (rounded up, at least one) say which outcome comes, by its place in ascending order:
up to 53 directions what `sampling.draw` does with exact probabilities. Each number left is for one
qubit that may be misread, in ascending order: its leading 53 bits, divided by 2^53, lie below the
probability of misreading where it is misread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.providers.local.method import DRAWN_ROWS
from qbatch.providers.local.sampling import count_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Rows = npt.NDArray[np.uint8]
    Ints = npt.NDArray[np.int64]
    Words = npt.NDArray[np.uint64]

#: Random numbers in memory at once, about.
_BLOCK = DRAWN_ROWS


@dataclass(frozen=True, slots=True)
class Misread:
    """A classical bit that may be read wrongly: probabilities to read 0 for 1, and 1 for 0."""

    bit: int
    p01: float
    p10: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Equally likely rows of classical bits.

    Attributes:
        origin: Shape (num_bytes,), as a row of `Counts.outcomes`.
        directions: Shape (k, num_bytes); the first is the leading digit of a row's place.
        misread: In ascending order of their qubits.
    """

    origin: Rows
    directions: Rows
    misread: tuple[Misread, ...] = ()

    @property
    def index_words(self) -> int:
        """Numbers a shot takes for its place."""
        return max(1, -(-len(self.directions) // 64))

    @property
    def words(self) -> int:
        """Numbers a shot takes."""
        return self.index_words + len(self.misread)


def sample(outcomes: Outcomes, shots: int, seed: int, start: int = 0) -> tuple[Rows, Ints]:
    """Draw shots [start, start + shots) of a sample.

    Returns:
        Distinct rows, and how often each came.
    """
    bits = 8 * len(outcomes.origin) if outcomes.misread else len(outcomes.directions)
    found: list[tuple[Rows, Ints]] = []
    waiting = 0
    for numbers in _numbers(outcomes, shots, seed, start):
        found.append(_counted(outcomes, numbers))
        waiting += len(found[-1][0])
        if waiting >= 1 << bits:  # many of them are equal
            found, waiting = [_merged(found)], 0
    return _merged(found)


def _merged(found: Sequence[tuple[Rows, Ints]]) -> tuple[Rows, Ints]:
    import numpy as np

    if len(found) == 1:
        return found[0]
    rows, counts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return count_rows(rows, counts)


def _numbers(outcomes: Outcomes, shots: int, seed: int, start: int) -> Iterator[Words]:
    """Yield shape (shots of a block, words)."""
    import numpy as np

    bits = np.random.PCG64(seed).advance(start * outcomes.words)
    most = max(1, _BLOCK // outcomes.words)
    for at in range(0, shots, most):
        size = min(most, shots - at)
        yield bits.random_raw(size * outcomes.words).reshape(size, outcomes.words)


def _counted(outcomes: Outcomes, numbers: Words) -> tuple[Rows, Ints]:
    size = len(outcomes.directions)
    if outcomes.misread:
        rows = _rows(outcomes, numbers[:, : outcomes.index_words])
        return count_rows(_misread(outcomes, rows, numbers[:, outcomes.index_words :]))
    if size > 64:
        return count_rows(_rows(outcomes, numbers))
    places, counts = _counted_places(numbers[:, 0], size)
    return _rows(outcomes, places.reshape(-1, 1)), counts


def _counted_places(numbers: Words, size: int) -> tuple[Words, Ints]:
    """Return distinct numbers, all but their leading `size` bits cleared, and how often each."""
    import numpy as np

    shift = np.uint64(64 - size)
    if size == 0:
        return np.zeros(1, np.uint64), np.array([len(numbers)], np.int64)
    if 1 << size <= len(numbers):
        often = np.bincount((numbers >> shift).astype(np.int64), minlength=1 << size)
        came = often.nonzero()[0]
        return came.astype(np.uint64) << shift, often[came]
    places = np.sort(numbers >> shift)
    starts = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
    return places[starts] << shift, np.diff(starts, append=len(places))


def _rows(outcomes: Outcomes, places: Words) -> Rows:
    """Return the rows at places, whose digits lead in words of 64; shape (n, num_bytes)."""
    import numpy as np

    digits = places.astype(">u8").view(np.uint8)
    rows = np.tile(outcomes.origin, (len(places), 1))
    for at in range(0, len(outcomes.directions), 8):
        rows ^= _table(outcomes.directions[at : at + 8])[digits[:, at >> 3]]
    return rows


def _table(directions: Rows) -> Rows:
    """Return the sums of up to eight directions, by the byte whose leading bits choose them."""
    import numpy as np

    table = np.zeros((256, directions.shape[1]), np.uint8)
    chosen = np.arange(256)
    for at, direction in enumerate(directions):
        table[(chosen >> (7 - at) & 1).astype(bool)] ^= direction
    return table


def _misread(outcomes: Outcomes, rows: Rows, numbers: Words) -> Rows:
    import numpy as np

    for at, one in enumerate(outcomes.misread):
        uniform = (numbers[:, at] >> np.uint64(11)) * 2.0**-53
        byte, bit = one.bit >> 3, one.bit & 7
        is_one = (rows[:, byte] >> bit & 1).astype(bool)
        wrong = uniform < np.where(is_one, one.p01, one.p10)
        rows[:, byte] ^= wrong.astype(np.uint8) << np.uint8(bit)
    return rows


def to_row(outcome: int, positions: Sequence[int | None]) -> bytes:
    """Place an outcome's bits in their classical bits.

    Args:
        outcome: Bit p is measured qubit p.
        positions: For each classical bit which p it holds; None: it stays 0.
    """
    value = sum(1 << b for b, p in enumerate(positions) if p is not None and outcome >> p & 1)
    return value.to_bytes((len(positions) + 7) // 8, "little")
