"""Circuits as a pub brings them: read, checked against the machine, bound.

Rules: OpenQASM 3 text or one circuit in a QPY file, versions 13 to 17. Qubit i of a circuit is the
machine's qubit i. Values belong to a text's inputs in the order of their declarations, and to a
QPY circuit's parameters in Qiskit's order. A single ``bit`` outside a register is one of its own,
under its name. Readers of untrusted files run in the worker process.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qbatch.emulators.ibm_direct_access.payload import Pub, Values
from qbatch.emulators.ibm_direct_access.typed import InputError, inflated, unwrapped
from qbatch.emulators.noise import Noise
from qbatch.emulators.simulation import Solution, solve_circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

QPY_VERSIONS = range(13, 18)

#: The circuit does not fit the machine.
NOT_ISA = 1517

#: Operations every machine has.
ALWAYS = frozenset(
    {
        *("measure", "reset", "barrier", "delay", "if_else", "for_loop", "switch_case"),
        *("break_loop", "continue_loop", "store"),
    }
)


@dataclass(frozen=True)
class Machine:
    """What a circuit must fit.

    Attributes:
        basis: Gate names; None: anything goes, as long as it is narrow enough.
    """

    qubits: int
    max_shots: int
    basis: frozenset[str] | None
    edges: frozenset[tuple[int, int]]
    noise: Noise | None = None


@dataclass(frozen=True)
class Source:
    """A circuit before it is read; hashable."""

    content: str
    is_text: bool


@dataclass(frozen=True)
class Read:
    """A circuit after it was read.

    Attributes:
        columns: Its parameters, in the order in which values are given.
        fields: (name, classical bits, lowest first) of each register that has a result.
    """

    circuit: QuantumCircuit
    columns: Sequence[Any]
    fields: Sequence[tuple[str, Sequence[int]]]


@dataclass(frozen=True)
class Ready:
    """A pub that was read and checked.

    Attributes:
        where: Its place in the input, for messages.
        rows: Parameter values; the last axis is the parameters', the others are the shape.
    """

    where: str
    pub: Pub
    source: Source
    read: Read
    rows: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.rows.shape[:-1]

    def row(self, index: tuple[int, ...]) -> tuple[float, ...]:
        """Return the parameter values of one point, hashable."""
        return tuple(self.rows[index].tolist())


def prepare(where: str, pub: Pub, machine: Machine) -> Ready:
    """Read a pub's circuit and check it against the machine.

    Raises:
        InputError: It cannot be run.
    """
    source = source_of(where, pub.circuit)
    try:
        read = read_circuit(source)
    except InputError as error:
        raise InputError(f"{where}: {error}", error.code) from error
    check_fits(where, read.circuit, machine)
    if pub.observables is None and pub.shots > machine.max_shots:
        raise InputError(f"{where}: {pub.shots} shots; at most {machine.max_shots}")
    return Ready(where, pub, source, read, rows_of(where, read, pub.values))


def source_of(where: str, given: Any) -> Source:
    """Tell which form a circuit has.

    Raises:
        InputError: None of the two.
    """
    if isinstance(given, str):
        return Source(given, is_text=True)
    wrapped = unwrapped(given, "QuantumCircuit")
    if not isinstance(wrapped, str):
        raise InputError(f"{where}: a circuit is OpenQASM 3 text or a QPY file")
    return Source(wrapped, is_text=False)


@lru_cache(maxsize=256)
def read_circuit(source: Source) -> Read:
    """Read a circuit; its parameters may be open.

    Raises:
        InputError: It cannot be read.
    """
    if source.is_text:
        return _read_text(source.content)
    circuit = _read_qpy(inflated(source.content))
    return Read(circuit, list(circuit.parameters), _fields(circuit, []))


def _read_text(text: str) -> Read:
    from openqasm3.parser import QASM3ParsingError
    from qiskit.exceptions import QiskitError
    from qiskit_qasm3_import.exceptions import ConversionError

    from qbatch.emulators.openqasm3 import load

    damaged = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
    bare = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    if not re.match(r"\s*OPENQASM\s+3(\.\d+)?\s*;", bare):
        raise InputError("the program must begin with OPENQASM 3")
    try:
        circuit = load(text)
    except (QASM3ParsingError, ConversionError, QiskitError, *damaged) as error:
        text = str(error) or "a syntax error"
        raise InputError(f"cannot parse the program: {text}") from error
    by_name = {one.name: one for one in circuit.parameters}
    inputs = re.findall(r"\binput\s+\w+\s*(?:\[[^\]]*\])?\s+(\w+)\s*;", bare)
    columns = [by_name.pop(name) for name in inputs if name in by_name]
    lone = re.findall(r"(?:^|;|\})\s*bit\s+(\w+)\s*[;=]", bare)
    return Read(circuit, [*columns, *by_name.values()], _fields(circuit, lone))


def _read_qpy(content: bytes) -> QuantumCircuit:
    import struct

    from qiskit import QuantumCircuit, qpy
    from qiskit.exceptions import QiskitError

    if content[:6] != b"QISKIT" or len(content) < 7:
        raise InputError("not a QPY file")
    if content[6] not in QPY_VERSIONS:
        text = (
            f"QPY version {content[6]}; versions {QPY_VERSIONS[0]} to {QPY_VERSIONS[-1]} are read"
        )
        raise InputError(text)
    damaged = (QiskitError, ValueError, KeyError, TypeError, AttributeError, IndexError)
    try:
        found = qpy.load(io.BytesIO(content))
    except (*damaged, EOFError, struct.error, OSError, MemoryError, OverflowError) as error:
        raise InputError(f"cannot read the QPY file: {error}") from error
    if len(found) != 1 or not isinstance(found[0], QuantumCircuit):
        raise InputError("a QPY file must hold one circuit")
    return found[0]


def _fields(circuit: QuantumCircuit, lone: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return the registers, and after them the lone bits that have a name."""
    fields = [
        (register.name, [circuit.find_bit(bit).index for bit in register])
        for register in circuit.cregs
        if len(register)
    ]
    alone = [at for at, bit in enumerate(circuit.clbits) if not circuit.find_bit(bit).registers]
    return [*fields, *[(name, [at]) for name, at in zip(lone, alone, strict=False)]]


