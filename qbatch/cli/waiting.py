"""What a run waits for, in words for a person and as `--json` has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from qbatch.executor import BackendProgress, Cause, OpenWait, Progress
from qbatch.instants import told_briefly
from qbatch.notation import duration

#: While a run waits for one of these, nobody knows when the next point comes.
HELD_UP_BY = frozenset({Cause.BACK_OFF, Cause.FULL, Cause.BUDGET, Cause.RATE, Cause.PREPARATION})

#: Those that asking again ends.
ASKED_AGAIN = frozenset({Cause.BACK_OFF, Cause.FULL})

Waits = Mapping[str, tuple[OpenWait, ...]]


def is_held_up(waits: Waits) -> bool:
    """Whether a limit or trouble holds up some backend."""
    return any(wait.cause in HELD_UP_BY for theirs in waits.values() for wait in theirs)


def format_wait(wait: OpenWait, now: float) -> str:
    """What is waited for, since when, and until when; what may be long stands last.

    Args:
        wait: The wait.
        now: UTC, seconds since 1970.
    """
    text = f"waits since {told_briefly(wait.since, now)}"
    if now - wait.since >= 1:
        text += f" ({duration(now - wait.since)})"
    if wait.until is not None and wait.until > now:
        word = "asks again at" if wait.cause in ASKED_AGAIN else "until"
        text += f", {word} {told_briefly(math.ceil(wait.until), now)},"
    return f"{text} for {wait.cause.awaited}" + (f": {wait.why}" if wait.why else "")


def facts_of(waits: Iterable[OpenWait]) -> list[dict[str, Any]]:
    """Return a backend's waits as `--json` has them."""
    return [
        {
            "cause": wait.cause.value,
            "waits_for": wait.cause.awaited,
            "why": wait.why,
            "since": _instant(wait.since),
            "until": None if wait.until is None else _instant(wait.until),
            "times": wait.times,
        }
        for wait in waits
    ]


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def read_standing(facts: Mapping[str, Any] | None) -> tuple[Progress, Waits] | None:
    """How far a run is, from what its runner tells other processes; None: it tells nothing."""
    if facts is None:
        return None
    told = dict(facts)
    try:
        waiting = {
            name: tuple(OpenWait(**{**wait, "cause": Cause(wait["cause"])}) for wait in theirs)
            for name, theirs in told.pop("waiting").items()
        }
        backends = {name: BackendProgress(**one) for name, one in told.pop("backends").items()}
        return Progress(**told, backends=backends), waiting
    except (AttributeError, KeyError, TypeError, ValueError):  # another version's
        return None
