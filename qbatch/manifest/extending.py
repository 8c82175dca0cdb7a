"""``extends: base.yaml``: a manifest, and the bases that it begins from, as one tree.

Rules: a base is read as a manifest is, and may have bases itself. It lies where any file that a
manifest names may lie: in its folder or its project, symbolic links followed. Its paths begin at
its own folder, and are joined as they are written: where a link leads changes none of them, so the
same files come to the same manifest wherever they are kept. What stands in a base keeps its own
file, line and column. Later bases of a list go over earlier ones, and the manifest over all
(`merging` has the rule).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qbatch.errors import Place, SourceErrors
from qbatch.frozen import dataclass
from qbatch.manifest.files import read_text
from qbatch.manifest.merging import Merging
from qbatch.manifest.named_files import from_folder, joined
from qbatch.manifest.nodes import TooMuchError
from qbatch.manifest.syntax import Unreadable, compose
from qbatch.project import may_name, outside

KEY = "extends"

#: Of one manifest, each counted as often as it is extended.
MOST_BASES = 64


class MarkIn(NamedTuple):
    """Where a node of a base begins, counted from 0."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Base:
    """A file that a manifest extends.

    Attributes:
        path: From the manifest's folder, with ``/`` on every system.
        file: As messages name it.
        text: As read.
    """

    path: str
    file: str
    text: str

    @property
    def digest(self) -> str:
        """The SHA-256 of its text, 64 hex digits."""
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """Return the SHA-256 of a file's text, 64 hex digits."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(slots=True)
class Extending:
    """Reads the bases of one manifest.

    Attributes:
        folder: The manifest's.
        bases: Path -> base; those that are there already are not read again.
        roots: Of each file that was merged, as it is written.
    """

    folder: Path
    bases: dict[str, Base] = field(default_factory=dict)
    roots: list[Node] = field(default_factory=list)
    _merging: Merging = field(default_factory=Merging)
    _number: int = 0

    def whole(self, root: Node, file: str, chain: tuple[str, ...] = ()) -> Node:
        """Return a file's tree with its bases in it; one that has none is returned as it is.

        Args:
            root: Of the file, as it is written.
            file: As messages name it.
            chain: Paths of the bases that led here, the last of which is this file.

        Raises:
            Unreadable: A base cannot be read, or leads back to itself.
        """
        members = self._merging.members_of(root)
        if KEY not in members:
            return root
        if not chain:
            self.roots.append(root)
        found: Node | None = None
        for node, name in _names(members[KEY][1]):
            base = self._opened(node, name, file, chain)
            found = base if found is None else self._merging.merge(found, base)
        pairs = [pair for name, pair in members.items() if name != KEY]
        own = MappingNode("map", pairs, root.start_mark, root.end_mark)
        return own if found is None else self._merging.merge(found, own)

    def _opened(self, node: Node, name: str, file: str, chain: tuple[str, ...]) -> Node:
        """Return the tree of a base, whole, with its paths from the manifest's folder."""
        self._number += 1
        if self._number > MOST_BASES:
            raise TooMuchError(node, f"{KEY}: more than {MOST_BASES} bases; write fewer")
        base = self._base(node, name, file, chain[-1] if chain else "")
        if base.path in chain:
            told = " → ".join((*chain[chain.index(base.path) :], base.path))
            raise Unreadable(node, f"{KEY}: {name!r} leads back to itself ({told}); remove one")
        root = _composed(base)
        self.roots.append(root)
        _check_version(self._merging.members_of(root))
        folder = posixpath.dirname(base.path)
        moved = from_folder(root, folder, self.folder.resolve(), self._merging.members_of)
        return self.whole(moved, base.file, (*chain, base.path))

    def _base(self, node: Node, name: str, file: str, by: str) -> Base:
        """Return a base that a file names, read once.

        Args:
            node: Of the name.
            name: As written.
            file: Which names it, for messages.
            by: Its path; "" for the manifest's own.
        """
        home, told = self.folder.resolve(), f"{KEY}: {name!r}"
        path = joined(home, posixpath.dirname(by), name)
        if path in self.bases:
            return self.bases[path]
        there = home / path
        if not may_name(there.resolve(), home):
            raise Unreadable(node, f"{told} {outside(home)}")
        if name.startswith("/"):  # elsewhere it would be another file, or none
            near = posixpath.relpath(path, posixpath.dirname(by) or ".")
            problem = f"{told} is written from elsewhere; write {near!r}, from this file's folder"
            raise Unreadable(node, problem)
        shown = posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
        try:
            text = read_text(there, shown)
        except SourceErrors as error:
            first = error.exceptions[0]
            if getattr(getattr(first, "place", None), "line", None) is not None:
                raise
            raise Unreadable(node, f"{told}: {getattr(first, 'problem', first)}") from error
        self.bases[path] = Base(path, shown, text)
        return self.bases[path]


def _names(node: Node) -> Iterator[tuple[Node, str]]:
    """Yield what stands under `extends`.

    Raises:
        Unreadable: It is no path, and no list of paths.
    """
    items = node.value if isinstance(node, SequenceNode) else [node]
    for item in items or [node]:
        is_text = isinstance(item, ScalarNode) and item.tag in ("plain", "str")
        if not is_text or not item.value or set(item.value) & {"\0", "\n"}:
            raise Unreadable(
                item, f"{KEY} is no file; write the path of a manifest's base, or a list of paths"
            )
        yield item, str(item.value)


def _composed(base: Base) -> Node:
    """Return a base's tree, of which each node says in which file it stands.

    Raises:
        Unreadable: It is no YAML that a base could be.
    """
    try:
        root = compose(base.text, base.file)
    except Unreadable as error:
        if isinstance(error.at, Node):
            _mark(error.at, base.file)
        raise
    _mark(root, base.file)
    return root


def _mark(root: Node, file: str) -> None:
    """Have each node say in which file it stands."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        mark = node.start_mark
        node.start_mark = MarkIn(file, mark.line, mark.column)
        for child in node.value if not isinstance(node, ScalarNode) else ():
            for each in child if isinstance(child, tuple) else (child,):
                if id(each) not in seen:
                    seen.add(id(each))
                    waiting.append(each)


def _check_version(members: Mapping[str, tuple[Node, Node]]) -> None:
    """See that a base which says its version is of this one; it need not say so.

    Raises:
        Unreadable: It is of another.
    """
    if "qbatch" in members and (value := members["qbatch"][1]).value != "1":
        problem = "is no version of the manifest that this qbatch reads; write 1"
        raise Unreadable(value, f"qbatch: {problem}")


def place_of(node: Node, file: str) -> Place:
    """Return where a node begins.

    Args:
        node: Of a manifest, or of a base.
        file: The manifest's.
    """
    mark = node.start_mark
    return Place(mark.file if isinstance(mark, MarkIn) else file, mark.line + 1, mark.column + 1)
