"""From a manifest to points, and from points to composite jobs: pure, lazy, ids that last.

`identity` says what a point is and how its id is made, `sweep` in which order points come, `select`
what ``-k`` understands, `saved` and `lock` what is written to files.
"""

from __future__ import annotations

from qbatch.plan.checking import check_targets, check_values, notices, remarks
from qbatch.plan.expansion import expand, expand_file, read_file
from qbatch.plan.geometry.where import is_match
from qbatch.plan.identity import SweepPoint, canonical_json
from qbatch.plan.packing import Piece
from qbatch.plan.pinning.former import known_as
from qbatch.plan.pinning.had import (
    Had,
    begun,
    jobs_in,
    most_pieces_of,
    pieces_of,
    states_in,
    states_left,
)
from qbatch.plan.pinning.lock import check_lock, lock_path, make_lock, read_lock, write_lock
from qbatch.plan.pinning.reasons import (
    Change,
    Reason,
    ReasonCounts,
    Removed,
    Stored,
    Why,
    count_reasons,
    reasons,
    removed,
)
from qbatch.plan.pinning.saved import SavedPlan, differences, load_plan, save_plan
from qbatch.plan.plan import Plan
from qbatch.plan.pricing.summary import BackendSummary, PlanSummary, price_formula, priced
from qbatch.plan.select import select, select_meant

__all__ = [
    "BackendSummary",
    "Change",
    "Had",
    "Piece",
    "Plan",
    "PlanSummary",
    "Reason",
    "ReasonCounts",
    "Removed",
    "SavedPlan",
    "Stored",
    "SweepPoint",
    "Why",
    "begun",
    "canonical_json",
    "check_lock",
    "check_targets",
    "check_values",
    "count_reasons",
    "differences",
    "expand",
    "expand_file",
    "is_match",
    "jobs_in",
    "known_as",
    "load_plan",
    "lock_path",
    "make_lock",
    "most_pieces_of",
    "notices",
    "pieces_of",
    "price_formula",
    "priced",
    "read_file",
    "read_lock",
    "reasons",
    "remarks",
    "removed",
    "save_plan",
    "select",
    "select_meant",
    "states_in",
    "states_left",
    "write_lock",
]
