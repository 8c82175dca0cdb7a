"""A Clifford circuit's outcomes held against two others that computed them, before any is given.

Aer's tableau draws `SHOTS` of its own, which must all be among the outcomes; and Qiskit's tableau
must have as many free bits. A set of outcomes that is no larger than it should be and holds none
too few is the right one: a sum that is missing is met by every second shot. What samples are drawn
from, rows of classical bits, is read back and must be those outcomes; so must `SHOTS` rows drawn.

Rules: as in `guard`: once for each circuit, settings and versions, kept on disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from qbatch.errors import Refused
from qbatch.providers.local import verdicts
from qbatch.providers.local.failures import told_of
from qbatch.providers.local.plain import NOTHING
from qbatch.providers.local.prepare import simulator_of, without_measurements
from qbatch.providers.local.stabilizers.draws import sample
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


def hold(made: Stabilized, program: Program) -> None:
    """Hold what was found of a circuit against Aer and Qiskit.

    Raises:
        Refused: They disagree; or Aer computes nothing.
    """
    key = verdicts.key_of(program.key, ("stabilizers",))
    if verdicts.read(key) is not None:
        return
    circuit = made.circuit if _is_primitive(made.circuit) else in_tableau_gates(made.circuit)
    if difference := _difference(made, circuit, _of_aer(circuit, program)):
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
    """Hold the rows that samples are made of, and some drawn, against the outcomes."""
    rows = _numbers_of((made.outcomes.origin, *made.outcomes.directions))
    wanted = [made.support.origin, *made.support.directions]
    if [_outcome(row, made.positions) for row in rows] != wanted:
        return "rows are not the outcomes they stand for"
    drawn, _ = sample(replace(made.outcomes, misread=()), SHOTS, 1)
    for row in _numbers_of(drawn):
        if not made.support.contains(_outcome(row, made.positions)):
            return f"it draws {row:0{len(made.positions)}b}, which should never come"
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
