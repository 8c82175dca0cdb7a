"""A Clifford circuit made ready, once for each circuit and settings in a process; and computed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.providers.local.exact import failed
from qbatch.providers.local.failures import failures, told
from qbatch.providers.local.plain import NOTHING
from qbatch.providers.local.points import assigned
from qbatch.providers.local.prepare import as_written, counted_preparation, reading
from qbatch.providers.local.stabilizers.draws import Misread, Outcomes, sample, to_row
from qbatch.providers.local.stabilizers.plain import Shots
from qbatch.providers.local.stabilizers.support import Support, support_of
from qbatch.providers.local.tableau import steps_or_refusal
from qbatch.providers.local.work import Computed, Drawn, Evolution, Program, Sampling

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@dataclass(frozen=True, slots=True)
class Stabilized:
    """A circuit whose outcomes are known.

    Attributes:
        circuit: As written.
        parameters: The circuit's, in the order of `CircuitFacts.parameters`; None: not used. No
            gate has one.
        measured: Outcome bit k of `support` is qubit ``measured[k]``.
        positions: Classical bit -> index into `measured`, None where nothing is written.
        support: Before any bit is misread.
        outcomes: The same in classical bits, with what is misread.
        shots: What samples are held against.
    """

    circuit: QuantumCircuit
    parameters: tuple[Any, ...]
    measured: tuple[int, ...]
    positions: tuple[int | None, ...]
    support: Support
    outcomes: Outcomes
    shots: Shots


def prepare(program: Program) -> Stabilized:
    """Make a program ready.

    Raises:
        CircuitError, Refused: It cannot be built, or a gate is no Clifford gate.
    """
    import numpy as np

    counted_preparation()
    circuit = as_written(program)
    read = reading(circuit, program.settings)
    support = support_of(_steps(circuit), circuit.num_qubits, read.measured)
    num_bytes = (len(read.positions) + 7) // 8
    rows = [to_row(each, read.positions) for each in (support.origin, *support.directions)]
    table = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), num_bytes)
    bits = {place: bit for bit, place in enumerate(read.positions) if place is not None}
    misread = tuple(
        Misread(bits[place], *flip) for place, flip in enumerate(read.flips) if flip is not None
    )
    by_name = {parameter.name: parameter for parameter in circuit.parameters}
    return Stabilized(
        circuit=circuit,
        parameters=tuple(map(by_name.get, program.circuit.facts.parameters)),
        measured=read.measured,
        positions=read.positions,
        support=support,
        outcomes=Outcomes(table[0], table[1:], misread),
        shots=Shots.of(circuit, support, program.settings.noise),
    )


def _steps(circuit: QuantumCircuit) -> Iterator[tuple[str, list[int]]]:
    for item in circuit.data:
        if item.operation.name in NOTHING:
            continue
        qubits = [circuit.find_bit(qubit).index for qubit in item.qubits]
        for name, on in steps_or_refusal(item.operation):
            yield name, [qubits[index] for index in on]


def evaluate(made: Stabilized, evolutions: Sequence[Evolution]) -> Iterator[Computed]:
    """Draw the samples of evolutions' jobs."""
    looked_at: set[int] = set()
    for evolution in evolutions:
        began = time.perf_counter()
        try:
            assigned(made.circuit, made.parameters, evolution.values)
            drawn = tuple(_drawn(made, each, looked_at) for each in evolution.samplings)
        except failures() as error:
            yield failed(evolution, told(error), time.perf_counter() - began)
        else:
            yield Computed(drawn, time.perf_counter() - began)


def _drawn(made: Stabilized, sampling: Sampling, looked_at: set[int]) -> Drawn:
    """Draw a sample; of each size, named in `looked_at`, the first is looked at closely."""
    rows, often = sample(made.outcomes, sampling.shots, sampling.seed, sampling.start)
    difference = made.shots.difference_of_size(often, sampling)
    if not difference and sampling.shots not in looked_at:
        looked_at.add(sampling.shots)
        difference = made.shots.difference(rows, sampling)
    if difference:
        return Drawn(
            sampling.job_id,
            error=f"local: circuit {made.circuit.name!r}: its sample is drawn wrongly "
            f"({difference}); no number is given; options: {{method: stabilizer}} computes by Aer",
        )
    return Drawn(sampling.job_id, rows, often)
