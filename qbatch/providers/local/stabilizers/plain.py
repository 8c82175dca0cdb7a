"""Shots read one by one in whole numbers: what samples are held against.

Rules: by the algorithm as `draws` states it, but none of its code, nor of what it is given: which
qubit a bit is of is read from the circuit, how it is misread from the noise asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.providers.local.stabilizers.support import Support

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qbatch.providers.local.noise import NoiseModel
    from qbatch.providers.local.stabilizers.draws import Ints, Rows
    from qbatch.providers.local.work import Sampling

#: (p01, p10): probability to read 0 for a true 1, and 1 for a true 0.
Flip = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shots:
    """Numbered shots of a circuit.

    Attributes:
        support: Its outcomes: bit p is the p-th measured qubit.
        bits: Classical bits that are written, each with the p of its qubit.
        flips: p of each qubit that may be misread, ascending, and how.
    """

    support: Support
    bits: tuple[tuple[int, int], ...]
    flips: tuple[tuple[int, Flip], ...]

    @classmethod
    def of(cls, circuit: QuantumCircuit, support: Support, noise: NoiseModel | None) -> Shots:
        """Read how a circuit's measurements end in its bits."""
        held: dict[int, int] = {}
        for item in reversed(circuit.data):
            if item.operation.name == "measure":
                bit = circuit.find_bit(item.clbits[0]).index
                held.setdefault(bit, circuit.find_bit(item.qubits[0]).index)
        measured = sorted({*held.values()})
        place = {qubit: p for p, qubit in enumerate(measured)}
        errors = [(p, noise.readout_of(qubit)) for qubit, p in place.items()] if noise else []
        return cls(
            support,
            tuple((bit, place[qubit]) for bit, qubit in sorted(held.items())),
            tuple((p, (error.p01, error.p10)) for p, error in errors if error is not None),
        )

    @property
    def words(self) -> int:
        """Random numbers a shot takes."""
        return max(1, (len(self.support.directions) + 63) // 64) + len(self.flips)

    def read(self, numbers: Sequence[int]) -> int:
        """Return the classical bits of the shot that has these numbers, as one number."""
        own, chosen = len(numbers) - len(self.flips), 0
        for number in numbers[:own]:
            chosen = chosen << 64 | number
        outcome = self.support.outcome(chosen >> (64 * own - len(self.support.directions)))
        for (place, flip), number in zip(self.flips, numbers[own:], strict=True):
            if (number >> 11) / 2**53 < flip[1 - (outcome >> place & 1)]:
                outcome ^= 1 << place
        return sum(1 << bit for bit, place in self.bits if outcome >> place & 1)

    def drawn(self, shots: int, seed: int, start: int) -> dict[int, int]:
        """Return how often each came in shots [start, start + shots) of a sample."""
        import numpy as np

        raw = np.random.PCG64(seed).random_raw((start + shots) * self.words).tolist()
        counts: dict[int, int] = {}
        for at in range(start, start + shots):
            read = self.read(raw[at * self.words : (at + 1) * self.words])
            counts[read] = counts.get(read, 0) + 1
        return counts

    @staticmethod
    def difference_of_size(often: Ints, sampling: Sampling) -> str:
        """Say how many shots a sample has where those are not all; else ""."""
        found = int(often.sum())
        return "" if found == sampling.shots else f"{found} shots of {sampling.shots}"

    def difference(self, rows: Rows, sampling: Sampling) -> str:
        """Say so where a sample's last shot is not there, to draw which all others are passed."""
        import numpy as np

        last = sampling.start + sampling.shots - 1
        bits = np.random.PCG64(sampling.seed).advance(last * self.words)
        read = self.read(bits.random_raw(self.words).tolist())
        row = np.frombuffer(read.to_bytes(rows.shape[1], "little"), np.uint8)
        same = rows[:, 0] == row[0] if len(row) else np.ones(len(rows), bool)
        is_there = bool((rows[same] == row).all(axis=1).any())
        return "" if is_there else f"shot {last} of its sample is not there"
