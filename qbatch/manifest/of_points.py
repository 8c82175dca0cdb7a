"""Formulas of numbers at points: ``zz[phi=0] - zz[phi=pi/2]``, ``mean(E, over=repeat)``.

Read into a small tree. Nothing is ever executed: the text is parsed by `ast` in eval mode, and only
the kinds of node below have a meaning. What formulas come to, `across` computes.

Rules:

- Literals, ``pi``, vars, ``+ - * / **``, parentheses, and the functions of `formula.FUNCTIONS`.
- A name of the analysis is that number at every point, with the axes that tell the points apart;
  ``NAME[axis=value, …]`` is the number where these axes have these values.
- ``mean(…, over=axis)`` brings the points along an axis together, as do the words of `GATHERING`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from qbatch.arithmetic import CONSTANTS, MAX_DEPTH, MINUS, ExpressionError, is_number
from qbatch.formula import FUNCTIONS, value_between, value_of
from qbatch.frozen import dataclass
from qbatch.notation import did_you_mean, listed

#: What brings the points along an axis together -> what comes of it.
GATHERING = {
    "mean": "their mean, each counted once",
    "sum": "their sum",
    "max": "the largest",
    "min": "the smallest",
    "argmax": "where on the axis the largest is",
    "argmin": "where on the axis the smallest is",
}

MAX_LENGTH = 2_000

#: Operator in Python's tree -> how it is written.
_WRITTEN: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}

_AT_POINTS = re.compile(r"([^\W\d][\w.]*)\s*\[([^\[\]]*)\]")
_MARK = "at_points_"


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal, or pi."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A number of the analysis, at all points or some, or a var.

    Attributes:
        name: As written.
        where: (axis, text of its value) each.
    """

    name: str
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """Two parts and what stands between them: + - * / or **."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """One of `FUNCTIONS` of a number, or "-" for its sign."""

    function: str
    of: Node


@dataclass(frozen=True, slots=True)
class Gathered:
    """One of `GATHERING` over an axis."""

    function: str
    of: Node
    over: str


Node = Constant | Name | Operation | Call | Gathered


def read_of_points(text: str) -> Node:
    """Read a formula of numbers at points.

    Args:
        text: At most `MAX_LENGTH` characters.

    Raises:
        ExpressionError: It is none; the message says why.

    >>> read_of_points("-zz[phi=pi/2]")
    Call(function='-', of=Name(name='zz', where=(('phi', 'pi/2'),)))
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"is longer than {MAX_LENGTH} characters; name a part of it as a number of its own"
        )
    text = text.replace(MINUS, "-")
    names: list[Name] = []

    def mark(found: re.Match[str]) -> str:
        names.append(Name(found[1], tuple(_read_where(found[2]))))
        return f"{_MARK}{len(names) - 1}"

    marked = _AT_POINTS.sub(mark, text)
    if "^" in text:
        raise ExpressionError("has '^'; powers are written **")
    if "[" in marked or "]" in marked:
        said = "points stand in brackets after a name, as in zz[theta=0]"
        raise ExpressionError(f"has a bracket that means nothing here; {said}")
    try:
        tree = ast.parse(marked.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(_why_unreadable(marked)) from error
    return _Reader(names).node(tree.body, 0)


def _read_where(text: str) -> Iterator[tuple[str, str]]:
    """Yield axis and value of what stands in brackets."""
    seen = set()
    for part in text.split(","):
        axis, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not axis or not value:
            said = f"{part.strip()!r} in brackets says no point; write axis=value, as in zz[phi=0]"
            raise ExpressionError(said)
        if value.startswith("="):
            raise ExpressionError(
                f"{part.strip()!r}: one = is written in brackets, as in zz[theta=0]"
            )
        if axis in seen:
            raise ExpressionError(
                f"names {axis} twice in one pair of brackets; write each axis once"
            )
        seen.add(axis)
        yield axis, value


def _why_unreadable(text: str) -> str:
    if re.search(r"(?<![\w.])\d+(\.\d*)?\s*([^\W\d]|\()", re.sub(r"\d[eE][-+]?\d", "", text)):
        return "is no formula; multiplication is written with *, as in 2*zz"
    return "is no formula; write for example zz[theta=0] - zz[theta=pi]"


class _Reader:
    """Walks the tree that Python makes of a formula."""

    def __init__(self, names: list[Name]) -> None:
        self._names = names

    def node(self, node: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError(
                f"is nested more than {MAX_DEPTH} deep; name a part of it as a number of its own"
            )
        match node:
            case ast.Constant(value=value) if is_number(value):
                return Constant(float(value))
            case ast.Name() | ast.Attribute():
                return self._name(_dotted(node))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                inner = self.node(operand, depth + 1)
                return Call("-", inner) if isinstance(op, ast.USub) else inner
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _WRITTEN:
                parts = self.node(left, depth + 1), self.node(right, depth + 1)
                return Operation(_WRITTEN[type(op)], *parts)
            case ast.Call(func=ast.Name(id=function)):
                return self._call(function, node, depth + 1)
        raise ExpressionError("has what means nothing here; write + - * / **, names and functions")

    def _name(self, name: str) -> Node:
        if name.startswith(_MARK):
            return self._names[int(name.removeprefix(_MARK))]
        return Constant(CONSTANTS[name]) if name in CONSTANTS else Name(name)

    def _call(self, function: str, node: ast.Call, depth: int) -> Node:
        if function in FUNCTIONS:
            if len(node.args) != 1 or node.keywords:
                raise ExpressionError(f"{function} takes one number, as in {function}(x)")
            return Call(function, self.node(node.args[0], depth))
        if function not in GATHERING:
            known = [*FUNCTIONS, *GATHERING]
            hint = did_you_mean(function, known)
            raise ExpressionError(f"calls {function}; known are {listed(known, 20)}{hint}")
        axes = [each for each in node.keywords if each.arg == "over"]
        if len(node.args) != 1 or len(axes) != 1 or len(node.keywords) != 1:
            said = f"{function} takes a number and an axis, as in {function}(zz, over=repeat)"
            raise ExpressionError(said)
        return Gathered(function, self.node(node.args[0], depth), _dotted(axes[0].value))


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=last):
            return f"{_dotted(inner)}.{last}"
    raise ExpressionError(
        "has what is no name where one is wanted; write the name of a number or an axis there"
    )


def parts_of(node: Node) -> tuple[Node, ...]:
    """Return what a node is made of."""
    match node:
        case Operation(left=left, right=right):
            return left, right
        case Call(of=inner) | Gathered(of=inner):
            return (inner,)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def names_in(node: Node) -> list[str]:
    """Return the names in a formula, each once, in the order written."""
    return list(dict.fromkeys(each.name for each in walk(node) if isinstance(each, Name)))


def see_values(node: Node, numbers: Mapping[str, int | float]) -> float | None:
    """Return the value of a part in which nothing is measured, None for any other.

    Args:
        node: Of a formula.
        numbers: The manifest's vars.

    Raises:
        ExpressionError: A part has no value, whatever is measured: ``zz / 0``.
    """
    parts = [see_values(part, numbers) for part in parts_of(node)]
    match node:
        case Constant(value=value):
            return value
        case Name(name=name) if name in numbers:
            return float(numbers[name])
        case Operation(operator=operator):
            return value_between(operator, *parts)
        case Call(function=function) if (inner := parts[0]) is not None:
            return -inner if function == "-" else value_of(function, inner)
    return None
