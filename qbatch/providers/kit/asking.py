"""Several questions to one cloud at once, where it has no question for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import trio

from qbatch.errors import ProviderError
from qbatch.providers.kit.wire import Reply

T = TypeVar("T")

#: One request of a driver's, with its credential: method, path or URL, and what goes with it.
Send = Callable[..., Awaitable[Reply]]


async def ask_all(
    questions: Sequence[Callable[[], Awaitable[T]]],
) -> tuple[list[T], list[ProviderError]]:
    """Ask everything; return the answers, in the order of the questions, and what failed."""
    answers: dict[int, T] = {}
    failures: list[ProviderError] = []

    async def ask(number: int, question: Callable[[], Awaitable[T]]) -> None:
        try:
            answers[number] = await question()
        except ProviderError as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for number, question in enumerate(questions):
            nursery.start_soon(partial(ask, number, question))
    return [answers[number] for number in sorted(answers)], failures
