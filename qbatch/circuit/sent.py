"""A circuit with its parameters bound, as OpenQASM: what drivers send.

A circuit is translated and written once for each version and shape, with holes for what depends on
parameters; then only angles are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.fitting import Fit, translated
from qbatch.circuit.qasm.writer import Version, Writer, decimal
from qbatch.circuit.reading import build
from qbatch.errors import CircuitError, Place

#: Texts with holes for angles, kept by all that shapes them.
_texts: dict[tuple[object, ...], _Text] = {}
_KEPT = 256


def program_text(
    circuit: Circuit,
    values: Mapping[str, float],
    version: Version = "2.0",
    *,
    register: str | None = None,
    fit: Fit | None = None,
) -> str:
    """Write `circuit` with its parameters bound: the program as sent to a cloud.

    Args:
        circuit: Read, translated and written once; then only angles are filled in.
        values: One for each of ``circuit.facts.parameters``; others are ignored.
        version: Of OpenQASM.
        register: Name of one classical register that takes the place of all, bits in the same
            order, and then all qubits stand in one register too; None keeps the registers.
        fit: What it is translated to; None: it stays as it was written.

    Raises:
        CircuitError: A parameter has no value, the circuit does not fit, or it cannot be written
            in this version.
    """
    for name in circuit.facts.parameters:
        if name not in values:
            raise CircuitError(
                Place(circuit.name), f"no value for input '{name}'; sweep it, or set it"
            )
    key = (circuit.sha256, version, register, fit)
    text = _texts.get(key)
    if text is None:
        place, built = Place(circuit.name), build(circuit)
        if fit is not None:
            built = translated(built, fit, place)
        is_physical = fit is not None and fit.num_qubits > 0
        writer = Writer(built, version, place, register, holes=True, is_physical=is_physical)
        text = _Text(writer)
        if len(_texts) >= _KEPT:
            _texts.pop(next(iter(_texts)), None)
        _texts[key] = text
    from qiskit.exceptions import QiskitError

    try:
        return text.fill(values)
    except (QiskitError, ArithmeticError, ValueError, TypeError) as error:
        raise CircuitError(Place(circuit.name), f"cannot be bound: {error}") from error


class _Text:
    """A text with holes where angles depend on parameters."""

    def __init__(self, writer: Writer) -> None:
        self._pieces = re.split("\0\\d+\0", text := writer.text())
        numbers = [*map(int, re.findall("\0(\\d+)\0", text))]
        self._angles = [(writer.holes[n], n in writer.lengths) for n in numbers]

    def fill(self, values: Mapping[str, float]) -> str:
        parts = [self._pieces[0]]
        for (angle, is_length), piece in zip(self._angles, self._pieces[1:], strict=True):
            number = _bound(angle, values)
            if is_length and number < 0:
                raise ValueError(f"a delay of {number:g} is not possible; give 0 or more")
            parts += (decimal(number), piece)
        return "".join(parts)


def _bound(angle: Any, values: Mapping[str, float]) -> float:
    return float(angle.bind({p: float(values[p.name]) for p in angle.parameters}))
