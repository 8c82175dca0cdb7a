"""Circuits that calibrate the readout of another one: known bits are prepared and measured.

Such a circuit has the qubits of the other, prepares some of those that it measures as 1 by an ``x``
each, and measures the same qubits into the same classical bits, in one register. Nothing else of
the other circuit is in it, so that all circuits that measure alike have the same one.
"""

from __future__ import annotations

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.qasm.parser import Parser
from qbatch.circuit.sources import circuit_of
from qbatch.circuit.text import Source
from qbatch.errors import Place


class UnfitReadoutError(ValueError):
    """The readout of a circuit cannot be calibrated; the message says why."""


def readout_of(circuit: Circuit) -> dict[int, int]:
    """Tell which qubit each classical bit is read from: bit -> qubit, bits ascending.

    Raises:
        UnfitReadoutError: A bit does not say what a qubit ended in, or nothing is measured.
    """
    facts = circuit.facts
    if facts.is_dynamic:
        raise UnfitReadoutError(
            "the circuit goes on with a qubit or a bit that was measured, or resets one, so that "
            "its bits tell more than a last readout; measure once, at the end"
        )
    found = {bit: qubit for bit, qubit in enumerate(facts.terminal) if qubit is not None}
    if not found:
        raise UnfitReadoutError("nothing is measured; add a measurement")
    return found


def calibration_of(circuit: Circuit, prepared: str) -> Circuit:
    """Return a circuit that prepares known bits, and measures what another circuit does.

    Args:
        circuit: The other.
        prepared: 0 or 1 for each of its classical bits, bit 0 rightmost.

    Raises:
        UnfitReadoutError: As for `readout_of`.
    """
    qubits = readout_of(circuit)
    is_physical = _has_physical_qubits(circuit.text)
    name = "${}" if is_physical else "q[{}]"
    ones = [bit for bit in qubits if prepared[-1 - bit] == "1"]
    lines = [
        "OPENQASM 3.0;",
        'include "stdgates.inc";',
        *([] if is_physical else [f"qubit[{circuit.facts.num_qubits}] q;"]),
        f"bit[{circuit.facts.num_bits}] c;",
        *(f"x {name.format(qubit)};" for qubit in sorted({qubits[bit] for bit in ones})),
        *(f"c[{bit}] = measure {name.format(qubit)};" for bit, qubit in qubits.items()),
    ]
    text = "\n".join([*lines, ""])
    return circuit_of(circuit.name, Source(text, Place(circuit.name, 1, 1)))


def _has_physical_qubits(text: str) -> bool:
    reader = Parser(Source(text, Place("circuit", 1, 1)))
    reader.program()
    return bool(reader.physical)
