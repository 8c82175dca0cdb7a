"""Frozen values that are quick to declare and to make.

``@dataclass(frozen=True, slots=True)`` is read by people and type checkers as the standard
library's, and does what that does. That compiles six methods for each class, a third of a
millisecond, which a command pays for a hundred classes before it begins; and it sets each attribute
past the guard that keeps it from being set. Here classes share their methods, and a constructor is
compiled with the first value that it makes: as one of an unguarded kind of the same layout, which
then becomes what it is.

Rules: fields are annotated with text (``from __future__ import annotations``) and stand in slots.
What is asked for in any other way is the standard library's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **options):
        """Make a class of values; see `dataclasses.dataclass`."""
        if cls is not None or options != {"frozen": True, "slots": True}:
            return dataclasses.dataclass(cls, **options)
        return _frozen


#: Where a class keeps its fields, and those of its bases.
_FIELDS = "__frozen_fields__"


class _Field(NamedTuple):
    """A field.

    Attributes:
        annotation: Its type, as text.
        told: What the body of the class says of it: a default, a `dataclasses.Field`, or nothing.
    """

    annotation: str
    told: Any

    @property
    def has_factory(self) -> bool:
        """Whether its default is made anew for each value."""
        return getattr(self.told, "default_factory", _MISSING) is not _MISSING

    @property
    def default(self) -> Any:
        """What a value has that is made without it, or what makes that."""
        if isinstance(self.told, dataclasses.Field):
            return self.told.default_factory if self.has_factory else self.told.default
        return self.told

    def counts_for(self, purpose: str) -> bool:
        """Whether it does for "init", "compare" or "repr"."""
        is_told = isinstance(self.told, dataclasses.Field)
        return bool(getattr(self.told, purpose)) if is_told else True


_MISSING = dataclasses.MISSING


class _Standard:
    """What the standard library keeps of a dataclass, made where `fields` or `replace` ask."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, value: object, cls: type) -> Any:
        kind = next(each for each in cls.__mro__ if _FIELDS in vars(each))
        fields: dict[str, _Field] = getattr(kind, _FIELDS)
        body: dict[str, Any] = {
            name: each.told for name, each in fields.items() if each.told is not _MISSING
        }
        body["__annotations__"] = {name: each.annotation for name, each in fields.items()}
        found = getattr(dataclasses.dataclass(frozen=True)(type("_", (), body)), self._name)
        setattr(kind, self._name, found)
        return found


class _Value:
    """What all values can do, where their classes say nothing else."""

    __slots__ = ()
    __frozen_fields__: ClassVar[dict[str, _Field]]
    __compared__: ClassVar[Any]

    def __eq__(self, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self.__compared__(self) == self.__compared__(other)

    def __hash__(self) -> int:
        return hash(self.__compared__(self))

    def __repr__(self) -> str:
        shown = (name for name, each in self.__frozen_fields__.items() if each.counts_for("repr"))
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({told})"

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        values = tuple([getattr(self, name) for name in self.__frozen_fields__])
        return _restored, (self.__class__, values)


#: Its methods: copied, not inherited, for a class may have bases that compare in another way.
_SHARED = {
    each.__name__: each
    for each in (
        _Value.__eq__,
        _Value.__hash__,
        _Value.__repr__,
        _Value.__setattr__,
        _Value.__delattr__,
        _Value.__reduce__,
    )
}

#: No guards. The interpreter sets attributes fast only where both are the object's own.
_FREE = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}


def _frozen(cls: Any) -> Any:
    """Return the class with slots, whose values cannot be changed."""
    body = dict(vars(cls))
    annotations: dict[str, str] = body.pop("__annotations__", {})
    own = {
        name: _Field(each, body.pop(name, _MISSING))
        for name, each in annotations.items()
        if not each.startswith("ClassVar")
    }
    former: dict[str, _Field] = {}
    for base in reversed(cls.__mro__[1:]):
        former |= vars(base).get(_FIELDS, {})
    for name in ("__dict__", "__weakref__"):
        body.pop(name, None)
    if body.get("__hash__") is None:  # so it is where a class has an `__eq__` of its own
        body.pop("__hash__", None)
    fields = former | own
    body = {
        **_SHARED,
        "__match_args__": tuple(n for n, each in fields.items() if each.counts_for("init")),
        **body,
        "__slots__": tuple(name for name in own if name not in former),
        "__compared__": staticmethod(_reader(fields)),
        _FIELDS: fields,
        "__dataclass_fields__": _Standard("__dataclass_fields__"),
        "__dataclass_params__": _Standard("__dataclass_params__"),
    }
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    made.__new__ = _first_constructor(made)
    return made


def _reader(fields: dict[str, _Field]) -> Callable[[Any], Any]:
    """Return what reads all of a value that is compared."""
    names = [name for name, each in fields.items() if each.counts_for("compare")]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple([getattr(value, name) for name in names])


def _unguarded(cls: Any) -> Any:
    """Return a class of the same layout, whose values are free."""
    known = vars(cls).get("__unguarded__")
    if known is None:
        known = cls.__unguarded__ = type(cls)(cls.__name__, (cls,), {"__slots__": (), **_FREE})
    return known


def _restored(cls: Any, values: tuple[Any, ...]) -> Any:
    """Make a value that was made before, and written down: it is not looked through again."""
    made = object.__new__(_unguarded(cls))
    for name, value in zip(getattr(cls, _FIELDS), values, strict=True):
        setattr(made, name, value)
    made.__class__ = cls
    return made


def _first_constructor(kind: Any) -> Any:
    """Return a constructor that puts the compiled one in its place, and lets that go on."""

    def construct(cls: Any, *args: Any, **named: Any) -> Any:
        kind.__new__ = _constructor(kind)
        return kind.__new__(cls, *args, **named)

    return construct


def _constructor(kind: Any) -> Any:
    """Compile what makes values of a kind, and of what is derived from it without more fields."""
    names: dict[str, Any] = {
        "new_": object.__new__,
        "kind_": kind,
        "free_": _unguarded(kind),
        "unguarded_": _unguarded,
        "missing_": _MISSING,
    }
    arguments, lines = ["cls_"], ["self_ = new_(free_ if cls_ is kind_ else unguarded_(cls_))"]
    fields: dict[str, _Field] = getattr(kind, _FIELDS)
    for name, each in fields.items():
        default = f"{name}_default_"
        names[default] = each.default
        value = f"{default}()" if each.has_factory else default
        if each.counts_for("init") and each.has_factory:
            arguments.append(f"{name}=missing_")
            value = f"{value} if {name} is missing_ else {name}"
        elif each.counts_for("init"):
            arguments.append(name if each.default is _MISSING else f"{name}={default}")
            value = name
        elif each.default is _MISSING:
            continue  # `__post_init__` sets it
        lines.append(f"self_.{name} = {value}")
    lines.append("self_.__class__ = cls_")
    if hasattr(kind, "__post_init__"):
        lines.append("self_.__post_init__()")
    lines.append("return self_")
    text = "\n    ".join((f"def {kind.__name__}({', '.join(arguments)}):", *lines))
    exec(compile(text, f"<{kind.__qualname__}>", "exec"), names)
    return names[kind.__name__]
