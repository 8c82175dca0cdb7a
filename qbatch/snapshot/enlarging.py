"""More shots of points that stand in the plan already, wanted while the run goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from qbatch.errors import SelectionError
from qbatch.shots import Bounds
from qbatch.snapshot import registration
from qbatch.snapshot.faults import translated
from qbatch.snapshot.jobs import Jobs
from qbatch.snapshot.reading import checked
from qbatch.snapshot.schema import POINT_COLUMNS, parameters_text, point_from_row, point_values
from qbatch.snapshot.times import Moment, read_moments


class Enlarging(Jobs):
    """Points of which more is wanted than their plan says."""

    def enlarge(self, wanted: Mapping[str, int], bounds: Mapping[str, Bounds]) -> None:
        """Want so many shots of points, inside the caller's transaction; all else stays.

        Args:
            wanted: Id of a point -> shots in all.
            bounds: Backend -> how many shots one job of it may take.

        Raises:
            SelectionError: There is no such point in the plan.
        """
        placing = registration.Placing(self._db, None, bounds)
        for point_id, shots in wanted.items():
            row = self._db.execute(
                f"SELECT {POINT_COLUMNS} FROM points WHERE position IS NOT NULL AND start = 0"
                " AND ((id = ?1 AND content IS NULL) OR content = ?1)",
                (bytes.fromhex(point_id),),
            ).fetchone()
            if row is None:
                raise SelectionError(
                    f"{self.folder}: no point {point_id}; `qbatch show` lists them"
                )
            with checked(self.path):
                own = point_from_row(row)
            (position,) = self._db.execute(
                "SELECT position FROM points WHERE ordinal = ?", (own.ordinal,)
            ).fetchone()
            point = replace(own, id=point_id, content="", shots=shots, start=0, wanted=None)
            told = parameters_text(point)
            rows = [
                point_values(replace(piece, setting=own.setting), position, told)
                for piece in placing.pieces_of(point)
            ]
            self._db.executemany(registration.PLACE, rows)
        registration.begin_jobs(self._db)
        registration.note_numbers(self._db, has_bases=True)

    def moments_of(self, ordinals: Iterable[int]) -> dict[int, Moment]:
        """Row of each of these jobs that is completed -> when it ran."""
        with translated(self.path):
            return read_moments(self._reader, ordinals)
