"""What clouds quoted above what a person was shown: the next offer shows it, see `Recalled`.

Kept among the facts of the run, for nothing was bought by it. A quote is taken to hold for all jobs
of one circuit text, settings and number of shots, and for a day: prices change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from qbatch.manifest.paths import SettingValues

#: Among the facts of a run.
QUOTES = "quotes"

#: How long one is shown, seconds.
KEPT_S = 86_400.0

#: So many are kept, the newest.
MOST_KEPT = 1000


#: Backend, circuit text and settings, with shots: what decides a price.
Kind = tuple[tuple[str, str, SettingValues], int]


class Recalled(NamedTuple):
    """A quote for which a job was held back.

    Attributes:
        backend: In the manifest.
        circuit: SHA-256 of the circuit's text.
        settings: What the job's point changes of the backend, each by its path.
        shots: Of the job.
        price: In the unit that the backend bills in.
        at: When it was told; UTC, seconds since 1970.
    """

    backend: str
    circuit: str
    settings: SettingValues
    shots: int
    price: float
    at: float

    @property
    def kind(self) -> Kind:
        """What decides of which jobs it is taken to hold."""
        return (self.backend, self.circuit, self.settings), self.shots


def read_quotes(meta: Mapping[str, str], now: float) -> list[Recalled]:
    """Return those that are shown still, each kind once."""
    rows = (Recalled(*row) for row in json.loads(meta.get(QUOTES) or "[]"))
    return [
        each._replace(settings=tuple((tuple(path), value) for path, value in each.settings))
        for each in rows
        if now - each.at <= KEPT_S
    ]


def recalled_prices(meta: Mapping[str, str], now: float) -> dict[Kind, float]:
    """Return the price of each kind of job as it was quoted lately, for `Plan.recalled`."""
    return {each.kind: each.price for each in read_quotes(meta, now)}


def dump_quotes(known: Iterable[Recalled], told: Iterable[Recalled]) -> str:
    """Write them as a fact, the dearest told now in the place of older ones."""
    newest = {each.kind: each for each in known}
    dearest: dict[Kind, Recalled] = {}
    for each in told:
        before = dearest.get(each.kind)
        if before is None or each.price >= before.price:
            dearest[each.kind] = each
    for kind, each in dearest.items():
        newest.pop(kind, None)
        newest[kind] = each
    return json.dumps([*newest.values()][-MOST_KEPT:])
