"""How a point's shots are spread over its settings: evenly, or by what these weigh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from qbatch.manifest.accuracy import Accuracy
from qbatch.manifest.fields import Mistakes, amiss

if TYPE_CHECKING:
    from qbatch.manifest.analysis import Analysis
    from qbatch.manifest.sweep import Sweep

#: `shots` of each setting; or the same sum, spread by the weight of what each setting tells.
Allocation = Literal["evenly", "by_weight"]

Loc = tuple[str | int, ...]


def check_allocation(
    allocate: Allocation,
    analysis: Analysis,
    sweeps: Sequence[Sweep],
    accuracies: Sequence[tuple[Loc, Accuracy]],
) -> None:
    """See that there is something to spread, and that it is not decided elsewhere already.

    Args:
        allocate: As the manifest says.
        analysis: Its own.
        sweeps: Its own.
        accuracies: Asked for in place of shots, with their places.

    Raises:
        ValidationError: All that is wrong.
    """
    if allocate == "evenly":
        return
    mistakes = Mistakes()
    if not analysis.observables:
        said = "by_weight spreads shots by the terms of observables, and there are none; leave it"
        mistakes.add(("allocate",), amiss(f"{said} out, or write analysis: {{observables: …}}"))
    if any(sweep.has_shots_axis for sweep in sweeps):
        said = "by_weight spreads what `shots` asks for, but here shots are an axis, each value an "
        told = f"{said}experiment of so many shots in each setting; write shots: N at the top"
        mistakes.add(("allocate",), amiss(told))
    for _, accuracy in accuracies[:1]:
        said = f"by_weight spreads a sum that is known, but shots are decided by the {accuracy}: "
        told = f"{said}each round asks for those of a setting; leave allocate out, or write shots: "
        mistakes.add(("allocate",), amiss(f"{told}N"))
    if analysis.mitigation.twirl is not None:
        said = "by_weight spreads shots over settings, but twirl shares them out evenly among forms"
        mistakes.add(("allocate",), amiss(f"{said}; leave one of the two out"))
    mistakes.raise_any()
