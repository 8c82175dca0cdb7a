"""The mistakes found while a manifest is expanded, gathered so that all are told at once."""

from __future__ import annotations

from qbatch.errors import ManifestError, Place, SourceError, SourceErrors
from qbatch.manifest.models import Manifest

#: More of them help nobody.
MOST = 100


class Mistakes:
    """A list of mistakes that knows where things stand in the manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._found: dict[str, SourceError] = {}
        #: What is no mistake and should be known.
        self.remarks: list[str] = []

    def __len__(self) -> int:
        return len(self._found)

    def place(self, *loc: str | int) -> Place:
        """Return where `loc` stands in the manifest."""
        return self._manifest.place_of(*loc)

    def add(self, loc: tuple[str | int, ...], problem: str) -> None:
        """Note a mistake at `loc` of the manifest."""
        self.note(self.at(loc, problem))

    def at(self, loc: tuple[str | int, ...], problem: str) -> ManifestError:
        """Return a mistake at `loc` of the manifest, which is not noted yet."""
        place = self.place(*loc)
        return ManifestError(place, problem, excerpt=self._manifest.excerpt(place))

    def at_argument(self, circuit: str, argument: str, problem: str) -> ManifestError:
        """Return a mistake at what the manifest gives a circuit; "": where it gives it values."""
        return self.at(("circuits", circuit, "with", argument), problem)

    def add_unmatched(self, loc: tuple[str | int, ...], problem: str) -> None:
        """Note a `where` without points: a mistake as written, but left out where `-S` made it so.

        A small trial of a large manifest leaves out values that its checks, plots and overrides
        speak of.
        """
        if not self._manifest.overrides:
            self.add(loc, problem)
            return
        told = " ".join(f"-S {text}" for text in self._manifest.overrides)
        self.remarks.append(f"left out with {told}: {self.place(*loc)}: {problem}")

    def note(self, error: SourceError | SourceErrors) -> None:
        """Note an error that knows its place, or all of a group; each only once."""
        if isinstance(error, SourceErrors):
            for inner in error.exceptions:
                if isinstance(inner, (SourceError, SourceErrors)):
                    self.note(inner)
        elif len(self._found) < MOST:
            self._found.setdefault(str(error), error)

    def raise_if_any(self) -> None:
        """Raise all that was noted, in the order of their places.

        Raises:
            SourceErrors: There was something.
        """
        if not self._found:
            return
        found = sorted(
            self._found.values(),
            key=lambda e: (e.place.file, e.place.line or 0, e.place.column or 0),
        )
        count = f"{len(found)} mistake{'s' if len(found) > 1 else ''}"
        raise SourceErrors(f"{self._manifest.name}: {count}", found)
