"""What a report says of drift: a sentence for each machine, and its references drawn over time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qbatch.result.estimate import wilson

if TYPE_CHECKING:
    from qbatch.across.drifting import Drifting

#: Of the drawing, in pixels.
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 170, 58, 12, 26

HEADS = ("backend", "reference", "outcome", "runs", "share", "what is seen")

LEVEL = 0.95


@runtime_checkable
class HasReferences(Protocol):
    """A run that may have references (`snapshot.Run`)."""

    def drift(self) -> Sequence[Drifting]: ...


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
    began, ended = found.times[0].timestamp(), found.times[-1].timestamp()
    count, length = len(shares), ended - began

    def x(at: int) -> float:
        part = (found.times[at].timestamp() - began) / length if length else (at + 0.5) / count
        return LEFT + 8 + part * (WIDTH - LEFT - 16)

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
        at = (x(found.test.at - 1) + x(found.test.at)) / 2
        parts.append(f'<path d="M{at:.1f} {TOP}V{base}" stroke="#c0392b" stroke-width="2"/>')
    for number, one in enumerate(shares):
        place = f"{x(number):.1f}"
        parts.append(f'<path d="M{place} {y(one.low):.1f}V{y(one.high):.1f}" stroke="#2c7fb8"/>')
        parts.append(f'<circle cx="{place}" cy="{y(one.value):.1f}" r="3" fill="#2c7fb8"/>')
    start, end = (
        one.strftime("%Y-%m-%d %H:%M:%S UTC") for one in (found.times[0], found.times[-1])
    )
    parts += [
        _text(WIDTH, TOP, f"{escape(found.backend)}: share of {escape(found.outcome)}", "end"),
        _text(LEFT - 6, TOP + 8, f"{high:.3f}", "end"),
        _text(LEFT - 6, base, f"{low:.3f}", "end"),
        _text(LEFT, HEIGHT - 8, start, "start"),
        _text(WIDTH, HEIGHT - 8, end, "end"),
        "</svg>",
    ]
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    look = 'font-size="11" fill="currentColor"'
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {look}>{text}</text>'
