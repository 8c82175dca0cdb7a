"""What is remembered of a composite job at OQC."""

from __future__ import annotations

from qbatch.providers.kit.memo import Memo


class OqcMemo(Memo, total=False):
    """Set when its task ids are allocated, or when another tool's snapshot is adopted.

    Attributes:
        task_ids: Of each child, in the order sent: what its purchase is named by.
        qpu_id: Of the QPU at which they were allocated.
    """

    task_ids: list[str]
    qpu_id: str
