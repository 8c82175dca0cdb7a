"""What is remembered of a composite job at Scaleway."""

from __future__ import annotations

from qbatch.providers.kit.memo import Memo


class ScalewayMemo(Memo, total=False):
    """Set as its programs are uploaded.

    Attributes:
        platform_id: Of the platform its session is opened on.
        session_id: Of a session of the person's own; none where one is opened for it.
        models: The uploaded program of each child, in the order sent; fewer while it goes on.
        attempt: Which session this is under a name of ours, from 2 on: set when the one before
            was ended because a job in it was in doubt. None: the first.
    """

    platform_id: str
    session_id: str
    models: list[str]
    attempt: int
