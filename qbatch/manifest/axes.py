"""The axes of a sweep: what their values are, and what may be one.

Rules: names of circuits and backends stay strings whatever they look like; shots are whole; a
value that stands twice on a matrix axis would make a point twice and is refused at the second.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from qbatch.frozen import dataclass
from qbatch.manifest.accuracy import NO_AXIS, as_shots
from qbatch.manifest.fields import (
    AXES,
    Mistakes,
    Model,
    Numeric,
    Real,
    Text,
    Value,
    Whole,
    amiss,
    as_setting,
    as_text,
    as_time,
    as_value,
    check_column,
    known_to,
    unknown,
    wrong,
)
from qbatch.manifest.local_paths import LocalPath
from qbatch.manifest.paths import PARTS, is_time, setting_axis
from qbatch.manifest.times import as_unquoted_time
from qbatch.notation import did_you_mean, listed, nearest, shortened

MAX_VALUES = 10_000_000

#: Key of an axis in a manifest -> what its value looks like.
FORMS = {
    "linspace": "[start, stop, n]",
    "geomspace": "[start, stop, n]",
    "range": "[start, stop, step]",
    "random": "{distribution: uniform, min: 0, max: 1, n: 10}",
    "from": "{file: angles.csv, column: gamma}",
    "formula": "2*pi*tau",
}
#: Form -> the attribute it is read into, where that has another name.
_FIELDS = {"from": "from_file"}
#: Values of an axis that are told in short.
_TOLD = 6
_COUNTS = {"range": "two or three"}
_HOW = "write a list of values, or one of {" + ": …}, {".join(FORMS) + ": …}"


def _as_swept(value: Any, info: ValidationInfo) -> Value:
    if type(value) is OnAxis:
        return as_axis_value(value.axis, value.value, info)
    return as_value(value, info)


AxisValue = Annotated[
    bool | int | float | str,
    PlainValidator(_as_swept),
    WithJsonSchema({"type": ["boolean", "number", "string"]}),
]


class RandomAxis(Model):
    """Values drawn once, from the sweep's seed.

    Attributes:
        distribution: How they are spread between min and max.
        min: Lower end.
        max: Upper end.
        n: How many.
    """

    distribution: Literal["uniform", "normal", "loguniform", "integers"] = "uniform"
    min: Real
    max: Real
    n: Annotated[Whole, Field(ge=1, le=MAX_VALUES)]

    @model_validator(mode="after")
    def check_ends(self) -> Self:
        if self.max < self.min:
            raise amiss(f"max {self.max:g} is below min {self.min:g}; swap them")
        if self.distribution == "loguniform" and self.min <= 0:
            raise amiss(f"loguniform from min {self.min:g}; write a min above 0")
        return self


class FileAxis(Model):
    """Values from a column of a CSV file with a header line.

    Attributes:
        file: Inside the manifest's folder.
        column: Its name in the header.
    """

    file: LocalPath
    column: Text


class Axis(Model):
    """One axis in the form it was written; `plan` makes its values.

    Exactly one attribute is set. A `formula` is no axis of its own: at each point it is worked out
    from the point's values of one other axis (or of axes that are zipped), and from `vars`.
    """

    values: tuple[AxisValue, ...] | None = None
    linspace: tuple[Real, Real, Whole] | None = None
    geomspace: tuple[Real, Real, Whole] | None = None
    range: tuple[Numeric, Numeric, Numeric] | None = None
    random: RandomAxis | None = None
    from_file: FileAxis | None = Field(default=None, alias="from")
    formula: Text | None = None

    @property
    def told(self) -> str:
        """Its values in short: the first ones, or how they are made."""
        if self.values is not None:
            first = ", ".join(map(str, self.values[:_TOLD]))
            more = len(self.values) - _TOLD
            return f"{first}, … {more} more" if more > 0 else first
        form, made = next((f, m) for f in FORMS if (m := getattr(self, _FIELDS.get(f, f))))
        if isinstance(made, Model):
            made = ", ".join(f"{key} {value}" for key, value in made.model_dump().items())
        told = made if isinstance(made, str) else ", ".join(map(str, made))
        return f"{form} {told}"

    @model_validator(mode="before")
    @classmethod
    def read_form(cls, data: Any, info: ValidationInfo) -> Any:
        """Read a list as `values`, and see that a map has one known key of the right shape."""
        if isinstance(data, Axis) or (isinstance(data, Mapping) and info.context is None):
            return data  # made in Python, where `values` is a name too
        if isinstance(data, tuple | list):
            if not data:
                raise amiss("is an empty axis; write at least one value")
            return {"values": tuple(data)}
        if not isinstance(data, Mapping):
            one = f"is one value, and an axis is a list of them; write [{shortened(str(data))}]"
            raise wrong(one if data is not None else f"is empty; {_HOW}")
        if "target_se" in data or "target_width" in data:
            raise amiss(NO_AXIS)
        if isinstance(ends := data.get("range"), tuple | list) and len(ends) == 2:
            data = {**data, "range": (*ends, 1)}
        _check_form(data)
        return data

    @model_validator(mode="wrap")
    @classmethod
    def read_times(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Read numbers with a unit of time (``80us``) as seconds."""
        if isinstance(data, Mapping):
            data = {form: _in_seconds(form, ends) for form, ends in data.items()}
        return handler(data)

    @model_validator(mode="after")
    def check_values(self) -> Self:
        """See that numbers make an axis: ends that allow the spacing, a range that ends."""
        form, ends = next(
            ((name, value) for name in ("linspace", "geomspace") if (value := getattr(self, name))),
            ("", (1, 1, 1)),
        )
        if not 1 <= ends[2] <= MAX_VALUES:
            raise amiss(f"{form} of {ends[2]} values; write 1 to {MAX_VALUES:,}")
        if form == "geomspace" and not ends[0] * ends[1] > 0:
            raise amiss(
                "geomspace takes two ends of the same sign, none of them 0; "
                "write two such, or use linspace"
            )
        if self.range:
            _check_range(*self.range)
        return self


