"""Targets that are one of several: decided, and shown with the figures that this rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.tables import format_table, say, tell
from qbatch.instants import told_within

if TYPE_CHECKING:
    from pathlib import Path

    from qbatch.manifest import Manifest
    from qbatch.manifest.decisions import Decision
    from qbatch.providers import Surroundings


def decided(
    manifest: Manifest, folder: Path | None, around: Surroundings, *, is_anew: bool = False
) -> Manifest:
    """Return a manifest with its targets decided: as they were, else now, by what clouds tell.

    Args:
        manifest: As it was read.
        folder: Of its run; None: what was decided there counts no more.
        around: What drivers may see of the world.
        is_anew: What the lock says counts no more.

    Raises:
        SourceErrors: Something cannot be decided.
    """
    if not manifest.open_questions:
        return manifest
    from qbatch.executor.deciding import Inquiry, decided_before, wait_decided

    known = decided_before(manifest, folder, is_anew=is_anew)
    return wait_decided(known, Inquiry(around=around, folder=folder, note=tell))


def choices_facts(manifest: Manifest, now: str = "now") -> dict[str, Any]:
    """Return what was decided as JSON has it; nothing where nothing was.

    Args:
        manifest: As it is decided.
        now: What says so where nothing that was before does.
    """
    told = [each for each in manifest.decisions if each.figures]
    if not told:
        return {}
    return {"any_of": [{**each.facts(), "said_by": each.said_by or now} for each in told]}


def tell_choices(manifest: Manifest) -> None:
    """Write what was decided, each with what is known of its candidates."""
    for each in manifest.decisions:
        if each.figures:
            for line in told_choice(each):
                say(line)


def told_choice(decision: Decision) -> Iterator[str]:
    """Yield what was decided in a line, the candidates as a table, and why some are out."""
    figures = decision.figures
    yield headline(decision)
    left = {name: each for name, each in figures.items() if not each.get("out")}
    rows = [_row(name, each, name == decision.chosen) for name, each in left.items()]
    heads = ("candidate", "target", "price", "time", "standard error", "")
    columns = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    yield format_table(
        [heads[at] for at in columns], [[row[at] for at in columns] for row in rows], indent="  "
    )
    for name, each in left.items():
        yield f"  {name}: {_basis(each)}"
    for name, each in figures.items():
        if each.get("out"):
            yield f"  {name} is out: {told_within(each['out'])}"


def shown_choice(decision: Decision) -> Iterator[str]:
    """Yield it whole where it is made now, and is agreed to with all else; in a line after."""
    if decision.figures and not decision.said_by:
        yield from told_choice(decision)
    elif decision.figures:
        yield headline(decision)


def headline(decision: Decision) -> str:
    """Say what a backend is, by what, and since when."""
    from qbatch.manifest.any_of import superlative

    what = superlative(decision.prefer)
    found = decision.figures.get(decision.chosen, {})
    target = found.get("target") or ""
    told = decision.chosen + (f" ({target})" if target not in ("", decision.chosen) else "")
    since = f"decided before ({decision.said_by})" if decision.said_by else "decided now"
    name = click.style(decision.backend, bold=True)
    return (
        f"{name} is {told}, {what} of {len(decision.any_of)}, at all its points: {since}, and "
        "kept from the first run on"
    )


def _row(name: str, known: Mapping[str, Any], is_chosen: bool) -> list[str]:
    return [
        name,
        "" if known.get("target") in (None, name) else str(known["target"]),
        _price(known),
        _time(known),
        "" if known.get("error") is None else f"{known['error']:.2g}",
        "chosen" if is_chosen else "",
    ]


def _price(known: Mapping[str, Any]) -> str:
    from qbatch.notation import amount

    mark = " (emulated)" if known.get("is_emulated") and known.get("unit") else ""
    if known.get("price") is None:
        return f"{known.get('unit') or ''} not known".strip() + mark
    if not known.get("unit"):
        return "free"
    return amount(float(known["price"]), str(known["unit"])) + mark


def _time(known: Mapping[str, Any]) -> str:
    from qbatch.plan.pricing.spans import Span

    told = known.get("time")
    return "" if told is None else str(Span(told["low_s"], told["high_s"]))


def _basis(known: Mapping[str, Any]) -> str:
    """Say what figures of a candidate rest on."""
    parts = [known.get("formula") or ""]
    parts += (known.get("time") or {}).get("rests_on") or []
    if known.get("error_rests_on"):
        parts.append(f"standard error by {known['error_rests_on']}")
    return told_within("; ".join(part for part in parts if part))
