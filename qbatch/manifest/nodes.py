"""YAML 1.2 core typing on PyYAML's C parser: text to nodes with places.

PyYAML's own defaults are YAML 1.1, which for error rates and bit strings is fatal: there ``1e-3``
is a string, ``010`` is 8, ``no`` is False, ``1:30`` is 90 and of two equal keys the last wins in
silence.

Rules:

- Plain scalars: ``null ~``, ``true false``, decimal, ``0o`` and ``0x`` integers, floats; all else
  is a string, kept as `Plain` so that arithmetic can tell ``pi/2`` from ``"pi/2"``.
- ``<<`` merges; anchors work.
- Depth, number of values and what is merged are bounded.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

MAX_DEPTH = 64
MAX_VALUES = 500_000

_CORE = re.compile(
    r"""(?x)
    (?P<null> null | Null | NULL | ~ | )
    | (?P<bool> true | True | TRUE | false | False | FALSE )
    | (?P<int> [-+]? [0-9]+ | 0o [0-7]+ | 0x [0-9a-fA-F]+ )
    | (?P<float> [-+]? (?: \.[0-9]+ | [0-9]+ (?:\.[0-9]*)? ) (?: [eE] [-+]? [0-9]+ )?
        | [-+]? \. (?: inf | Inf | INF ) | \. (?: nan | NaN | NAN ) )
    | (?P<merge> << )"""
)
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
#: Characters a plain scalar of a type other than string can begin with.
_TYPED_START = frozenset("-+.0123456789~nNtTfF<")
PREFIX = "tag:yaml.org,2002:"


def lines_of(text: str) -> list[str]:
    """Split where YAML 1.1, and so libyaml's line numbers, see the end of a line."""
    return _LINE_BREAK.split(text)


class Plain(str):
    """A string that was written without quotes."""

    __slots__ = ()


class TooMuchError(Exception):
    """A bound of this module is passed at `node`; nothing more is read."""

    def __init__(self, node: Node, problem: str) -> None:
        super().__init__(problem)
        self.node = node
        self.problem = problem


class _Resolver:
    """The hooks by which both parsers ask for a scalar's type; they also keep the bounds."""

    depth = 0
    values = 0

    def descend_resolver(self, parent: Node | None, index: Any) -> None:
        self.depth += 1
        self.values += 1
        if self.depth > MAX_DEPTH and parent is not None:
            raise TooMuchError(parent, f"is nested more than {MAX_DEPTH} deep; write it flatter")
        if self.values > MAX_VALUES and parent is not None:
            raise TooMuchError(
                parent, f"holds more than {MAX_VALUES:,} values; write a range, or name a CSV file"
            )

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return plain_type(value) if implicit[0] else "str"
        return "seq" if kind is SequenceNode else "map"


class _PythonComposer(_Resolver, Reader, Scanner, Parser, Composer):
    """The fallback where PyYAML was built without libyaml; some six times slower."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)


def _fast_composer() -> Any:
    try:
        from yaml._yaml import CParser
    except ImportError:
        return None
    return type("CComposer", (_Resolver, CParser), {})


_CComposer = _fast_composer()


def _composer(text: str) -> Any:
    if _CComposer is not None:
        return _CComposer(text)
    warnings.warn("PyYAML was built without libyaml: large manifests load slowly", stacklevel=2)
    return _PythonComposer(text)


def plain_type(text: str) -> str:
    """Return a plain scalar's type: null, bool, int, float, merge or plain (a string)."""
    if text and text[0] not in _TYPED_START:
        return "plain"
    match = _CORE.fullmatch(text)
    return match.lastgroup if match and match.lastgroup else "plain"


def compose_node(text: str) -> Node | None:
    """Read one YAML document into nodes; None when there is nothing in it."""
    parser = _composer(text)
    try:
        node: Node | None = parser.get_single_node()
        return node
    finally:
        parser.dispose()


@dataclass(slots=True)
class Members:
    """Key and value nodes of maps by name, merge keys resolved, each map once."""

    _done: dict[int, dict[str, tuple[Node, Node]]] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _merged: int = 0

    def of(self, node: Node) -> dict[str, tuple[Node, Node]]:
        """Return a map's members, the first of equal keys; any other node has none.

        Keys written out win over merged ones, and earlier merged maps over later ones.

        Raises:
            TooMuchError: A merge holds itself, or too many keys are merged.
        """
        if id(node) in self._done:
            return self._done[id(node)]
        if id(node) in self._open:
            raise TooMuchError(node, "merges itself; write out what is meant")
        if len(self._open) > MAX_DEPTH:
            raise TooMuchError(node, f"is nested more than {MAX_DEPTH} deep; write it flatter")
        self._open.add(id(node))
        names: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for key, value in node.value if isinstance(node, MappingNode) else ():
            if key.tag == "merge":
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif isinstance(key, ScalarNode):
                names.setdefault(key.value, (key, value))
        for other in merged:
            self._merge(node, names, self.of(other))
        self._open.remove(id(node))
        self._done[id(node)] = names
        return names

    def _merge(
        self, node: Node, names: dict[str, tuple[Node, Node]], more: dict[str, tuple[Node, Node]]
    ) -> None:
        self._merged += len(more)
        if self._merged > MAX_VALUES:
            raise TooMuchError(node, f"merges more than {MAX_VALUES:,} keys; write less")
        for name, member in more.items():
            names.setdefault(name, member)


def arguments_in(root: Node, members: Members) -> dict[int, str]:
    """Return where each node stands, as ``sweep.matrix.theta[2]``; the root is ""."""
    found: dict[int, str] = {}
    waiting = [(root, "")]
    while waiting:
        node, at = waiting.pop()
        found[id(node)] = at
        for name, (key, value) in members.of(node).items():
            found[id(key)] = f"{at}.{name}".removeprefix(".")
            waiting.append((value, found[id(key)]))
        if isinstance(node, SequenceNode):
            waiting += [(item, f"{at}[{i}]") for i, item in enumerate(node.value)]
    return found
