"""Asking clouds that quote each job for what a plan would cost: nothing is bought by that.

Rule: what cannot be quoted stops nothing, and the person is told why: the job may fail so, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import trio

from qbatch.errors import ProviderError, Unavailable
from qbatch.executor.enquire import ATTEMPTS, LIMIT_S
from qbatch.executor.retry import Retry
from qbatch.frozen import dataclass
from qbatch.job import CompositeJob
from qbatch.plan import Plan
from qbatch.plan.packing import PiecesOf
from qbatch.plan.points import Only
from qbatch.plan.pricing.quotes import Question, questions
from qbatch.plan.pricing.summary import Kind
from qbatch.providers import Batch, Driver, Quote, Quotes, Target

#: Asked at once; clouds bound how fast they are asked.
AT_ONCE = 4


def wait_quoted(
    plan: Plan,
    drivers: Mapping[str, Driver],
    targets: Mapping[str, Target],
    only: Only | None = None,
    pieces_of: PiecesOf | None = None,
) -> list[str]:
    """`ask_quotes` from plain code, in sentences; closes the drivers."""

    async def ask() -> list[str]:
        try:
            return [*map(str, await ask_quotes(plan, drivers, targets, only, pieces_of))]
        finally:
            for driver in drivers.values():
                await driver.aclose()

    return trio.run(ask)


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A job that was not quoted.

    Attributes:
        question: What was asked.
        error: What its cloud said, or that it did not answer.
    """

    question: Question
    error: ProviderError

    def __str__(self) -> str:
        """In a sentence."""
        asked = self.question
        backend, what = asked.kind[0], f"circuit {asked.circuit!r} with {asked.shots} shots"
        return f"backend {backend!r}: no quote for {what}: {self.error}"


async def ask_quotes(
    plan: Plan,
    drivers: Mapping[str, Driver],
    targets: Mapping[str, Target],
    only: Only | None = None,
    pieces_of: PiecesOf | None = None,
) -> list[Unquoted]:
    """Ask what a plan's jobs would cost, where clouds quote that; the plan has it then.

    Args:
        plan: Gets the `quotes`.
        drivers: Backend -> driver.
        targets: Backend -> target.
        only: Which points are meant; None: all.
        pieces_of: What of a point is left to buy; None: all of it.

    Returns:
        Jobs that could not be quoted.
    """
    quoting = {name: targets[name] for name in drivers if is_quoted(drivers[name], targets[name])}
    asked = questions(plan, quoting, only, pieces_of) if quoting else []
    if not asked:
        return []
    answers: dict[tuple[Kind, int], Sequence[Quote] | ProviderError] = {}
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def ask(question: Question) -> None:
        async with limiter:
            answers[question.key] = await _answer(drivers[question.kind[0]], question)

    with trio.move_on_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for question in asked:
                nursery.start_soon(ask, question)
    plan.quotes = {
        key: told for key, told in answers.items() if not isinstance(told, ProviderError)
    }
    late = Unavailable(f"no answer within {LIMIT_S:g} s")
    ended = [(each, answers.get(each.key, late)) for each in asked]
    return [Unquoted(each, error) for each, error in ended if isinstance(error, ProviderError)]


def is_quoted(driver: Driver, target: Target) -> bool:
    """Whether it can be asked for what jobs would cost."""
    return target.price.quoted and isinstance(driver, Quotes)


async def _answer(driver: Driver, question: Question) -> Sequence[Quote] | ProviderError:
    order, failures, random = question.order, 0, Random(0)
    batch = Batch(CompositeJob(order.id, question.kind[0], (order.id,), 1), (order,))
    while True:
        try:
            prepared = await driver.prepare(batch)
        except Unavailable as error:
            failures += 1
            if error.is_full or failures >= ATTEMPTS:
                return error
            await trio.sleep(Retry().pause_s(failures, random, error.retry_after_s))
            continue
        except ProviderError as error:
            return error
        batch = replace(batch, composite=replace(batch.composite, memo=prepared.memo))
        if prepared.ready:
            assert isinstance(driver, Quotes)
            return driver.quotes(batch)
        await trio.sleep(prepared.again_s)
