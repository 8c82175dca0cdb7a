"""The durable state of a run, and the view of it that results are read from.

Its public names are loaded when they are first used: a plan only asks whether there is a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.lazy import names_of

if TYPE_CHECKING:
    from qbatch.snapshot.attempts import Attempt
    from qbatch.snapshot.composites import StoredComposite
    from qbatch.snapshot.folders import (
        as_seen,
        check_made,
        check_owner,
        find_run_folder,
        is_run_folder,
        open_run,
        owner_of,
        run_folder_of,
        set_aside,
    )
    from qbatch.snapshot.former import Former
    from qbatch.snapshot.held import Held
    from qbatch.snapshot.home import RUNS
    from qbatch.snapshot.jobs import NewResult
    from qbatch.snapshot.ledger import Entry, Purchase, Total, total_up
    from qbatch.snapshot.lock import holder_of
    from qbatch.snapshot.merging import Merged, merge
    from qbatch.snapshot.points import PointResult, jobs_of
    from qbatch.snapshot.reading import InPart
    from qbatch.snapshot.registration import Registered
    from qbatch.snapshot.run import Run
    from qbatch.snapshot.schema import JobRow, StoredPart, StoredPoint
    from qbatch.snapshot.store import Snapshot

__all__ = [
    "RUNS",
    "Attempt",
    "Entry",
    "Former",
    "Held",
    "InPart",
    "JobRow",
    "Merged",
    "NewResult",
    "PointResult",
    "Purchase",
    "Registered",
    "Run",
    "Snapshot",
    "StoredComposite",
    "StoredPart",
    "StoredPoint",
    "Total",
    "as_seen",
    "check_made",
    "check_owner",
    "find_run_folder",
    "holder_of",
    "is_run_folder",
    "jobs_of",
    "merge",
    "open_run",
    "owner_of",
    "run_folder_of",
    "set_aside",
    "total_up",
]

__getattr__ = names_of(
    __name__,
    {
        "qbatch.snapshot.attempts": "Attempt",
        "qbatch.snapshot.composites": "StoredComposite",
        "qbatch.snapshot.folders": (
            "as_seen check_made check_owner find_run_folder is_run_folder open_run owner_of "
            "run_folder_of set_aside"
        ),
        "qbatch.snapshot.former": "Former",
        "qbatch.snapshot.held": "Held",
        "qbatch.snapshot.home": "RUNS",
        "qbatch.snapshot.jobs": "NewResult",
        "qbatch.snapshot.ledger": "Entry Purchase Total total_up",
        "qbatch.snapshot.lock": "holder_of",
        "qbatch.snapshot.merging": "Merged merge",
        "qbatch.snapshot.points": "PointResult jobs_of",
        "qbatch.snapshot.reading": "InPart",
        "qbatch.snapshot.registration": "Registered",
        "qbatch.snapshot.run": "Run",
        "qbatch.snapshot.schema": "JobRow StoredPart StoredPoint",
        "qbatch.snapshot.store": "Snapshot",
    },
)
