"""Times without quotes that reach what is no duration: ``1s`` may have been meant as a label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.manifest.paths import is_time, setting_axis
from qbatch.manifest.times import in_seconds
from qbatch.notation import listed

if TYPE_CHECKING:
    from qbatch.plan.layout import Layout
    from qbatch.plan.plan import Plan


def times_as_numbers(plan: Plan) -> Iterator[str]:
    """Say once of each axis and argument written as a time where it is a mere number."""
    for name, circuit in plan.manifest.circuits.items():
        for argument, time in circuit.times.items():
            at = ("circuits", name, "with", argument)
            yield _said(plan, at, argument, time, f"circuit {name!r}")
    for number, sweep in enumerate(plan.manifest.sweeps):
        takers = _takers(plan, number) if sweep.times else {}
        for axis, (loc, time) in sweep.times.items():
            if axis in takers:
                yield _said(plan, ("sweep", number, *loc), axis, time, listed(takers[axis]))


def _said(plan: Plan, loc: tuple[str | int, ...], name: str, time: str, taker: str) -> str:
    place = plan.manifest.place_of(*loc)
    return (
        f"{place}: {name}: {time} is read as {in_seconds(time)}, a number for {taker}; "
        "in quotes it is text"
    )


def _takers(plan: Plan, number: int) -> dict[str, list[str]]:
    """Return axes written as times -> the circuits of this sweep that take them as numbers."""
    written = plan.manifest.sweeps[number].times
    takers: dict[str, list[str]] = {
        axis: ["a setting"] for axis in written if setting_axis(axis) and not is_time(axis)
    }
    for layout in plan.layouts(number):
        for axis in written:
            said = f"circuit {layout.circuit!r}"
            if said not in takers.get(axis, ()) and _is_number(plan, layout, axis):
                takers.setdefault(axis, []).append(said)
    return takers


def _is_number(plan: Plan, layout: Layout, name: str) -> bool:
    """Tell whether the circuit of a layout takes a value as an argument, or no duration."""
    if name in plan.sources[layout.circuit].arguments:
        return True
    facts, text = layout.program.facts, layout.program.text
    if name not in facts.parameters or name in facts.durations:
        return False
    return re.search(rf"\binput\s+duration\s+{re.escape(name)}\b", text) is None
