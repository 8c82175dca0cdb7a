"""Access tokens of the emulated clouds: issued, checked, and expired on time or on command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from qbatch.emulators.clock import Clock


class Verdict(StrEnum):
    """What a token is worth now."""

    VALID = "valid"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class _Token:
    owner: str
    expires_s: float


class Tokens:
    """The tokens of one cloud. They are never logged and never stand in an error."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, _Token] = {}

    def issue(self, token: str, owner: str, life_s: float = inf) -> str:
        """Make `token` valid for `life_s` seconds from now."""
        expires_s = inf if life_s == inf else self._clock.now_s() + life_s
        self._tokens[token] = _Token(owner, expires_s)
        return token

    def check(self, token: str | None) -> Verdict:
        known = self._tokens.get(token or "")
        if known is None:
            return Verdict.UNKNOWN
        return Verdict.VALID if self._clock.now_s() < known.expires_s else Verdict.EXPIRED

    def expires_s(self, token: str) -> float | None:
        """Return when it expires, seconds of the clock; None for an unknown token."""
        known = self._tokens.get(token)
        return None if known is None else known.expires_s

    def revoke(self, token: str) -> bool:
        return self._tokens.pop(token, None) is not None

    def expire(self, *, lasting: bool = False) -> None:
        """Expire, now, every token that has an end, and with `lasting` those without one too."""
        for token in self._tokens.values():
            if lasting or token.expires_s != inf:
                token.expires_s = self._clock.now_s()
