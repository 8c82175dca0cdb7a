"""``-S path=value``: change a manifest from the command line, before anything is checked.

Rules: a path is keys joined by dots, list items by their index:
``backends.noisy.noise.readout=0.1``, ``sweep.matrix.shots=1,2,3``. A name alone that is no
top-level key is an axis: ``gamma=0,pi/2``; so is ``shots`` with a list. A setting's path is an axis
of every sweep: ``noise.readout=0,0.1``, and with several values, or where it is one already,
``backends.noisy.noise.readout=0,0.1``. Values are YAML; on an axis and wherever a list goes, commas
make one. A fixed key may be new (``run.fail_fast=true``),
and so may an axis, an option or a noise parameter; a circuit, backend or var must exist. Nodes
are copied along the path: an anchor's other uses stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qbatch.errors import Place
from qbatch.manifest.axes import FORMS
from qbatch.manifest.complaints import fields_of, is_many, is_map, known_keys, model_at
from qbatch.manifest.files import refuse
from qbatch.manifest.merging import is_null
from qbatch.manifest.nodes import Members, TooMuchError, compose_node
from qbatch.manifest.paths import SettingAxis, setting_axis
from qbatch.notation import did_you_mean, listed

#: Maps in which a name that is not there yet may be put.
_OPEN = frozenset(
    {"matrix", "zip", "noise", "options", "engine", "observables", "probabilities", "target"}
    | {"where", "set"}
)
_AXES = ("matrix", "zip")
#: Maps whose keys are axes.
_NAME_AXES = (*_AXES, "where", "set")

Steps = tuple[str, ...]


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


def _targets(root: Node, path: str, value: str) -> list[Steps]:
    """Return the locations a path stands for: an axis by its bare name is set in every sweep."""
    if path.split(".")[0] == "extends":
        raise refuse(Place(f"-S {path}"), "is read before -S is; write it in the manifest")
    axis = setting_axis(path)
    if axis is not None and (axis.backend is None or _sweeps(root, path) or _is_spread(value)):
        return _settings_named(root, path, axis)
    _refuse_hidden(root, path, axis)
    top = known_keys(())
    is_list = "," in value or "{" in value
    is_shots = path == "shots" and (is_list or _sweeps(root, "shots"))
    if "." not in path and (path not in top or is_shots):
        return _axes_named(root, path, top)
    return [_split(root, path)]


def _sweeps(root: Node, name: str) -> bool:
    """Tell whether `name` is an axis already: then what stands elsewhere counts nowhere."""
    return any(name in axes for sweep in _axes_of(root) for axes in sweep.values())


def _axes_of(root: Node) -> list[dict[str, Mapping[str, tuple[Node, Node]]]]:
    """Return of each sweep the axes of matrix and zip, key and value of each."""
    members = Members()
    sweep = members.of(root).get("sweep")
    nodes = [] if sweep is None else [sweep[1]]
    if nodes and isinstance(nodes[0], SequenceNode):
        nodes = nodes[0].value
    return [
        {kind: members.of(parts[kind][1]) if kind in parts else {} for kind in _AXES}
        for parts in map(members.of, nodes)
    ]


def _is_spread(text: str) -> bool:
    """Tell whether a value is several values of an axis: commas without brackets, or a spacing."""
    text = text.strip()
    if text.startswith("{"):
        return text[1:].lstrip().split(":")[0].rstrip().strip("\"'") in FORMS
    return "," in text and not text.startswith(("[", '"', "'"))


def _settings_named(root: Node, name: str, axis: SettingAxis) -> list[Steps]:
    """Return where a setting's axis stands, or goes, in each sweep that has its backend."""
    sweeps = _axes_of(root) or [{kind: {} for kind in _AXES}]
    at_index = isinstance(Members().of(root).get("sweep", (root, root))[1], SequenceNode)
    found: list[Steps] = []
    for number, axes in enumerate(sweeps):
        if _lacks(axes, axis.backend):
            continue
        prefix = ("sweep", str(number)) if at_index else ("sweep",)
        found.append((*prefix, "zip" if name in axes["zip"] else "matrix", name))
    if not found:
        raise refuse(
            Place(f"-S {name}"),
            f"no sweep has points of backend {axis.backend!r}; "
            "add it to the axis backend, or take the flag away",
        )
    return found


