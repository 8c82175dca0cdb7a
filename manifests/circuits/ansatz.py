"""Circuits built by Python for `ansatz.yaml`; they run only with --trust."""

from math import pi

from qiskit import QuantumCircuit


def h2(theta: float) -> QuantumCircuit:
    """Three copies of exp(-i theta/2 Y0 X1) |01>, measured in Z Z, X X and Y Y.

    Args:
        theta: Radians; 0 is the Hartree-Fock state, in which qubit 0 is 1.
    """
    circuit = QuantumCircuit(6, 6)
    for basis, (first, second) in {"Z": (0, 1), "X": (2, 3), "Y": (4, 5)}.items():
        circuit.x(first)
        circuit.compose(_turn(theta), (first, second), inplace=True)
        for qubit in (first, second):
            if basis == "Y":
                circuit.sdg(qubit)
            if basis in "XY":
                circuit.h(qubit)
    circuit.measure(range(6), range(6))
    return circuit


def _turn(theta: float) -> QuantumCircuit:
    """exp(-i theta/2 Y0 X1): into the Z basis, a parity rotation, and back."""
    turn = QuantumCircuit(2)
    turn.rx(pi / 2, 0)
    turn.h(1)
    turn.cx(0, 1)
    turn.rz(theta, 1)
    turn.cx(0, 1)
    turn.h(1)
    turn.rx(-pi / 2, 0)
    return turn
