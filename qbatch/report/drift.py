"""What a report says of drift: a sentence for each machine, and its references drawn over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from qbatch.result.estimate import wilson

if TYPE_CHECKING:
    from qbatch.across.drifting import Drifting

#: Of the drawing, in pixels.
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 182, 58, 24, 26

#: References that are nearer than this, pixels, hide one another.
APART = 7.0

HEADS = ("backend", "reference", "outcome", "runs", "share", "what is seen")

LEVEL = 0.95


@runtime_checkable
class HasReferences(Protocol):
    """A run that may have references (`snapshot.Run`)."""

    def drift(self) -> Sequence[Drifting]: ...
    def references(self) -> Iterator[Any]: ...


def rows_of(found: Sequence[Drifting]) -> list[tuple[str, ...]]:
    """Return a row for each machine, under `HEADS`."""
    return [
        (
            each.backend,
            each.circuit,
            each.outcome,
            str(len(each.ones)),
            f"{each.test.share:.4f}",
            each.verdict,
        )
        for each in found
    ]


def drawing(found: Drifting) -> str:
    """Draw the share of the outcome over time, with intervals, as SVG."""
    shares = [wilson(k, n, LEVEL) for k, n in zip(found.ones, found.shots, strict=True)]
    low, high = min(one.low for one in shares), max(one.high for one in shares)
    span = high - low or 1.0
    across, is_even = _across([one.timestamp() for one in found.times])

    def y(share: float) -> float:
        return TOP + (high - share) / span * (HEIGHT - TOP - BOTTOM)

    base = HEIGHT - BOTTOM
    parts = [
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f"<title>The reference over time on {escape(found.backend)}</title>",
        f'<path d="M{LEFT} {TOP}V{base}H{WIDTH}" fill="none" stroke="currentColor"/>',
        f'<path d="M{LEFT} {y(found.test.share):.1f}H{WIDTH}" stroke="currentColor" '
        'stroke-dasharray="4 4" opacity="0.5"/>',
    ]
    if found.test.kind == "jump":
        at = (across[found.test.at - 1] + across[found.test.at]) / 2
        parts.append(f'<path d="M{at:.1f} {TOP}V{base}" stroke="#c0392b" stroke-width="2"/>')
    for number, one in enumerate(shares):
        place = f"{across[number]:.1f}"
        parts.append(f'<path d="M{place} {y(one.low):.1f}V{y(one.high):.1f}" stroke="#2c7fb8"/>')
        parts.append(f'<circle cx="{place}" cy="{y(one.value):.1f}" r="3" fill="#2c7fb8"/>')
    start, end = (
        f'<tspan data-utc="{one.isoformat()}">{one:%Y-%m-%d %H:%M:%S} UTC</tspan>'
        for one in (found.times[0], found.times[-1])
    )
    parts += [
        _text(WIDTH, TOP - 10, f"{escape(found.backend)}: share of {escape(found.outcome)}", "end"),
        _text(LEFT - 6, TOP + 8, f"{high:.3f}", "end"),
        _text(LEFT - 6, base, f"{low:.3f}", "end"),
        _text(LEFT, HEIGHT - 8, start, "start"),
        _text(WIDTH, HEIGHT - 8, end, "end"),
    ]
    if is_even:
        parts.append(_text((LEFT + WIDTH) / 2, HEIGHT - 8, "one after the other", "middle"))
    return "".join([*parts, "</svg>"])


def _across(instants: Sequence[float]) -> tuple[list[float], bool]:
    """Return where each stands, by its instant, and whether evenly: where else some were hidden.

    A poll brings many results at once, so that instants of many may be all but equal.
    """
    width, length = WIDTH - LEFT - 16, instants[-1] - instants[0]
    parts = [(one - instants[0]) / length if length else 0.0 for one in instants]
    nearest = min((right - left for left, right in pairwise(parts)), default=1.0) * width
    is_even = nearest < APART
    if is_even:
        parts = [at / (len(instants) - 1) for at in range(len(instants))]
    return [LEFT + 8 + part * width for part in parts], is_even


def _text(x: float, y: float, text: str, anchor: str) -> str:
    look = 'font-size="11" fill="currentColor"'
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {look}>{text}</text>'
