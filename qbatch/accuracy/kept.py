"""What a run folder keeps of accuracies: which point is to reach which, and what was decided.

A round of decisions is one fact of the run folder, written before anything is bought by it, and
stays as it is: each with what it was decided from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qbatch.accuracy.deciding import MORE, Decision
from qbatch.manifest.accuracy import Accuracy, AdaptiveShots

#: Facts of a run folder: what is to be reached, and ``accuracy.1``, ``accuracy.2`` … a round each.
TERMS, ROUND = "accuracies", "accuracy."


@dataclass(frozen=True)
class Kept:
    """A decision, as it was kept.

    Attributes:
        round: Its round in the run folder, from 1.
        point: Name of the point.
        accuracy: That it is for.
        decision: What was decided.
    """

    round: int
    point: str
    accuracy: Accuracy
    decision: Decision


def dump_terms(points: Iterable[tuple[str, int]]) -> str:
    """Write which settings, by their contents' ids, are to reach which accuracy, as JSON."""
    accuracies: list[Accuracy] = []
    of: dict[str, int] = {}
    for id_, shots in points:
        if isinstance(shots, AdaptiveShots):
            if shots.accuracy not in accuracies:
                accuracies.append(shots.accuracy)
            of[id_] = accuracies.index(shots.accuracy)
    return json.dumps({"accuracies": [_dump(each) for each in accuracies], "of": of})


def read_terms(meta: Mapping[str, str]) -> dict[str, Accuracy]:
    """Return what each setting is to reach; empty where shots are just numbers."""
    told = json.loads(meta.get(TERMS) or "{}")
    accuracies = [_read(each) for each in told.get("accuracies", ())]
    return {id_: accuracies[number] for id_, number in told.get("of", {}).items()}


def dump_round(decided: Iterable[tuple[str, Accuracy, Decision]]) -> str:
    """Write a round of decisions, each with its point's name, as JSON."""
    accuracies: list[Accuracy] = []
    points = []
    for name, accuracy, decision in decided:
        if accuracy not in accuracies:
            accuracies.append(accuracy)
        facts = {
            "wanted": dict(decision.wanted),
            "why": decision.why,
            "had": dict(decision.had),
            "errors": dict(decision.errors),
            "needs": decision.needs,
        }
        points.append({"point": name, "accuracy": accuracies.index(accuracy), **facts})
    return json.dumps({"accuracies": [_dump(each) for each in accuracies], "points": points})


def read_rounds(meta: Mapping[str, str]) -> list[Kept]:
    """Return all decisions that were kept, the earliest first."""
    numbers = sorted(int(key.removeprefix(ROUND)) for key in meta if key.startswith(ROUND))
    found = []
    for number in numbers:
        told = json.loads(meta[f"{ROUND}{number}"])
        accuracies = [_read(each) for each in told["accuracies"]]
        for facts in told["points"]:
            name, at = facts.pop("point"), facts.pop("accuracy")
            found.append(Kept(number, name, accuracies[at], Decision(**facts)))
    return found


class History:
    """What was decided so far, by the settings' ids.

    Args:
        kept: All of it, the earliest first.
    """

    def __init__(self, kept: Iterable[Kept]) -> None:
        self._of: dict[str, list[Kept]] = {}
        self.rounds = 0
        for each in kept:
            self.rounds = max(self.rounds, each.round)
            for id_ in each.decision.wanted:
                self._of.setdefault(id_, []).append(each)

    @classmethod
    def of(cls, meta: Mapping[str, str]) -> History:
        """Read it from the facts of a run folder."""
        return cls(read_rounds(meta))

    def latest(self, id_: str, accuracy: Accuracy) -> Decision | None:
        """What was decided last of a setting for this accuracy; None: nothing."""
        found = [each for each in self._of.get(id_, ()) if each.accuracy == accuracy]
        return found[-1].decision if found else None

    def bought(self, id_: str, accuracy: Accuracy) -> int:
        """How many rounds bought more of a setting for this accuracy."""
        found = (each for each in self._of.get(id_, ()) if each.accuracy == accuracy)
        return sum(each.decision.why == MORE for each in found)

    def wanted(self, points: Iterable[tuple[str, int]]) -> dict[str, AdaptiveShots]:
        """Return the shots that are wanted by now of settings that are to reach an accuracy.

        What was decided for another accuracy is bought, or on its way, and counts; nothing is
        settled by it.
        """
        found = {}
        for id_, shots in points:
            if isinstance(shots, AdaptiveShots) and (decided := self._of.get(id_)):
                accuracy = shots.accuracy
                last = self.latest(id_, accuracy)
                number = max(each.decision.wanted[id_] for each in decided)
                is_last = last is not None and last.is_last
                found[id_] = AdaptiveShots(accuracy, number, is_last=is_last)
        return found


def _dump(accuracy: Accuracy) -> dict[str, object]:
    found: dict[str, object] = accuracy.model_dump(mode="json", exclude_none=True)
    return found


def _read(told: Mapping[str, object]) -> Accuracy:
    return Accuracy.model_validate({**told, "of": tuple(told["of"])})  # type: ignore[arg-type]
