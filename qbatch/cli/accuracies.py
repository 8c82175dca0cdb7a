"""How far the points of a run are from the accuracies that they are to reach, for a person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qbatch.plan.pricing.offer import Offer
    from qbatch.snapshot import Run

#: Points named that did not reach their targets.
MOST_NAMED = 10


def facts_of(run: Run) -> dict[str, Any] | None:
    """What `status --json` says of accuracies; None where none is asked for."""
    from qbatch.accuracy.deciding import told_shots
    from qbatch.accuracy.saving import saving_of
    from qbatch.accuracy.standing import standings

    found = standings(run)
    if not found:
        return None
    saving = saving_of(found)
    return {
        "counts": dict(Counter(each.why for each in found)),
        "saving": None if saving is None else {**saving._asdict(), "share": saving.share},
        "points": [
            {
                "point": each.point.name,
                "why": each.why,
                "shots": each.shots,
                "of_target": each.shares,
                "wanted": sum(each.decision.wanted.values()) if each.decision else None,
                "needs": told_shots(each.decision.needs) if each.decision else None,
            }
            for each in found
        ],
    }


def wants_more(run: Run) -> bool:
    """Whether a further round is due: what was bought so far is done, and not enough."""
    from qbatch.accuracy.standing import standings

    return any(each.decision is not None and not each.decision.is_last for each in standings(run))


def lines_of(facts: dict[str, Any]) -> list[str]:
    """Say how many points are how far, and which are not where they should be."""
    from qbatch.accuracy.standing import SAID
    from qbatch.notation import whole

    told = ", ".join(f"{whole(number)} {SAID[why]}" for why, number in facts["counts"].items())
    lines = [f"targets: {told}"]
    left = [point for point in facts["points"] if point["why"] != "reached"]
    lines += [f"  {_told(point)}" for point in left[:MOST_NAMED]]
    if len(left) > MOST_NAMED:
        lines.append(f"  and {whole(len(left) - MOST_NAMED)} more; --json has all")
    return [*lines, *_saved(facts)]


def _saved(facts: dict[str, Any]) -> list[str]:
    """Say how many shots were saved beside as many at each point, where some were."""
    from qbatch.accuracy.saving import Saving

    told = facts["saving"]
    if told is None or told["share"] <= 0:
        return []
    return [f"shots: {Saving(told['used'], told['alike'])}"]


def planned(offer: Offer) -> Iterator[str]:
    """Say of a plan which accuracies are asked for, and what that may come to."""
    from qbatch.cli.words import headline
    from qbatch.notation import whole

    for each in dict.fromkeys(accuracy for _, accuracy in offer.plan.manifest.accuracies):
        yield (
            f"target: {each}, decided round by round: {whole(each.min)} shots of each setting "
            f"of a point first, {whole(each.max)} at most"
        )
    if offer.plan.has_accuracies and offer.costs:
        yield f"all rounds together, at most: {headline('', offer.most)}"
    elif offer.plan.may_want_more and offer.costs:
        yield f"with all calibrations that may be bought again, at most: {headline('', offer.most)}"


def _told(point: dict[str, Any]) -> str:
    from qbatch.notation import whole

    shares: dict[str, float] = point["of_target"]
    errors = ", ".join(f"{name} at {share:.3g} x its target" for name, share in shares.items())
    told = f"{point['point']}: {errors or 'not measured yet'} with {whole(point['shots'])} shots"
    if point["why"] in ("max", "rounds", "budget") and point["needs"] is not None:
        return f"{told}; about {whole(point['needs'])} would reach it"
    return f"{told}; next {whole(point['wanted'])}" if point["why"] == "more" else told


def short(facts: dict[str, Any]) -> Sequence[str]:
    """The lines that `run` ends with: what did not reach its target, and what was saved."""
    return _saved(facts) if set(facts["counts"]) == {"reached"} else lines_of(facts)
