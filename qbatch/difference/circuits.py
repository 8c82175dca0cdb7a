"""The circuits of two sides: which of them changed, and in which statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.circuit.changes import CircuitChange, circuit_change

if TYPE_CHECKING:
    from qbatch.difference.sides import Asked, Measured, Side


@dataclass(frozen=True, slots=True)
class ChangedCircuit:
    """One circuit that both sides have, with another content on each.

    Attributes:
        name: In the manifest.
        asked: The points that have it so.
        change: Statement by statement; None where a text is not kept.
    """

    name: str
    asked: Sequence[Asked]
    change: CircuitChange | None


def changed_circuits(
    here: Side, mine: Mapping[Asked, Measured], there: Side, others: Mapping[Asked, Measured]
) -> list[ChangedCircuit]:
    """Return what changed in the circuits of what both sides ask."""
    found: dict[tuple[str, str, str], list[Asked]] = {}
    for asked, measured in mine.items():
        if asked in others and measured.circuit and others[asked].circuit:
            key = asked.circuit, measured.circuit, others[asked].circuit
            if key[1] != key[2]:
                found.setdefault(key, []).append(asked)
    changes = []
    for (name, old, new), asked_so in found.items():
        texts = here.texts.get(old), there.texts.get(new)
        change = None if None in texts else circuit_change(texts[0] or "", texts[1] or "")
        changes.append(ChangedCircuit(name, asked_so, change))
    return changes