def _check_form(data: Mapping[str, Any]) -> None:
    if len(data) != 1:
        raise amiss(f"an axis is a map of one key; {_HOW}")
    ((key, value),) = data.items()
    if key == "values" or key not in FORMS:
        raise amiss(f"unknown kind of axis {shortened(key)!r}{did_you_mean(key, FORMS)}; {_HOW}")
    shape = FORMS[key]
    if isinstance(value, Mapping) != shape.startswith("{"):
        raise amiss(f"write {{{key}: {shape}}}")
    if shape.startswith("[") and not (isinstance(value, tuple | list) and len(value) == 3):
        raise amiss(f"{key} takes {_COUNTS.get(key, 'three')} numbers; write {{{key}: {shape}}}")


def check_differ(axes: Mapping[str, Axis]) -> Mapping[str, Axis]:
    """See that the values of each axis of a matrix differ; zipped axes may repeat theirs."""
    mistakes = Mistakes()
    for name, axis in axes.items():
        first: dict[tuple[bool, Value], int] = {}
        for i, value in enumerate(axis.values or ()):
            at = first.setdefault((isinstance(value, bool), value), i)
            if at != i:
                said = f"stands twice on this axis (value {at + 1}); remove one"
                mistakes.add((name, "values", i), wrong(said))
    mistakes.raise_any()
    return axes


def _check_range(start: float, stop: float, step: float) -> None:
    if step == 0:
        raise amiss("a range with step 0 never ends; write another step")
    if (stop - start) * step <= 0:
        raise amiss(
            f"the range from {start:g} to {stop:g} by {step:g} is empty; turn the step's sign, or "
            "move the end"
        )
    if (stop - start) / step > MAX_VALUES:
        raise amiss(f"the range has more than {MAX_VALUES:,} values; write a larger step")


def as_axis_value(axis: str, value: Any, info: ValidationInfo) -> Value:
    """Return one value of the named axis: a known name, whole shots, a setting or a parameter.

    Raises:
        PydanticCustomError: It is none.
    """
    if axis == "shots":
        if isinstance(value, Mapping):
            raise amiss(NO_AXIS)
        return as_shots(value, info)
    if axis not in ("circuit", "backend"):
        if is_time(axis):
            time_s: float = as_time(value, info)
            return time_s
        return as_value(value, info) if setting_axis(axis) is None else as_setting(value, info)
    name: str = as_text(value)
    known = known_to(info)
    names = known.circuits if axis == "circuit" else known.backends
    if names is not None and name not in names:
        raise unknown(axis, name, names)
    return name


@dataclass(frozen=True, slots=True)
class OnAxis:
    """A value as written, on its way to the axis whose rules it is read by."""

    axis: str
    value: Any


def name_values(axes: Any) -> Any:
    """Tell values that are read by rules of their axis which one they stand on."""
    if not isinstance(axes, Mapping):
        return axes
    return {name: _named(name, axis) for name, axis in axes.items()}


def _named(name: str, axis: Any) -> Any:
    if isinstance(axis, tuple | list) and (name in AXES or "." in name):
        return tuple([OnAxis(name, value) for value in axis])
    return axis


def _in_seconds(form: str, ends: Any) -> Any:
    """Return a spacing's ends with times that have a unit as numbers; the rest is left as it is."""
    if isinstance(ends, tuple | list):
        return tuple([as_unquoted_time(end) for end in ends])
    if isinstance(ends, Mapping) and form != "from":
        return {key: as_unquoted_time(end) for key, end in ends.items()}
    return ends


def check_axis_name(name: str, info: ValidationInfo) -> str:
    """Return an axis' name: `circuit`, `backend`, `shots`, a setting's path or a parameter's."""
    if name == "repeat":
        raise wrong("is no axis; write repeat: N beside matrix and zip")
    if name in AXES:
        return name
    if "." not in name:
        return check_column(name)
    found = setting_axis(name)
    if found is None:
        raise wrong(f"is no axis; {_PATHS}{_near_path(name)}")
    known = known_to(info).backends
    if found.backend is not None and known is not None and found.backend not in known:
        raise wrong(f"is a setting of no backend; {_no_backend(found.backend, known)}")
    return name


_PATHS = (
    "a setting's path begins with noise., options., transpile., or backends.NAME. and one of these"
)


def _no_backend(name: str, known: Collection[str]) -> str:
    return f"there are {listed(sorted(known))}{did_you_mean(name, known)}"


def _near_path(name: str) -> str:
    """Say which path was meant, where the word that should be one of `PARTS` is near to one."""
    steps = name.split(".")
    at = 2 if steps[0] == "backends" and len(steps) > 2 else 0
    meant = nearest(steps[at], PARTS)
    if meant is None:
        return ""
    return f"; did you mean {shortened('.'.join([*steps[:at], meant, *steps[at + 1 :]]))!r}?"
