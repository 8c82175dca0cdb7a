"""The randomised forms in which circuits are measured, and what a plan tells of them.

A point's shots are shared out among its forms, each of which is a setting with a content of its
own. The number that they tell is their mean; how it errs is told in `qbatch.result.twirled`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.notation import listed, whole
from qbatch.plan.bases import forms_in

if TYPE_CHECKING:
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.points import Points

#: Where it is asked for.
LOC = ("analysis", "mitigation", "twirl")


def check_twirl(plan: Points, mistakes: Mistakes) -> None:
    """See that points have numbers of shots that can be shared out among forms."""
    number = forms_in(plan.manifest)
    if not number:
        return
    for loc, _ in plan.manifest.accuracies:
        mistakes.add(
            loc,
            f"twirl shares shots out among {number} forms, and what their choice leaves open does "
            "not fall as an accuracy's rounds buy more of each; write a number of shots",
        )
    for layout in plan.variant_layouts():
        _, values = layout.shots
        odd = [shots for shots in values if shots % number] if layout.has_shots_axis else []
        if odd:
            mistakes.add(
                LOC,
                f"{number} forms share out the shots of each value of the axis, and "
                f"{listed(map(whole, odd), 3)} cannot be; write multiples of {number}",
            )
            return


def told_twirls(plan: Points) -> Iterator[str]:
    """Say what of circuits is twirled, what is not, and what becomes of a point's shots."""
    number = forms_in(plan.manifest)
    if not number:
        return
    from qbatch.circuit.twirling import num_twirled

    told: dict[str, None] = {}
    for layout in plan.variant_layouts():
        gates, left = num_twirled(layout.program)
        own = f"{whole(gates)} of its gates on two qubits" if gates else ""
        what = f"its readout, and {own}" if gates else "its readout alone"
        if left:
            what += f"; {whole(left)} that are no Clifford gates are left as they are"
        told[f"circuit {layout.circuit!r} is twirled: {what}"] = None
    several = f", and so are {whole(len(told) - 1)} other texts" if len(told) > 1 else ""
    yield f"{next(iter(told))}{several}"
    yield (
        f"twirl measures {number} forms of each circuit, in each basis and scale, among which a "
        "point's shots are shared out"
    )
