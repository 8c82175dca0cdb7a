"""``shots: {target_se: 0.01, of: energy, min: 200, max: 20000}``: shots by the accuracy they give.

An accuracy stands wherever a number of shots may stand that says how far along a sample is taken:
at the top, and in an override's `set`. On an axis it cannot stand: numbers there are experiments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from qbatch.manifest.fields import (
    AT_KEY,
    Flag,
    Mistakes,
    Model,
    Real,
    Text,
    Whole,
    amiss,
    as_integer,
    check_beside,
    known_to,
    unknown,
    wrong,
)

#: What an axis of shots is told that holds one.
NO_AXIS = (
    "an accuracy (target_se) is no value of an axis: write it as shots: at the top, or in the set "
    "of an override"
)


def _as_names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Accuracy(Model):
    """How well numbers are to be known, and between which limits shots are bought for that.

    Attributes:
        target_se: The standard error to be reached.
        target_width: In its place: the whole width of the interval to be reached.
        of: The number, or several, each of which is to be so accurate.
        min: Shots bought first, of each setting of a point.
        max: Never more of each setting.
        relative: The target is a share of the number's own size.
    """

    target_se: Annotated[Real, Field(gt=0)] | None = None
    target_width: Annotated[Real, Field(gt=0)] | None = None
    of: Annotated[tuple[Text, ...], BeforeValidator(_as_names), Field(min_length=1)]
    min: Annotated[Whole, Field(ge=2)] = 200
    max: Annotated[Whole, Field(ge=2)] = 20_000
    relative: Flag = False

    @model_validator(mode="wrap")
    @classmethod
    def check_target(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """See that there is one target, of numbers that there are, and that limits are in order."""
        mistakes = Mistakes()
        if isinstance(data, Mapping):
            targets = [key for key in ("target_se", "target_width") if data.get(key) is not None]
            if not targets:
                said = "has no target; write target_se: 0.01, or target_width: 0.04"
                mistakes.add((), amiss(said))
            elif len(targets) > 1:
                mistakes.add(("target_width", AT_KEY), wrong("stands beside target_se; keep one"))
            names = known_to(info).estimates
            for number, name in enumerate(_of(data)):
                if names is not None and isinstance(name, str) and name not in names:
                    loc = ("of", number) if isinstance(data["of"], tuple | list) else ("of",)
                    mistakes.add(loc, unknown("number of the analysis", name, names))
        made = check_beside(data, handler, mistakes)
        if made.min > made.max:
            mistakes.add(
                ("max",), wrong(f"is less than min, which is {made.min}; write that or more")
            )
        mistakes.raise_any()
        return made

    @property
    def target(self) -> float:
        """The standard error, or the width, to be reached."""
        return self.target_se or self.target_width or 0.0

    def __str__(self) -> str:
        names = " and ".join(self.of)
        what = "standard error" if self.target_se is not None else "interval as wide as"
        of = f" x |{names}|" if self.relative else ""
        return f"{what} {self.target:g}{of} of {names}"


def _of(data: Mapping[str, Any]) -> tuple[Any, ...]:
    names = data.get("of")
    return tuple(names) if isinstance(names, tuple | list) else (names,)


class AdaptiveShots(int):
    """So many shots are wanted now of a point that is to reach an accuracy; a number by itself.

    Attributes:
        accuracy: To be reached.
        is_last: No more will be wanted.
    """

    accuracy: Accuracy
    is_last: bool

    def __new__(
        cls, accuracy: Accuracy, shots: int | None = None, *, is_last: bool = False
    ) -> AdaptiveShots:
        """Make it; without `shots`, as many as are bought first."""
        made = super().__new__(cls, accuracy.min if shots is None else shots)
        made.accuracy = accuracy
        made.is_last = is_last
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.accuracy, int(self)

    @property
    def first(self) -> int:
        """How many are bought first, as the manifest says."""
        return self.accuracy.min

    @property
    def most(self) -> int:
        """How many may be wanted in the end."""
        return int(self) if self.is_last else max(int(self), self.accuracy.max)


def as_written(shots: int) -> int:
    """Return shots as the manifest asks for them, whatever was decided since."""
    return shots.first if isinstance(shots, AdaptiveShots) else shots


def as_shots(value: Any, info: ValidationInfo) -> int:
    """Read a number of shots, or the accuracy that they are to give.

    Raises:
        PydanticCustomError: It is neither.
        ValidationError: Something within the accuracy is wrong.
    """
    if isinstance(value, AdaptiveShots):
        return value
    if isinstance(value, Accuracy):
        return AdaptiveShots(value)
    if isinstance(value, Mapping):
        return AdaptiveShots(Accuracy.model_validate(value, context=info.context))
    shots: int = as_integer(value, info)
    if shots < 1:
        raise wrong("is too few; write 1 or more")
    return shots


#: The schema of an accuracy is put beside that of a number where the whole schema is made.
Shots = Annotated[
    int, PlainValidator(as_shots), WithJsonSchema({"type": ["integer", "string"], "minimum": 1})
]
