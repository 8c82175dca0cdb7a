"""How many points, settings, places and references a run folder holds."""

from __future__ import annotations

from functools import cached_property

from qbatch.bases import REFERENCE
from qbatch.snapshot.faults import translated
from qbatch.snapshot.kept import Kept
from qbatch.snapshot.reading import checked, num_further, num_settings, num_shown

#: Which rows are references, each once.
OF_REFERENCES = (
    "points.position IS NOT NULL AND points.start = 0"
    f" AND substr(points.name, 1, {len(REFERENCE)}) = '{REFERENCE}'"
)


class Numbered(Kept):
    """What is counted of the points of a run folder."""

    def _num_shown(self) -> int:
        """How many points the plan shows, references among them."""
        planned, further = self._numbers()[1], self._num_further()[1]
        return planned - further + self._num_places() - self._num_settings()[0]

    def _num_references(self) -> int:
        return self._num_references_kept() if self.has_references else 0

    def _num_references_kept(self) -> int:
        sql = f"SELECT count(*) FROM points WHERE {OF_REFERENCES}"
        return int(self._rows(sql, of=("points",))[0][0])

    @cached_property
    def has_references(self) -> bool:
        """Whether a circuit is run again and again between the points."""
        meta = self.meta
        is_asked = "reference" in meta.get("manifest", "") + meta.get("overrides", "")
        return is_asked and self._num_references_kept() > 0

    @property
    def num_settings(self) -> int:
        """How many settings the points of the plan have in all."""
        return self._num_shown() + self._num_settings()[0]

    @property
    def num_contents(self) -> int:
        """How many settings the plan has in all, those that points share once: as it tells them."""
        return self._numbers()[1] - self._num_further()[1]

    @property
    def has_settings(self) -> bool:
        """Whether some point of the plan has a setting in another basis than as it is written."""
        return self._num_settings()[1] > 0

    def _num_places(self) -> int:
        """How many points of the plan are shown that stand in it before."""
        with translated(self.path), checked(self.path):
            return num_shown(self._db)

    def _num_settings(self) -> tuple[int, int]:
        """How many rows of the plan are further settings, and how many in another basis."""
        with translated(self.path), checked(self.path):
            return num_settings(self._db) or (0, 0)

    @property
    def _had_settings(self) -> bool:
        """Whether a plan of this folder ever had points with settings in other bases."""
        with translated(self.path), checked(self.path):
            return num_settings(self._db) is not None

    def _num_further(self) -> tuple[int, int]:
        """How many rows buy further shots of a point, and how many of them are planned."""
        with translated(self.path), checked(self.path):
            return num_further(self._db)
