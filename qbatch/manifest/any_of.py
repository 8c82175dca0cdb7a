"""``target: {any_of: [a, b, c], prefer: cheapest}``: one of several, decided when it is planned.

In a backend with a provider these are targets of that provider; in one without, names of other
backends of the manifest, with all that is written of them. It is decided once, for all points of
the backend: a sweep is never spread over machines unless its backends are written one by one. A
decision answers one question: where the candidates or `prefer` are others, it holds no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from qbatch.manifest.fields import Mistakes, Model, Text, as_text, known_to, unknown, wrong
from qbatch.notation import listed

Preference = Literal["cheapest", "soonest", "most_precise"]

#: What stands for the provider of a backend that is one of others, until it is decided.
OPEN = "(any of)"

#: Keys that a backend can have which is one of others.
_OF_OTHERS = frozenset({"target", "provider"})


def _check_differ(names: tuple[str, ...]) -> tuple[str, ...]:
    mistakes = Mistakes()
    for at, name in enumerate(names):
        if name in names[:at]:
            mistakes.add((at,), wrong("stands twice; keep one"))
    mistakes.raise_any()
    return names


class AnyOf(Model):
    """One of several targets, decided when it is planned.

    Attributes:
        any_of: The candidates: targets of the backend's provider; without a provider, names of
            other backends.
        prefer: The least price, the earliest end, or the least standard error.
    """

    any_of: Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_check_differ)]
    prefer: Preference

    @property
    def told(self) -> str:
        """What is preferred, in words."""
        return superlative(self.prefer)

    def __str__(self) -> str:
        return f"{self.told} of {listed(self.any_of)}"


def superlative(prefer: str) -> str:
    """Say what is preferred, in words: ``the most precise``."""
    return f"the {prefer.replace('_', ' ')}"


class OpenTarget(str):
    """A target that is not decided: what a person reads in its place, and the question.

    Attributes:
        question: What is to be decided.
    """

    question: AnyOf

    def __new__(cls, question: AnyOf) -> Self:
        """Make it."""
        made = super().__new__(cls, question)
        made.question = question
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.question,)


def as_target(value: Any, info: ValidationInfo) -> str:
    """Read the name of a target, or what it is one of.

    Raises:
        PydanticCustomError: It is neither.
        ValidationError: Something within what it is one of is wrong.
    """
    if isinstance(value, OpenTarget):
        return value
    if isinstance(value, Mapping | AnyOf):
        return OpenTarget(AnyOf.model_validate(value, context=info.context))
    return str(as_text(value))


#: The schema of `AnyOf` is put beside that of a name where the whole schema is made.
TargetName = Annotated[str, PlainValidator(as_target), WithJsonSchema({"type": "string"})]


def with_provider(data: Any, info: ValidationInfo) -> Any:
    """Give a backend that is one of others a provider, and see that it is and says no more.

    Raises:
        ValidationError: It names no backend, or has keys that would count nowhere.
    """
    if not isinstance(data, Mapping) or not is_of_others(data):
        return data
    mistakes = Mistakes()
    for key in data.keys() - _OF_OTHERS:
        said = "counts nowhere, for this backend is one of others; write it there"
        mistakes.add((key, "[key]"), wrong(said))
    target, known = data["target"], known_to(info).backends
    names = target.any_of if isinstance(target, AnyOf) else target.get("any_of", ())
    for at, name in enumerate(names if isinstance(names, tuple | list) else ()):
        if known is not None and isinstance(name, str) and name not in known:
            mistakes.add(("target", "any_of", at), unknown("backend", str(name), known))
    mistakes.raise_any()
    return {**data, "provider": OPEN}


def is_of_others(data: Mapping[str, Any]) -> bool:
    """Whether what is written of a backend says that it is one of others."""
    target = data.get("target")
    if isinstance(target, OpenTarget):
        target = target.question
    return isinstance(target, Mapping | AnyOf) and data.get("provider") is None
