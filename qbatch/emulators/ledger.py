"""What the emulated clouds accepted: the oracle for "never lost, never bought twice".

Rules: an entry is made in the same step in which a cloud accepts a job, and never leaves; its state
is read from the job when the ledger is asked. ``GET /-/ledger`` answers `Ledger.entries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Entry(Protocol):
    """An accepted job, as the ledger sees it."""

    provider: str
    accepted_s: float

    def ledger_entry(self) -> dict[str, Any]:
        """Return ``provider, id, key, name, state, price, unit``; more is allowed."""
        ...


class Ledger:
    """Accepted jobs of all clouds of one emulation, oldest first."""

    def __init__(self) -> None:
        self._jobs: list[Entry] = []
        self._taken: dict[str, list[float]] = {}

    def add(self, job: Entry) -> None:
        self._jobs.append(job)
        self._taken.setdefault(job.provider, []).append(job.accepted_s)

    def taken(self, provider: str) -> Sequence[float]:
        """Return when each job of a cloud was accepted, seconds of the clock, oldest first."""
        return self._taken.get(provider, ())

    def entries(self) -> list[dict[str, Any]]:
        return [job.ledger_entry() for job in self._jobs]
