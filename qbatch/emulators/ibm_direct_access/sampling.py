"""The sampler: shots of every pub, register by register, typed or plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qbatch.emulators.ibm_direct_access import typed
from qbatch.emulators.ibm_direct_access.circuits import Machine, Ready, bound, solution_of
from qbatch.emulators.ibm_direct_access.options import option
from qbatch.emulators.ibm_direct_access.typed import InputError
from qbatch.emulators.simulation import simulate_circuit

#: A job's shots take at most so many bytes.
MOST_SHOT_BYTES = 128 * 2**20

#: Readout signals lie around -1 and 1 with this spread, in both quadratures.
SIGNAL_SPREAD = 0.3


@dataclass(frozen=True)
class Measured:
    """What was measured for one pub.

    Attributes:
        registers: Name -> bits, and the shots: shape of the pub + (shots, bytes), the first byte
            of a row the most significant.
    """

    shape: tuple[int, ...]
    shots: int
    registers: Mapping[str, tuple[int, NDArray[np.uint8]]]
    metadata: Mapping[str, Any]


def check_size(pubs: Sequence[Ready]) -> None:
    """Check that the results can be held.

    Raises:
        InputError: They cannot.
    """
    size = sum(
        prod(one.shape) * one.pub.shots * sum(_width(bits) for _, bits in one.read.fields)
        for one in pubs
    )
    if size > MOST_SHOT_BYTES:
        raise InputError(f"the results have {size} bytes, more than {MOST_SHOT_BYTES}")


def _width(bits: Sequence[int]) -> int:
    return -(-len(bits) // 8)


def sample(ready: Ready, machine: Machine, rng: np.random.Generator) -> Measured:
    """Measure every point of a pub.

    Raises:
        InputError: Nothing is measured, or the simulator cannot run it.
    """
    fields, shots = ready.read.fields, ready.pub.shots
    if not fields:
        raise InputError(f"{ready.where}: the circuit has no classical register")
    rows = {
        name: np.zeros((*ready.shape, shots, _width(bits)), dtype=np.uint8) for name, bits in fields
    }
    for index in np.ndindex(ready.shape):
        outcomes, picks = _draw(ready, index, machine, rng)
        for name, bits in fields:
            rows[name][index] = _table(outcomes, bits)[picks]
    registers = {name: (len(bits), rows[name]) for name, bits in fields}
    return Measured(ready.shape, shots, registers, ready.read.circuit.metadata or {})


def _draw(
    ready: Ready, index: tuple[int, ...], machine: Machine, rng: np.random.Generator
) -> tuple[Sequence[int], NDArray[np.intp]]:
    """Return outcomes, and for every shot which of them it was."""
    row, shots = ready.row(index), ready.pub.shots
    solution = solution_of(ready.source, row, machine.qubits, machine.noise)
    if solution.error:
        raise InputError(f"{ready.where}: {solution.error}")
    if solution.probabilities is not None:
        picks = rng.choice(len(solution.outcomes), size=shots, p=solution.probabilities)
        return solution.outcomes, picks
    seed = int(rng.integers(2**31))
    counts = simulate_circuit(bound(ready.read, row), shots, seed, machine.noise)
    outcomes = list(counts)
    picks = np.repeat(np.arange(len(outcomes)), list(counts.values()))
    return outcomes, rng.permutation(picks)


def _table(outcomes: Sequence[int], bits: Sequence[int]) -> NDArray[np.uint8]:
    """Return one row of bytes per outcome, of those bits alone."""
    width = _width(bits)
    packed = b"".join(
        sum((outcome >> bit & 1) << at for at, bit in enumerate(bits)).to_bytes(width, "big")
        for outcome in outcomes
    )
    return np.frombuffer(packed, dtype=np.uint8).reshape(len(outcomes), width)


# -- results -------------------------------------------------------------------------------------


def measurement_type(options: Mapping[str, Any]) -> str:
    """Return ``classified``, ``kerneled`` (signals) or ``avg_kerneled`` (their mean)."""
    return option(options, "execution.meas_type") or "classified"


def typed_data(measured: Measured, kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Write a pub's data for Qiskit's decoders."""
    if kind == "classified":
        fields = {
            name: typed.bit_array(rows, size) for name, (size, rows) in measured.registers.items()
        }
        return typed.data_bin(fields, measured.shape, "BitArray")
    signals = {name: typed.array(one) for name, one in _signals(measured, kind, rng).items()}
    return typed.data_bin(signals, measured.shape, "ndarray")


def plain_data(measured: Measured, kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Write a pub's data as hexadecimal words, the shots on the innermost axis."""
    if kind != "classified":
        return {
            name: np.stack([one.real, one.imag], axis=-1).tolist()
            for name, one in _signals(measured, kind, rng).items()
        }
    return {
        name: {"samples": _words(rows), "num_bits": size}
        for name, (size, rows) in measured.registers.items()
    }


def _words(rows: NDArray[np.uint8]) -> list[Any]:
    if rows.ndim == 2:
        return [hex(int.from_bytes(row.tobytes(), "big")) for row in rows]
    return [_words(one) for one in rows]


def _signals(
    measured: Measured, kind: str, rng: np.random.Generator
) -> dict[str, NDArray[np.complex128]]:
    """Make up the readout signal behind every bit; bit 0 of a register comes first."""
    signals = {}
    for name, (size, rows) in measured.registers.items():
        bits = np.unpackbits(rows, axis=-1)[..., ::-1][..., :size]
        noise = rng.normal(0, SIGNAL_SPREAD, (2, *bits.shape))
        found = (2.0 * bits - 1 + noise[0]) + 1j * noise[1]
        signals[name] = found.mean(axis=-2) if kind == "avg_kerneled" else found
    return signals
