"""The outcomes that a Clifford circuit has: stabilizers followed through it, then solved.

Rules: whole numbers alone, no rounding. Stabilizer k of |0…0> is Z on qubit k. While gates act,
bit k of a column says whether stabilizer k has X, or Z, on that column's qubit; Y has both. A row
is one stabilizer as i^phase · X^x · Z^z, so that rows are multiplied by counting bits.

The distribution: stabilizers with an X somewhere carry one outcome to another, so the rows' `x`
span the directions; those with none fix the parity of all outcomes' bits under their `z`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from qbatch.frozen import dataclass

_A, _B = (0,), (1,)
_S = ("s", _A)
_H = ("h", _A)
_CX = ("cx", (0, 1))

#: Gate -> what it is made of, first to last and up to a phase, on which of its qubits.
WORDS: Mapping[str, Sequence[tuple[str, tuple[int, ...]]]] = {
    "id": (),
    "h": (_H,),
    "s": (_S,),
    "sdg": (_S, _S, _S),
    "z": (_S, _S),
    "x": (_H, _S, _S, _H),
    "y": (_S, _S, _H, _S, _S, _H),
    "sx": (_H, _S, _H),
    "sxdg": (_H, _S, _S, _S, _H),
    "cx": (_CX,),
    "cz": (("h", _B), _CX, ("h", _B)),
    "cy": (("s", _B), ("s", _B), ("s", _B), _CX, ("s", _B)),
    "swap": (_CX, ("cx", (1, 0)), _CX),
}


class Row(NamedTuple):
    """The operator i^phase · X^x · Z^z; bit k of `x` and `z` is place k."""

    x: int
    z: int
    phase: int

    def times(self, other: Row) -> Row:
        """Return self · other."""
        swapped = 2 * (self.z & other.x).bit_count()
        phase = (self.phase + other.phase + swapped) % 4
        return Row(self.x ^ other.x, self.z ^ other.z, phase)


@dataclass(frozen=True, slots=True)
class Support:
    """All outcomes, equally likely: `origin`, exclusive-or any of `directions`.

    Attributes:
        origin: The least outcome: it has no direction's leading bit.
        directions: By their leading bits, highest first; none has another's leading bit.
    """

    origin: int
    directions: tuple[int, ...]

    def contains(self, outcome: int) -> bool:
        """Whether it can come."""
        return _reduced(outcome ^ self.origin, self.directions) == 0

    def outcome(self, index: int) -> int:
        """Return the outcome at a place in ascending order, 0 <= index < 2**len(directions)."""
        found, last = self.origin, len(self.directions) - 1
        for at, direction in enumerate(self.directions):
            if index >> (last - at) & 1:
                found ^= direction
        return found


def support_of(
    steps: Iterable[tuple[str, Sequence[int]]], num_qubits: int, measured: Sequence[int]
) -> Support:
    """Return the outcomes of measuring qubits after Clifford gates on |0…0>.

    Args:
        steps: Gates, by names in `WORDS`, each with its qubits.
        num_qubits: Of the circuit.
        measured: Outcome bit k is qubit ``measured[k]``; distinct.
    """
    others = [qubit for qubit in range(num_qubits) if qubit not in {*measured}]
    moving, parities = _solved(_rows(steps, num_qubits, [*others, *measured]))
    directions = [high for x in moving if (high := x >> len(others))]
    origin = sum(1 << place for place, odd in _pivots(parities).items() if odd)
    return Support(_reduced(origin >> len(others), directions), tuple(directions))


def _rows(
    steps: Iterable[tuple[str, Sequence[int]]], num_qubits: int, places: Sequence[int]
) -> list[Row]:
    """Return the stabilizers after the gates; place k of a row is qubit ``places[k]``."""
    x, z, signs = _followed(steps, num_qubits)
    rows_x = _transposed([x[qubit] for qubit in places])
    rows_z = _transposed([z[qubit] for qubit in places])
    return [
        Row(x, z, (2 * (signs >> k & 1) + (x & z).bit_count()) % 4)
        for k, (x, z) in enumerate(zip(rows_x, rows_z, strict=True))
    ]


def _followed(
    steps: Iterable[tuple[str, Sequence[int]]], num_qubits: int
) -> tuple[list[int], list[int], int]:
    """Return columns of X and of Z, one for each qubit, and the signs, a bit a stabilizer."""
    x, z, signs = [0] * num_qubits, [1 << qubit for qubit in range(num_qubits)], 0
    for name, qubits in steps:
        for letter, on in WORDS[name]:
            a = qubits[on[0]]
            if letter == "h":
                signs ^= x[a] & z[a]
                x[a], z[a] = z[a], x[a]
            elif letter == "s":
                signs ^= x[a] & z[a]
                z[a] ^= x[a]
            else:
                b = qubits[on[1]]
                signs ^= x[a] & z[b] & ~(x[b] ^ z[a])
                x[b] ^= x[a]
                z[a] ^= z[b]
    return x, z, signs


def _transposed(columns: Sequence[int]) -> list[int]:
    """Turn k numbers of k bits about: bit j of number i becomes bit i of number j."""
    import numpy as np

    size = len(columns)
    num_bytes = (size + 7) // 8
    packed = b"".join(column.to_bytes(num_bytes, "little") for column in columns)
    table = np.frombuffer(packed, np.uint8).reshape(size, num_bytes)
    bits = np.unpackbits(table, axis=1, count=size, bitorder="little")
    turned = np.packbits(bits.T, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in turned]


def _solved(rows: Iterable[Row]) -> tuple[list[int], list[Row]]:
    """Return the reduced span of the rows' `x`, highest first, and the products without any."""
    leading: dict[int, Row] = {}
    still: list[Row] = []
    for row in rows:
        while row.x and (other := leading.get(row.x.bit_length())) is not None:
            row = row.times(other)
        if row.x:
            leading[row.x.bit_length()] = row
        else:
            still.append(row)
    return _back_substituted([leading[size].x for size in sorted(leading)]), still


def _back_substituted(ascending: Sequence[int]) -> list[int]:
    """Clear the leading bits of earlier numbers in later ones; return highest first."""
    reduced: list[int] = []
    for number in ascending:
        reduced.insert(0, _reduced(number, reduced))
    return reduced


def _reduced(number: int, directions: Iterable[int]) -> int:
    """Clear the leading bit of each direction, highest first, by exclusive-or."""
    for direction in directions:
        if number >> (direction.bit_length() - 1) & 1:
            number ^= direction
    return number


def _pivots(parities: Iterable[Row]) -> dict[int, int]:
    """Solve for one outcome: place -> bit, places that are not named being 0.

    Each row says that an outcome's bits under `z` are odd in number (phase 2) or even (0).
    """
    leading: dict[int, int] = {}
    for row in parities:
        # The parity rides along below the lowest place.
        number = row.z << 1 | row.phase >> 1
        while number > 1 and (other := leading.get(number.bit_length())) is not None:
            number ^= other
        leading[number.bit_length()] = number
    reduced = _back_substituted([leading[size] for size in sorted(leading)])
    return {number.bit_length() - 2: number & 1 for number in reduced}
