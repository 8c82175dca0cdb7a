"""A Clifford circuit's outcomes held against two others that computed them, before any is given.

Aer's tableau draws `SHOTS` of its own, which must all be among the outcomes; and Qiskit's tableau
must have as many free bits. A set of outcomes that is no larger than it should be and holds none
too few is the right one: a sum that is missing is met by every second shot. What samples are drawn
from, rows of classical bits, is read back and must be those outcomes.

`SHOTS` shots drawn must be those that `plain` reads one by one, in two runs, with the misreading
asked for, which is seldom met in so few, and with one that is met in every second bit.

Rules: as in `guard`: once for each circuit, settings and versions, kept on disk. Each sample
is then counted, and the first of each size of a chunk must hold its last shot (`Shots.difference`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from qbatch.errors import Refused
from qbatch.providers.local import verdicts
from qbatch.providers.local.failures import told_of
from qbatch.providers.local.plain import NOTHING
from qbatch.providers.local.prepare import simulator_of, without_measurements
from qbatch.providers.local.stabilizers.draws import Outcomes, sample
from qbatch.providers.local.stabilizers.plain import Flip, Shots
from qbatch.providers.local.stabilizers.program import Stabilized
from qbatch.providers.local.tableau import PRIMITIVE, in_tableau_gates
from qbatch.providers.local.translation import is_standard
from qbatch.providers.local.verdicts import Verdict
from qbatch.providers.local.work import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qbatch.providers.local.stabilizers.draws import Rows

#: Of Aer's; outcomes that should be there and are not escape all of them once in 2**SHOTS circuits.
SHOTS = 32

#: How qubits are misread to see that they are: each of three neighbours otherwise.
LOUD: tuple[Flip, ...] = ((0.3, 0.6), (0.7, 0.2), (0.45, 0.9))


def hold(made: Stabilized, program: Program) -> None:
    """Hold what was found of a circuit against Aer and Qiskit.

    Raises:
        Refused: They disagree; or Aer computes nothing.
    """
    key = verdicts.key_of(program.key, ("stabilizers",))
    if verdicts.read(key) is not None:
        return
    circuit = made.circuit if _is_primitive(made.circuit) else in_tableau_gates(made.circuit)
    difference = _difference(made, circuit, _of_aer(circuit, program))
    if difference := difference or _difference_of_shots(made):
        raise Refused(
            f"local: circuit {program.circuit.name!r}: stabilizers are computed wrongly "
            f"({difference}); no number is given; options: {{method: stabilizer}} computes by Aer"
        )
    verdicts.keep(key, Verdict(together=True))


def _is_primitive(circuit: QuantumCircuit) -> bool:
    """Whether Aer and Qiskit take its gates by name."""
    operations = [item.operation for item in circuit.data if item.operation.name not in NOTHING]
    return all(each.name in PRIMITIVE and is_standard(each) for each in operations)


def _difference(made: Stabilized, circuit: QuantumCircuit, drawn: Iterable[int]) -> str:
    for bits in drawn:
        if not made.support.contains(_outcome(bits, made.positions)):
            return f"Aer draws {bits:0{len(made.positions)}b}, which should never come"
    wanted, found = free_bits(circuit, made.measured), len(made.support.directions)
    if found != wanted:
        return f"2**{found} outcomes, by Qiskit 2**{wanted}"
    return _difference_of_rows(made)


def _difference_of_rows(made: Stabilized) -> str:
    """Hold the rows that samples are made of against the outcomes."""
    rows = _numbers_of((made.outcomes.origin, *made.outcomes.directions))
    wanted = [made.support.origin, *made.support.directions]
    if [_outcome(row, made.positions) for row in rows] != wanted:
        return "rows are not the outcomes they stand for"
    return ""


def _difference_of_shots(made: Stabilized) -> str:
    """Hold shots drawn, and which bits are misread how often, against `plain`."""
    shots, misread = made.shots, made.outcomes.misread
    flips = dict(shots.flips)
    told = {(one.bit, one.p01, one.p10) for one in misread}
    if told != {(bit, *flips[place]) for bit, place in shots.bits if place in flips}:
        return "bits are misread otherwise than asked for"
    loud = [*itertools.islice(itertools.cycle(LOUD), len(misread))]
    louder = tuple(
        replace(one, p01=p01, p10=p10) for one, (p01, p10) in zip(misread, loud, strict=True)
    )
    loud_shots = replace(shots, flips=tuple(zip(flips, loud, strict=True)))
    return _first_wrong(made.outcomes, shots) or _first_wrong(
        replace(made.outcomes, misread=louder), loud_shots
    )


def _first_wrong(outcomes: Outcomes, shots: Shots) -> str:
    """Say how the first of two runs differs from `shots`; "" where none does."""
    for number, start in ((SHOTS, 0), (SHOTS // 2, SHOTS)):
        rows, often = sample(outcomes, number, 1, start)
        drawn: dict[int, int] = {}
        for row, times in zip(_numbers_of(rows), often.tolist(), strict=True):
            drawn[row] = drawn.get(row, 0) + times
        wanted = shots.drawn(number, 1, start)
        for row in sorted({*drawn, *wanted}):
            if drawn.get(row, 0) != wanted.get(row, 0):
                told = f"{row:0{max(1, len(shots.bits))}b}"
                return f"it draws {told} {drawn.get(row, 0)} times, not {wanted.get(row, 0)}"
    return ""


def _numbers_of(rows: Iterable[Rows]) -> list[int]:
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def _outcome(bits: int, positions: Iterable[int | None]) -> int:
    """Return the outcome that classical bits tell; -1, which never comes, where others are set."""
    outcome = 0
    for bit, place in enumerate(positions):
        if bits >> bit & 1:
            if place is None:
                return -1
            outcome |= 1 << place
    return outcome


def _of_aer(circuit: QuantumCircuit, program: Program) -> list[int]:
    """Return outcomes that Aer draws, bit k for classical bit k, each bit read without error."""
    plain = replace(program.settings, noise=None, library="aer")
    result = simulator_of(plain).run(circuit, shots=SHOTS, seed_simulator=1).result()
    if not result.success:
        raise Refused(f"local: nothing to hold it against: {told_of(result, 0)}")
    counts = result.data(0).get("counts", {})  # none where nothing is measured
    return [int(outcome, 16) for outcome in counts]


def free_bits(circuit: QuantumCircuit, measured: Iterable[int]) -> int:
    """Return how many bits of an outcome are free, by Qiskit's tableau."""
    import numpy as np
    from qiskit.quantum_info import Clifford

    moving = Clifford(_without_resets(circuit)).stab_x[:, [*measured]]
    rank = 0
    for column in range(moving.shape[1]):
        rows = np.flatnonzero(moving[rank:, column]) + rank
        if not len(rows):
            continue
        moving[[rank, rows[0]]] = moving[[rows[0], rank]]
        moving[rows[1:]] ^= moving[rank]
        rank += 1
    return rank


def _without_resets(circuit: QuantumCircuit) -> QuantumCircuit:
    bare = without_measurements(circuit)
    bare.data = [item for item in bare.data if item.operation.name != "reset"]
    return bare
