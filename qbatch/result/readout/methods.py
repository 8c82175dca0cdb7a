"""The methods: which circuits each needs, and what it makes of their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qbatch.result.counts import Counts
from qbatch.result.readout.full import Full
from qbatch.result.readout.subspace import Subspace
from qbatch.result.readout.tensored import Flips, Tensored
from qbatch.result.readout.told import Readout

#: Bits of which `full` prepares every outcome, at most: 256 circuits.
MOST_FULL_BITS = 8


def calibrations_of(method: str, bits: Sequence[int], num_bits: int) -> tuple[str, ...]:
    """Return what is prepared for a method: bits as text, bit 0 rightmost, those never written 0.

    Args:
        method: tensored, full or mthree.
        bits: Classical bits that are measured, ascending; at most `MOST_FULL_BITS` for full.
        num_bits: Of the circuit.

    >>> calibrations_of("tensored", [0, 2], 3), calibrations_of("full", [0, 2], 3)
    (('000', '101'), ('000', '001', '100', '101'))
    """
    size = 1 << len(bits)
    places = range(size) if method == "full" else (0, size - 1)
    return tuple(
        "".join(
            "1" if bit in bits and place >> bits.index(bit) & 1 else "0"
            for bit in reversed(range(num_bits))
        )
        for place in places
    )


def readout_of(method: str, calibrations: Mapping[str, Counts]) -> Readout:
    """Make of calibration counts what mends numbers.

    Raises:
        UntoldError: They do not tell enough.
    """
    if method == "full":
        return Full.of(calibrations)
    flips = Flips.of(calibrations)
    return Subspace(flips) if method == "mthree" else Tensored(flips)
