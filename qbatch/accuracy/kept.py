"""What a run folder keeps of accuracies: which point is to reach which, and what was decided.

A round of decisions is one fact of the run folder, written before anything is bought by it, and
stays as it is: each with what it was decided from. What was decided from shots that are forgotten
is kept, and counts no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from qbatch.accuracy.deciding import MORE, Decision
from qbatch.frozen import dataclass
from qbatch.manifest.accuracy import Accuracy, AdaptiveShots

#: Facts of a run folder: what is to be reached, and ``accuracy.1``, ``accuracy.2`` … a round each.
TERMS, ROUND = "accuracies", "accuracy."

#: Setting -> up to which round what was decided of it counts no more, for its shots are forgotten.
FORGOTTEN = "accuracies_forgotten"


@dataclass(frozen=True, slots=True)
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
            **({"limits": decision.limits} if decision.limits else {}),
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
            facts["limits"] = tuple(facts.get("limits", ()))
            found.append(Kept(number, name, accuracies[at], Decision(**facts)))
    return found


def forget_decisions(meta: Mapping[str, str], ids: Iterable[str]) -> dict[str, str]:
    """Return the fact by which nothing counts that was decided of settings so far, if any was."""
    decided = _settings_in(kept := read_rounds(meta))
    last = max((each.round for each in kept), default=0)
    gone = {id_: last for id_ in ids if id_ in decided}
    return {FORGOTTEN: json.dumps({**_forgotten(meta), **gone})} if gone else {}


def join_decisions(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Return the facts by which a folder has another one's decisions as well, as further rounds.

    Those that it has already (one is a copy of the other) are not counted twice.
    """
    mine, forgotten = read_rounds(ours), _forgotten(theirs)
    known = [(each.point, each.accuracy, each.decision) for each in mine]
    at = max((each.round for each in mine), default=0)
    rounds: dict[int, list[tuple[str, Accuracy, Decision]]] = {}
    for each in read_rounds(theirs):
        told = (each.point, each.accuracy, each.decision)
        if told not in known and not _is_forgotten(each, forgotten):
            rounds.setdefault(each.round, []).append(told)
    numbered = enumerate(rounds.values(), at + 1)
    return {f"{ROUND}{number}": dump_round(decided) for number, decided in numbered}


def _settings_in(kept: Iterable[Kept]) -> set[str]:
    return {id_ for each in kept for id_ in each.decision.wanted}


def _forgotten(meta: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = json.loads(meta.get(FORGOTTEN) or "{}")
    return found


def _is_forgotten(kept: Kept, forgotten: Mapping[str, int]) -> bool:
    return any(kept.round <= forgotten.get(id_, 0) for id_ in kept.decision.wanted)


class History:
    """What was decided so far, by the settings' ids.

    Args:
        kept: All of it, the earliest first.
        forgotten: Setting -> up to which round that counts no more.
    """

    def __init__(self, kept: Iterable[Kept], forgotten: Mapping[str, int] | None = None) -> None:
        self._of: dict[str, list[Kept]] = {}
        self.rounds = 0
        for each in kept:
            self.rounds = max(self.rounds, each.round)
            for id_ in () if _is_forgotten(each, forgotten or {}) else each.decision.wanted:
                self._of.setdefault(id_, []).append(each)

    @classmethod
    def of(cls, meta: Mapping[str, str]) -> History:
        """Read it from the facts of a run folder."""
        return cls(read_rounds(meta), _forgotten(meta))

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
