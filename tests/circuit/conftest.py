from pathlib import Path
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit

from qbatch.circuit import Circuit, CircuitSource, open_circuit, reading
from qbatch.circuit.cache import FactsCache
from qbatch.circuit.qasm.writer import Writer
from qbatch.circuit.sources import circuit_of
from qbatch.circuit.text import Source
from qbatch.errors import Place

QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


@pytest.fixture(autouse=True)
def fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been read yet, in this process or on this disk."""
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(reading, "_cache", FactsCache())
    for kept in (reading._programs, reading._built, reading._facts):
        kept.clear()


def circuit(text: str) -> Circuit:
    return circuit_of("c", Source(text, Place("c.qasm", 1, 1)))


def circuit3(body: str) -> Circuit:
    return circuit(QASM3 + body)


def circuit2(body: str) -> Circuit:
    return circuit(QASM2 + body)


def qasm2_text(made: QuantumCircuit, place: Place) -> str:
    return Writer(made, "2.0", place).text()


def opened(folder: Path, *, name: str = "c", hint: object = None, **spec: object) -> CircuitSource:
    """Open a circuit as a manifest in `folder` would."""
    empty = {"file": None, "qasm": None, "template": None, "python": None, "arguments": {}}
    trust = bool(spec.pop("trust", False))
    place = spec.pop("place", Place("m.yaml", 4, 3))
    return open_circuit(
        name,
        SimpleNamespace(**{**empty, **spec}),
        folder=folder,
        place=place,
        trust=trust,
        values_hint=hint,
    )
