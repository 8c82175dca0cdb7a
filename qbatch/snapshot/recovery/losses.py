"""What is lost of a run as a whole: its id, its ledger, its last steps, points.

Rule: that cannot be held as a job can; nothing is mended, unless nothing in the run costs anything.
"""

from __future__ import annotations

from qbatch.snapshot.doubles import DOUBLES
from qbatch.snapshot.origins import ORIGINS
from qbatch.snapshot.reading import (
    BOUNDS,
    IDS,
    OF_MANIFEST,
    PIECES,
    PLACES,
    PLAN,
    POINTS,
    PURCHASES,
)
from qbatch.snapshot.recovery.tables import Tables

#: Facts that each run writes anew.
_REWRITTEN = {
    *OF_MANIFEST,
    *("name", "axes", "targets", "run_folder", POINTS, PIECES, PLACES, PLAN),
    *(PURCHASES, BOUNDS, IDS),
    *("limits", "versions", "selection", "calibrations", DOUBLES, ORIGINS),
    *("started_at", "finished_at", "created_at"),
}

FREE = "what is missing cost nothing, and is computed or written again"
PLANNED_AGAIN = "planned again by the next run"


class Losses:
    """What is lost of a run, and whether it can be mended without.

    Args:
        tables: As read; facts that are told by others are taken out of them.
        is_all_local: All of it was computed on this machine, and cost nothing.

    Attributes:
        told: What comes of it, a sentence each.
        refused: Why nothing is done; empty where it can be.
    """

    def __init__(self, tables: Tables, is_all_local: bool) -> None:
        self._tables, self._is_all_local = tables, is_all_local
        self.told: list[str] = []
        self.refused: list[str] = []

    def _lose(self, what: str, why: str, then: str = FREE) -> None:
        """Something of the run as a whole is lost: it matters where anything was bought."""
        if self._is_all_local:
            self.told.append(f"{what}: {then}")
        else:
            self.refused.append(f"{what}: {why}")

    def judge(self, lost_steps: int) -> None:
        """Look for all that may be lost, with so many of the last steps."""
        tables, untold = self._tables, "entries are damaged, so what was bought cannot be told"
        if lost_steps > 0:
            steps = "step is" if lost_steps == 1 else f"{lost_steps} steps are"
            self._lose(f"the last {steps} missing", "something may have been bought in them")
        if tables.jobs.is_torn and not tables.events.is_whole:
            self._lose("jobs and their moves are damaged", "where they stood is not known")
        self._judge_facts()
        noted = tables.fact(PURCHASES)
        is_short = noted is not None and int(noted) != len(tables.ledger.rows)
        if is_short or not tables.ledger.is_whole:
            self._lose("the ledger", untold)
        if not tables.attempts.is_whole:
            self._lose("earlier attempts", untold)
        noted, known = tables.fact(POINTS), len(tables.jobs.rows.keys() | tables.points.rows.keys())
        is_torn = tables.points.is_torn and tables.jobs.is_torn
        if known < int(noted) if noted is not None else is_torn:
            self._lose("points that cannot be found", "they may have been bought", PLANNED_AGAIN)

    def _judge_facts(self) -> None:
        facts = self._tables.meta
        if facts.is_whole:
            return
        if not facts.rows.keys() >= OF_MANIFEST:
            for name in OF_MANIFEST & facts.rows.keys():
                del facts.rows[name]
        lost = {*facts.damaged}
        if facts.is_torn or not lost <= _REWRITTEN or "run_id" not in facts.rows:
            self._lose("facts of the run", "lost, and its id, by which purchases are known")
        elif lost:
            self.told.append(
                f"{', '.join(sorted(lost))} of the run: the next run writes them again"
            )
