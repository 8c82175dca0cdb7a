"""Shots of other runs that are kept and do not count, for they differ by more than chance.

Kept among the facts of the run, with their counts and why: one that was put aside is not taken
again, whatever is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from qbatch.notation import visible, whole
from qbatch.snapshot.reused import Reused

#: Among the facts of a run.
PUT_ASIDE = "put_aside"


@dataclass(frozen=True, slots=True)
class PutAside:
    """A job of another run whose shots do not count.

    Attributes:
        id: Of the point.
        point: Its name.
        shots: How many.
        counts: Outcome -> how often.
        p: How likely chance alone makes such a difference from the shots that count.
        reused: Where they come from.
    """

    id: str
    point: str
    shots: int
    counts: dict[str, int]
    p: float
    reused: Reused

    def facts(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {**asdict(self), "reused": self.reused.facts()}

    def __str__(self) -> str:
        return visible(
            f"{self.point}: {whole(self.shots)} shots of {self.reused.folder} (run "
            f"{self.reused.name}) are kept and not counted: they differ from those that are by "
            f"more than chance (p = {self.p:.2g})"
        )


def read_put_aside(meta: Mapping[str, str]) -> list[PutAside]:
    """Return what is put aside."""
    kept: list[dict[str, Any]] = json.loads(meta.get(PUT_ASIDE) or "[]")
    return [PutAside(**{**each, "reused": Reused(**each["reused"])}) for each in kept]


def dump_put_aside(known: Iterable[PutAside]) -> str:
    """Write it as a fact."""
    return json.dumps([each.facts() for each in known], ensure_ascii=False)
