"""Access tokens that end: kept while they live, renewed before they end, by one caller for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf

import trio

from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.wire import Reply

#: Asks for a new token; returns it with the seconds it lives, infinite for one that cannot be had
#: anew.
Issue = Callable[[], Awaitable[tuple[Secret, float]]]


class Bearer:
    """A token and how to come by the next.

    Args:
        issue: Raises `ProviderError` where there is no token to be had.
        share: It is renewed when this share of its life has passed.
    """

    def __init__(self, issue: Issue, *, share: float = 0.9) -> None:
        self._issue = issue
        self._share = share
        self._lock = trio.Lock()
        self._token: Secret | None = None
        self._renew_at = -inf

    @property
    def known(self) -> Secret | None:
        """The token as it was last issued; None before the first."""
        return self._token

    async def send(self, send_as: Callable[[Secret], Awaitable[Reply]]) -> Reply:
        """Send with a token; after a 401 once more with a new one: nothing was done before."""
        token = await self.token()
        reply = await send_as(token)
        if reply.status == 401 and self._renew_at < inf:
            reply = await send_as(await self.token(instead_of=token))
        return reply

    async def token(self, *, instead_of: Secret | None = None) -> Secret:
        """Return a token that still lives; never `instead_of`, which the cloud refused."""
        async with self._lock:
            is_refused = self._token == instead_of
            if self._token is None or is_refused or trio.current_time() > self._renew_at:
                self._token, life_s = await self._issue()
                self._renew_at = trio.current_time() + self._share * life_s
            return self._token
