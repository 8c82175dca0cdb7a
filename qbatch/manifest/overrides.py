"""``-S path=value``: change a manifest from the command line, before anything is checked.

Rules: a path is keys joined by dots, list items by their index:
``backends.noisy.noise.readout=0.1``, ``sweep.matrix.shots=1,2,3``. A name alone that is no
top-level key is an axis: ``gamma=0,pi/2``; so is ``shots`` with a list. Values are YAML; on an
axis and wherever a list goes, commas make one. A fixed key may be new (``run.fail_fast=true``),
and so may an axis, an option or a noise parameter; a circuit, backend or var must exist. Nodes
are copied along the path: an anchor's other uses stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qbatch.errors import Place
from qbatch.manifest.loader import Members, TooMuchError, compose_node
from qbatch.manifest.nearest import did_you_mean, listed
from qbatch.manifest.source import Loc, refuse

#: Maps in which a name that is not there yet may be put.
_OPEN = frozenset(
    {"matrix", "zip", "noise", "options", "observables", "probabilities", "target", "where", "set"}
)
_AXES = frozenset({"matrix", "zip"})


def override(root: Node, overrides: Sequence[str], origins: dict[int, str]) -> Node:
    """Return the tree with each ``path=value`` done, in order.

    Args:
        root: Left as it is.
        overrides: As given on the command line.
        origins: Filled with the id of each new node -> the flag.

    Raises:
        SourceErrors: One is no ``path=value``, its value is no YAML, or the path does not exist.
    """
    for text in overrides:
        path, equals, value = text.partition("=")
        path = path.strip()
        flag = f"-S {path}"
        if not equals or not path or not all(part for part in path.split(".")):
            raise refuse(Place(f"-S {path[:40]}"), "is no path=value; write -S shots=1000")
        for loc in _targets(root, path, value):
            root = _put(root, loc, (), _Value(flag, value, origins))
    return root


def _targets(root: Node, path: str, value: str) -> list[Loc]:
    """Return the locations a path stands for: an axis by its bare name is set in every sweep."""
    from qbatch.manifest.complaints import known_keys

    parts: Loc = tuple(int(part) if part.isdigit() else part for part in path.split("."))
    top = known_keys(())
    is_axis = len(parts) == 1 and (
        parts[0] not in top or (parts[0] == "shots" and ("," in value or "{" in value))
    )
    if is_axis:
        return _axes_named(root, str(parts[0]), top)
    return [parts]


def _axes_named(root: Node, name: str, top: Sequence[str]) -> list[Loc]:
    sweep = Members().of(root).get("sweep")
    many = sweep[1].value if sweep and isinstance(sweep[1], SequenceNode) else None
    prefixes: list[Loc] = [("sweep", i) for i in range(len(many))] if many else [("sweep",)]
    found: list[Loc] = []
    axes: set[str] = {"circuit", "backend", "shots"}
    for prefix in prefixes:
        kind = "matrix"
        for each in ("matrix", "zip"):
            names = _names_at(root, (*prefix, each))
            axes.update(names)
            kind = each if name in names else kind
        found.append((*prefix, kind, name))
    if name not in axes:
        raise refuse(
            Place(f"-S {name}"),
            f"{name!r} is no key and no axis of this manifest (axes: {listed(sorted(axes))})"
            f"{did_you_mean(name, [*axes, *top])}; write sweep.matrix.{name}=… for a new axis",
        )
    return found


def _names_at(root: Node, loc: Loc) -> list[str]:
    node, members = root, Members()
    for step in loc:
        if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        elif str(step) in members.of(node):
            node = members.of(node)[str(step)][1]
        else:
            return []
    return [*members.of(node)]


class _Value:
    """The value of one override, made into nodes where its place is known."""

    def __init__(self, flag: str, text: str, origins: dict[int, str]) -> None:
        self.flag = flag
        self.text = text
        self.origins = origins

    def at(self, loc: Loc) -> Node:
        is_list = "," in self.text and not self.text.lstrip().startswith(("[", "{"))
        if _is_axis(loc) and not self.text.lstrip().startswith(("[", "{")):
            return self.read(f"[{self.text}]")
        if is_list and _takes_list(loc):
            return self.read(f"[{self.text}]")
        return self.read(self.text)

    def read(self, text: str) -> Node:
        try:
            node = compose_node(text)
        except (yaml.YAMLError, TooMuchError, UnicodeEncodeError) as error:
            told = getattr(error, "problem", None) or "cannot be read"
            raise refuse(Place(self.flag), f"the value is no YAML: {told}") from error
        return self.own(node if node is not None else self.scalar("", "null"))

    def own(self, node: Node) -> Node:
        """Mark a node and all below as put in by this flag."""
        if id(node) not in self.origins:
            self.origins[id(node)] = self.flag
            for child in node.value if not isinstance(node, ScalarNode) else ():
                for each in child if isinstance(child, tuple) else (child,):
                    self.own(each)
        return node

    def scalar(self, text: str, tag: str = "str") -> ScalarNode:
        node = ScalarNode(tag, text)
        self.origins[id(node)] = self.flag
        return node


def _is_axis(loc: Loc) -> bool:
    names = [step for step in loc if isinstance(step, str)]
    return len(names) == 3 and names[0] == "sweep" and names[1] in _AXES


def _takes_list(loc: Loc) -> bool:
    from qbatch.manifest.complaints import fields_of, is_many, is_map, model_at

    model = model_at(loc[:-1])
    info = fields_of(model).get(str(loc[-1])) if model else None
    return info is not None and is_many(info.annotation) and not is_map(info.annotation)


def _put(node: Node, loc: Loc, done: Loc, value: _Value) -> Node:
    """Return a copy of `node` in which `loc` holds the value."""
    if not loc:
        return value.at(done)
    step, rest = loc[0], loc[1:]
    if isinstance(node, SequenceNode):
        return _put_item(node, loc, done, value)
    if not isinstance(node, MappingNode):
        raise refuse(Place(value.flag), f"{_path(done)} is one value and has no {step!r} in it")
    name = str(step)
    member = Members().of(node).get(name)
    if member is None and isinstance(step, int) and done == ("sweep",) and step == 0:
        return _put(node, rest, done, value)
    if member is None:
        _check_new(node, name, done, value.flag)
    child = member[1] if member and not _is_null(member[1]) else MappingNode("map", [])
    if id(child) not in value.origins and (member is None or _is_null(member[1])):
        value.origins[id(child)] = value.flag
    new = _put(child, rest, (*done, step), value)
    key = value.scalar(name) if member is None or not rest else member[0]
    entries = [(k, v) for k, v in node.value if k.tag == "merge" or k.value != name]
    copied = MappingNode(node.tag, [*entries, (key, new)], node.start_mark, node.end_mark)
    return _inherit(copied, node, value)


def _put_item(node: SequenceNode, loc: Loc, done: Loc, value: _Value) -> Node:
    step, n = loc[0], len(node.value)
    if not isinstance(step, int) or step >= n:
        hint = f"; write {_path((*done, 0, *loc))}" if isinstance(step, str) and n else ""
        raise refuse(
            Place(value.flag), f"{_path(done)} is a list of {n}, and {step!r} no index in it{hint}"
        )
    items = [*node.value]
    items[step] = _put(items[step], loc[1:], (*done, step), value)
    copied = SequenceNode(node.tag, items, node.start_mark, node.end_mark)
    return _inherit(copied, node, value)


def _inherit(copied: Node, node: Node, value: _Value) -> Node:
    if id(node) in value.origins:
        value.origins[id(copied)] = value.origins[id(node)]
    return copied


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "null"


def _check_new(node: MappingNode, name: str, done: Loc, flag: str) -> None:
    """See that a key which is not in the file may be put there."""
    from qbatch.manifest.complaints import known_keys, model_at

    if model_at(done) is not None:
        names = sorted({*known_keys(done), *Members().of(node)})
        if name in names:
            return
    elif _OPEN.intersection(step for step in done if isinstance(step, str)):
        return
    else:
        names = [*Members().of(node)]
    where = f"{_path(done)} has" if done else "a manifest has"
    raise refuse(
        Place(flag), f"{where} no {name!r} ({listed(names, 20)}){did_you_mean(name, names)}"
    )


def _path(loc: Loc) -> str:
    return ".".join(map(str, loc)) or "the manifest"
