"""From nodes to plain data.

Rules: keys are strings, and stand once; ``x-*`` keys are left out. Lists become tuples. No tag
makes an object. What anchors expand to is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qbatch.errors import ManifestError
from qbatch.manifest.nodes import (
    MAX_DEPTH,
    MAX_VALUES,
    PREFIX,
    Plain,
    TooMuchError,
    plain_type,
)
from qbatch.manifest.source import Source
from qbatch.manifest.yaml_text import write_yaml
from qbatch.notation import shortened

MAX_INTEGER_DIGITS = 100


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
            raise TooMuchError(node, f"is nested more than {MAX_DEPTH} deep; write it flatter")
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
        kind, text = node.tag.removeprefix(PREFIX), node.value
        if kind == "str":
            return str(text)
        if node.tag.startswith(PREFIX) or kind not in _SCALARS:
            actual = plain_type(text)
            if kind not in _TAGS or (kind != actual and (kind, actual) != ("float", "int")):
                tag = node.tag.replace(PREFIX, "!!")
                self._complain(node, f"the tag {tag} does not fit here; remove it")
                kind = actual
        try:
            return _SCALARS[kind](text)
        except ValueError:
            self._complain(
                node,
                f"{text[:40]!r} is no {kind} that a manifest can hold; "
                "put it in quotes to have it as text",
            )
            return 1

    def _check_tag(self, node: Node, kind: str) -> None:
        if node.tag not in (kind, PREFIX + kind):
            tag = node.tag.replace(PREFIX, "!!")
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


def _wrong_keys(node: Node) -> list[tuple[Node, str]]:
    """Find keys that are no strings, and keys that stand twice."""
    first: dict[str, Node] = {}
    wrong: list[tuple[Node, str]] = []
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            wrong.append((key, "a map or list cannot be a key; write a name"))
        elif key.tag == "merge":
            wrong += _wrong_merge(value)
        elif key.tag not in ("plain", "str", PREFIX + "str"):
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
        return "a key is missing before ':'; write 'key: value'"
    kind = {"bool": "a boolean", "int": "a number", "float": "a number"}.get(key.tag, key.tag)
    name = shortened(key.value)
    return f'the key {name} reads as {kind}; write it in quotes: "{name}"'


def read_data(source: Source) -> tuple[Any, list[ManifestError]]:
    """Return a source's data, and what is wrong with how it is written.

    Raises:
        SourceErrors: It is more than can be read.
    """
    mistakes: list[ManifestError] = []
    try:
        for root in source.written:  # a key that stands twice is seen in its own file alone
            Construction(source, mistakes).build(root)
        building = Construction(source, mistakes)
        return building.build(source.root), building.mistakes
    except TooMuchError as error:
        raise source.refuse(source.place(error.node), error.problem) from error


def merged_text(source: Source) -> str:
    """Return a manifest with its bases in it as one text; "" where it has no base.

    Raises:
        SourceErrors: It is more than can be read.
    """
    if source.merged is None:
        return ""
    names = ", ".join(base.path for base in source.bases)
    return f"# Merged with what it extends: {names}.\n" + write_yaml(
        Construction(source).build(source.merged)
    )
