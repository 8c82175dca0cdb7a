"""What a driver remembers of a composite job, as a type: read here, and checked as it is read.

A memo is JSON in the run folder, durable, and may be older than the driver that reads it. So what
stands there is held against the driver's `TypedDict` before anybody believes it. Keys that the type
does not have are kept as they are: a newer qbatch, or another part of this one, may have set them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic takes that of `typing` from Python 3.12 on

from qbatch.errors import SnapshotError
from qbatch.job import CompositeJob


@with_config(ConfigDict(strict=True, extra="allow"))
class Memo(TypedDict, total=False):
    """What every driver's memo may hold, set by others than the driver.

    Attributes:
        account: With which it was made, by the executor, before anything that spends; none where
            the cloud names no account.
        decided_as: The backend that its own was decided to be by then, by the executor, too; none
            where it is not one of others.
    """

    account: str
    decided_as: str


AnyMemo = TypeVar("AnyMemo", bound=Memo)


def memo_of(composite: CompositeJob, kind: type[AnyMemo], *needed: str) -> AnyMemo:
    """Return a composite job's memo as a driver declares it: a copy, to be changed freely.

    Args:
        composite: Whose.
        kind: The driver's type.
        needed: Keys that must be there by now.

    Raises:
        SnapshotError: What stands in the run folder is no such memo. Nothing follows from that for
            the purchase, so the run ends rather than judge it.
    """
    whose = f"composite job {composite.id[:12]} of backend {composite.backend!r}"
    memo = read_memo(composite.memo, kind, whose)
    if missing := [key for key in needed if key not in memo]:
        raise _damaged(whose, f"{', '.join(map(repr, missing))} not there")
    return memo


def read_memo(memo: Mapping[str, Any], kind: type[AnyMemo], whose: str) -> AnyMemo:
    """Return a memo that stands in a run folder as a driver declares it: a copy.

    Args:
        memo: As it stands there.
        kind: The driver's type.
        whose: For people.

    Raises:
        SnapshotError: It is no such memo; see `memo_of`.
    """
    try:
        found: AnyMemo = _adapter(cast(Any, kind)).validate_python(memo)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(map(str, first["loc"])) or "memo"
        raise _damaged(whose, f"{key!r} is {first['input']!r:.60}") from error
    return found


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _damaged(whose: str, what: str) -> SnapshotError:
    return SnapshotError(
        f"{whose}: what the run folder remembers of it (its memo) is damaged, or another driver's: "
        f"{what}; nothing more was sent. Look for its jobs at the cloud before anything is bought "
        "again; `qbatch doctor` says what can be mended, else restore the folder from a copy"
    )
