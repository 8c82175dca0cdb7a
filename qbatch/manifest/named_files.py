"""Where a manifest names files: paths in a base are those of its own folder.

The table has each place whose text is the path of a file beside the manifest. A test sees that no
model has a path that is missing here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qbatch.manifest.nodes import PREFIX

#: Keys of a noise model that name a file.
_NOISE = ("calibration", "calibration_file", "file")
_SWEEPS = ("sweep", "sweep/[]")
#: Where settings' values stand by their path: ``noise.calibration: [a.json, b.json]``.
_VALUES = (
    *(f"{sweep}/{place}" for sweep in _SWEEPS for place in ("matrix", "zip")),
    *(f"{sweep}/{place}/[]" for sweep in _SWEEPS for place in ("include", "exclude")),
    *(f"{sweep}/overrides/[]/{place}" for sweep in _SWEEPS for place in ("where", "set")),
    *(f"{sweep}/sample/{place}where" for sweep in _SWEEPS for place in ("", "[]/")),
    "checks/[]/where",
    "report/plots/[]/where",
)

#: Steps joined by ``/``, with ``*`` for any key, and ``[]`` for each item of a list.
PLACES = (
    "circuits/*",
    *(f"circuits/*/{source}" for source in ("file", "template", "python")),
    "reuse/[]",
    "budget/prices",
    "report/template",
    *(f"{sweep}/{kind}/*/from/file" for sweep in _SWEEPS for kind in ("matrix", "zip")),
    *(f"analysis/observables/*/{source}" for source in ("file", "python")),
    *(f"analysis/expected/*/{source}" for source in ("file", "python")),
    "analysis/own/*/python",
    *(f"backends/*/noise/{key}" for key in _NOISE),
    *(f"{place}/*noise.{key}{many}" for place in _VALUES for key in _NOISE for many in ("", "/[]")),
)
_TREES = tuple(tuple(place.split("/")) for place in PLACES)

#: What is left of places, below a node.
Left = tuple[tuple[str, ...], ...]
Rename = Callable[[str], str]
MembersOf = Callable[[Node], Mapping[str, tuple[Node, Node]]]


def joined(home: Path, folder: str, name: str) -> str:
    """Return a path as it is from the manifest's folder, with ``/`` on every system.

    Args:
        home: The manifest's folder, from the root.
        folder: Of the file that names it, as a path from there.
        name: As that file has it.
    """
    return Path(os.path.relpath(home / folder / name, home)).as_posix()


def from_folder(root: Node, folder: str, home: Path, members_of: MembersOf) -> Node:
    """Return a tree whose paths begin where the manifest is.

    Args:
        root: Of a base; stays as it is.
        folder: The base's, as a path from the manifest's folder; "" leaves the tree alone.
        home: The manifest's folder, from the root.
        members_of: Returns a map's keys and values.
    """
    if not folder:
        return root
    return _moved(root, _TREES, lambda name: joined(home, folder, name), members_of)


def _moved(node: Node, left: Left, rename: Rename, members_of: MembersOf) -> Node:
    if isinstance(node, ScalarNode):
        return _renamed(node, rename) if () in left else node
    if isinstance(node, MappingNode):
        pairs = [
            (
                key,
                _moved(value, below, rename, members_of)
                if (below := _below(left, name))
                else value,
            )
            for name, (key, value) in members_of(node).items()
        ]
        return MappingNode("map", pairs, node.start_mark, node.end_mark)
    below = _below(left, "[]")
    if not below:
        return node
    items = [_moved(item, below, rename, members_of) for item in node.value]
    return SequenceNode(node.tag, items, node.start_mark, node.end_mark)


def _below(left: Left, step: str) -> Left:
    """Return what is left of the places that have this step next."""
    return tuple(
        place[1:]
        for place in left
        if place and (place[0] == step if step == "[]" else fnmatchcase(step, place[0]))
    )


def _renamed(node: ScalarNode, rename: Rename) -> ScalarNode:
    """Return a path as it is from the manifest's folder."""
    text = str(node.value)
    is_text = node.tag in ("plain", "str", f"{PREFIX}str")
    if not is_text or not text or text.startswith(("/", "~")):
        return node
    return ScalarNode(node.tag, rename(text), node.start_mark, node.end_mark, style=node.style)
