"""Calibrations of readout that are bought again when they are older than asked: whose they are.

Each time buys further shots of the same content, with their own time. Which are wanted follows from
when jobs ran, so it is decided as a run goes on; a plan tells the least and the most. What is
computed here does not drift: its noise is what the manifest says, so its calibrations are bought
once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from qbatch.notation import duration, listed, whole
from qbatch.providers import calibration_age_s
from qbatch.shots import AgedShots

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.points import Points

_LOC = ("analysis", "mitigation", "readout", "every")


def longest_age_s(manifest: Manifest) -> float | None:
    """Return how old a calibration may be when a job of points runs; None: that is not asked.

    Nor is it where all that is measured is computed here.
    """
    ages = (calibration_age_s(manifest, name) for name in manifest.backends)
    return next((age_s for age_s in ages if age_s is not None), None)


def calibrations_by_setting(plan: Points) -> Mapping[str, frozenset[str]]:
    """Key of what points share -> contents of the calibrations by which they are mended.

    Empty where calibrations are bought once.
    """
    if longest_age_s(plan.manifest) is None:
        return {}
    found: dict[str, set[str]] = defaultdict(set)
    for layout in plan.variant_layouts():
        if calibration_age_s(plan.manifest, layout.backend) is None:
            continue
        contents = {each.id_at((0,)) for each in layout.each if each.calibrates}
        for each in layout.each:
            if contents and not each.calibrates:
                found[each.setting] |= contents
    return {key: frozenset(contents) for key, contents in found.items()}


def aged_contents(plan: Points) -> frozenset[str]:
    """Return the contents of all calibrations that are bought again as they grow old."""
    return frozenset().union(*calibrations_by_setting(plan).values())


def check_aging(plan: Points, mistakes: Mistakes) -> None:
    """See that the shots of a point are not decided on in rounds, which run at their own times."""
    every_s = longest_age_s(plan.manifest)
    if every_s is not None and plan.manifest.accuracies:
        mistakes.add(
            _LOC,
            "a point is mended by one calibration, and an accuracy's rounds take its shots at "
            "different times; write a number of shots, or leave 'every' out",
        )


def told_aging(plan: Points) -> Iterator[str]:
    """Say when calibrations are bought again, and how often that may be."""
    readout = plan.manifest.analysis.mitigation.readout
    if readout is not None and readout.every_s is not None:
        manifest = plan.manifest
        if here := [n for n in manifest.backends if calibration_age_s(manifest, n) is None]:
            why = "what is computed here does not drift"
            yield f"calibrations of {listed(here)} are bought once: {why}"
    every_s = longest_age_s(plan.manifest)
    if every_s is None:
        return
    told = f"calibrations that are older than {duration(every_s)} when a job of points runs"
    found = facts_of_aging(plan)
    yield (
        f"{told} are bought again: at least {whole(found['least'])} and at most "
        f"{whole(found['most'])} times from now on, for how long the run takes is not known"
    )


def facts_of_aging(plan: Points) -> dict[str, int]:
    """Return how often calibrations are bought again from now on: for certain, and at most."""
    aged = [each for each in plan.wanted.values() if isinstance(each, AgedShots)]
    return {
        "least": sum(each.is_due for each in aged),
        "most": sum(each.is_due + (each.most - each) // each.first for each in aged),
    }