def _lacks(axes: Mapping[str, Mapping[str, tuple[Node, Node]]], backend: str | None) -> bool:
    """Tell whether a sweep lists its backends, and this one is not among them."""
    for kind in _AXES:
        if backend is not None and "backend" in axes[kind]:
            listed_there = axes[kind]["backend"][1]
            if isinstance(listed_there, SequenceNode):
                return all(item.value != backend for item in listed_there.value)
    return False


def _refuse_hidden(root: Node, path: str, axis: SettingAxis | None) -> None:
    """Refuse to set what an axis sets for every backend: it would count nowhere."""
    if axis is not None and axis.backend is not None and _sweeps(root, ".".join(axis.path)):
        name = ".".join(axis.path)
        raise refuse(
            Place(f"-S {path}"), f"{name} is an axis, which sets every backend; write -S {name}=…"
        )


def _split(root: Node, path: str) -> Steps:
    """Split at dots, but not within a name that has one: of the file, or of an axis."""
    parts, members, node = path.split("."), Members(), root
    steps: list[str] = []
    while parts:
        names = members.of(node)
        whole = [n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in names]
        n = whole[0] if whole else len(parts) if _is_axis_at(steps, parts) else 1
        step = ".".join(parts[:n])
        steps.append(step)
        node = names[step][1] if step in names else _item(node, step) or node
        parts = parts[n:]
    return tuple(steps)


def _is_axis_at(steps: Sequence[str], parts: Sequence[str]) -> bool:
    """Tell whether the rest of a path names a setting's axis, where axes are named."""
    is_there = steps[-1:] and steps[-1] in _NAME_AXES
    is_item = steps[-2:-1] and steps[-2] in ("include", "exclude")
    return bool(is_there or is_item) and setting_axis(".".join(parts)) is not None


def _item(node: Node, step: str) -> Node | None:
    """Return a list's item by its index, None where there is none."""
    if not isinstance(node, SequenceNode) or not step.isdecimal() or len(step) > 9:
        return None
    return node.value[int(step)] if int(step) < len(node.value) else None


def _axes_named(root: Node, name: str, top: Sequence[str]) -> list[Steps]:
    members = Members()
    sweep = members.of(root).get("sweep")
    sweeps = sweep[1].value if sweep and isinstance(sweep[1], SequenceNode) else None
    prefixes = [("sweep", str(i)) for i in range(len(sweeps))] if sweeps else [("sweep",)]
    found: list[Steps] = []
    axes: set[str] = {"circuit", "backend", "shots"}
    for i, prefix in enumerate(prefixes):
        parts = members.of(sweeps[i] if sweeps else sweep[1]) if sweep else {}
        named = {kind: members.of(parts[kind][1]) if kind in parts else {} for kind in _AXES}
        axes.update(*named.values())
        found.append((*prefix, "zip" if name in named["zip"] else "matrix", name))
    if name not in axes and name in known_keys(("sweep", "0")):
        at = ".".join(prefixes[0])
        raise refuse(Place(f"-S {name}"), f"{name} is a key of the sweep; write -S {at}.{name}=…")
    if name not in axes:
        raise refuse(
            Place(f"-S {name}"),
            f"{name!r} is no key and no axis of this manifest (axes: {listed(sorted(axes))})"
            f"{did_you_mean(name, [*axes, *top])}; write sweep.matrix.{name}=… for a new axis",
        )
    return found


class _Value:
    """The value of one override, made into nodes where its place is known."""

    def __init__(self, flag: str, text: str, origins: dict[int, str]) -> None:
        self.flag = flag
        self.text = text
        self.origins = origins

    def at(self, loc: Steps) -> Node:
        if _is_axis(loc):
            self._refuse_call()
        is_list = "," in self.text and not self.text.lstrip().startswith(("[", "{"))
        if _is_axis(loc) and not self.text.lstrip().startswith(("[", "{")):
            return self.read(f"[{self.text}]")
        if is_list and _takes_list(loc):
            return self.read(f"[{self.text}]")
        return self.read(self.text)

    def _refuse_call(self) -> None:
        """Say how a spacing is written, where it is written as a call."""
        name, bracket, rest = self.text.strip().partition("(")
        if bracket and rest.endswith(")") and name in FORMS:
            raise refuse(
                Place(self.flag), f"write a spacing as {self.flag}='{{{name}: [{rest[:-1]}]}}'"
            )

    def read(self, text: str) -> Node:
        try:
            node = compose_node(text)
        except (yaml.YAMLError, TooMuchError, UnicodeEncodeError) as error:
            told = getattr(error, "problem", None) or "cannot be read"
            raise refuse(
                Place(self.flag), f"the value is no YAML: {told}; quote it for the shell"
            ) from error
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


