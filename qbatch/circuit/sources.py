"""Where circuits come from: one `CircuitSource` per circuit of a manifest.

Rules: a source turns values into a `Circuit` and keeps what it made, so a point whose circuit's
text does not change costs a dictionary look-up. Every mistake is a `CircuitError` at its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

from qbatch.circuit.facts import CircuitFacts
from qbatch.circuit.reading import facts_of
from qbatch.circuit.tokens import Source
from qbatch.errors import CircuitError, Place

#: What a parameter may be.
Value = bool | int | float | str

Version = Literal["2.0", "3.0"]


@dataclass(frozen=True)
class Circuit:
    """A circuit with its free parameters.

    Attributes:
        name: In the manifest.
        text: OpenQASM, as written or rendered.
        version: Of OpenQASM.
        facts: What is true of the text.
        sha256: Of the text in UTF-8, 64 hex digits.
    """

    name: str
    text: str
    version: Version
    facts: CircuitFacts
    sha256: str


class CircuitSpec(Protocol):
    """What a manifest says of one circuit: exactly one of the first four is set."""

    @property
    def file(self) -> str | None: ...
    @property
    def qasm(self) -> str | None: ...
    @property
    def template(self) -> str | None: ...
    @property
    def python(self) -> str | None: ...
    @property
    def arguments(self) -> Mapping[str, Value]: ...


class CircuitSource(Protocol):
    """One circuit of a manifest, still open to values.

    Attributes:
        name: In the manifest.
        arguments: Names consumed when the text is made: template variables, function arguments.
        required: Those of them for which neither ``with`` nor a default has a value.
        parameters: All names a sweep may give: arguments and free OpenQASM 3 inputs.
        defaults: The values of ``with``; a sweep's value wins over them.
    """

    name: str
    arguments: frozenset[str]
    required: frozenset[str]
    defaults: Mapping[str, Value]

    @property
    def parameters(self) -> frozenset[str]: ...

    def circuit(self, values: Mapping[str, Value]) -> Circuit:
        """Return the circuit at `values`; names that are no arguments are ignored.

        Raises:
            CircuitError: The text cannot be made or is wrong.
        """
        ...


class FixedSource:
    """A circuit whose text does not depend on values."""

    def __init__(self, circuit: Circuit, defaults: Mapping[str, Value]) -> None:
        self.name = circuit.name
        self.arguments: frozenset[str] = frozenset()
        self.required: frozenset[str] = frozenset()
        self.defaults = defaults
        self.parameters = frozenset(circuit.facts.parameters)
        self._circuit = circuit

    def circuit(self, values: Mapping[str, Value]) -> Circuit:
        return self._circuit


def open_circuit(
    name: str,
    spec: CircuitSpec,
    *,
    folder: Path,
    place: Place | None = None,
    trust: bool = False,
    values_hint: Mapping[str, Value] | None = None,
) -> CircuitSource:
    """Open one circuit of a manifest.

    Args:
        name: In the manifest.
        spec: How to come by the circuit.
        folder: The manifest's folder, in which every path has to stay.
        place: Of the circuit in the manifest; for `spec.qasm` of its first line of OpenQASM.
        trust: Whether Python functions may run.
        values_hint: Some values of the sweep, used to find a template's free inputs.

    Raises:
        CircuitError: With the place of the mistake.
    """
    if spec.file is not None:
        path = folder / spec.file
        try:
            text, where = path.read_text("utf-8"), Place(spec.file, 1, 1)
        except (OSError, UnicodeError) as error:
            raise CircuitError(place or Place(spec.file), f"cannot read it: {error}") from error
    else:
        text, where = spec.qasm or "", place or Place("<qasm>", 1, 1)
    return FixedSource(circuit_of(name, Source(text, where)), spec.arguments)


def circuit_of(name: str, source: Source) -> Circuit:
    """Make the circuit of a text."""
    digest = sha256(source.text.encode()).hexdigest()
    facts = facts_of(source, digest)
    version: Version = "2.0" if re.search(r"OPENQASM\s+2", source.text) else "3.0"
    return Circuit(name, source.text, version, facts, digest)
