"""One sweep on one core: what a worker computes beside Aer, qulacs and scaluq called by hand.

`pip install qulacs scaluq` to have those two in the table; they are measured where they are.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from measuring import Row

DEPTH, SHOTS, ROUNDS = 10, 1024, 5

#: Qubits -> points a round: about a quarter of a second of the slowest.
POINTS = {4: 400, 8: 160, 10: 60, 12: 24, 14: 8, 16: 3}
NOISY_QUBITS, NOISY_POINTS = 5, 24
ONE_QUBIT, TWO_QUBIT, MISREAD = 0.001, 0.01, 0.02

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure() -> Iterator[Row]:
    for qubits, points in POINTS.items():
        rates = _rates(str(qubits), str(points))
        ours = rates.pop("ours")
        best = max(rates, key=rates.__getitem__)
        yield Row(
            f"a sweep of {qubits} qubits at depth {DEPTH}, counts of {SHOTS:,} shots, one core",
            f"{ours:.0f} points/s",
            f"the best of {', '.join(rates)} by hand: {best}",
            f"{rates[best]:.0f} points/s",
            f"{ours / rates[best]:.2f} x",
            ">= 1.5 x",
        )
    rates = _rates(str(NOISY_QUBITS), str(NOISY_POINTS), "noisy")
    yield Row(
        f"the same of {NOISY_QUBITS} qubits, depolarized and misread, density matrix",
        f"{rates['ours']:.0f} points/s",
        "Aer's density_matrix by hand",
        f"{rates['aer']:.0f} points/s",
        f"{rates['ours'] / rates['aer']:.2f} x",
        ">= 2 x",
    )


def _rates(*arguments: str) -> dict[str, float]:
    """Return points a second of each, measured in turn in a process of one thread."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"simulators {arguments} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


# -- in a process of its own -----------------------------------------------------------------------


def gates(qubits: int) -> Iterator[tuple[str, int, int]]:
    """Yield ("ry" or "rz", qubit, number of the parameter) and ("cx", control, target)."""
    number = 0
    for _ in range(DEPTH):
        for qubit in range(qubits):
            yield "ry", qubit, number
            yield "rz", qubit, number + 1
            number += 2
        for qubit in range(qubits - 1):
            yield "cx", qubit, qubit + 1


def ours(qubits: int, values, noisy: bool) -> Callable[[], object]:
    from pathlib import Path

    from qbatch.circuit import open_circuit
    from qbatch.manifest.models import Backend, Circuit
    from qbatch.providers import Order
    from qbatch.providers.local.engine import simulate
    from qbatch.providers.local.settings import read_settings
    from qbatch.providers.local.work import cut

    names = [f"t{k}" for k in range(values.shape[1])]
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', *(f"input float {n};" for n in names)]
    lines += [f"qubit[{qubits}] q;", f"bit[{qubits}] c;"]
    for gate, first, second in gates(qubits):
        told = f"cx q[{first}], q[{second}];" if gate == "cx" else f"{gate}(t{second}) q[{first}];"
        lines.append(told)
    text = "\n".join([*lines, "c = measure q;", ""])
    circuit = open_circuit("ansatz", Circuit(qasm=text), folder=Path()).circuit({})
    noise = {"depolarizing": {"one_qubit": ONE_QUBIT, "two_qubit": TWO_QUBIT}, "readout": MISREAD}
    settings = read_settings(Backend(provider="local", noise=noise if noisy else None), Path())
    orders = [
        Order(f"{k:064x}", f"point {k}", circuit, dict(zip(names, row, strict=True)), SHOTS, k)
        for k, row in enumerate(values.tolist())
    ]
    chunks = [*cut(orders, settings)]

    def sweep() -> None:
        for chunk in chunks:
            answer = simulate(chunk)
            assert not answer.errors, answer.errors

    return sweep


def aer(qubits: int, values, noisy: bool) -> Callable[[], object]:
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit_aer import AerSimulator

    parameters = ParameterVector("t", values.shape[1])
    circuit = QuantumCircuit(qubits, qubits)
    for gate, first, second in gates(qubits):
        if gate == "cx":
            circuit.cx(first, second)
        else:
            getattr(circuit, gate)(parameters[second], first)
    circuit.measure(range(qubits), range(qubits))
    method = "density_matrix" if noisy else "statevector"
    simulator = AerSimulator(method=method, noise_model=_noise_model() if noisy else None)
    binds = {p: values[:, k].tolist() for k, p in enumerate(parameters)}

    def sweep() -> None:
        result = simulator.run([circuit], shots=SHOTS, parameter_binds=[binds]).result()
        for k in range(len(values)):
            result.get_counts(k)

    return sweep


def _noise_model():
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(ONE_QUBIT, 1), ["ry", "rz"])
    model.add_all_qubit_quantum_error(depolarizing_error(TWO_QUBIT, 2), ["cx"])
    rows = [[1 - MISREAD, MISREAD], [MISREAD, 1 - MISREAD]]
    model.add_all_qubit_readout_error(ReadoutError(rows))
    return model


def counted(samples) -> object:
    import numpy as np

    return np.unique(np.asarray(samples), return_counts=True)


def qulacs(qubits: int, values) -> Callable[[], object]:
    from qulacs import ParametricQuantumCircuit, QuantumState

    circuit, state = ParametricQuantumCircuit(qubits), QuantumState(qubits)
    for gate, first, second in gates(qubits):
        if gate == "cx":
            circuit.add_CNOT_gate(first, second)
        elif gate == "ry":
            circuit.add_parametric_RY_gate(first, 0.0)
        else:
            circuit.add_parametric_RZ_gate(first, 0.0)

    def sweep() -> None:
        for row in values.tolist():
            for number, angle in enumerate(row):
                circuit.set_parameter(number, -angle)
            state.set_zero_state()
            circuit.update_quantum_state(state)
            counted(state.sampling(SHOTS))

    return sweep


def scaluq(qubits: int, values) -> Callable[[], object]:
    import scaluq as library

    circuit = library.Circuit(qubits) if _takes_qubits(library) else library.Circuit()
    for gate, first, second in gates(qubits):
        if gate == "cx":
            circuit.add_gate(library.gate.CX(first, second))
        else:
            turn = library.gate.ParamRY if gate == "ry" else library.gate.ParamRZ
            circuit.add_param_gate(turn(first), str(second))
    columns = {str(k): values[:, k].tolist() for k in range(values.shape[1])}

    def sweep() -> None:
        states = library.StateVectorBatched(len(values), qubits)
        states.set_zero_state()
        circuit.update_quantum_state(states, columns)
        for samples in states.sampling(SHOTS):
            counted(samples)

    return sweep


def _takes_qubits(library) -> bool:
    try:
        library.Circuit(2)
    except (TypeError, ValueError):
        return False
    return True


def main(qubits: int, points: int, noisy: bool) -> None:
    import numpy as np

    values = np.random.default_rng(1).uniform(0, 6, (points, 2 * qubits * DEPTH))
    work = {"ours": ours(qubits, values, noisy), "aer": aer(qubits, values, noisy)}
    if not noisy:
        peers = {"qulacs": qulacs, "scaluq": scaluq}
        work |= {n: make(qubits, values) for n, make in peers.items() if find_spec(n)}
    times: dict[str, list[float]] = {name: [] for name in work}
    for round_ in range(ROUNDS + 1):
        for name, sweep in work.items():
            start = time.perf_counter()
            sweep()
            if round_:
                times[name].append(time.perf_counter() - start)
    print(json.dumps({name: points / statistics.median(taken) for name, taken in times.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), "noisy" in sys.argv)
