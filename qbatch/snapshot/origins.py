"""Where results come from: who ran it, on what machine, by what command, from what code.

It is noted as a run begins, where anything of it is other than at the call before. What was bought
afterwards, until the next note, was bought from there.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from typing import Any

from qbatch.frozen import dataclass

#: The fact of a run that holds them.
ORIGINS = "origins"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call of `run` came from.

    Attributes:
        since: From when on, seconds since 1970.
        command: As it was typed, without credentials; "" where Python code called.
        user: As the system calls it; "" where it does not say.
        host: The machine's name in its network; "" where it has none.
        system: Such as ``Linux 6.1 x86_64``.
        python: Such as ``3.11.7``.
        packages: SHA-256 over the sorted lines ``NAME==VERSION`` of all that is installed.
        revision: The manifest's git revision, see `qbatch.plan.pinning.revision`; empty without.
    """

    since: float
    command: str
    user: str
    host: str
    system: str
    python: str
    packages: str
    revision: Mapping[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """All of it as JSON."""
        return asdict(self)


def read_origins(meta: Mapping[str, str]) -> list[Origin]:
    """Return what was noted, oldest first; nothing in a folder of an earlier version."""
    return [Origin(**each) for each in json.loads(meta.get(ORIGINS) or "[]")]


def with_origin(known: Iterable[Origin], now: Origin) -> str:
    """Return what to note as JSON: what is known, and `now` where anything of it is other."""
    found = [*known]
    if not found or found[-1].facts() | {"since": now.since} != now.facts():
        found.append(now)
    return json.dumps([each.facts() for each in found])


def origins_at(known: list[Origin], times: Iterable[float]) -> list[Origin]:
    """Return those from which something was bought at these times, oldest first, each once."""
    since = [each.since for each in known]
    numbers = {bisect_right(since, at) - 1 for at in times}
    return [known[number] for number in sorted(numbers) if number >= 0]
