"""A circuit as the rest of qbatch hands it on: its text, and what is true of it."""

from __future__ import annotations

from typing import Literal

from qbatch.circuit.facts import CircuitFacts
from qbatch.frozen import dataclass

Version = Literal["2.0", "3.0"]


@dataclass(frozen=True, slots=True)
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
