"""Whose account a purchase was made with, and what was made with another than the present one.

Rules: the account is durable before any call for a composite job that can spend, in its memo. Of
what was made with another account nothing is asked at the present one, where it is not: it is held
until its own account is back, or until a person says that both are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.executor.active import ActiveJob, Move
from qbatch.executor.moves import Moves
from qbatch.job import ACCOUNT, DECIDED_AS, JobState
from qbatch.purchase import IN_FLIGHT, Event

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine


def pinned(memo: Mapping[str, Any], backend: BackendRun) -> Mapping[str, Any]:
    """Return a driver's memo with the account in it, and which of others the backend is.

    What there is none of is left out.
    """
    told = {ACCOUNT: backend.account, DECIDED_AS: backend.chosen}
    return {**memo, **{key: value for key, value in told.items() if value}}


def is_foreign(memo: Mapping[str, Any], account: str) -> bool:
    """Whether a composite job was made with another account; no, where that was not noted yet."""
    return bool(memo.get(ACCOUNT, account) != account)


async def hold_of_other_accounts(
    engine: Engine, backend: BackendRun, active_jobs: Iterable[ActiveJob]
) -> list[ActiveJob]:
    """Hold what was made with another account than the backend's, and say so; return the rest."""
    ours: list[ActiveJob] = []
    number: dict[str, int] = {}
    for active in active_jobs:
        memo = active.batch.composite.memo
        if not is_foreign(memo, backend.account):
            ours.append(active)
            continue
        moves = [
            _held(active, key, memo[ACCOUNT], backend.account)
            for key in active.ids_in(*IN_FLIGHT)
            if active.job(key).state is not JobState.HELD or active.job(key).is_held_for_account
        ]
        await Moves(engine, backend).commit(active, moves, note=Event.ELSEWHERE.value)
        waiting = len(active.ids_in(JobState.HELD))
        number[memo[ACCOUNT]] = number.get(memo[ACCOUNT], 0) + waiting
    for account, waiting in number.items():
        backend.warn(_told(account, backend.account, waiting))
    return ours


def _held(active: ActiveJob, key: str, made_with: str, present: str) -> Move:
    reason = (
        f"made with another account, {made_with}; the present one is {present}: run with the first "
        "one to go on with it, or say `qbatch resolve RUN POINT --same-account` if both are one"
    )
    return active.happens(key, Event.ELSEWHERE, error=reason)


def _told(made_with: str, present: str, waiting: int) -> str:
    what = f"{waiting} jobs are held that were" if waiting else "finished jobs were"
    return (
        f"{what} made with another account, {made_with}; the present one is {present}: run again "
        "with the first one's credentials and address to go on with them"
    )
