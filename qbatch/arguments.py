"""What a public function may be given: a wrong kind is told at its name, with a remedy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from numbers import Real
from os import PathLike
from typing import ParamSpec, TypeVar

from qbatch.frozen import dataclass
from qbatch.notation import shortened

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument may be.

    Attributes:
        want: In words: "a path".
        fits: Whether a value is of that kind.
    """

    want: str
    fits: Callable[[object], bool]

    def __or__(self, other: Kind) -> Kind:
        """Either."""
        return Kind(
            f"{self.want} or {other.want}", lambda value: self.fits(value) or other.fits(value)
        )


def of_type(want: str, *types: type) -> Kind:
    """Return the kind of values that are of one of some types."""
    return Kind(want, lambda value: isinstance(value, types))


def list_of(want: str, kind: Kind) -> Kind:
    """Return the kind of lists, and the like, whose every value is of a kind; no text is a list."""

    def fits(value: object) -> bool:
        if not isinstance(value, Collection) or isinstance(value, (str, bytes, Mapping)):
            return False
        return all(map(kind.fits, value))

    return Kind(want, fits)


def map_of(want: str, kind: Kind) -> Kind:
    """Return the kind of maps from texts to values of a kind."""

    def fits(value: object) -> bool:
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and kind.fits(one) for name, one in value.items()
        )

    return Kind(want, fits)


NOTHING = Kind("None", lambda value: value is None)
FLAG = of_type("True or False", bool)
TEXT = of_type("a text", str)
PATH = of_type("a path", str, PathLike)
NUMBER = Kind("a number", lambda value: isinstance(value, Real) and not isinstance(value, bool))
FUNCTION = Kind("a function", callable)
ANYTHING = Kind("anything", lambda _: True)


def check(call: str, name: str, value: object, kind: Kind) -> None:
    """See that an argument is of its kind.

    Args:
        call: The function, for the message.
        name: The argument's.
        value: As given.
        kind: As wanted.

    Raises:
        TypeError: It is not.
    """
    if not kind.fits(value):
        found = f"{shortened(repr(value))} is of type {type(value).__name__}"
        raise TypeError(f"{call}(): {name}: {found}; give {kind.want}")


def takes(**kinds: Kind) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have a function see, before anything else, that its arguments are of their kinds.

    It raises TypeError as `check` does.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        assert kinds.keys() <= signature.parameters.keys()

        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            for name, value in signature.bind(*args, **kwargs).arguments.items():
                if name in kinds:
                    check(function.__name__, name, value, kinds[name])
            return function(*args, **kwargs)

        return called

    return decorate
