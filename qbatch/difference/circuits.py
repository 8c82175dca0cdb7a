"""The circuits of two sides, and what these were translated to: what of them changed, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.circuit.changes import CircuitChange, circuit_change
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.difference.sides import Asked, Measured, Side


@dataclass(frozen=True, slots=True)
class ChangedCircuit:
    """One circuit that both sides have, with another content on each.

    Attributes:
        name: In the manifest.
        asked: The points that have it so.
        change: Statement by statement; None where a text is not kept.
        sent_to: The backend for which it was translated otherwise; "" for the circuit itself.
    """

    name: str
    asked: Sequence[Asked]
    change: CircuitChange | None
    sent_to: str = ""


#: Name, backend for which it was translated or "", old content, new content.
_Key = tuple[str, str, str, str]


def changed_circuits(
    here: Side, mine: Mapping[Asked, Measured], there: Side, others: Mapping[Asked, Measured]
) -> list[ChangedCircuit]:
    """Return what changed in the circuits of what both sides ask, and then in what was sent.

    What was sent is told where circuit and backend are the same.
    """
    found: dict[_Key, list[Asked]] = {}
    for asked, measured in mine.items():
        if asked not in others:
            continue
        old, new = measured.circuit, others[asked].circuit
        if old and new and old != new:
            found.setdefault((asked.circuit, "", old, new), []).append(asked)
        elif here.own(asked).backend == there.own(asked).backend:
            for key in _sent(asked, measured.programs, others[asked].programs):
                found.setdefault(key, []).append(asked)
    changes = []
    for (name, backend, old, new), asked_so in sorted(found.items(), key=lambda one: one[0][1]):
        texts = here.texts.get(old), there.texts.get(new)
        change = None if None in texts else circuit_change(texts[0] or "", texts[1] or "")
        changes.append(ChangedCircuit(name, asked_so, change, backend))
    return changes


def _sent(asked: Asked, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[_Key]:
    """Yield each program of one thing asked that is another one on the two sides."""
    for basis, digest in old.items():
        if new.get(basis, digest) != digest:
            yield asked.circuit, asked.backend, digest, new[basis]
