"""Bills that were not told as jobs ended: asked for by `fetch`, and by a run before it buys.

Rules: only what the ledger has no bill of is asked about, at the account that paid for it, and once
in a call: with one request where a cloud has a list. Nothing moves: what is told about a job is its
bill alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from qbatch.errors import Misspoke, Refused
from qbatch.executor.accounts import is_foreign
from qbatch.executor.moves import Moves
from qbatch.executor.resume import stored_active
from qbatch.providers import ENDS, GivenBack

if TYPE_CHECKING:
    from qbatch.executor.active import ActiveJob
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine
    from qbatch.providers import Batch
    from qbatch.snapshot import Snapshot


#: Composite jobs that a run asks about at each backend, the newest: some clouds are asked about
#: one by one, and some never tell.
MOST_IN_RUN = 50

#: Answers whose cost is what a job was billed.
OVER = (*ENDS, GivenBack)


@dataclass(frozen=True, slots=True)
class Unbilled:
    """A composite job that is over.

    Attributes:
        active: It answers for none of its children any more.
        batch: The provider's ids of what is not billed, and of nothing else.
    """

    active: ActiveJob
    batch: Batch


def read_unbilled(snapshot: Snapshot, backends: Iterable[str]) -> dict[str, list[Unbilled]]:
    """Read what is over and not billed at these backends."""
    found: dict[str, list[Unbilled]] = defaultdict(list)
    wanted = {*backends}
    for stored in snapshot.unbilled_composites():
        purchases = snapshot.unbilled(stored.ordinal)
        if stored.backend not in wanted or not purchases:
            continue
        active = stored_active(snapshot, stored)
        rows = [active.rows[key].ordinal for key in active.batch.composite.job_ids]
        ids = tuple(purchases[row][1] if row in purchases else None for row in rows)
        active.bought = {
            key: purchases[row][0]
            for key, row in zip(active.batch.composite.job_ids, rows, strict=True)
            if row in purchases
        }
        found[stored.backend].append(Unbilled(active, replace(active.batch, provider_job_ids=ids)))
    return found


async def ask_for_bills(engine: Engine, backend: BackendRun, unbilled: Sequence[Unbilled]) -> None:
    """Ask once what these cost, and keep what is told."""
    ours = [each for each in unbilled if not is_foreign(each.batch.composite.memo, backend.account)]
    if not ours:
        return
    poll = partial(backend.driver.poll, [each.batch for each in ours])
    try:
        answers = await backend.read(poll)
    except (Refused, Misspoke) as error:
        backend.warn(f"asking what was billed failed: {error}")
        return
    told = {
        (answer.job_id, answer.provider_job_id): answer.cost
        for answer in answers
        if isinstance(answer, OVER) and answer.cost is not None and answer.settle_s <= 0
    }
    for each in ours:
        known = zip(each.batch.composite.job_ids, each.batch.provider_job_ids, strict=True)
        bill = {key: told[key, id_] for key, id_ in known if (key, id_) in told}
        await Moves(engine, backend).settle(each.active, bill)
