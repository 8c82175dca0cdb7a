"""A Jinja2 environment in which no template can reach out, run on for ever or eat the memory.

Jinja2's own sandbox keeps a template from Python's insides, but lets it count to 10^10 in nested
loops and build 'a' * 10**9. Here every loop, call, filter, operator and piece of output is paid
from a `Budget` of steps and characters, before it happens where it could grow. The budget is
the same on every machine, so a template that renders here renders everywhere.

Rules: values are scalars, and lists and maps of them at most three deep (deeper ones could be
compared in exponential time); filters, tests and functions are an allow-list; recursion in loops,
includes and imports are refused. No clock, no chance: the same values give the same text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.exceptions import TemplateAssertionError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

#: Loop rounds, calls, filters, operators.
MOST_STEPS = 1_000_000
#: Characters and list items made on the way, over a whole rendering.
MOST_MADE = 50_000_000
#: Characters of one string; of the result, too.
LONGEST = 8 * 2**20
#: What a call costs, in steps.
_CALL = 4
#: What an item of a list costs, in characters.
_ITEM = 8
#: Items of one list.
MOST_ITEMS = 100_000
#: Bits of one integer.
_INTEGER_BITS = 1024

#: Key of the budget among a rendering's variables; no template can spell it.
BUDGET = " budget"

_SCALARS = (str, int, float, bool, type(None))
Result = TypeVar("Result")


class TooMuchError(Exception):
    """The template takes more than its budget."""


class Budget:
    """What is left of steps and of things made.

    Args:
        steps: In all.
        made: Characters in all.
        items: Of one list.
    """

    def __init__(
        self, steps: int = MOST_STEPS, made: int = MOST_MADE, items: int = MOST_ITEMS
    ) -> None:
        self._most_steps, self._most_made, self._most_items = steps, made, items
        self.steps = steps
        self.made = made

    def pay(self, steps: int = 1, made: int = 0) -> None:
        """Take from what is left.

        Raises:
            TooMuchError: Nothing is.
        """
        self.steps -= steps
        self.made -= made
        if self.steps < 0:
            raise TooMuchError(
                f"the template takes more than {self._most_steps} steps; make fewer rounds"
            )
        if self.made < 0:
            raise TooMuchError(
                f"the template makes more than {self._most_made} characters; make it write less"
            )

    def take(self, value: Result) -> Result:
        """Pay for a value that has been made, by its size."""
        if isinstance(value, str):
            if len(value) > LONGEST:
                raise TooMuchError(f"a text of more than {LONGEST} characters; make it shorter")
            self.pay(1, len(value))
        elif isinstance(value, list | tuple | dict | range):
            if len(value) > self._most_items:
                raise TooMuchError(f"a list of more than {self._most_items} items; make it shorter")
            self.pay(1, _ITEM * len(value))
        else:
            self.pay()
        return value


def _budget(context: Context) -> Budget:
    budget: Budget = context.parent[BUDGET]
    return budget


class Sandbox(ImmutableSandboxedEnvironment):
    """See the module's head."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, finalize=_print, optimized=False, keep_trailing_newline=True
        )
        self.filters = {**{k: _paid(f) for k, f in _FILTERS.items()}, **INTERNAL}
        self.tests = {name: TESTS[name] for name in _TESTS}
        self.globals = dict(_GLOBALS)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow what reads a map, a text, a loop or a namespace."""
        if isinstance(obj, Mapping):
            return attr in ("items", "keys", "values", "get")
        if isinstance(obj, str):
            return attr in ("upper", "lower", "strip", "startswith", "endswith", "split")
        if isinstance(obj, LoopContext | Macro):
            return not attr.startswith("_")
        return isinstance(obj, Namespace)

    def wrap_str_format(self, value: Any) -> None:
        """Offer no ``format`` method: its widths are unbounded (there is a filter)."""

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function and pay for it and for what it returns."""
        budget = _budget(context)
        budget.pay(_CALL)
        return budget.take(settled(super().call(context, obj, *args, **kwargs)))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute an operator, if the result cannot become too large."""
        _check_growth(operator, left, right)
        return _budget(context).take(super().call_binop(context, operator, left, right))


def _check_growth(operator: str, left: Any, right: Any) -> None:
    if operator == "%" and isinstance(left, str):
        check_format(left)
    if isinstance(left, int) and isinstance(right, int):
        bits = abs(left).bit_length() * abs(right) if operator == "**" else 0
        bits += left.bit_length() + right.bit_length() if operator == "*" else 0
        if bits > _INTEGER_BITS:
            raise TooMuchError(
                f"an integer of more than {_INTEGER_BITS} bits; use a smaller one, or a float"
            )
    for thing, other in ((left, right), (right, left)):
        if not isinstance(thing, str | list | tuple):
            continue
        size = len(thing) * other if operator == "*" and isinstance(other, int) else 0
        size += len(left) + len(right) if operator == "+" and hasattr(other, "__len__") else 0
        if size > (LONGEST if isinstance(thing, str) else MOST_ITEMS):
            raise TooMuchError(
                f"'{operator}' makes a text or list that is too long; make it shorter"
            )


def check_format(text: str) -> None:
    if re.search(r"%[^a-zA-Z%]*(\d{3,}|\*)", text):
        raise TooMuchError("a width or precision of more than 99 in a format; use a smaller one")


@pass_context
def _print(context: Context, value: Any) -> Any:
    """Make OpenQASM of a value: what ``{{ … }}`` writes."""
    if isinstance(value, Undefined):
        str(value)  # raises, with the name
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{value} is no number in OpenQASM; write a finite one")
        value = repr(value)
    elif value is None or not isinstance(value, str | int):
        raise TypeError(f"a {type(value).__name__} cannot be written; write its items one by one")
    _budget(context).take(value)
    return value


# -- what templates may use


def _scalars(values: Iterable[Any]) -> list[Any]:
    items = list(values)
    if not all(isinstance(item, _SCALARS) for item in items):
        raise TypeError("only numbers and texts can be used here, not lists of lists; name an item")
    return items


def settled(value: Any) -> Any:
    """Make a list of what would otherwise be computed bit by bit, unpaid."""
    if isinstance(value, (*_SCALARS, list, tuple, dict, range, Namespace, Macro)):
        return value
    return list(value) if hasattr(value, "__iter__") and not callable(value) else value


def _paid(function: Callable[..., Any]) -> Callable[..., Any]:
    takes_context = hasattr(function, "jinja_pass_arg")

    @pass_context
    def filter_(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget = _budget(context)
        budget.take(value)
        given = (context, value) if takes_context else (value,)
        return budget.take(settled(function(*given, *args, **kwargs)))

    return filter_


def _join(values: Iterable[Any], separator: str = "") -> str:
    texts = [str(item) for item in _scalars(values)]
    if sum(map(len, texts)) + len(str(separator)) * len(texts) > LONGEST:
        raise TooMuchError("join makes a text that is too long; join fewer")
    return str(separator).join(texts)


def _replace(text: str, old: str, new: str) -> str:
    if (len(text) + 1) * max(1, len(new)) > LONGEST:
        raise TooMuchError("replace may make a text that is too long; replace less")
    return str(text).replace(old, new)


def _format(text: str, *args: Any) -> str:
    check_format(text)
    return str(text) % tuple(_scalars(args))


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(_scalars(values)))


def _sort(values: Iterable[Any], reverse: bool = False) -> list[Any]:
    return sorted(_scalars(values), reverse=reverse)


_FILTERS: Mapping[str, Callable[..., Any]] = {
    **{name: FILTERS[name] for name in (
        "abs", "count", "d", "default", "first", "float", "int", "items", "last", "length", "list",
        "lower", "map", "reject", "reverse", "round", "select", "string", "trim", "upper")},
    "format": _format, "join": _join, "replace": _replace, "sort": _sort, "unique": _unique,
    "max": lambda values: max(_scalars(values)), "min": lambda values: min(_scalars(values)),
    "sum": lambda values: sum(_scalars(values)),
}  # fmt: skip

_TESTS = (
    "boolean", "defined", "divisibleby", "even", "false", "float", "integer", "iterable",
    "mapping", "none", "number", "odd", "sequence", "string", "true", "undefined",
)  # fmt: skip


def _range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MOST_ITEMS:
        raise TooMuchError(f"a range of {len(numbers)} numbers; at most {MOST_ITEMS}")
    return numbers


_GLOBALS: Mapping[str, Any] = {
    "range": _range, "namespace": Namespace, "pi": math.pi,
    **{name: getattr(math, name) for name in (
        "acos", "asin", "atan", "atan2", "ceil", "cos", "exp", "floor", "log", "log2", "sin",
        "sqrt", "tan")},
}  # fmt: skip

#: Names that mean something by themselves: a number, and functions.
CONSTANTS = frozenset({"pi"})
FUNCTIONS = frozenset(_GLOBALS) - CONSTANTS


# -- what the templates' own code is changed into


@pass_context
def _rounds(context: Context, values: Iterable[Any]) -> Any:
    """Pay for the rounds of a loop."""
    items = settled(values)
    budget = _budget(context)
    budget.take(items)
    budget.pay(2 * len(items) if hasattr(items, "__len__") else 1)
    return items


@pass_context
def _written(context: Context, length: int) -> str:
    """Pay for the text between the tags, in a loop or a macro."""
    _budget(context).pay(1, length)
    return ""


@pass_context
def _concatenated(context: Context, parts: list[Any]) -> str:
    """Compute ``a ~ b ~ c``."""
    return _budget(context).take(_join([_print(context, part) for part in parts]))


@pass_context
def _weighed(context: Context, value: Any, levels: int = 3) -> Any:
    """Pay for all there is in a value that is compared, copied or put into another."""
    budget = _budget(context)
    budget.take(value)
    if isinstance(value, list | tuple | dict):
        budget.pay(1, _ITEM * len(value))
        if levels == 0:
            raise TypeError("lists within lists within lists are not supported; use lists of lists")
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, list | tuple | dict | str):
                _weighed(context, item, levels - 1)
    return value


@pass_context
def _literal(context: Context, value: Any) -> Any:
    return _weighed(context, value, 2)


INTERNAL: Mapping[str, Callable[..., Any]] = {
    " rounds": _rounds, " written": _written, " concatenated": _concatenated,
    " weighed": _weighed, " literal": _literal,
}  # fmt: skip


def _wrapped(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, f" {name}", [], [], None, None, lineno=node.lineno)


class Meter(NodeTransformer):
    """Puts payment into the code of a template."""

    def __init__(self) -> None:
        self._repeated = 0

    def _inside(self, node: nodes.Node) -> nodes.Node:
        self._repeated += 1
        self.generic_visit(node)
        self._repeated -= 1
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        if node.recursive:
            raise TemplateAssertionError(
                "recursive loops are not supported; use loops within loops", node.lineno
            )
        self._inside(node)
        node.iter = _wrapped(node.iter, "rounds")
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        return self._inside(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        self._inside(node)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        length = sum(len(n.data) for n in node.nodes if isinstance(n, nodes.TemplateData))
        self.generic_visit(node)
        if self._repeated and length:
            paid = _wrapped(nodes.Const(length, lineno=node.lineno), "written")
            node.nodes.insert(0, paid)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _wrapped(nodes.List(node.nodes, lineno=node.lineno), "concatenated")

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _wrapped(node.expr, "weighed")
        for operand in node.ops:
            operand.expr = _wrapped(operand.expr, "weighed")
        return node

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise TemplateAssertionError(
                "this number is not finite; write a smaller one", node.lineno
            )
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _wrapped(node, "weighed") if isinstance(node.arg, nodes.Slice) else node

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _wrapped(node, "literal")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _wrapped(node, "literal")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _wrapped(node, "literal") if node.ctx == "load" else node

    def _refuse(self, node: nodes.Node) -> nodes.Node:
        raise TemplateAssertionError(
            "a template stands alone; write what it would include or import into it", node.lineno
        )

    visit_Include = visit_Import = visit_FromImport = visit_Extends = _refuse  # noqa: N815
