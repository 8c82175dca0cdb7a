"""What backends were decided to be that are one of several: see `any_of`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
)

from qbatch.errors import Place, SourceError, SourceErrors
from qbatch.frozen import dataclass
from qbatch.manifest.any_of import OPEN, AnyOf, OpenTarget, superlative
from qbatch.manifest.backends import Backend
from qbatch.notation import visible

#: The fact of a run that holds them.
DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a backend was decided to be.

    Attributes:
        backend: Its name in the manifest.
        any_of: What it could be.
        prefer: By what it was decided.
        chosen: What it is: one of `any_of`.
        figures: What it rests on, JSON: candidate -> what was known of it; none: nobody asked.
        said_by: Where it was found; "": it was made now.
    """

    backend: str
    any_of: tuple[str, ...]
    prefer: str
    chosen: str
    figures: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)
    said_by: str = field(default="", compare=False)

    def facts(self) -> dict[str, Any]:
        """Return it as JSON, without where it was found."""
        told = {**asdict(self), "any_of": list(self.any_of)}
        del told["said_by"]
        return told

    @classmethod
    def of(cls, facts: Any) -> Decision:
        """Read what `facts` made.

        Raises:
            ValidationError: It is none.
        """
        kept = _Kept.model_validate(facts).model_dump()
        return cls(**{**kept, "any_of": tuple(kept["any_of"])})

    def __str__(self) -> str:
        """In words: ``free, the cheapest of dear, free``."""
        return f"{self.chosen}, {superlative(self.prefer)} of {', '.join(self.any_of)}"

    @property
    def question(self) -> tuple[str, tuple[str, ...], str]:
        """Of which backend this decides what, and by what."""
        return self.backend, self.any_of, self.prefer

    def answers(self, question: AnyOf) -> bool:
        """Whether this is an answer to that question."""
        asked = self.any_of == question.any_of and self.prefer == question.prefer
        return asked and self.chosen in question.any_of


class _Read(BaseModel):
    """Part of a file that may be a stranger's: its figures are shown to who agrees to a price."""

    model_config = ConfigDict(strict=True)


_Line = Annotated[str, AfterValidator(visible)]
#: Finite: JSON has no other, and a whole one beyond these may be more than a float can be.
_Number = Annotated[int, Field(ge=-(2**53), le=2**53)] | FiniteFloat


class _Time(_Read):
    low_s: _Number = 0
    high_s: _Number | None = None
    rests_on: list[_Line] = []


class _Figures(_Read):
    """See `Candidate.facts`."""

    target: _Line = ""
    out: _Line = ""
    price: _Number | None = None
    unit: _Line = ""
    formula: _Line = ""
    time: _Time | None = None
    error: _Number | None = None
    error_rests_on: _Line = ""
    left: dict[_Line, _Number] = {}
    is_emulated: bool = False


class _Kept(_Read):
    """See `Decision.facts`."""

    backend: _Line
    any_of: list[_Line]
    prefer: _Line
    chosen: _Line
    figures: Annotated[dict[_Line, _Figures], Field(min_length=1)]


def decisions_facts(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    """Return as JSON what `decisions_in` reads: those that rest on something."""
    return [each.facts() for each in decisions if each.figures]


def decided_fact(decisions: Iterable[Decision], kept: str | None = None) -> str:
    """Return decisions as a run keeps them, JSON.

    Args:
        decisions: What holds now.
        kept: What the run has kept: what a trial asks otherwise is no less decided.
    """
    earlier = decisions_in(json.loads(kept or "[]"), "the run folder")
    found = {each.question: each for each in (*earlier, *decisions)}
    return json.dumps(decisions_facts(found.values()))


def decisions_in(facts: Any, where: str) -> tuple[Decision, ...]:
    """Read a list of what `Decision.facts` made.

    Args:
        facts: The list; None: nothing was decided.
        where: It stands, for the message.

    Raises:
        SourceErrors: It is none: to leave it out would decide anew, and buy elsewhere.
    """
    try:
        return tuple(map(Decision.of, [] if facts is None else _LIST.validate_python(facts)))
    except ValidationError as error:
        place = ".".join(["decided", *map(str, error.errors()[0]["loc"])])
        mistake = SourceError(
            Place(where),
            f"{place}: what backends were decided to be cannot be read; put the file back as it "
            "was, or take `decided` out of it to decide anew",
        )
        raise SourceErrors("a decision cannot be read", [mistake.about("any-of")]) from error


_LIST = TypeAdapter(list[Any])


def kept_decisions(facts: Mapping[str, str], where: str) -> tuple[Decision, ...]:
    """Read what `decided_fact` made, of the facts of a run; see `decisions_in`."""
    return decisions_in(json.loads(facts.get(DECIDED) or "[]"), where)


def questions_of(backends: Mapping[str, Backend]) -> dict[str, AnyOf]:
    """Backend -> what is to be decided of it, of those where anything is."""
    return {
        name: each.target.question
        for name, each in backends.items()
        if isinstance(each.target, OpenTarget)
    }


def decided_backends(
    backends: Mapping[str, Backend], decisions: Iterable[Decision]
) -> tuple[dict[str, Backend], tuple[Decision, ...]]:
    """Return backends as they were decided to be, and the decisions that count for them.

    What has one candidate is that one.
    """
    found, counting, known = dict(backends), [], [*decisions]
    for name, question in questions_of(backends).items():
        ours = (each for each in known if each.backend == name and each.answers(question))
        if (decision := next(ours, None)) is not None:
            counting.append(decision)
            found[name] = candidate(backends, name, decision.chosen)
        elif len(question.any_of) == 1:
            found[name] = candidate(backends, name, question.any_of[0])
    return found, tuple(counting)


def candidate(backends: Mapping[str, Backend], name: str, chosen: str) -> Backend:
    """Return a backend as if it were decided to be one of what it may be."""
    backend = backends[name]
    if is_open(backend):
        return backends[chosen]
    return backend.model_copy(update={"target": chosen})


def is_open(backend: Backend) -> bool:
    """Whether a backend is one of others, and not decided yet."""
    return backend.provider == OPEN


def nested(backends: Mapping[str, Backend]) -> list[tuple[tuple[str | int, ...], str]]:
    """Say which candidates are to be decided themselves, each with its place and why that is wrong.

    A chain of decisions would hide which figures count.
    """
    questions = questions_of(backends)
    return [
        (
            ("backends", name, "target", "any_of", at),
            "is one of several itself; write its candidates here",
        )
        for name, question in questions.items()
        if is_open(backends[name])
        for at, each in enumerate(question.any_of)
        if each in questions
    ]
