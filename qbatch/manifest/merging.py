"""How a manifest and the base that it extends become one: the rule, on nodes.

==============================  ===================================================================
base, and manifest              what comes of it
==============================  ===================================================================
a map, and a map                they are merged key by key, at any depth; what one has alone stays
anything, and ``null``          the key is gone, as if the base had never had it
anything, and anything else     the manifest's takes its place: lists are not joined, and no short
                                form is written out
a map of one of several forms,  the manifest's takes the whole map's place: a circuit's source, an
and one of another              axis's values, an engine, shots by accuracy, what makes a number
==============================  ===================================================================

A key stands where the base has it, which is the order of axes in points' names; new ones come last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from yaml.nodes import MappingNode, Node, ScalarNode

from qbatch.manifest.nodes import PREFIX, Members, TooMuchError

Loc = tuple[str, ...]

#: A list is one value here; anchors may make more of a few lines than anyone means.
MOST_MERGED = 100_000

#: Where a map has one of several forms -> the keys of which one says which.
FORMS_AT: Mapping[str, frozenset[str]] = {
    "circuits/*": frozenset({"file", "qasm", "template", "python"}),
    "backends/*/engine": frozenset({"processes", "slurm", "dask", "installed"}),
    "sweep/matrix/*": frozenset({"linspace", "geomspace", "range", "random", "from", "formula"}),
    "sweep/zip/*": frozenset({"linspace", "geomspace", "range", "random", "from", "formula"}),
    "shots": frozenset({"target_se", "target_width"}),
    "analysis/observables/*": frozenset({"file", "python"}),
    "analysis/expected/*": frozenset({"file", "python"}),
    "analysis/own/*": frozenset({"python", "installed"}),
}


@dataclass(slots=True)
class Merging:
    """Merges trees; what it has done counts against a bound."""

    _values: int = 0
    _members: Members = field(default_factory=Members)
    #: All that `_members` knows, for it knows them by their place in memory.
    _kept: list[Node] = field(default_factory=list)

    def members_of(self, node: Node) -> dict[str, tuple[Node, Node]]:
        """Return key and value of each of a map's keys, merge keys resolved.

        Raises:
            TooMuchError: Too many keys are merged.
        """
        self._kept.append(node)
        return self._members.of(node)

    def merge(self, base: Node, over: Node, loc: Loc = ()) -> Node:
        """Return what a base and what extends it come to; both stay as they are.

        Raises:
            TooMuchError: Anchors make more of them than `MOST_MERGED` values.
        """
        self._values += 1
        if self._values > MOST_MERGED:
            raise TooMuchError(over, f"is merged at more than {MOST_MERGED:,} places; write less")
        if not (isinstance(base, MappingNode) and isinstance(over, MappingNode)):
            return over
        old, new = self.members_of(base), self.members_of(over)
        if _is_another_form(loc, {*old}, {*new}):
            return over
        found = dict(old)
        for name, (key, value) in new.items():
            if name not in old:
                found[name] = (key, value)
            elif is_null(value):
                del found[name]
            else:
                found[name] = (key, self.merge(old[name][1], value, (*loc, name)))
        return MappingNode("map", [*found.values()], over.start_mark, over.end_mark)


def is_null(node: Node) -> bool:
    """Tell whether a node is nothing: ``null``, or a key without a value."""
    return isinstance(node, ScalarNode) and node.tag in ("null", f"{PREFIX}null")


def stands_at(loc: Loc, pattern: str) -> bool:
    """Tell whether a location is what a pattern means: steps joined by ``/``, any by ``*``."""
    steps = pattern.split("/")
    return len(loc) == len(steps) and all(map(fnmatchcase, loc, steps))


def _is_another_form(loc: Loc, old: set[str], new: set[str]) -> bool:
    """Tell whether a map is of another form than the base's."""
    for pattern, forms in FORMS_AT.items():
        if stands_at(loc, pattern):
            return bool(new & forms - old) and bool(old & forms)
    return False