def _is_axis(loc: Steps) -> bool:
    inner = loc[2:] if len(loc) > 1 and loc[1].isdecimal() else loc[1:]
    return loc[0] == "sweep" and len(inner) == 2 and inner[0] in _AXES


def _takes_list(loc: Steps) -> bool:
    model = model_at(loc[:-1])
    info = fields_of(model).get(str(loc[-1])) if model else None
    return info is not None and is_many(info.annotation) and not is_map(info.annotation)


def _put(node: Node, loc: Steps, done: Steps, value: _Value) -> Node:
    """Return a copy of `node` in which `loc` holds the value."""
    if not loc:
        return value.at(done)
    name, rest = loc[0], loc[1:]
    if isinstance(node, SequenceNode):
        return _put_item(node, loc, done, value)
    if not isinstance(node, MappingNode):
        raise refuse(
            Place(value.flag),
            f"{_path(done)} is one value and has no {name!r} in it; write -S {_path(done)}=…",
        )
    member = Members().of(node).get(name)
    if member is None and done == ("sweep",) and name == "0":
        return _put(node, rest, done, value)  # one sweep is the first of a list of one
    if member is None:
        _check_new(node, name, done, value.flag)
    child = member[1] if member and not is_null(member[1]) else MappingNode("map", [])
    if id(child) not in value.origins and (member is None or is_null(member[1])):
        value.origins[id(child)] = value.flag
    new = _put(child, rest, (*done, name), value)
    key = value.scalar(name) if member is None or not rest else member[0]
    copied = MappingNode(
        node.tag, _with_entry(node, name, (key, new)), node.start_mark, node.end_mark
    )
    return _inherit(copied, node, value)


def _with_entry(node: MappingNode, name: str, entry: tuple[Node, Node]) -> list[tuple[Node, Node]]:
    """Return a map's entries with one put where its key stands, else at the end.

    Axes keep their order, which is that in the names of points.
    """
    is_it = [key.tag != "merge" and key.value == name for key, _ in node.value]
    if True not in is_it:
        return [*node.value, entry]
    at = is_it.index(True)
    others = [one for one, is_same in zip(node.value, is_it, strict=True) if not is_same]
    return [*others[:at], entry, *others[at:]]


def _put_item(node: SequenceNode, loc: Steps, done: Steps, value: _Value) -> Node:
    step, n = loc[0], len(node.value)
    item = _item(node, step)
    if item is None:
        hint = (
            f"; write {_path((*done, '0', *loc))}"
            if n and not step.isdecimal()
            else "; write a number from 0"
        )
        raise refuse(
            Place(value.flag), f"{_path(done)} is a list of {n}, and {step!r} no index in it{hint}"
        )
    items = [*node.value]
    items[int(step)] = _put(item, loc[1:], (*done, step), value)
    copied = SequenceNode(node.tag, items, node.start_mark, node.end_mark)
    return _inherit(copied, node, value)


def _inherit(copied: Node, node: Node, value: _Value) -> Node:
    if id(node) in value.origins:
        value.origins[id(copied)] = value.origins[id(node)]
    return copied


def _check_new(node: MappingNode, name: str, done: Steps, flag: str) -> None:
    """See that a key which is not in the file may be put there."""
    if done[:1] == ("budget",):  # names of backends and units, which its model looks at
        return
    if model_at(done) is not None:
        names = sorted({*known_keys(done), *Members().of(node)})
        if name in names:
            return
    elif _OPEN.intersection(done):
        return
    else:
        names = [*Members().of(node)]
    where = f"{_path(done)} has" if done else "a manifest has"
    there = listed(names, 20) or "there is nothing in it"
    raise refuse(Place(flag), f"{where} no {name!r} ({there}){did_you_mean(name, names)}")


def _path(loc: Steps) -> str:
    return ".".join(loc) or "the manifest"
