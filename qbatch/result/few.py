"""A few outcomes, read one by one: a fifth of the time that arrays take to begin.

Rule: whatever is out of the ordinary is left to `counts`, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: More outcomes are read as arrays.
FEW = 16

#: Of one outcome; a sum of few such fits into what counts are kept in.
_MOST_SHOTS = 1 << 48


def read_few(
    num_bits: int, counts: Mapping[str, int]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None:
    """Return outcomes and counts as `Counts` keeps them, of bitstrings of one register.

    None where there are too many, or something is not as it mostly is.
    """
    import numpy as np

    if not 0 < len(counts) <= FEW:
        return None
    found: list[tuple[int, int]] = []
    for bits, shots in counts.items():
        if len(bits) != num_bits or bits.strip("01"):
            return None
        if shots.__class__ is not int or not 0 < shots <= _MOST_SHOTS:
            return None
        found.append((int(bits, 2), shots))
    found.sort()
    num_bytes = (num_bits + 7) // 8
    joined = b"".join([outcome.to_bytes(num_bytes, "little") for outcome, _ in found])
    outcomes = np.frombuffer(joined, np.uint8).reshape(len(found), num_bytes).copy()
    return outcomes, np.array([shots for _, shots in found], np.int64)
