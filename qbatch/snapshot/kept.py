"""What is kept of one point: how it ran, what its provider said, each move and each attempt.

Rule: it is read where it is asked for, and checked as it is read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from qbatch.arguments import of_type, takes
from qbatch.circuit.earlier import doubt
from qbatch.job import ACCOUNT, JobState
from qbatch.snapshot import attempts
from qbatch.snapshot.faults import damaged, translated
from qbatch.snapshot.opened import Opened
from qbatch.snapshot.origins import Origin, origins_at, read_origins
from qbatch.snapshot.points import (
    PointResult,
)
from qbatch.snapshot.programs import read_programs
from qbatch.snapshot.reading import (
    checked,
)
from qbatch.snapshot.schema import (
    StoredPoint,
)
from qbatch.snapshot.times import Moment, read_moments

#: What is asked about.
POINT = of_type("a point of the run", PointResult)


class Kept(Opened):
    """What a folder keeps of each point beside its counts."""

    def setting_of(self, point: PointResult | StoredPoint | attempts.Attempt) -> dict[str, Any]:
        """What `point` shares with others: ``{"backend": …, "circuit": text, "seed": …}``.

        Of an attempt: as it was then.
        """
        body = self._large("settings", "key = ?", (point.setting or "",))
        with checked(self.path):
            setting: dict[str, Any] = json.loads(zlib.decompress(body[0][-1])) if body else {}
        return setting

    @takes(point=POINT)
    def circuit_of(self, point: PointResult) -> str | None:
        """The circuit's text as `point` ran it, free parameters left in."""
        return self.setting_of(point).get("circuit")

    @takes(point=POINT)
    def programs_of(self, point: PointResult) -> tuple[str, ...]:
        """What `point`'s circuit was translated to here for its machine, the latest last.

        All parameters are a half in it; () where nothing was translated here.
        """
        return read_programs(self, point.setting)

    def doubt_of(self, point: PointResult) -> str:
        """Say why a result simulated by an earlier version may be wrong; "" where it is not."""
        if point.setting not in self._doubts:
            self._doubts[point.setting] = doubt(self.circuit_of(point) or "")
        return self._doubts[point.setting]

    def moments(self) -> dict[int, Moment]:
        """Row of each completed job -> when it ran."""
        self._trust.check("events", "jobs", "results")
        with translated(self.path):
            return read_moments(self._db)

    def ran_at(self, ordinal: int) -> float | None:
        """When the job at a row ran, seconds since 1970; None before it is completed."""
        ((steps,),) = self._rows("SELECT max(seq) FROM events")
        if self._ran is None or self._ran[0] != steps:
            self._ran = steps, self.moments()
        moment = self._ran[1].get(ordinal)
        return None if moment is None else moment.at

    def statevector_of(self, ordinal: int) -> Any:
        """The final state of the point at row `ordinal`, or None."""
        rows = self._rows(
            "SELECT statevector, vector_crc FROM results WHERE ordinal = ?", (ordinal,)
        )
        if not rows or rows[0][0] is None:
            return None
        packed, crc = rows[0]
        if zlib.crc32(packed) != crc:
            raise damaged(self.path, f"state vector of row {ordinal}")
        import numpy as np

        return np.frombuffer(packed, dtype=np.complex128)

    @takes(point=POINT)
    def raw_of(self, point: PointResult) -> list[tuple[str, bytes]]:
        """Every reply kept about `point`, as sent, oldest first.

        Each with its kind: "update", "result", "log".
        """
        rows = self._large("raw", f"job IN {_marks(point)} ORDER BY at", _ordinals(point))
        with checked(self.path):
            return [(kind, zlib.decompress(body)) for _, _, kind, *_, body in rows]

    @takes(point=POINT)
    def log_of(self, point: PointResult) -> str:
        """What the provider logged about `point`'s composite job; "" for nothing."""
        self._trust.check("jobs", "composites")
        rows = self._large(
            "raw",
            "kind = 'log' AND job IN (SELECT value FROM json_each("
            "(SELECT jobs FROM composites WHERE ordinal ="
            " (SELECT composite FROM jobs WHERE ordinal = ?)))) ORDER BY at DESC LIMIT 1",
            (point.ordinal,),
        )
        with checked(self.path):
            return zlib.decompress(rows[0][-1]).decode("utf-8", "replace") if rows else ""

    @takes(point=POINT)
    def history_of(self, point: PointResult) -> list[tuple[datetime, JobState, str]]:
        """All moves of `point`'s jobs: when, to which state, why; oldest first."""
        rows = self._rows(
            f"SELECT at, state, note FROM events WHERE job IN {_marks(point)} ORDER BY seq",
            _ordinals(point),
            of=("events",),
        )
        return [
            (datetime.fromtimestamp(at, UTC), JobState(state), note) for at, state, note in rows
        ]

    def origins(self) -> list[Origin]:
        """From where the run was called, oldest first."""
        return read_origins(self.meta)

    def origins_of(self, point: PointResult) -> list[Origin]:
        """From where `point`'s jobs were sent, or computed; oldest first, each once."""
        sent = [
            at.timestamp()
            for at, state, _ in self.history_of(point)
            if state is JobState.SUBMITTING
        ]
        return origins_at(read_origins(self.meta), sent)

    def attempts_of(self, point: PointResult) -> list[attempts.Attempt]:
        """Every attempt at `point`, oldest first; the last is where its job stands.

        Where several jobs bought shots of it, or of its settings, job after job.
        """
        if parts := point.settings or point.pieces:
            return [each for part in parts for each in self.attempts_of(part)]
        rows = self._rows(
            f"SELECT {attempts.COLUMNS} FROM attempts WHERE job = ? ORDER BY generation",
            (point.ordinal,),
            of=("attempts",),
        )
        with checked(self.path):
            ended = [attempts.read(row) for row in rows]
        if ended and ended[-1].generation == point.job.generation:
            return ended
        return [*ended, point.attempt]

    def ended_attempts(self) -> Iterator[tuple[int, attempts.Attempt]]:
        """Yield every attempt that another followed, with the row of its point."""
        sql = f"SELECT {attempts.COLUMNS} FROM attempts ORDER BY job, generation"
        rows = self._rows(sql, of=("attempts",))
        with checked(self.path):
            yield from ((row[0], attempts.read(row)) for row in rows)

    def memo_of(self, point: PointResult) -> tuple[dict[str, Any], int]:
        """What the driver remembers of `point`'s composite job, and its place among the children.

        ``({}, 0)`` where it was in none yet.
        """
        rows = self._rows(
            "SELECT memo, jobs FROM composites WHERE ordinal = "
            "(SELECT composite FROM jobs WHERE ordinal = ?)",
            (point.ordinal,),
            of=("jobs", "composites"),
        )
        if not rows:
            return {}, 0
        with checked(self.path):
            return json.loads(rows[0][0]), json.loads(rows[0][1]).index(point.ordinal)

    def purchase_of(self, attempt: attempts.Attempt) -> tuple[str, str]:
        """The key under which an attempt was sent, and the account with which; "" where unknown."""
        rows = self._rows(
            "SELECT coalesce(key, ''), memo FROM composites LEFT JOIN intents"
            " ON composite = ordinal WHERE ordinal = ?",
            (attempt.composite,),
            of=("composites", "intents"),
        )
        with checked(self.path):
            return (rows[0][0], json.loads(rows[0][1]).get(ACCOUNT, "")) if rows else ("", "")

    def intent_key_of(self, point: PointResult) -> str | None:
        """The key we chose for the purchase that `point`'s job was last part of, or None."""
        rows = self._rows(
            "SELECT key FROM intents WHERE composite = (SELECT composite FROM jobs"
            " WHERE ordinal = ?)",
            (point.ordinal,),
            of=("jobs", "intents"),
        )
        return str(rows[0][0]) if rows else None

    def purchases(self) -> Iterator[tuple[str, int, list[int]]]:
        """Yield the key of each composite job that was to be sent, its generation, its rows."""
        rows = self._rows(
            "SELECT key, generation, jobs FROM intents JOIN composites ON ordinal = composite"
            " ORDER BY composite",
            of=("intents", "composites"),
        )
        with checked(self.path):
            yield from ((key, generation, json.loads(jobs)) for key, generation, jobs in rows)

    def first_sent_at(self, backends: Collection[str]) -> float | None:
        """When something was sent to one of these backends first; None: nothing was yet.

        UTC, seconds since 1970.
        """
        marks = ", ".join("?" * len(backends))
        sql = f"SELECT min(sent_at) FROM composites WHERE backend IN ({marks})"
        ((at,),) = self._rows(sql, [*backends], of=("composites",))
        return None if at is None else float(at)


def _ordinals(point: PointResult) -> list[int]:
    """The rows of all of its jobs."""
    return [piece.ordinal for piece in point.jobs]


def _marks(point: PointResult) -> str:
    """A list of as many parameters."""
    return f"({', '.join('?' * len(point.jobs))})"
