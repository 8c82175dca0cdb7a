"""Generators seeded one after the other, many seeds at once: `numpy.random.PCG64(seed)`'s states.

Making a ``PCG64`` of a seed takes longer than drawing a thousand numbers from it. What it does (the
hash of ``numpy.random.SeedSequence``, whose outcome numpy promises to keep, and the first two steps
of the generator) is done here for many seeds together, and one generator is set to the states.

Rules: states are numpy's own, bit by bit; tests hold them against it over generated seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from numpy.random._pcg64 import _PCG64State

    Words = npt.NDArray[np.uint32]

#: Of `SeedSequence`: it begins with `_FIRST` and multiplies by `_TIMES`, once to take seeds in and
#: once to give words out.
_FIRST_IN, _TIMES_IN = 0x43B0D7E5, 0x931E8875
_FIRST_OUT, _TIMES_OUT = 0x8B51F9DD, 0x58F38DED
_LEFT, _RIGHT, _SHIFT, _POOL = 0xCA01F9DD, 0x4973F715, 16, 4

#: PCG's own multiplier, of 128 bits.
_STEP = 0x2360ED051FC65DA44385DF649FCCF645
_LARGEST = (1 << 128) - 1


class _Hash:
    """Mixes words with a constant that changes from use to use."""

    def __init__(self, first: int, times: int) -> None:
        self._constant, self._times = first, times

    def __call__(self, words: Words) -> Words:
        import numpy as np

        mixed = words ^ np.uint32(self._constant)
        self._constant = self._constant * self._times & 0xFFFF_FFFF
        mixed *= np.uint32(self._constant)
        mixed ^= mixed >> np.uint32(_SHIFT)
        return mixed


def states_of(seeds: Sequence[int]) -> Iterator[_PCG64State]:
    """Yield what ``PCG64(seed).state`` is for each seed: 0 <= seed < 2**64."""
    import numpy as np

    numbers = np.array(seeds, np.uint64)
    low, high = numbers.astype(np.uint32), (numbers >> np.uint64(32)).astype(np.uint32)
    hashed = _Hash(_FIRST_IN, _TIMES_IN)
    pool = [hashed(words) for words in (low, high, np.zeros_like(low), np.zeros_like(low))]
    for source in range(_POOL):
        for target in range(_POOL):
            if source != target:
                mixed = np.uint32(_LEFT) * pool[target] - np.uint32(_RIGHT) * hashed(pool[source])
                mixed ^= mixed >> np.uint32(_SHIFT)
                pool[target] = mixed
    hashed = _Hash(_FIRST_OUT, _TIMES_OUT)
    words = [hashed(pool[at % _POOL]).astype(np.uint64) for at in range(2 * _POOL)]
    pairs = zip(words[::2], words[1::2], strict=True)
    longs = [(first | second << np.uint64(32)).tolist() for first, second in pairs]
    for state_high, state_low, inc_high, inc_low in zip(*longs, strict=True):
        inc = (inc_high << 65 | inc_low << 1 | 1) & _LARGEST
        state = ((inc + (state_high << 64 | state_low)) * _STEP + inc) & _LARGEST
        yield {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": inc},
            "has_uint32": 0,
            "uinteger": 0,
        }
