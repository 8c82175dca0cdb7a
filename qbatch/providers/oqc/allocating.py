"""Task ids, allocated by one request for all composite jobs that want some at the same time.

Rules: an id is free and names nothing before it is submitted, so who asked for it does not matter;
while one request is on its way those that come wait for the next. A failure is everybody's that
asked by it, and a pause that the service wants is kept by all. A service may set the number asked
for at once a limit that it tells nobody: where several at once are refused, or get an answer that
makes no sense, each composite job asks by itself from then on; where they get none, all wait, and
then fewer go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import trio

from qbatch.errors import CredentialsError, Misspoke, ProviderError, Unavailable
from qbatch.providers.kit.untrusted import identifier
from qbatch.providers.oqc.qpu import Qpu

#: The most ids asked for by one request, unless one composite job wants more.
MOST_IDS = 1_000

#: After a request for several to which there was no answer, so many times fewer ids go together.
FEWER = 8


@dataclass(eq=False)
class _Want:
    """One that wants ids; while it has neither these nor an error, it asks again."""

    count: int
    ids: Sequence[str] = ()
    error: ProviderError | None = None


class Allocation:
    """The task ids of one QPU.

    Args:
        qpu: At which they are allocated.
        tag: Under which the service keeps them until they are submitted.
    """

    def __init__(self, qpu: Qpu, tag: str) -> None:
        self._qpu = qpu
        self._tag = tag
        self._waiting: list[_Want] = []
        self._turn = trio.Lock()
        self._most = MOST_IDS

    async def take(self, count: int) -> Sequence[str]:
        """Return so many new ids.

        Raises:
            ProviderError: They are not to be had, for now or at all.
            Misspoke: What was answered are not so many ids.
        """
        want = _Want(count)
        while not want.ids:
            self._waiting.append(want)
            try:
                async with self._turn:
                    if want in self._waiting:
                        await trio.lowlevel.checkpoint()  # who is ready now asks by this request
                        await self._ask(self._next_group(want))
            finally:
                if want in self._waiting:
                    self._waiting.remove(want)
            if want.error is not None:
                raise want.error
        return want.ids

    def _next_group(self, first: _Want) -> Sequence[_Want]:
        """Take those out of the queue that go with the next request."""
        group, room = [first], self._most - first.count
        for want in self._waiting:
            if want is not first and want.count <= room:
                group.append(want)
                room -= want.count
        self._waiting = [want for want in self._waiting if want not in group]
        return group

    async def _ask(self, group: Sequence[_Want]) -> None:
        """Allocate ids for a group; those of it that got none for another's sake ask again."""
        count = sum(want.count for want in group)
        try:
            ids = await self._allocate(count)
        except ProviderError as error:
            is_told = len(group) == 1 or isinstance(error, (CredentialsError, Unavailable))
            if len(group) > 1 and not isinstance(error, CredentialsError):
                self._most = self._fewer(count, error)
            for want in group if is_told else ():
                want.error = error
            return
        for want in group:
            want.ids, ids = ids[: want.count], ids[want.count :]

    def _fewer(self, count: int, error: ProviderError) -> int:
        """Say how many ids may go together once a request for so many of several has failed."""
        if not isinstance(error, Unavailable):
            return 0
        return self._most if error.is_full else count // FEWER

    async def _allocate(self, count: int) -> Sequence[str]:
        qpu = await self._qpu.known()
        asked = {"qpu_id": qpu["id"], "task_count": count, "tag": self._tag}
        reply = await self._qpu.ask("POST", "tasks", json=asked)
        told = reply.json()
        ids = {one for each in told if (one := identifier(each))} if isinstance(told, list) else ()
        if len(ids) != count or len(told) != count:
            raise Misspoke(
                f"oqc: asked for {count} task ids, got {reply.excerpt()}",
                raw=reply.excerpt(2_000),
            )
        return list(told)
