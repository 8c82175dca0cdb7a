"""What tells each point from what it was in a former plan, without making the points.

Points that follow one another are told together, those of one layout column by column: one by one,
most of the time would go into looking up what all of them share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import TYPE_CHECKING

from qbatch.plan.columns import taken
from qbatch.plan.geometry.grid import Index
from qbatch.plan.layout import Layout

if TYPE_CHECKING:
    from hashlib import _Hash

#: Of a point: its id, name, circuit, backend, shots, and the key of its setting.
Identity = tuple[bytes, str, str, str, int, str]

#: Points told together.
_AT_ONCE = 1_024


def ids_and_names(rows: Iterator[tuple[Layout, Index]]) -> Iterator[tuple[str, str]]:
    """Yield id and name of each point, without making the points."""
    return ((id_, name) for id_, name, _ in pins(rows))


def pins(rows: Iterator[tuple[Layout, Index]]) -> Iterator[tuple[str, str, int]]:
    """Yield id, name and shots of each point, without making the points."""
    return ((told[0].hex(), told[1], told[4]) for told in identities(rows))


def identities(rows: Iterator[tuple[Layout, Index]]) -> Iterator[Identity]:
    """Yield what tells each point from what it was in a former plan, without making the points."""
    while chunk := list(islice(rows, _AT_ONCE)):
        layouts, indexes = zip(*chunk, strict=True)
        if len(set(map(id, layouts))) == 1:
            yield from _of_one(layouts[0], indexes)
        else:
            yield from _of_several(chunk)


def _of_several(rows: Sequence[tuple[Layout, Index]]) -> Iterator[Identity]:
    """Yield the identities of points of several layouts, in order."""
    places: dict[int, list[int]] = {}
    for place, (layout, _) in enumerate(rows):
        places.setdefault(id(layout), []).append(place)
    found: dict[int, Identity] = {}
    for some in places.values():
        layout = rows[some[0]][0]
        found.update(zip(some, _of_one(layout, [rows[place][1] for place in some]), strict=True))
    return map(found.__getitem__, range(len(rows)))


def _of_one(layout: Layout, indexes: Sequence[Index]) -> Iterator[Identity]:
    """Yield the identities of some points of a layout."""
    places = tuple(zip(*indexes, strict=True))
    rests = map(layout.id_format.__mod__, layout.id_columns.rows(places))
    ids = [_digest(layout.prefix, rest) for rest in rests]
    names: Iterable[str] = map(layout.name_format.__mod__, layout.name_columns.rows(places))
    if any(copies := places[-1]):
        told = zip(names, copies, strict=True)
        names = (f"{name}#{copy + 1}" if copy else name for name, copy in told)
    at, values = layout.shots
    shots: Iterable[int] = taken(values, at, places)
    same = repeat(layout.circuit), repeat(layout.backend)
    return zip(ids, names, *same, shots, repeat(layout.setting), strict=False)


def _digest(prefix: _Hash, rest: str) -> bytes:
    digest = prefix.copy()
    digest.update(rest.encode())
    return digest.digest()
