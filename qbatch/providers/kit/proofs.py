"""Which answers to a call that spends prove that nothing was bought.

Rule: an answer proves it by a row of its driver's table, or by what HTTP itself says of its status.
Every other answer that is no success is doubt, however clearly it reads as a refusal: a proxy may
have made it, or the cloud after it acted. What became of the call is then looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from qbatch.errors import ProviderError, Refused, Unavailable
from qbatch.providers.kit.wire import Reply

#: Status -> the cloud's own words for an error of this status that it gives before it acts. A
#: status without any of these words proves nothing.
Proofs = Mapping[int, Collection[str]]

#: Statuses that say by themselves that the request was not carried out: its credential was not
#: taken (401, RFC 9110 15.5.2), what it is about is locked (423, RFC 4918 11.3), there were too
#: many (429, RFC 6585 4).
UNSERVED = frozenset({401, 423, 429})


def refusal(reply: Reply, code: str, words: str, proofs: Proofs) -> ProviderError:
    """Return what an answer that is no success to a call that spends means.

    Args:
        reply: The answer.
        code: The cloud's own word for the error; "" for none.
        words: What it says, readable.
        proofs: The driver's table for this call.

    Returns:
        As `Reply.failure` where nothing was bought for certain. Else `Unavailable`: it is not known
        whether anything was, and what its `otherwise` says holds if nothing was.
    """
    error = reply.failure(words)
    if reply.status in UNSERVED or code in proofs.get(reply.status, ()):
        return error
    return Unavailable(str(error), otherwise=error) if isinstance(error, Refused) else error
