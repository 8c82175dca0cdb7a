"""YAML 1.2 core typing on PyYAML's C parser: text to nodes with places, nodes to plain data.

PyYAML's own defaults are YAML 1.1, which for error rates and bit strings is fatal: there ``1e-3``
is a string, ``010`` is 8, ``no`` is False, ``1:30`` is 90 and of two equal keys the last wins in
silence.

Rules:

- Plain scalars: ``null ~``, ``true false``, decimal, ``0o`` and ``0x`` integers, floats; all else
  is a string, kept as `Plain` so that arithmetic can tell ``pi/2`` from ``"pi/2"``.
- Keys are strings, and stand once. ``<<`` merges; anchors work; ``x-*`` keys are left out.
- Lists become tuples. No tag makes an object.
- Depth, number of values and what anchors expand to are bounded.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from qbatch.errors import ManifestError, Place
from qbatch.notation import shortened

if TYPE_CHECKING:
    from qbatch.manifest.source import Source

MAX_DEPTH = 64
MAX_VALUES = 500_000
MAX_INTEGER_DIGITS = 100

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
_PREFIX = "tag:yaml.org,2002:"


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
            raise TooMuchError(parent, f"is nested more than {MAX_DEPTH} deep")
        if self.values > MAX_VALUES and parent is not None:
            raise TooMuchError(parent, f"holds more than {MAX_VALUES:,} values")

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


def compose(text: str, source: Source) -> Node:
    """Read YAML into nodes.

    Raises:
        SourceErrors: It is no YAML, empty, several documents, not a map, or too large.
    """
    try:
        node = compose_node(text)
    except TooMuchError as error:
        raise source.refuse(source.place(error.node), error.problem) from error
    except ReaderError as error:
        raise source.refuse(*_unreadable(error, text, source.file)) from error
    except UnicodeEncodeError as error:
        raise source.refuse(Place(source.file), "holds a lone surrogate; save as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        raise source.refuse(*_syntax(error, text, source.file)) from error
    if node is None:
        raise source.refuse(Place(source.file), "is empty; a manifest begins with 'qbatch: 1'")
    if not isinstance(node, MappingNode):
        raise source.refuse(
            source.place(node), "is no map of keys; a manifest begins with 'qbatch: 1'"
        )
    return node


def compose_node(text: str) -> Node | None:
    """Read one YAML document into nodes; None when there is nothing in it."""
    parser = _composer(text)
    try:
        node: Node | None = parser.get_single_node()
        return node
    finally:
        parser.dispose()


def _unreadable(error: ReaderError, text: str, file: str) -> tuple[Place, str]:
    before = text.encode()[: error.position].decode("utf-8", "replace")
    if isinstance(error.character, str):  # the fallback counts characters
        before = text[: error.position]
    lines = lines_of(before)
    code = ord(error.character) if isinstance(error.character, str) else error.character
    place = Place(file, len(lines), len(lines[-1]) + 1)
    return place, f"the character U+{code:04X} is not allowed in YAML; remove it"


#: What the parser says -> what the person can do about it.
_REMEDIES = {
    "mapping values are not allowed": (
        "a ': ' where no key can stand; put text that holds ': ' in quotes, and keys of one map "
        "at one indentation"
    ),
    "found undefined alias": (
        "'*' begins an alias, and no anchor of that name stands above; put text that begins "
        'with * in quotes, as in "*1"'
    ),
    "found duplicate anchor": "an anchor of this name stands above; rename one",
    "but found another document": "a second document begins here; a manifest is one document",
    "found unexpected end of stream": "the quotes opened above are never closed",
    "found unknown escape character": (
        'in double quotes a backslash begins an escape; use single quotes, or "\\\\"'
    ),
    "could not find expected ':'": "a key without ':'; write 'key: value'",
    "did not find expected key": "a key was expected here; is the indentation right?",
    "did not find expected '-' indicator": "an item of the list above was expected here ('- …')",
    "did not find expected ',' or '}'": "a ',' or '}' was expected before this",
    "did not find expected ',' or ']'": "a ',' or ']' was expected before this",
}


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Place, str]:
    mark = error.problem_mark or error.context_mark
    place = Place(file) if mark is None else Place(file, mark.line + 1, mark.column + 1)
    problem = error.problem or "is no YAML"
    if "cannot start any token" in problem and mark is not None:
        return place, _bad_start(place, text)
    told = next((told for said, told in _REMEDIES.items() if said in problem), problem)
    since = error.context_mark
    if since is not None and mark is not None and since.line != mark.line:
        told += f" (in what began on line {since.line + 1})"
    return place, f"YAML: {told}"


def _bad_start(place: Place, text: str) -> str:
    line = lines_of(text)[(place.line or 1) - 1]
    found = line[(place.column or 1) - 1 :][:1]
    if found == "\t":
        return "YAML: a tab indents this line; indent with spaces"
    return f"YAML: text cannot begin with {found!r}; put it in quotes"


@dataclass(slots=True)
class Construction:
    """Nodes to plain data; what is wrong with them is gathered in `mistakes`."""

    source: Source
    mistakes: list[ManifestError] = field(default_factory=list)
    _done: dict[int, tuple[Any, int]] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _values: int = 0

    def build(self, node: Node) -> Any:
        """Make the data of a node.

        Raises:
            TooMuchError: Anchors expand to more than `MAX_VALUES` values, or hold themselves.
        """
        self._values += 1
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self._done:
            value, size = self._done[id(node)]
            self._values += size
            self._bound(node)
            return value
        if id(node) in self._open:
            raise TooMuchError(node, "is an anchor that holds itself; write out what is meant")
        if len(self._open) > MAX_DEPTH:
            raise TooMuchError(node, f"is nested more than {MAX_DEPTH} deep")
        self._open.add(id(node))
        before = self._values
        value = self._map(node) if isinstance(node, MappingNode) else self._list(node)
        self._open.remove(id(node))
        self._done[id(node)] = (value, self._values - before)
        self._bound(node)
        return value

    def _bound(self, node: Node) -> None:
        if self._values > MAX_VALUES:
            raise TooMuchError(
                node, f"expands, by its anchors, to more than {MAX_VALUES:,} values; write less"
            )

    def _list(self, node: Node) -> tuple[Any, ...]:
        self._check_tag(node, "seq")
        return tuple([self.build(item) for item in node.value])

    def _map(self, node: Node) -> dict[str, Any]:
        self._check_tag(node, "map")
        for at, problem in _wrong_keys(node):
            self._complain(at, problem)
        return {
            name: self.build(value)
            for name, (_, value) in self.source.members(node).items()
            if not name.startswith("x-")
        }

    def _scalar(self, node: ScalarNode) -> Any:
        kind, text = node.tag.removeprefix(_PREFIX), node.value
        if kind == "str":
            return str(text)
        if node.tag.startswith(_PREFIX) or kind not in _SCALARS:
            actual = plain_type(text)
            if kind not in _TAGS or (kind != actual and (kind, actual) != ("float", "int")):
                tag = node.tag.replace(_PREFIX, "!!")
                self._complain(node, f"the tag {tag} does not fit here; remove it")
                kind = actual
        try:
            return _SCALARS[kind](text)
        except ValueError:
            self._complain(node, f"{text[:40]!r} is no {kind} that a manifest can hold")
            return 1

    def _check_tag(self, node: Node, kind: str) -> None:
        if node.tag not in (kind, _PREFIX + kind):
            tag = node.tag.replace(_PREFIX, "!!")
            self._complain(node, f"the tag {tag} does not fit here; remove it")

    def _complain(self, node: Node, problem: str) -> None:
        self.mistakes.append(self.source.mistake(self.source.place(node), problem))


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise ValueError("too long")
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _float(text: str) -> float:
    folded = text.lower()
    return float(folded.replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _float,
    "merge": Plain,
    "plain": Plain,
}
#: Tags a person may write out.
_TAGS = frozenset({"null", "bool", "int", "float"})


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
            raise TooMuchError(node, f"is nested more than {MAX_DEPTH} deep")
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


def _wrong_keys(node: Node) -> list[tuple[Node, str]]:
    """Find keys that are no strings, and keys that stand twice."""
    first: dict[str, Node] = {}
    wrong: list[tuple[Node, str]] = []
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            wrong.append((key, "a map or list cannot be a key; write a name"))
        elif key.tag == "merge":
            wrong += _wrong_merge(value)
        elif key.tag not in ("plain", "str", _PREFIX + "str"):
            wrong.append((key, _untext_key(key)))
        elif key.value in first:
            name, line = shortened(key.value), first[key.value].start_mark.line + 1
            wrong.append((key, f"the key {name!r} stands twice (first on line {line}); remove one"))
        else:
            first[key.value] = key
    return wrong


def _wrong_merge(value: Node) -> list[tuple[Node, str]]:
    merged = value.value if isinstance(value, SequenceNode) else [value]
    return [
        (item, "'<<' merges maps; this is none")
        for item in merged
        if not isinstance(item, MappingNode)
    ]


def _untext_key(key: ScalarNode) -> str:
    if key.tag == "null":
        return "a key is missing before ':'"
    kind = {"bool": "a boolean", "int": "a number", "float": "a number"}.get(key.tag, key.tag)
    name = shortened(key.value)
    return f'the key {name} reads as {kind}; write it in quotes: "{name}"'
