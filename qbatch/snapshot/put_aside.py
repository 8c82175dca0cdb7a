"""Shots that are kept and do not count: those of other runs that differ by more than chance, and
those of this run that a person set aside, for the machine had drifted while they were taken.

Kept among the facts of the run, with their counts and why: one that was put aside is not taken
again, whatever is named.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from qbatch.frozen import dataclass
from qbatch.notation import visible, whole
from qbatch.snapshot.reused import Reused

#: Among the facts of a run.
PUT_ASIDE = "put_aside"

#: Smaller p-values are none that a float tells: they come out as nothing.
SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class PutAside:
    """A job whose shots do not count.

    Attributes:
        id: Of the point.
        point: Its name.
        shots: How many.
        counts: Outcome -> how often.
        p: How likely chance alone makes such a difference from the shots that count.
        reused: Where they come from.
        why: Of this run's own, why they were set aside; "" of another run's, which differ.
    """

    id: str
    point: str
    shots: int
    counts: dict[str, int]
    p: float
    reused: Reused
    why: str = ""

    def facts(self) -> dict[str, Any]:
        """All of it as JSON."""
        told = {**asdict(self), "reused": self.reused.facts()}
        return told if self.why else {name: told[name] for name in told if name != "why"}

    def __str__(self) -> str:
        if self.why:
            return visible(
                f"{self.point}: {whole(self.shots)} shots of this run are kept and not counted: "
                f"{self.why}"
            )
        return visible(
            f"{self.point}: {whole(self.shots)} shots of {self.reused.folder} (run "
            f"{self.reused.name}) are kept and not counted: they differ from those that are by "
            f"more than chance (p {_told(self.p)})"
        )


def _told(p: float) -> str:
    return f"= {p:.2g}" if p > SMALLEST else f"< {SMALLEST:.0g}"


def read_put_aside(meta: Mapping[str, str]) -> list[PutAside]:
    """Return what is put aside."""
    kept: list[dict[str, Any]] = json.loads(meta.get(PUT_ASIDE) or "[]")
    return [PutAside(**{**each, "reused": Reused(**each["reused"])}) for each in kept]


def dump_put_aside(known: Iterable[PutAside]) -> str:
    """Write it as a fact."""
    return json.dumps([each.facts() for each in known], ensure_ascii=False)


def forget_put_aside(meta: Mapping[str, str], ids: Collection[str]) -> dict[str, str]:
    """Return the fact without what is put aside of these points, if any is."""
    known = read_put_aside(meta)
    left = [each for each in known if each.id not in ids]
    return {PUT_ASIDE: dump_put_aside(left)} if len(left) < len(known) else {}


def join_put_aside(
    ours: Mapping[str, str], theirs: Mapping[str, str], counted: Collection[tuple[str, str]]
) -> dict[str, str]:
    """Return the fact by which a folder has what another one put aside as well.

    Args:
        ours: Facts of the folder.
        theirs: Of the other one.
        counted: Keys of the purchases whose shots count in the folder; of imported ones the
            cloud's id alone, behind "".
    """
    told = [*read_put_aside(ours), *read_put_aside(theirs)]
    counting = {*counted}
    found = {
        (each.id, *each.reused.key): each
        for each in told
        if counting.isdisjoint((each.reused.key, ("", each.reused.provider_job_id)))
    }
    return {PUT_ASIDE: dump_put_aside(found.values())} if told else {}
