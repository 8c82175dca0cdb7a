"""Ids of a former kind, and what they are now.

Until snapshot version 3 the id of a point was made of the circuit's text as written and always of
its shots:

    {"backend":{…},"circuit":"OPENQASM 3.0;…","parameters":{…},"repeat":1,"seed":7,"shots":1024}

All of that is kept in a run folder, so that what was bought under such an id is known again. Only
whether `shots` were an axis is not: a row has a content for each case, and the plan tells which is
meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.errors import CircuitError, Place
from qbatch.manifest.models import Value
from qbatch.plan.identity import id_of

if TYPE_CHECKING:
    from qbatch.circuit import CircuitFacts

#: Contents of texts remembered.
_KEPT = 1_000


class Point(Protocol):
    """What is asked of a stored point."""

    @property
    def id(self) -> str: ...
    @property
    def shots(self) -> int: ...
    @property
    def repeat(self) -> int: ...
    @property
    def parameters(self) -> Iterable[tuple[str, Value]] | Mapping[str, Value]: ...


def ids_of(point: Point, setting: Mapping[str, Any]) -> tuple[str, str]:
    """Return the ids that a point of a former kind may have now.

    Args:
        point: As it is stored.
        setting: As it is stored: backend, circuit and seed.

    Returns:
        Where `shots` is a number, and where it is an axis; its own twice, where it is no id of the
        former kind.
    """
    shared = {key: setting[key] for key in ("backend", "circuit", "seed") if key in setting}
    values = dict(point.parameters)
    facts = _facts_of(str(shared.get("circuit", "")))
    if facts is None:
        return point.id, point.id
    free = {name: float(values[name]) for name in facts.parameters if name in values}
    told = {**shared, "parameters": free, "repeat": point.repeat}
    if id_of({**told, "shots": point.shots}) != point.id:
        return point.id, point.id
    told["circuit"] = facts.content
    return id_of(told), id_of({**told, "shots": point.shots})


@lru_cache(_KEPT)
def _facts_of(text: str) -> CircuitFacts | None:
    """Return the facts of a stored text; None for what is no circuit (of an import, perhaps)."""
    from qbatch.circuit.sources import circuit_of
    from qbatch.circuit.text import Source

    try:
        return circuit_of("", Source(text, Place("", 1, 1))).facts
    except CircuitError:
        return None


class Run(Protocol):
    """What is asked of a run folder."""

    @property
    def has_former_ids(self) -> bool: ...
    def setting_of(self, point: Any) -> dict[str, Any]: ...


def known_as(run: Run, point: Any) -> tuple[str, ...]:
    """Return the ids under which a plan may know a stored point (`PointResult`, `StoredPoint`).

    One, but in a folder that no run has converted yet.
    """
    if run.has_former_ids:
        return ids_of(point, run.setting_of(point))
    return (point.point_id,)
