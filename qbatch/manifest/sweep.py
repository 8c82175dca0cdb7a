"""The models of a sweep: its axes (`axes`), and what takes points away, adds or changes them.

Rules: `where` names only axes that the sweep has; a value is read by the rules of its axis.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from qbatch.arithmetic import is_arithmetic
from qbatch.manifest.accuracy import Accuracy, AdaptiveShots
from qbatch.manifest.axes import (
    MAX_VALUES,
    Axis,
    as_axis_value,
    check_axis_name,
    check_differ,
    name_values,
)
from qbatch.manifest.fields import (
    AT_KEY,
    AXES,
    Known,
    Mistakes,
    Model,
    Value,
    Whole,
    amiss,
    check_beside,
    known_to,
    wrong,
)
from qbatch.manifest.paths import setting_axis
from qbatch.manifest.times import Loc, find_stray, is_unquoted_time, values_of
from qbatch.notation import did_you_mean, listed

#: A `where`: axis name -> value or list of values; a point matches when each named axis does.
Where = Mapping[str, Value | tuple[Value, ...]]


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
        raise wrong(
            "is no map; write {axis: value}"
            if data is not None
            else "is empty; add an axis, or take it away"
        )
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
        elif axis == "shots" and isinstance(value, Mapping) and not lists:
            values[axis] = _read_accuracy(value, info, mistakes)
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


def _read_accuracy(value: Mapping[str, Any], info: ValidationInfo, mistakes: Mistakes) -> int:
    within = Mistakes()
    try:
        return AdaptiveShots(Accuracy.model_validate(value, context=info.context))
    except ValidationError as error:
        within.add_those_of(error)
    mistakes.found += [{**each, "loc": ("shots", *each["loc"])} for each in within.found]
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
Axes = Annotated[Mapping[AxisName, Axis], BeforeValidator(name_values)]


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
        order: In which points run. Left out: as listed, a copy of each before the second of any;
            interleave: mixed, so that no axis goes along with time; as-written: copies of a point
            behind one another; random: listed, too, in an order that is drawn.
        seed: Root of every point's own seed.
    """

    matrix: Annotated[Axes, AfterValidator(check_differ)] = Field(default_factory=dict)
    zip: Axes = Field(default_factory=dict)
    exclude: tuple[WhereField, ...] = ()
    include: tuple[PointField, ...] = ()
    sample: Annotated[tuple[Sample, ...], BeforeValidator(_as_tuple)] = ()
    overrides: tuple[Override, ...] = ()
    repeat: Annotated[Whole, Field(ge=1, le=MAX_VALUES)] = 1
    order: Literal["interleave", "as-written", "random"] | None = None
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
