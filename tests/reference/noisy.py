"""Noise of the reference: what each channel does, in the words of its definition.

Rules: after each gate as written its qubits are depolarized and relax for the gate's time; before a
measurement its qubit relaxes; a `delay` relaxes; reset is noiseless and idle qubits do not relax. A
library gate on three or more qubits is its textbook decomposition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from states import Density

#: Second names of gates; a calibration knows the first.
SAME = {"CX": "cx", "phase": "p", "cphase": "cp", "u0": "id"}


@dataclass(frozen=True)
class Qubit:
    """A qubit: lifetimes in seconds (None: it does not relax), and how often it is misread.

    Attributes:
        p01, p10: Probability to read 0 for a true 1, and 1 for a true 0.
    """

    t1: float | None = None
    t2: float | None = None
    p01: float = 0.0
    p10: float = 0.0


@dataclass(frozen=True)
class Entry:
    """A calibrated gate: its average infidelity, or how it depolarizes, and how long it takes."""

    gate: str | None = None
    qubits: tuple[int, ...] | None = None
    error: float | None = None
    depolarizing: float = 0.0
    time: float = 0.0


@dataclass(frozen=True)
class Noise:
    """What is noisy.

    Attributes:
        strengths: Depolarizing after each gate on one qubit, and on two.
        times: Seconds of gates on one qubit, on two, and of a measurement.
        qubits: One for all, or one each.
        entries: Calibrated gates; they take the place of the strengths and the first two times.
    """

    strengths: tuple[float, float] = (0.0, 0.0)
    times: tuple[float, float, float] = (0.0, 0.0, 0.0)
    qubits: tuple[Qubit, ...] = (Qubit(),)
    entries: tuple[Entry, ...] = ()

    def qubit(self, number: int) -> Qubit:
        return self.qubits[number if len(self.qubits) > 1 else 0]

    def after_gate(self, state: Density, name: str, qubits: Sequence[int]) -> Density:
        strength, time = self.strengths[len(qubits) - 1], self.times[len(qubits) - 1]
        if self.entries:
            entry = self._entry(name, qubits)
            strength, time = entry.depolarizing, entry.time
            if entry.error is not None:
                strength = self._unexplained(entry.error, time, qubits)
        return self.waited(state.depolarized(strength, qubits), time, qubits)

    def before_measurement(self, state: Density, qubit: int) -> Density:
        return self.waited(state, self.times[2], [qubit])

    def waited(self, state: Density, seconds: float, qubits: Sequence[int]) -> Density:
        for number in qubits:
            keep, coherence = self._survival(number, seconds)
            if keep < 1 or coherence < 1:
                state = state.relaxed(keep, coherence, number)
        return state

    def _survival(self, number: int, seconds: float) -> tuple[float, float]:
        qubit = self.qubit(number)
        t1 = math.inf if qubit.t1 is None else qubit.t1
        t2 = 2 * t1 if qubit.t2 is None else qubit.t2
        return math.exp(-seconds / t1), math.exp(-seconds / t2)

    def _entry(self, name: str, qubits: Sequence[int]) -> Entry:
        """Choose the most particular entry: gate and qubits, then qubits, then gate."""
        name = SAME.get(name, name)
        fitting = [
            entry
            for entry in self.entries
            if entry.gate in (None, name) and (entry.qubits is None or {*entry.qubits} == {*qubits})
        ]
        return max(fitting, key=lambda e: (e.qubits is not None, e.gate is not None))

    def _unexplained(self, error: float, time: float, qubits: Sequence[int]) -> float:
        """Find the depolarizing p with which relaxation for `time` has this average infidelity.

        The process fidelity of relaxation is a quarter of its Pauli transfer matrix's trace,
        1 + 2 e^(-t/T2) + e^(-t/T1); depolarizing keeps 1 − p of what exceeds 1/d².
        """
        d, kept = 2 ** len(qubits), 1.0
        for number in qubits:
            keep, coherence = self._survival(number, time)
            kept *= (1 + 2 * coherence + keep) / 4
        wanted = ((d + 1) * (1 - error) - 1) / d
        return min(max((kept - wanted) / (kept - 1 / d**2), 0.0), d**2 / (d**2 - 1))
