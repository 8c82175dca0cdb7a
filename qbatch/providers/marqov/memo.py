"""What is remembered of a composite job at Marqov."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from qbatch.providers.kit.memo import Memo


@with_config(ConfigDict(strict=True))
class Terms(TypedDict):
    """Who pays for a native submission, and at most what.

    Attributes:
        team: Which pays.
        cap_cents: The most that it may be charged, US cents.
    """

    team: str
    cap_cents: int


class MarqovMemo(Memo, total=False):
    """Set as its submission is prepared.

    Attributes:
        script_id: Of the script as saved; none for inline code, a slug and native submissions.
        analysis_id: Of the script's analysis.
        usd: What the analysis says that it costs; None where it does not say.
        is_free: The catalogue's price is zero: a lost answer may be sent once more.
        body: The submission, which never differs when it is sent again.
        native: The terms of a native submission, by which one written under others is told; True in
            folders of before the cap was no part of a point.
        resent: Its one more try has been let go: there is no other.
    """

    script_id: str
    analysis_id: str
    usd: float | None
    is_free: bool
    body: str
    native: Terms | Literal[True]
    resent: bool