# -- does it fit ---------------------------------------------------------------------------------


def check_fits(where: str, circuit: QuantumCircuit, machine: Machine) -> None:
    """Check width, gates and connections.

    Raises:
        InputError: It does not fit.
    """
    if circuit.num_qubits > machine.qubits:
        text = f"uses {circuit.num_qubits} qubits, the machine has {machine.qubits}"
        raise InputError(f"{where}: {text}", NOT_ISA)
    if machine.basis is not None:
        _check_operations(where, circuit, range(circuit.num_qubits), machine, machine.basis)


def _check_operations(
    where: str,
    circuit: QuantumCircuit,
    qubits: Sequence[int],
    machine: Machine,
    basis: frozenset[str],
) -> None:
    """Check a circuit, or a block of one, that acts on these qubits of the machine."""
    for one in circuit.data:
        name = one.operation.name
        place = tuple(qubits[circuit.find_bit(qubit).index] for qubit in one.qubits)
        if name not in basis | ALWAYS:
            raise InputError(_not_isa(where, f"instruction {name} is not supported"), NOT_ISA)
        if name in basis and len(place) > 1 and place not in machine.edges:
            raise InputError(_not_isa(where, f"{name} does not act on qubits {place}"), NOT_ISA)
        for block in getattr(one.operation, "blocks", ()):
            _check_operations(where, block, place, machine, basis)


def _not_isa(where: str, text: str) -> str:
    return f"{where}: the circuit does not match the target hardware definition: {text}"


# -- values --------------------------------------------------------------------------------------


def rows_of(where: str, read: Read, values: Values) -> NDArray[np.float64]:
    """Return values as an array of the pub's shape plus one axis, a column per parameter.

    Raises:
        InputError: Too few, too many, or of shapes that do not go together.
    """
    count = len(read.columns)
    if isinstance(values, Mapping):
        return _rows_by_name(where, read, values)
    if count == 1 and values.shape[-1:] != (1,) and values.size:
        values = values[..., np.newaxis]
    found = values.shape[-1] if values.ndim else 0
    if found != count:
        raise InputError(f"{where}: {found} parameter values for {count} parameters")
    return values.astype(np.float64)


def _rows_by_name(
    where: str, read: Read, values: Mapping[str, NDArray[Any]]
) -> NDArray[np.float64]:
    """Take parameters by name, and those of a vector by the vector's, on the last axis."""
    found: dict[str, NDArray[Any]] = {}
    for name, given in values.items():
        members = [one for one in read.columns if getattr(one, "vector", None) is not None]
        members = [one for one in members if one.vector.name == name]
        if members and given.shape[-1:] == (len(members[0].vector),):
            found.update({one.name: given[..., one.index] for one in members})
        else:
            found[name] = given
    wanted = {one.name for one in read.columns}
    if set(found) != wanted:
        odd = sorted(set(found) ^ wanted)
        raise InputError(f"{where}: parameter values do not match parameter {odd[0]!r}")
    try:
        columns = np.broadcast_arrays(*[found[one.name] for one in read.columns])
    except ValueError as error:
        raise InputError(f"{where}: shapes of parameter values do not match") from error
    return np.stack(columns, axis=-1) if columns else np.zeros(0)


def bound(read: Read, row: Sequence[float]) -> QuantumCircuit:
    if not read.columns:
        return read.circuit
    return read.circuit.assign_parameters(dict(zip(read.columns, row, strict=True)))


@lru_cache(maxsize=8_192)
def solution_of(
    source: Source, row: tuple[float, ...], qubits: int, noise: Noise | None
) -> Solution:
    """Simulate, once for all, what a circuit with these values gives."""
    return solve_circuit(bound(read_circuit(source), row), qubits, noise)
