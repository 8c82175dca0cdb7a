"""Jobs that stand at a cloud under a run's names, and that none of its jobs accounts for.

They are kept among the facts of the run as a whole, by the cloud's id: no table of jobs, and no
ledger, has a row for what the run did not order. What they cost counts in sums and budgets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

#: Among the facts of a run.
DOUBLES = "doubles"


@dataclass(frozen=True, slots=True)
class Double:
    """One of them, as its cloud told of it last.

    Attributes:
        id: The cloud's.
        backend: In the manifest.
        points: Under whose names it stands.
        status: The cloud's word.
        is_over: It costs no more than it did.
        created_at: UTC, ISO 8601; "" where it is not told.
        cost: In `unit`; None: nobody tells.
        source: Who says so: by the cloud, by formula; "" where nobody does.
    """

    id: str
    backend: str
    points: tuple[str, ...]
    status: str
    is_over: bool
    created_at: str
    cost: float | None
    unit: str
    source: str

    def __str__(self) -> str:
        """In words, with its price."""
        from qbatch.notation import listed

        cost = "nobody tells what it costs"
        if self.cost is not None:
            cost = "free"
        if self.cost:
            cost = f"{self.cost:g} {self.unit} {self.source}, which budgets count"
        return (
            f"job {self.id} ({self.status}) is a second one under the name of "
            f"{listed(self.points, 2)}, which the run did not order: not in the ledger; {cost}"
        )


def read_doubles(meta: Mapping[str, str]) -> dict[str, Double]:
    """Return those that are known: the cloud's id -> what is known of it."""
    rows = json.loads(meta.get(DOUBLES) or "[]")
    doubles = [Double(**{**row, "points": tuple(row["points"])}) for row in rows]
    return {each.id: each for each in doubles}


def dump_doubles(doubles: Mapping[str, Double]) -> str:
    """Write them as a fact."""
    return json.dumps([asdict(each) for each in doubles.values()])


def total_beside(doubles: Iterable[Double]) -> dict[str, float]:
    """Sum up what they cost, where that is told: unit -> cost."""
    sums: dict[str, float] = {}
    for each in doubles:
        if each.cost:
            sums[each.unit] = sums.get(each.unit, 0.0) + each.cost
    return sums
