"""Clifford circuits on stim, for those who ask for it: ``options: {method: stim}``.

Rules: stim is optional and imported here alone; it is never chosen by itself, because results must
not depend on what is installed. Counts are the same for the same seed, version of stim and width of
the machine's vector unit (stim's own promise), not across them.

Aer's depolarizing parameter p is the probability of the maximally mixed state, stim's that of some
Pauli error: 3p/4 on one qubit, 15p/16 on two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qbatch.circuit import build
from qbatch.errors import Refused
from qbatch.providers.local.method import PLACED_ROWS
from qbatch.providers.local.points import assigned
from qbatch.providers.local.sampling import count_rows
from qbatch.providers.local.tableau import steps_or_refusal
from qbatch.providers.local.translation import written_out
from qbatch.providers.local.work import Program

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from qiskit import QuantumCircuit

#: Qiskit's gate -> stim's. Global phases do not matter here.
_NAMES: Mapping[str, str] = {
    "h": "H", "x": "X", "y": "Y", "z": "Z", "s": "S", "sdg": "S_DAG", "id": "I", "sx": "SQRT_X",
    "sxdg": "SQRT_X_DAG", "cx": "CX", "cy": "CY", "cz": "CZ", "swap": "SWAP",
}  # fmt: skip

_IGNORED = frozenset({"barrier", "delay"})


@dataclass(slots=True)
class Compiled:
    """A circuit with free parameters, and stim's for the values last seen.

    Attributes:
        circuit: In gates of Qiskit's library.
        names: Of the parameters, in the order values come.
    """

    circuit: QuantumCircuit
    names: tuple[str, ...]
    program: Program
    values: tuple[float, ...] | None = None
    stim: Any = None
    bits: tuple[int | None, ...] = ()


def prepare(program: Program) -> Compiled:
    """Make a program ready; stim's circuit is made once for each set of values.

    Raises:
        Refused: stim is not installed.
    """
    try:
        import stim  # noqa: F401
    except ImportError as error:
        raise Refused(
            "local: method: stim needs the package stim, which is not installed; "
            "pip install 'qbatch[stim]', or take method: stabilizer"
        ) from error
    circuit = written_out(build(program.circuit))
    return Compiled(circuit, program.circuit.facts.parameters, program)


def sample(
    compiled: Compiled, values: tuple[float, ...], shots: int, seed: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Sample outcomes and count them; rows and counts as in `Counts`.

    Raises:
        Refused: The circuit is no Clifford circuit at these values, or acts on measured bits.
    """
    if compiled.values != values:
        compiled.stim, compiled.bits = _to_stim(compiled, values)
        compiled.values = values
    records = compiled.stim.compile_sampler(seed=seed).sample(shots, bit_packed=True)
    if list(compiled.bits) != list(range(compiled.stim.num_measurements)):
        records = _placed(records, compiled.bits)
    return count_rows(records)


def _placed(records: npt.NDArray[np.uint8], bits: Sequence[int | None]) -> npt.NDArray[np.uint8]:
    """Put measurements, packed, into their classical bits, packed."""
    import numpy as np

    rows = np.empty((len(records), (len(bits) + 7) // 8), np.uint8)
    for at in range(0, len(records), PLACED_ROWS):
        unpacked = np.unpackbits(records[at : at + PLACED_ROWS], axis=1, bitorder="little")
        placed = np.zeros((len(unpacked), len(bits)), np.uint8)
        for bit, record in enumerate(bits):
            if record is not None:
                placed[:, bit] = unpacked[:, record]
        rows[at : at + PLACED_ROWS] = np.packbits(placed, axis=1, bitorder="little")
    return rows


def _to_stim(compiled: Compiled, values: Sequence[float]) -> tuple[Any, tuple[int | None, ...]]:
    """Return stim's circuit, and for each classical bit the measurement it holds in the end."""
    import stim

    by_name = {parameter.name: parameter for parameter in compiled.circuit.parameters}
    circuit = assigned(compiled.circuit, [*map(by_name.get, compiled.names)], values)
    built = stim.Circuit()
    noise = compiled.program.settings.noise
    flip = noise.readout.p01 if noise and noise.readout else 0.0
    bits: list[int | None] = [None] * circuit.num_clbits
    if circuit.num_qubits:
        built.append("I", [circuit.num_qubits - 1])
    for item in circuit.data:
        targets = [circuit.find_bit(qubit).index for qubit in item.qubits]
        if item.operation.name == "measure":
            bits[circuit.find_bit(item.clbits[0]).index] = built.num_measurements
            built.append("M", targets, [flip] if flip else [])
        else:
            _append(built.append, item.operation, targets)
            _add_noise(built.append, item.operation, targets, compiled.program)
    return built, tuple(bits)


def _append(append: Callable[..., None], operation: Any, targets: Sequence[int]) -> None:
    name = operation.name
    if name in _IGNORED:
        return
    if name == "reset":
        append("R", targets)
    elif getattr(operation, "blocks", None) is not None:
        raise Refused(f"local: stim knows no {name}; take method: stabilizer")
    else:
        for step, on in steps_or_refusal(operation, "stim"):
            append(_NAMES[step], [targets[index] for index in on])


def _add_noise(
    append: Callable[..., None], operation: Any, targets: Sequence[int], program: Program
) -> None:
    from qiskit.circuit import Gate

    noise = program.settings.noise
    if noise is None or noise.depolarizing is None or not isinstance(operation, Gate):
        return
    if len(targets) == 1 and noise.depolarizing.one_qubit:
        append("DEPOLARIZE1", targets, noise.depolarizing.one_qubit * 3 / 4)
    elif len(targets) == 2 and noise.depolarizing.two_qubit:
        append("DEPOLARIZE2", targets, noise.depolarizing.two_qubit * 15 / 16)
