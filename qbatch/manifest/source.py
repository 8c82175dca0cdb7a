"""A manifest's text and where everything in it stands.

Owns the bounds on a file, its nodes, and the way back from a model's location (`("sweep", 0,
"repeat")`) to line and column. Rules: an excerpt never shows a secret; a place names the file as
the person wrote it; what `-S` put in has the flag as its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from qbatch.errors import ManifestError, Place, SourceErrors
from qbatch.frozen import dataclass
from qbatch.manifest.extending import Base, Extending, MarkIn, place_of
from qbatch.manifest.nodes import Members, TooMuchError, arguments_in, lines_of
from qbatch.manifest.syntax import Unreadable, compose

_EXCERPT_WIDTH = 160
#: A stranger's file can hold words of any length, and messages quote them.
_LONGEST_PROBLEM = 600
_LONGEST_NAME = 100
#: What an excerpt must not show: a value beside a word for a secret, unless it is a pointer; the
#: user's part of a URL.
_SECRET = re.compile(
    r"""(?ix)(?P<key> ["']? [\w-]{0,40} (?:credential|token|api_?-?key|passw|secret|authorization)
        [\w-]{0,40} ["']? \s{0,40} : \s{0,40}) (?! ["']? (?:env|keyring|file) : | \s*$ | [{\[] )
        (?P<value> "[^"]*"? | '[^']*'? | [^,}\]\#]+ )"""
)
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")

Loc = tuple[str | int, ...]

#: Puts `-S` into a tree, and notes where each new node comes from.
Override = Callable[[Node, Sequence[str], dict[int, str]], Node]


def hide_secrets(line: str) -> str:
    """Return a line of the person's file with everything that may be a secret as ``***``."""
    return _USER_IN_URL.sub("***", _SECRET.sub(r"\g<key>***", line))


@dataclass(frozen=True, slots=True)
class Trace:
    """What stands at a location.

    Attributes:
        steps: The part of the location that exists in the file.
        key: The key's node (the item's own in a list, the root's own at the top).
        value: The value's node.
    """

    steps: Loc
    key: Node
    value: Node

    @property
    def path(self) -> str:
        """As a person would write it: ``sweep.exclude[0].backend``."""
        return "".join(
            f"[{step}]" if isinstance(step, int) else f".{step[:_LONGEST_NAME]}"
            for step in self.steps
        ).removeprefix(".")


@dataclass(slots=True)
class Source:
    """One manifest's text, with `-S` overrides.

    Attributes:
        file: As the person wrote it.
        text: As read.
        folder: Which paths in the manifest are relative to, and stay inside of.
        path: The file; None for text.
        overrides: ``path=value`` of each `-S`.
        trust: Python circuits may run.
        override: Does `overrides` to the tree (`overrides.override`).
        sums: Of text that was kept with a run: file that an observable names -> the sum in it. So
            it is read wherever it lies, without the files that stood beside it. None: from there.
        call: That the text was made of in Python: its arguments are the places; "": it was read.
        bases: That it extends, as they were read; none is read before the root is wanted.
        is_manifest: It may extend others.
        decisions: On targets that are one of several (`decisions.Decision`).
    """

    file: str
    text: str
    folder: Path
    path: Path | None = None
    overrides: tuple[str, ...] = ()
    trust: bool = False
    override: Override | None = None
    sums: Mapping[str, str] | None = None
    call: str = ""
    bases: tuple[Base, ...] = ()
    is_manifest: bool = True
    decisions: tuple[Any, ...] = ()
    _root: Node | None = field(default=None, repr=False, compare=False)
    #: id of a node that `-S` put in -> the flag.
    _origins: dict[int, str] = field(default_factory=dict, repr=False, compare=False)
    #: Of the manifest and its bases, as each is written; none without bases.
    _written: list[Node] = field(default_factory=list, repr=False, compare=False)
    _before: Node | None = field(default=None, repr=False, compare=False)
    _members: Members = field(default_factory=Members, repr=False, compare=False)
    _lines: dict[str, list[str]] = field(default_factory=dict, repr=False, compare=False)
    _arguments: dict[int, str] | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> tuple[Any, ...]:
        """Leave the nodes behind: libyaml's marks do not pickle, and the text makes them again."""
        return (
            self.file,
            self.text,
            self.folder,
            self.path,
            self.overrides,
            self.trust,
            self.override,
            self.sums,
            self.call,
            self.bases,
            self.is_manifest,
            self.decisions,
        )

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    @property
    def root(self) -> Node:
        """The root of the tree, overrides done.

        Raises:
            SourceErrors: The text is no YAML, or an override goes nowhere.
        """
        if self._root is None:
            self._root = self._before = self._composed()
            if self.override is not None:
                self._root = self.override(self._root, self.overrides, self._origins)
        return self._root

    def _composed(self) -> Node:
        reading = Extending(self.folder, {base.path: base for base in self.bases})
        try:
            root = compose(self.text, self.file)
            if self.is_manifest:
                root = reading.whole(root, self.file)
        except (Unreadable, TooMuchError) as error:
            self.bases = (*reading.bases.values(),)
            at = error.node if isinstance(error, TooMuchError) else error.at
            raise self.refuse(
                self.place(at) if isinstance(at, Node) else at, error.problem
            ) from error
        self.bases, self._written = (*reading.bases.values(),), reading.roots
        return root

    @property
    def written(self) -> Sequence[Node]:
        """Roots of the manifest and of its bases, as each is written; none where it has no base."""
        return self._written if self.root else ()

    @property
    def merged(self) -> Node | None:
        """The root with its bases in it, before overrides; None where it has no base."""
        return self._before if self.root and self._written else None

    def members(self, node: Node) -> dict[str, tuple[Node, Node]]:
        """Return a map node's key and value nodes by name, merge keys resolved."""
        return self._members.of(node)

    def trace(self, loc: Sequence[str | int]) -> Trace:
        """Follow a model's location as far as it exists in the file.

        Steps which the file does not have are passed over: the models say ``("sweep", 0)`` also
        where `sweep` is one map, and ``("circuits", "bell", "file")`` for a bare path.
        """
        key = value = self.root
        steps: list[str | int] = []
        for step in loc:
            if isinstance(value, MappingNode):
                if (found := self.members(value).get(str(step))) is None:
                    continue
                key, value = found
            elif isinstance(value, SequenceNode):
                if not isinstance(step, int) or step >= len(value.value):
                    continue
                key = value = value.value[step]
            else:
                break
            steps.append(step)
        return Trace(tuple(steps), key, value)

    def place(self, node: Node) -> Place:
        """Return where a node begins."""
        if id(node) in self._origins:
            return Place(self._origins[id(node)])
        if self.call and not isinstance(node.start_mark, MarkIn):
            return self._argument(node)
        return place_of(node, self.file)

    def _argument(self, node: Node) -> Place:
        """Return the argument that a node was made of: ``Manifest(): backends.noisy.noise``."""
        if self._arguments is None and self._root is not None:
            self._arguments = arguments_in(self._root, self._members)
        at = (self._arguments or {}).get(id(node))
        return Place(f"{self.call}: {at}" if at else self.call)

    def excerpt(self, place: Place) -> str:
        """Return the line of the file that `place` is on, secrets hidden; "" when it is on none."""
        if place.line is None or (lines := self._lines_of(place.file)) is None:
            return ""
        if not 1 <= place.line <= len(lines):
            return ""
        line = lines[place.line - 1]
        cut = len(line) > _EXCERPT_WIDTH
        return hide_secrets(line[:_EXCERPT_WIDTH].rstrip()) + ("…" if cut else "")

    def _lines_of(self, file: str) -> list[str] | None:
        """Return the lines of the manifest or of a base, by the name that places have."""
        if file not in self._lines:
            texts = {base.file: base.text for base in self.bases} | {self.file: self.text}
            if file not in texts:
                return None
            self._lines[file] = lines_of(texts[file])
        return self._lines[file]

    def mistake(self, place: Place, problem: str) -> ManifestError:
        """Make the error for one mistake."""
        if self.call:
            problem = problem.removeprefix(f"{place.file.removeprefix(f'{self.call}: ')}: ")
        if len(problem) > _LONGEST_PROBLEM:
            problem = problem[:_LONGEST_PROBLEM] + "…"
        return ManifestError(place, problem, excerpt=self.excerpt(place))

    def refuse(self, place: Place, problem: str) -> SourceErrors:
        """Make the error of a file that cannot be read beyond this one mistake."""
        return SourceErrors(f"{place.file}: 1 mistake", [self.mistake(place, problem)])
