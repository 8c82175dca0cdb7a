"""What comes before a call that spends: having it prepared, and money reserved for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import trio

from qbatch.errors import Refused, TooLarge, Unavailable
from qbatch.executor.accounts import pinned
from qbatch.executor.active import ActiveJob
from qbatch.executor.backend_run import BackendRun
from qbatch.executor.budget import Bid, Excess, Key, expected_prices
from qbatch.executor.pace import MOST_S, SHARE
from qbatch.executor.waits import Cause
from qbatch.plan.pricing.limits import unbounded
from qbatch.providers import Prepared, Price
from qbatch.snapshot import Entry, Snapshot
from qbatch.snapshot.ledger import UNTOLD

if TYPE_CHECKING:
    from qbatch.executor.engine import Engine


async def prepare(engine: Engine, backend: BackendRun, active: ActiveJob) -> Prepared:
    """Have it prepared, however often that must be asked for.

    Raises:
        Refused: The provider said no, or was not done with it within a job's time-out.
        Unavailable: It takes no more for now.
    """
    began = trio.current_time()
    if not backend.driver.is_local:
        engine.steps.begin(active.batch)
    if active.turned_away:
        await backend.submit_backoff.wait()
    while True:
        prepared = await backend.read(lambda: _prepared(backend, active), is_proof=False)
        if isinstance(prepared, Unavailable):
            raise prepared
        active.remember(pinned(prepared.memo, backend))
        if prepared.ready:
            if not backend.driver.is_local:
                engine.steps.tell(active.batch, "prepared")
            return prepared
        waited_s = trio.current_time() - began
        if waited_s > backend.timeout_s and backend.leaves_late:
            backend.mark_late(active, f"not prepared within {backend.timeout_s:g} s")
        elif waited_s > backend.timeout_s:
            raise Refused(
                f"{backend.name}: not prepared within {backend.timeout_s:g} s; give it a longer "
                "timeout_s; nothing was bought"
            )
        await engine.journal.commit(partial(write_memo, engine.snapshot, active))
        with backend.waits.waiting(Cause.PREPARATION):
            await trio.sleep(max(prepared.again_s, min(SHARE * waited_s, MOST_S)))


async def _prepared(backend: BackendRun, active: ActiveJob) -> Prepared | Unavailable:
    """Ask for it once; that the provider takes no more for now is an answer, and no failure."""
    try:
        return await backend.driver.prepare(active.current())
    except Unavailable as error:
        if not error.is_full:
            raise
        return error


def write_memo(snapshot: Snapshot, active: ActiveJob) -> None:
    """Keep what is known of a composite job; inside a transaction."""
    composite = active.batch.composite
    children = [row.ordinal for row in active.rows.values()]
    if active.ordinal is None:
        active.ordinal = snapshot.add_composite(composite, children)
    else:
        snapshot.save_memo(active.ordinal, composite, children)


def _may_fit_in_part(
    excess: Excess,
    price: Price,
    prices: Mapping[str, float],
    bids: Mapping[Key, Bid],
    least: float,
) -> bool:
    """Whether halves of a composite job may fit a budget that it does not, and are worth it.

    Not where most of its price is its own, which each half would cost again; nor where the budget
    leaves less than the smallest part would be reserved: each try is an upload.
    """
    if price.per_composite >= sum(prices.values()) / 2:
        return False
    own = price.per_composite * (1 - 1 / len(prices))
    smallest = max(least, min(prices.values()) + own)
    return excess.leaves(smallest / sum(bid.most for bid in bids.values()))


async def reserve(
    engine: Engine, backend: BackendRun, active: ActiveJob, prepared: Prepared
) -> Sequence[Entry] | None:
    """Reserve the most that buying it may cost; None: the budget does not allow it.

    Returns:
        Its purchases, to be entered into the ledger with the intent.

    Raises:
        TooLarge: The budget may allow a part of it.
    """
    price, orders = backend.target.price, [active.order(key) for key in active.ids]
    is_priced = price.is_free or price.is_formula or prepared.quotes.keys() >= {*active.ids}
    if not is_priced and (limit := engine.budget.limit_of(backend.name, price.unit)) is not None:
        backend.stop_buying(unbounded(limit, backend.name, price.source))
        return None
    prices = expected_prices(orders, price, prepared.quotes)
    bids = {
        active.purchase(key): Bid(cost, max(cost, prepared.most.get(key, 0.0)))
        for key, cost in prices.items()
    }
    is_certain = price.certainty != "at most"
    bid = partial(engine.budget.bid, backend.name, price.unit, bids, is_certain=is_certain)
    while isinstance(reserved := bid(), Excess):
        excess = reserved
        if excess.may_pass and not engine.settings.detach:
            with backend.waits.waiting(Cause.BUDGET):
                await engine.budget.wait_for_change()
        elif not await engine.ask_more(excess):
            if len(bids) > 1 and _may_fit_in_part(excess, price, prices, bids, prepared.least):
                raise TooLarge(str(excess))
            backend.stop_buying(str(excess))
            return None
        if backend.over_budget:
            return None
    by = dict.fromkeys(prepared.quotes, "quoted by the provider")
    source = price.source if price.is_told else f"{UNTOLD}: {price.source}"
    return [
        Entry(
            active.rows[key].ordinal,
            active.job(key).generation,
            backend.name,
            price.unit,
            quoted,
            by.get(key, source),
            reserved[active.purchase(key)],
        )
        for key, quoted in prices.items()
    ]
