"""The models of a sweep: axes, and what takes points away, adds or changes them.

Rules: names of circuits and backends stay strings whatever they look like; shots are whole; a
value that stands twice on a matrix axis would make a point twice and is refused at the second;
`where` names only axes that the sweep has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from qbatch.arithmetic import is_arithmetic
from qbatch.manifest.fields import (
    ADAPTIVE,
    AT_KEY,
    AXES,
    Known,
    LocalPath,
    Mistakes,
    Model,
    Numeric,
    Real,
    Text,
    Value,
    Whole,
    amiss,
    as_integer,
    as_setting,
    as_text,
    as_time,
    as_value,
    check_beside,
    check_column,
    known_to,
    unknown,
    wrong,
)
from qbatch.manifest.paths import PARTS, is_time, setting_axis
from qbatch.manifest.times import Loc, as_unquoted_time, find_stray, is_unquoted_time, values_of
from qbatch.notation import did_you_mean, listed, nearest, shortened

#: A `where`: axis name -> value or list of values; a point matches when each named axis does.
Where = Mapping[str, Value | tuple[Value, ...]]

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
        if "target_se" in data:
            raise amiss(ADAPTIVE)
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
            raise amiss("geomspace takes two ends of the same sign, none of them 0")
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


def _check_differ(axes: Mapping[str, Axis]) -> Mapping[str, Axis]:
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
        shots: int = as_integer(value, info)
        if shots < 1:
            raise wrong("is too few; write 1 or more")
        return shots
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


def _name_values(axes: Any) -> Any:
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


def as_where(where: Any, info: ValidationInfo) -> Where:
    """Read axis name -> value or list of values."""
    return _read_values(where, info, lists=True)


def as_where_of_any(where: Any, info: ValidationInfo) -> Where:
    """Read a `where` outside of sweeps: it names axes of any of them, or `repeat`."""
    known = known_to(info).axes
    axes = None if known is None else {*AXES, "repeat", *known}
    return _read_values(where, info, lists=True, axes=axes)


def as_point(point: Any, info: ValidationInfo) -> Where:
    """Read axis name -> value."""
    return _read_values(point, info, lists=False)


def _read_values(
    data: Any, info: ValidationInfo, *, lists: bool, axes: Collection[str] | None = None
) -> Where:
    if not isinstance(data, Mapping):
        raise wrong("is no map; write {axis: value}" if data is not None else "is empty")
    mistakes = Mistakes()
    values: dict[str, Value | tuple[Value, ...]] = {}
    for axis, value in data.items():
        if axes is not None and axis not in axes:
            mistakes.add((axis, AT_KEY), no_axis(axis, axes))
        if isinstance(value, tuple | list) and lists:
            if not value:
                mistakes.add((axis,), amiss("is an empty list and matches nothing; remove it"))
            found = [_read(axis, item, info, mistakes, (axis, i)) for i, item in enumerate(value)]
            values[axis] = tuple(found)
        else:
            values[axis] = _read(axis, value, info, mistakes, (axis,))
    mistakes.raise_any()
    return values


def _read(
    axis: str, value: Any, info: ValidationInfo, mistakes: Mistakes, loc: tuple[str | int, ...]
) -> Value:
    try:
        return as_axis_value(axis, value, info)
    except PydanticCustomError as error:
        mistakes.add(loc, error)
        return 1


def _as_tuple(value: Any) -> Any:
    """Read one of something as a list of one."""
    return (value,) if isinstance(value, Mapping) else value


_VALUE_SCHEMA: dict[str, Any] = {"type": ["boolean", "number", "string"]}
_LIST_SCHEMA: dict[str, Any] = {"type": "array", "items": _VALUE_SCHEMA, "minItems": 1}
#: The field types of a `where`, and of a point or a `set`.
_WHERE_SCHEMA = WithJsonSchema(
    {"type": "object", "additionalProperties": {"anyOf": [_VALUE_SCHEMA, _LIST_SCHEMA]}}
)
WhereField = Annotated[Where, PlainValidator(as_where), _WHERE_SCHEMA]
AnySweepWhere = Annotated[Where, PlainValidator(as_where_of_any), _WHERE_SCHEMA]
PointField = Annotated[
    Mapping[str, Value],
    PlainValidator(as_point),
    WithJsonSchema({"type": "object", "additionalProperties": _VALUE_SCHEMA}),
]
AxisName = Annotated[str, AfterValidator(check_axis_name)]
Axes = Annotated[Mapping[AxisName, Axis], BeforeValidator(_name_values)]


class Sample(Model):
    """Keep `n` of the points that match `where`, drawn from `seed`, and all others.

    Attributes:
        n: How many to keep.
        where: Axis -> value or list of values; all points when left out.
        seed: Of the draw; the sweep's seed when left out.
    """

    n: Annotated[Whole, Field(ge=1)]
    where: WhereField = Field(default_factory=dict)
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] | None = None


class Override(Model):
    """Change the points that match.

    Attributes:
        where: Axis -> value or list of values.
        set: Axis -> the value it takes instead.
    """

    where: WhereField
    set: PointField


class Sweep(Model):
    """Which points there are: matrix and zip, exclude, include, sample, overrides, repeat.

    Attributes:
        matrix: Axis -> values; the product of all. An axis is circuit, backend, shots, a
            parameter, or the path of a setting: noise.readout, backends.NAME.options.method.
        zip: Axis -> values; side by side, all of one length.
        exclude: Points that match any of these are left out.
        include: Whole points added.
        sample: Keeps some of the points.
        overrides: Changes values of some points.
        repeat: How often each point is run, with a seed of its own each time.
        order: In which points run.
        seed: Root of every point's own seed.
    """

    matrix: Annotated[Axes, AfterValidator(_check_differ)] = Field(default_factory=dict)
    zip: Axes = Field(default_factory=dict)
    exclude: tuple[WhereField, ...] = ()
    include: tuple[PointField, ...] = ()
    sample: Annotated[tuple[Sample, ...], BeforeValidator(_as_tuple)] = ()
    overrides: tuple[Override, ...] = ()
    repeat: Annotated[Whole, Field(ge=1, le=MAX_VALUES)] = 1
    order: Literal["interleave", "as-written", "random"] = "interleave"
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 0

    _times: Mapping[str, tuple[Loc, str]] = PrivateAttr(default_factory=dict)

    @property
    def times(self) -> Mapping[str, tuple[Loc, str]]:
        """Axis that was written with a unit of time, and so is seconds -> its first such value.

        Each with its place in the sweep.
        """
        return self._times

    @property
    def has_shots_axis(self) -> bool:
        """Whether numbers of shots are experiments of their own: an axis, no mere setting."""
        return "shots" in self.matrix or "shots" in self.zip

    @model_validator(mode="wrap")
    @classmethod
    def check_axes(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """See that zipped axes fit together and that each `where` names axes of this sweep."""
        if not isinstance(data, Mapping):
            return handler(data)
        mistakes = Mistakes()
        _check_zip(_map(data.get("matrix")), _map(data.get("zip")), mistakes)
        _check_wheres(data, mistakes)
        times = _times_of(data)
        for name in times:
            _check_units(name, data, times[name][1], known_to(info), mistakes)
        sweep = check_beside(data, handler, mistakes)
        sweep._times = times
        return sweep


def _written(sweep: Mapping[str, Any]) -> Iterator[tuple[str, Loc, Any]]:
    """Yield axis, place and what is written of every value that a sweep gives."""
    for part in ("matrix", "zip"):
        for name, axis in _map(sweep.get(part)).items():
            yield from ((name, (part, name, *at), value) for at, value in values_of(axis))
    for i, point in enumerate(_list(sweep.get("include"))):
        yield from ((name, ("include", i, name), value) for name, value in _map(point).items())
    for i, each in enumerate(_list(sweep.get("overrides"))):
        for name, value in _entries(each, "set").items():
            yield name, ("overrides", i, "set", name), value


def _times_of(sweep: Mapping[str, Any]) -> dict[str, tuple[Loc, str]]:
    """Return each axis that is given times with a unit, and the first of them with its place."""
    times: dict[str, tuple[Loc, str]] = {}
    for name, loc, value in _written(sweep):
        if is_unquoted_time(value) and name not in times and _takes_times(name, loc):
            times[name] = (loc, str(value))
    return times


def _takes_times(axis: str, loc: Loc) -> bool:
    """Tell whether times become seconds there; lists of a setting are read by its own rules."""
    is_spacing = loc[0] in ("matrix", "zip") and loc[2] != "values"
    return axis not in AXES and (setting_axis(axis) is None or is_spacing)


def _check_units(
    axis: str, sweep: Mapping[str, Any], time: str, known: Known, mistakes: Mistakes
) -> None:
    """See that nothing on an axis of times lacks its unit, nor is text."""
    names = {**known.vars, **dict.fromkeys(known.broken, 1)}
    values = ((loc, value) for name, loc, value in _written(sweep) if name == axis)
    if stray := find_stray(values, time, lambda text: is_arithmetic(text, names)):
        mistakes.add(stray[0], wrong(stray[1]))
    for part in ("matrix", "zip"):
        ends = _map(_map(sweep.get(part)).get(axis)).get("range")
        if isinstance(ends, tuple | list) and len(ends) == 2:
            said = "a range of times needs its step, which would be 1 second; write it as third"
            mistakes.add((part, axis, "range"), amiss(said))


def names_of_axes(sweep: Mapping[str, Any]) -> frozenset[str]:
    """Return every name that a `where` of a sweep can use, from whatever of it has its shape."""
    included = (name for point in _list(sweep.get("include")) for name in _map(point))
    changed = (name for each in _list(sweep.get("overrides")) for name in _entries(each, "set"))
    return frozenset(
        {*AXES, *_map(sweep.get("matrix")), *_map(sweep.get("zip")), *included, *changed}
    )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _entries(value: Any, key: str) -> Mapping[str, Any]:
    """Return a map's or a model's map under `key`."""
    return _map(value.get(key) if isinstance(value, Mapping) else getattr(value, key, None))


def _check_wheres(sweep: Mapping[str, Any], mistakes: Mistakes) -> None:
    axes = names_of_axes(sweep)
    for loc, where in _wheres(sweep):
        if where == {} and loc[0] == "exclude":
            mistakes.add(loc, amiss("is empty and matches every point; name an axis"))
        for axis in _map(where):
            if axis not in axes:
                mistakes.add((*loc, axis, AT_KEY), no_axis(axis, axes))


def _wheres(sweep: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    for i, where in enumerate(_list(sweep.get("exclude"))):
        yield ("exclude", i), where
    for key in ("sample", "overrides"):
        for i, each in enumerate(_list(_as_tuple(sweep.get(key)))):
            yield (key, i, "where"), _entries(each, "where")


def no_axis(name: str, axes: Iterable[str]) -> PydanticCustomError:
    """Make the error of a name that is no axis."""
    names = sorted(axes)
    return wrong(f"is no axis of the sweep ({listed(names)}){did_you_mean(name, names)}")


def _check_zip(matrix: Mapping[str, Any], axes: Mapping[str, Any], mistakes: Mistakes) -> None:
    for name in axes:
        if name in matrix:
            mistakes.add(("zip", name, AT_KEY), wrong("is an axis of matrix too; keep one"))
    lengths = {name: len(axis) for name, axis in axes.items() if isinstance(axis, tuple | list)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        mistakes.add(("zip", AT_KEY), amiss(f"zipped axes take equally many values; {told}"))
