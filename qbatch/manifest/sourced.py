"""What a manifest knows of the text that it was read from: places, paths, and YAML again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import PrivateAttr

from qbatch.arguments import PATH, takes
from qbatch.errors import Place
from qbatch.manifest.construction import read_data
from qbatch.manifest.extending import Base
from qbatch.manifest.fields import Model
from qbatch.manifest.files import refuse
from qbatch.manifest.source import Source
from qbatch.manifest.yaml_text import write_yaml
from qbatch.notation import listed


class Sourced(Model):
    """A model of a whole text, which is kept beside it."""

    _source: Source | None = PrivateAttr(default=None)
    _merged: str = PrivateAttr(default="")
    _files: tuple[str, ...] = PrivateAttr(default=())

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, of files that are searched in the same folder."""
        if not isinstance(other, Sourced) or type(self) is not type(other):
            return NotImplemented
        same_folder = self.folder.resolve() == other.folder.resolve()
        return same_folder and self.__dict__ == other.__dict__

    @property
    def path(self) -> Path | None:
        """The file it came from; None for text."""
        return self._source.path if self._source else None

    @property
    def folder(self) -> Path:
        """Which its paths are relative to, and stay inside of."""
        return self._source.folder if self._source else Path()

    def move_to(self, folder: Path) -> None:
        """Let its paths begin in another folder from now on."""
        if self._source is not None:
            self._source = replace(self._source, folder=folder)

    @property
    def text(self) -> str:
        """The YAML as read, before overrides; of one that extends others, what they come to."""
        return self._merged or (self._source.text if self._source else "")

    @property
    def sources(self) -> tuple[Base, ...]:
        """The file itself and those it extends, as each was read; none where it extends none."""
        if self._source is None or not self._source.bases:
            return ()
        own = self._source.path.name if self._source.path else self._source.file
        return (Base(own, self._source.file, self._source.text), *self._source.bases)

    @property
    def overrides(self) -> tuple[str, ...]:
        """``path=value`` of each `-S`."""
        return self._source.overrides if self._source else ()

    @property
    def trust(self) -> bool:
        """True when Python circuits may run."""
        return self._source.trust if self._source else False

    @property
    def is_made(self) -> bool:
        """Whether it was made of objects in Python."""
        return self._source is not None and bool(self._source.call)

    def place_of(self, *loc: str | int) -> Place:
        """Return where something stands: its key, or the item itself in a list.

        Args:
            loc: As in the file: ``"sweep", "matrix", "theta"``; the index of a single sweep may
                be given or not. What does not exist is passed over.
        """
        if self._source is None:
            return Place("<manifest>")
        return self._source.place(self._source.trace(loc).key)

    def place_of_value(self, *loc: str | int) -> Place:
        """Return where the value of a key begins."""
        if self._source is None:
            return Place("<manifest>")
        return self._source.place(self._source.trace(loc).value)

    def excerpt(self, place: Place) -> str:
        """Return the line of the manifest that `place` is on, secrets hidden; "" for none."""
        return self._source.excerpt(place) if self._source else ""

    def to_yaml(self) -> str:
        """Return it as YAML: read in `folder`, that plans the same points with the same ids.

        It is the text itself, as read or made; with overrides, what they make of it.
        """
        if self._source is None or not self._source.overrides:
            return self.text
        return write_yaml(read_data(self._source)[0])

    @takes(path=PATH)
    def save(self, path: str | Path) -> Path:
        """Write it as YAML, for the command line, for git and for others.

        Args:
            path: Of the file. What is there and is not the same text is left as it is.

        Returns:
            The path.

        Raises:
            SourceErrors: Another file is there, there is no such folder, or it is not the one whose
                files the manifest names.
        """
        path, text = Path(path), self.to_yaml()
        if self._files and path.absolute().parent.resolve() != self.folder.resolve():
            raise refuse(
                Place(str(path)),
                f"the manifest names files of {self.folder.resolve()} "
                f"({listed(sorted(set(self._files)))}); save it there",
            )
        if path.is_dir() or not path.parent.is_dir():
            told = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
            raise refuse(Place(str(path)), f"{told}; name a file in a folder that is there")
        if path.exists() and path.read_text("utf-8", "replace") != text:
            raise refuse(Place(str(path)), "is there already; name another file, or delete it")
        path.write_text(text, "utf-8")
        return path
