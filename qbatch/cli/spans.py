"""How long a plan takes, as a range: in words, and as JSON has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.instants import told_within
from qbatch.plan.pricing.spans import together

if TYPE_CHECKING:
    from qbatch.plan.pricing.spans import Span


def told_times(times: Mapping[str, Span | None]) -> Iterator[str]:
    """Yield a line for each backend of which it is said what its time rests on."""
    for name, span in times.items():
        if span is not None and span.rests_on:
            yield f"time at {name}: {span} ({told_within('; '.join(span.rests_on))})"


def times_facts(times: Mapping[str, Span | None]) -> dict[str, Any]:
    """Return the range of all backends side by side, and of each."""
    whole = together(times.values())
    return {
        "time": None if whole is None else whole.facts(),
        "times": {name: None if each is None else each.facts() for name, each in times.items()},
    }
