"""Results as the different machines of the emulated Scaleway write them.

An outcome is an integer whose bit j is classical bit j, counted through the registers as declared.
Bit 0 of it stands

- ``qiskit`` (format 2): lowest in a hexadecimal number; one experiment per program.
- ``cirq`` (1): under a key of its own, ``<register>_<index>``, as all bits; keys in the order of
  the measurements, bits that are not measured have none.
- ``cudaq`` (3): nowhere by itself: values are of qubits, of those measured the lowest leftmost.
- ``mimiq`` (4): leftmost, as that library prints its bit arrays; switch ``mimiq_bit_0`` (left |
  right) for the other reading.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from qbatch.emulators.simulation import Solution

#: Flavour -> ``serialization_format``.
FORMATS = {"cirq": 1, "qiskit": 2, "cudaq": 3, "mimiq": 4}


class Shots:
    """One program's outcomes, one by one.

    Args:
        counts: Outcome -> count.
        seed: Fixes the order, which counts do not tell.
        most: Only the first so many are told.
    """

    def __init__(
        self, solution: Solution, counts: Mapping[int, int], seed: str, most: int | None = None
    ) -> None:
        self.solution = solution
        self._all, self._seed, self._most = counts, seed, most
        self.counts = dict(counts) if most is None else Counter(self.in_order())

    @property
    def number(self) -> int:
        return sum(self.counts.values())

    def in_order(self) -> list[int]:
        outcomes = [one for one, count in self._all.items() for _ in range(count)]
        random.Random(self._seed).shuffle(outcomes)
        return outcomes[: self._most]


def qiskit_result(programs: Sequence[Shots], *, memory: bool) -> dict[str, Any]:
    return {
        "backend_name": "emulated",
        "backend_version": "1.0",
        "qobj_id": "",
        "job_id": "",
        "success": True,
        "status": "COMPLETED",
        "results": [_experiment(one, at, memory=memory) for at, one in enumerate(programs)],
    }


def _experiment(shots: Shots, at: int, *, memory: bool) -> dict[str, Any]:
    solution = shots.solution
    data: dict[str, Any] = {"counts": {hex(one): n for one, n in sorted(shots.counts.items())}}
    if memory:
        data["memory"] = [hex(one) for one in shots.in_order()]
    return {
        "shots": shots.number,
        "success": True,
        "status": "DONE",
        "meas_level": 2,
        "data": data,
        "header": {
            "name": f"circuit-{at}",
            "n_qubits": solution.num_qubits,
            "memory_slots": solution.num_bits,
            "creg_sizes": [list(one) for one in solution.registers],
            "qreg_sizes": [list(one) for one in solution.qubit_registers],
            "global_phase": 0.0,
            "metadata": {},
        },
    }


def cirq_result(shots: Shots) -> dict[str, Any]:
    names = [f"{name}_{index}" for name, size in shots.solution.registers for index in range(size)]
    outcomes = shots.in_order()
    measured = dict.fromkeys(bit for _, bit in shots.solution.measurements)
    return {
        "params": {"cirq_type": "ParamResolver", "param_dict": []},
        "records": {
            names[bit]: {
                "packed_digits": packed_bits([outcome >> bit & 1 for outcome in outcomes]),
                "binary": True,
                "dtype": "uint8",
                "shape": [len(outcomes), 1, 1],
            }
            for bit in measured
        },
    }


def packed_bits(bits: Sequence[int]) -> str:
    """Return bits as hexadecimal bytes: the first is the first byte's highest, zeros follow."""
    text = "".join(map(str, bits))
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").hex() if text else ""


def cudaq_sample(shots: Shots) -> list[int]:
    """Return registers as flat numbers; there is one, of all qubits measured."""
    bit_of = dict(sorted(dict(shots.solution.measurements).items()))
    counts: Counter[int] = Counter()
    for outcome, count in sorted(shots.counts.items()):
        bits = "".join(str(outcome >> bit & 1) for bit in bit_of.values())
        counts[int(bits, 2)] += count
    name = "__global__"
    flat = [len(name), *map(ord, name), len(counts)]
    for value, count in counts.items():
        flat += [value, len(bit_of), count]
    return flat


def mimiq_result(shots: Shots, *, bit_0: str = "left") -> dict[str, Any]:
    step = -1 if bit_0 == "left" else 1
    size = shots.solution.num_bits
    return {
        "simulator": "MIMIQ-StateVector",
        "version": "0.18.0",
        "timings": {"total": 0.001},
        "fidelity_estimate": 1.0,
        "average_multi_qubit_gate_error_estimate": 0.0,
        "executions": 1,
        "samples": shots.number,
        "amplitudes": {},
        "histogram": {
            format(outcome, f"0{size}b")[::step]: count
            for outcome, count in sorted(shots.counts.items())
        },
    }
