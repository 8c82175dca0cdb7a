"""How often clouds were asked for bills that they did not tell, so that they are asked ever less.

Kept among the facts of the run, by the row of the composite job. A cloud that never tells a bill is
asked a dozen times in `OLDEST_S`, not in every run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

#: Among the facts of a run.
ASKED = "bills_asked"

#: Composite jobs sent longer ago are asked about by `fetch` alone, seconds.
OLDEST_S = 30 * 86_400.0

#: The pause after the first question, and the longest, seconds; each is twice the one before.
FIRST_S, LONGEST_S = 600.0, 7 * 86_400.0


class Asked(NamedTuple):
    """What was asked about a composite job.

    Attributes:
        times: How often.
        at: When last; UTC, seconds since 1970.
    """

    times: int
    at: float

    def is_due(self, now: float) -> bool:
        """Whether it is to be asked about again."""
        pause_s = min(FIRST_S * 2.0 ** (self.times - 1), LONGEST_S)
        return not self.at <= now < self.at + pause_s


def read_asked(meta: Mapping[str, str]) -> dict[int, Asked]:
    """Return what was asked: row of the composite job -> how often, and when last."""
    kept = json.loads(meta.get(ASKED) or "{}")
    return {int(row): Asked(*asked) for row, asked in kept.items()}


def dump_asked(
    known: Mapping[int, Asked], again: Iterable[int], unbilled: Collection[int], now: float
) -> str:
    """Write what was asked as a fact, without what is billed by now.

    Args:
        known: What was asked before.
        again: What is asked about now.
        unbilled: All that a run may ask about.
        now: UTC, seconds since 1970.
    """
    counted = {row: Asked(known[row].times + 1 if row in known else 1, now) for row in again}
    kept = {**known, **counted}
    return json.dumps({row: kept[row] for row in sorted(kept) if row in unbilled})
