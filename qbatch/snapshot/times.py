"""When jobs were sent and when they came home: per backend, from the events, in one question."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable

from qbatch.frozen import dataclass
from qbatch.snapshot.reused import REUSED

#: For each job that this run sent and that completed, its latest attempt's own events; one pass.
_QUERY = """
WITH moments AS (
    SELECT points.backend AS backend, jobs.submitted_at AS sent,
        min(CASE events.state WHEN 'running' THEN events.at END) AS began,
        min(CASE events.state WHEN 'completed' THEN events.at END) AS home
    FROM events JOIN jobs ON jobs.ordinal = events.job JOIN points ON points.ordinal = events.job
    WHERE jobs.state = 'completed' AND events.at >= jobs.submitted_at AND points.backend IN ({})
        {}
    GROUP BY events.job
)
SELECT backend, count(*), min(sent), max(home), avg(began - sent), max(began - sent),
    avg(home - sent), max(home - sent)
FROM moments WHERE home IS NOT NULL GROUP BY backend
"""

#: Where some come from other runs: theirs are not of this one.
_OWN = f"""
AND jobs.ordinal NOT IN (SELECT ordinal FROM results WHERE instr(facts, '"{REUSED}":'))
"""


#: For each job that was sent and completed: its row, when it ran as far as that is known (when its
#: provider first said so, else when the result came), and in which order jobs were sent. What comes
#: from another run, or was merged, ran when its result came there.
_MOMENTS = f"""
SELECT events.job, min(CASE events.state WHEN 'running' THEN events.at END),
    min(CASE events.state WHEN 'completed' THEN events.at END), min(events.seq),
    CASE WHEN instr(results.facts, '"{REUSED}":')
        OR max(events.state = 'completed' AND substr(events.note, 1, 7) = 'merged ')
    THEN results.at END
FROM events JOIN jobs ON jobs.ordinal = events.job
    LEFT JOIN results ON results.ordinal = events.job
WHERE jobs.state = 'completed' AND events.at >= coalesce(jobs.submitted_at, 0) {{}}
GROUP BY events.job
"""

#: Those of some jobs alone.
_OF = "AND events.job IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """When a job ran, in an order that tells all jobs of a run apart.

    Attributes:
        at: Seconds since 1970, as far as that is known.
        turn: In which order it was sent.
    """

    at: float
    turn: int


def read_moments(
    db: sqlite3.Connection, ordinals: Iterable[int] | None = None
) -> dict[int, Moment]:
    """Return row of a job -> when it ran, of those (of these) that are completed."""
    if ordinals is None:
        found = db.execute(_MOMENTS.format(""))
    else:
        found = db.execute(_MOMENTS.format(_OF), (json.dumps([*ordinals]),))
    return {
        job: Moment(next(at for at in (there, began, home) if at is not None), turn)
        for job, began, home, turn, there in found
        if home is not None
    }


@dataclass(frozen=True, slots=True)
class Times:
    """How long completed jobs of one backend took, seconds; instants since 1970, UTC.

    Attributes:
        jobs: How many.
        sent_at: When the first was sent.
        home_at: When the last result was stored.
        queue_s: Mean and longest time until its provider said that a job ran; None where it never
            said so in time for a poll.
        took_s: Mean and longest time from sending to the stored result.
    """

    jobs: int
    sent_at: float
    home_at: float
    queue_s: tuple[float, float] | None
    took_s: tuple[float, float]

    @property
    def makespan_s(self) -> float:
        """From the first sent to the last result."""
        return self.home_at - self.sent_at


def read_times(
    db: sqlite3.Connection, backends: Collection[str], *, has_others: bool
) -> dict[str, Times]:
    """Read the times of these backends; one without completed jobs is left out.

    Args:
        db: The snapshot.
        backends: Their names.
        has_others: Some jobs come from other runs.
    """
    sql = _QUERY.format(", ".join("?" * len(backends)), _OWN if has_others else "")
    rows = db.execute(sql, list(backends)).fetchall()
    return {
        backend: Times(
            jobs,
            sent_at,
            home_at,
            None if queue_s is None else (queue_s, longest_queue_s),
            (took_s, longest_s),
        )
        for backend, jobs, sent_at, home_at, queue_s, longest_queue_s, took_s, longest_s in rows
    }
