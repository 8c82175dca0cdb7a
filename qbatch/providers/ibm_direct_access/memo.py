"""What is remembered of a composite job at IBM's machines."""

from __future__ import annotations

from qbatch.providers.kit.memo import Memo


class IbmMemo(Memo, total=False):
    """Set when its programs are in the bucket.

    Attributes:
        job_id: The job's id, of our choice: it is submitted under this, and names its objects.
        timeout_secs: For how long it may use the machine at most.
    """

    job_id: str
    timeout_secs: int
