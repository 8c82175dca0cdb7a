"""Circuits executed for real: OpenQASM text in, counts out.

Rules: Qiskit parses and Aer computes, in a worker process when serving, so that no reply waits for
a simulation, and inline on a virtual clock, which would take waiting for a worker for idleness.
Aer is only ever loaded by the main thread of a process. What depends on the text alone is computed
once and kept: thousands of jobs with one circuit cost one simulation and one draw each.

Outcomes are integers: bit j is classical bit j, counted through the registers as declared.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from hashlib import sha256
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from qbatch.emulators.aer import aer, for_aer
from qbatch.emulators.noise import Noise, flipped, in_matrices, noisy, readout_model

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

T = TypeVar("T")

#: Up to so many measured bits exact probabilities are computed once and drawn from; beyond, and
#: for dynamic circuits, every job's shots are simulated.
MOST_EXACT_BITS = 14

#: Above so many qubits a state vector does not fit; Aer then chooses a method by itself.
MOST_EXACT_QUBITS = 24

#: Above so many qubits a density matrix of a noisy circuit takes too long.
MOST_NOISY_QUBITS = 10

#: Circuits whose solution is kept.
MOST_KEPT = 8_192


class ProgramError(Exception):
    """The text cannot be compiled or does not fit the device; the message says why."""


@dataclass(frozen=True)
class Solution:
    """What a program's text alone determines.

    Attributes:
        registers: (name, bits) of each classical register, as declared.
        operations: Operation name -> how often; Qiskit's names.
        qubit_registers: (name, qubits) of each quantum register, as declared; none for a program
            on physical qubits.
        measurements: (qubit, classical bit) of each measurement in the program's order, those in
            branches and loops too.
        pairs: Qubits that some operation acts on together.
        is_dynamic: Mid-circuit measurement, reset after start or classical control.
        outcomes: Possible outcomes, or empty when `probabilities` is None.
        probabilities: One per outcome, or None when every job's shots must be simulated.
        error: Why the program cannot run, or "".
    """

    num_qubits: int = 0
    registers: tuple[tuple[str, int], ...] = ()
    operations: Mapping[str, int] = field(default_factory=dict)
    qubit_registers: tuple[tuple[str, int], ...] = ()
    measurements: tuple[tuple[int, int], ...] = ()
    pairs: frozenset[tuple[int, int]] = frozenset()
    is_dynamic: bool = False
    outcomes: tuple[int, ...] = ()
    probabilities: tuple[float, ...] | None = None
    error: str = ""

    @property
    def num_bits(self) -> int:
        return sum(size for _, size in self.registers)

    @property
    def num_qubit_registers(self) -> int:
        return len(self.qubit_registers)


def read_program(text: str) -> QuantumCircuit:
    """Parse OpenQASM 2 or 3, told apart by the header; without one it is OpenQASM 3.

    Raises:
        ProgramError: It cannot be parsed, or inputs are left open.
    """
    from openqasm3.parser import QASM3ParsingError
    from qiskit import qasm2
    from qiskit.exceptions import QiskitError
    from qiskit_qasm3_import.exceptions import ConversionError

    from qbatch.emulators.openqasm3 import load

    damaged = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
    try:
        if re.search(r"^\s*OPENQASM\s+2", text, re.MULTILINE):
            return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
        circuit = load(_with_standard_gates(text))
    except (QASM3ParsingError, ConversionError, QiskitError, *damaged) as error:
        raise ProgramError(f"cannot parse the program: {error}") from error
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise ProgramError(f"inputs without a value: {names}")
    return circuit


def _with_standard_gates(text: str) -> str:
    """Add ``stdgates.inc`` where missing: some clouds build its gates in."""
    if "stdgates.inc" in text:
        return text
    header = re.search(r"OPENQASM\s+3(\.\d+)?\s*;", text)
    at = header.end() if header else 0
    return f'{text[:at]}\ninclude "stdgates.inc";\n{text[at:]}'


def solve(text: str, max_qubits: int, noise: Noise | None = None) -> Solution:
    """Parse and, where it can be done once for all, simulate. Never raises for bad programs."""
    try:
        circuit = read_program(text)
    except ProgramError as error:
        return Solution(error=str(error))
    return solve_circuit(circuit, max_qubits, noise)


def solve_circuit(circuit: QuantumCircuit, max_qubits: int, noise: Noise | None = None) -> Solution:
    """Simulate what can be done once for all of a circuit without open parameters."""
    measured = _measured_qubits(circuit)
    facts = Solution(
        num_qubits=circuit.num_qubits,
        registers=_registers(circuit),
        operations=dict(circuit.count_ops()),
        qubit_registers=tuple((register.name, register.size) for register in circuit.qregs),
        measurements=tuple(_measurements(circuit)),
        pairs=_pairs(circuit),
        is_dynamic=measured is None,
    )
    problem = _problem(circuit, max_qubits)
    if problem:
        return replace(facts, error=problem)
    compact = _compact(circuit)
    measured = _measured_qubits(compact)
    if (
        measured is None
        or len(measured) > MOST_EXACT_BITS
        or compact.num_qubits > (MOST_NOISY_QUBITS if noise else MOST_EXACT_QUBITS)
    ):
        return facts
    outcomes, probabilities = _exact(compact, measured, noise)
    return replace(facts, outcomes=outcomes, probabilities=probabilities)


def _problem(circuit: QuantumCircuit, max_qubits: int) -> str:
    if circuit.num_qubits > max_qubits:
        return f"the program uses {circuit.num_qubits} qubits, the device has {max_qubits}"
    if "measure" not in circuit.count_ops() and not any(
        hasattr(one.operation, "blocks") for one in circuit.data
    ):
        return "the program measures nothing"
    return ""


def _registers(circuit: QuantumCircuit) -> tuple[tuple[str, int], ...]:
    """Return name and bits of each classical register; a lone bit is a register of its own."""
    registers: dict[str, int] = {}
    for at, bit in enumerate(circuit.clbits):
        homes = circuit.find_bit(bit).registers
        name = homes[0][0].name if homes else f"bit{at}"
        registers[name] = registers.get(name, 0) + 1
    return tuple(registers.items())


def _compact(circuit: QuantumCircuit) -> QuantumCircuit:
    """Leave out qubits that nothing touches: programs on physical qubits are wide and sparse."""
    from qiskit import QuantumCircuit

    used = {qubit for one in circuit.data for qubit in one.qubits if one.name != "barrier"}
    if len(used) == circuit.num_qubits:
        return circuit
    kept = [qubit for qubit in circuit.qubits if qubit in used]
    compact = QuantumCircuit(kept, circuit.clbits, *circuit.cregs)
    for one in circuit.data:
        if one.name != "barrier":
            compact.append(one)
    return compact


def _pairs(circuit: QuantumCircuit) -> frozenset[tuple[int, int]]:
    return frozenset(
        (circuit.find_bit(one.qubits[0]).index, circuit.find_bit(one.qubits[1]).index)
        for one in circuit.data
        if len(one.qubits) == 2 and one.operation.name != "barrier"
    )


def _measurements(circuit: QuantumCircuit) -> Iterator[tuple[int, int]]:
    for one in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in one.qubits]
        bits = [circuit.find_bit(bit).index for bit in one.clbits]
        if one.operation.name == "measure":
            yield qubits[0], bits[0]
        for block in getattr(one.operation, "blocks", ()):
            yield from ((qubits[qubit], bits[bit]) for qubit, bit in _measurements(block))


def _measured_qubits(circuit: QuantumCircuit) -> dict[int, int] | None:
    """Return classical bit -> qubit of the final measurements, or None for a dynamic circuit."""
    qubit_of: dict[int, int] = {}
    done: set[int] = set()
    used: set[int] = set()
    for one in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in one.qubits]
        if one.operation.name == "barrier":
            continue
        if hasattr(one.operation, "blocks") or done.intersection(qubits):
            return None
        if one.operation.name == "reset" and used.intersection(qubits):
            return None
        used.update(qubits)
        if one.operation.name == "measure":
            bit = circuit.find_bit(one.clbits[0]).index
            if bit in qubit_of:
                return None
            qubit_of[bit] = qubits[0]
            done.add(qubits[0])
    return qubit_of


def _exact(
    circuit: QuantumCircuit, qubit_of: Mapping[int, int], noise: Noise | None
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    from qiskit import QuantumCircuit

    bits = sorted(qubit_of)
    bare = QuantumCircuit(circuit.num_qubits)
    for one in circuit.data:
        if one.operation.name not in {"measure", "barrier", "reset"}:
            bare.append(one.operation, [circuit.find_bit(qubit).index for qubit in one.qubits])
    bare = in_matrices(noisy(for_aer(bare), noise)) if noise else for_aer(bare)
    bare.save_probabilities([qubit_of[bit] for bit in bits])
    method = {"method": "density_matrix"} if noise else {}
    values = aer().run(bare, **method).result().data(0)["probabilities"]
    if noise:
        values = flipped(values, noise.readout)
    outcomes, probabilities = [], []
    for index, probability in enumerate(values):
        if probability > 1e-12:
            outcomes.append(sum(1 << bit for at, bit in enumerate(bits) if index >> at & 1))
            probabilities.append(float(probability))
    total = sum(probabilities)
    return tuple(outcomes), tuple(one / total for one in probabilities)


def simulate_shots(text: str, shots: int, seed: int, noise: Noise | None = None) -> dict[int, int]:
    """Simulate every shot; for dynamic and wide circuits. Returns outcome -> count."""
    return simulate_circuit(read_program(text), shots, seed, noise)


def simulate_circuit(
    circuit: QuantumCircuit, shots: int, seed: int, noise: Noise | None = None
) -> dict[int, int]:
    """Simulate every shot of a circuit without open parameters. Returns outcome -> count."""
    bare = for_aer(_compact(circuit))
    more = {"noise_model": readout_model(noise.readout)} if noise and noise.readout else {}
    if noise:
        bare = noisy(bare, noise)
    result = aer().run(bare, shots=shots, seed_simulator=seed % 2**31, **more).result()
    return {int(word, 16): int(count) for word, count in result.data(0)["counts"].items()}


def draw(solution: Solution, shots: int, seed: int) -> dict[int, int]:
    """Draw `shots` outcomes from exact probabilities. Returns outcome -> count, none zero."""
    import numpy as np

    chances = np.asarray(solution.probabilities, dtype=float)
    drawn = np.random.default_rng(seed).multinomial(shots, chances)
    return {
        outcome: int(count)
        for outcome, count in zip(solution.outcomes, drawn, strict=True)
        if count
    }


class Computation(Generic[T]):
    """A value that is being computed: now (inline) or in the worker."""

    def __init__(self, start: Callable[[], Future[T] | T]) -> None:
        self._start = start
        self._future: Future[T] | None = None
        self._value: T | None = None
        self._has_value = False

    @property
    def is_done(self) -> bool:
        """True once `value` answers at once. Computes it when there is no worker."""
        self._begin()
        return self._has_value or (self._future is not None and self._future.done())

    def value(self) -> T:
        self._begin()
        if not self._has_value and self._future is not None:
            self._value, self._has_value = self._future.result(), True
        return self._value  # type: ignore[return-value]

    def _begin(self) -> None:
        if self._has_value or self._future is not None:
            return
        started = self._start()
        if isinstance(started, Future):
            self._future = started
        else:
            self._value, self._has_value = started, True


class Sample:
    """The shots of one job."""

    def __init__(
        self,
        simulator: Simulator,
        text: str,
        max_qubits: int,
        shots: int,
        seed: int,
        noise: Noise | None = None,
    ) -> None:
        self._solution = simulator.solve(text, max_qubits, noise)
        self._shots = shots
        self._seed = seed
        self._simulated = Computation(
            lambda: simulator.call(simulate_shots, text, shots, seed, noise),
        )

    @property
    def is_done(self) -> bool:
        if not self._solution.is_done:
            return False
        solution = self.solution
        return bool(solution.error) or solution.probabilities is not None or self._simulated.is_done

    @property
    def solution(self) -> Solution:
        return self._solution.value()

    @property
    def counts(self) -> dict[int, int]:
        """Outcome -> count, summing to the shots asked for."""
        if self.solution.probabilities is None:
            return self._simulated.value()
        return draw(self.solution, self._shots, self._seed)


class Simulator:
    """Runs programs for all clouds of an emulation.

    Args:
        inline: Compute where asked, at once; for virtual clocks. Otherwise in one worker process.
        seed: Root of every job's seed.
    """

    def __init__(self, *, inline: bool, seed: int = 0) -> None:
        self._seed = seed
        self._kept: dict[tuple[str, int, Noise | None], Computation[Solution]] = {}
        self._pool = None if inline else _new_pool()

    @property
    def is_inline(self) -> bool:
        """Computes where asked; there is no worker."""
        return self._pool is None

    def solve(
        self, text: str, max_qubits: int, noise: Noise | None = None
    ) -> Computation[Solution]:
        """Compile and simulate what does not depend on shots."""
        key = (sha256(text.encode()).hexdigest(), max_qubits, noise)
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = Computation(lambda: self.call(solve, text, max_qubits, noise))
        return self._kept[key]

    def sample(
        self, text: str, max_qubits: int, shots: int, salt: str, noise: Noise | None = None
    ) -> Sample:
        """Begin a job's simulation; `salt` (its id) makes its draw its own."""
        sample = Sample(self, text, max_qubits, shots, self.seed_of(salt), noise)
        if self._pool is not None:
            _ = sample.is_done  # starts the worker on it
        return sample

    def seed_of(self, salt: str) -> int:
        """Return the seed that belongs to `salt`: the same one in every emulation of one seed."""
        return int.from_bytes(sha256(f"{self._seed}:{salt}".encode()).digest()[:6], "big")

    def call(self, function: Callable[..., T], *arguments: Any) -> Future[T] | T:
        """Call now (inline) or in the worker; one that a program killed is replaced."""
        if self._pool is None:
            return function(*arguments)
        try:
            return self._pool.submit(function, *arguments)
        except BrokenProcessPool:
            self._pool = _new_pool()
            return self._pool.submit(function, *arguments)

    def warm_up(self) -> None:
        """Wait until the worker has loaded Aer, so that no first job pays for it."""
        if self._pool is not None:
            self._pool.submit(
                solve, "OPENQASM 2.0; qreg q[1]; creg c[1]; measure q->c;", 1
            ).result()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=prepare_worker
    )


def prepare_worker() -> None:
    """Load Aer in the worker's main thread, and end with the server, however that ends."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=lambda: wait([parent.sentinel]) and os._exit(0), daemon=True
        ).start()
    aer()


def bitstrings(counts: Mapping[int, int], num_bits: int) -> dict[str, int]:
    """Write outcomes as text; rightmost character is classical bit 0."""
    return {format(outcome, f"0{num_bits}b"): count for outcome, count in sorted(counts.items())}


def by_register(
    counts: Mapping[int, int], registers: tuple[tuple[str, int], ...]
) -> dict[str, dict[int, int]]:
    """Split whole outcomes into each register's own: marginal counts."""
    split: dict[str, dict[int, int]] = {}
    first = 0
    for name, size in registers:
        mine = split[name] = {}
        for outcome, count in sorted(counts.items()):
            value = outcome >> first & ((1 << size) - 1)
            mine[value] = mine.get(value, 0) + count
        first += size
    return split
