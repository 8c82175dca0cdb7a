"""Frozen values beside the standard library's, over generated classes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch import frozen

#: How a field may be written, those that need no value last: annotation, and what stands behind it.
NEEDED = ["int", "str = field()", "int = field(repr=False)"]
OPTIONAL = [
    'str = ""',
    "tuple[int, ...] = ()",
    "int = field(default=3, compare=False)",
    "list[int] = field(default_factory=list)",
    "dict[str, int] = field(default_factory=dict, compare=False, repr=False)",
    "int = field(default=7, init=False)",
    "list[int] = field(default_factory=list, init=False)",
    "ClassVar[int] = 5",
]
OWN = [
    "",
    "    def __repr__(self): return 'own'\n",
    "    def __eq__(self, other): return True\n",
    "    def __hash__(self): return 1\n",
    "    def __post_init__(self): object.__setattr__(self, 'seen', 1)\n",
    "    def __post_init__(self): raise ValueError('looked at')\n",
]
VALUES = st.one_of(st.integers(-2, 2), st.text(max_size=1), st.tuples(st.integers(0, 1)))


@st.composite
def sources(draw: st.DrawFn) -> str:
    """Three classes: A, B with more fields and perhaps one of A's again, C with no more."""
    a = [*draw(st.lists(st.sampled_from(NEEDED), max_size=3))]
    a += draw(st.lists(st.sampled_from(OPTIONAL), max_size=3))
    b = draw(st.lists(st.sampled_from(OPTIONAL), max_size=3))
    own = draw(st.sampled_from(OWN))
    seen = "    seen: int = field(default=0, compare=False)\n" if "seen" in own else ""
    again = (
        '    a0: str = "again"\n' if a and "ClassVar" not in a[0] and draw(st.booleans()) else ""
    )
    decorated = "@dataclass(frozen=True, slots=True)\nclass"
    return (
        f"{decorated} A:\n    'Of A.'\n    a_class: ClassVar[int] = 1\n"
        + "".join(f"    a{at}: {each}\n" for at, each in enumerate(a))
        + seen
        + own
        + f"{decorated} B(A):\n    'Of B.'\n"
        + again
        + "".join(f"    b{at}: {each}\n" for at, each in enumerate(b))
        + "class C(B):\n    __slots__ = ()\n"
    )


def classes_of(source: str, decorator: Any, name: str) -> ModuleType | str:
    """Read the classes; return the error where they are none."""
    module = ModuleType(name)
    sys.modules[name] = module
    vars(module).update(dataclass=decorator, field=dataclasses.field)
    head = "from __future__ import annotations\nfrom typing import ClassVar\n"
    try:
        exec(compile(head + source, name, "exec", dont_inherit=True), vars(module))
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return module


def told(make: Any) -> Any:
    """What a call comes to, without the name of the module."""
    try:
        found = make()
    except Exception as error:
        if isinstance(error, dataclasses.FrozenInstanceError):
            return type(error), str(error)
        return type(error)
    return found


def behaviour(kind: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
    """All that can be seen of a class and of a value of it."""
    found: list[Any] = [kind.__match_args__, kind.__doc__, kind.__qualname__]
    try:
        value = kind(*args, **named)
    except Exception as error:
        return [*found, type(error)]
    other = kind(*args, **named)
    names = [each.name for each in dataclasses.fields(value)]
    found += [names, {name: told(lambda name=name: getattr(value, name)) for name in names}]
    found += [told(lambda: repr(value)), value == other, told(lambda: hash(value))]
    found += [value == 1, value != other, hasattr(value, "__dict__"), kind.a_class]
    for name in names:
        found += [told(lambda name=name: setattr(value, name, 1))]
        found += [told(lambda name=name: delattr(value, name))]
        found += [told(lambda name=name: repr(dataclasses.replace(value, **{name: "new"})))]
    found += [told(lambda: dataclasses.asdict(value)), told(lambda: dataclasses.astuple(value))]
    for again in (
        lambda: pickle.loads(pickle.dumps(value)),
        lambda: copy.copy(value),
        lambda: copy.deepcopy(value),
    ):
        made = told(again)
        same = type(made) is kind and [getattr(made, n) for n in names]
        found += [same, told(lambda made=made: repr(made))]
    return found


@settings(deadline=None, max_examples=40)
@given(
    sources(),
    st.lists(VALUES, max_size=4),
    st.dictionaries(st.sampled_from(["a0", "a1", "a2", "b0", "seen", "none"]), VALUES, max_size=2),
)
def test_a_value_behaves_as_the_standard_librarys(
    source: str, args: list[Any], named: dict[str, Any]
):
    theirs = classes_of(source, dataclasses.dataclass, "theirs_of_frozen")
    ours = classes_of(source, frozen.dataclass, "ours_of_frozen")
    if isinstance(theirs, str):
        return
    assert not isinstance(ours, str)
    for name in "ABC":
        mine = behaviour(getattr(ours, name), tuple(args), named)
        assert mine == behaviour(getattr(theirs, name), tuple(args), named), source


def test_values_of_different_kinds_are_not_equal():
    source = "@dataclass(frozen=True, slots=True)\nclass {0}:\n    a: int\n"
    module = classes_of(source.format("A") + source.format("B"), frozen.dataclass, "two_kinds")
    assert not isinstance(module, str)
    assert module.A(1) == module.A(1) != module.B(1)


def test_no_attribute_can_be_set_of_which_there_is_no_field():
    source = "@dataclass(frozen=True, slots=True)\nclass A:\n    a: ClassVar[int] = 1\n"
    module = classes_of(source, frozen.dataclass, "no_field")
    assert not isinstance(module, str)
    for name in ("a", "b", "__class__"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(module.A(), name, 2)


def test_what_is_not_frozen_is_the_standard_librarys():
    made = frozen.dataclass(slots=True)(type("A", (), {"__annotations__": {"a": "int"}}))
    value = made(1)
    value.a = 2
    assert repr(value) == "A(a=2)"


def test_a_value_that_was_written_down_is_not_looked_through_again():
    source = (
        "@dataclass(frozen=True, slots=True)\nclass A:\n    a: int\n"
        "    def __post_init__(self): self.a.append(1)\n"
    )
    module = classes_of(source, frozen.dataclass, "written_down")
    assert not isinstance(module, str)
    assert pickle.loads(pickle.dumps(module.A([]))).a == [1]


def test_a_field_without_a_value_is_asked_for_by_name():
    module = classes_of(
        "@dataclass(frozen=True, slots=True)\nclass A:\n    a: int\n", frozen.dataclass, "by_name"
    )
    assert not isinstance(module, str)
    with pytest.raises(TypeError, match=r"A\(\) missing 1 required positional argument: 'a'"):
        module.A()
