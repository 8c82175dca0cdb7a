"""What is said of a target, or of another name, that a cloud does not have."""

from __future__ import annotations

from collections.abc import Sequence

from qbatch.errors import Unfit
from qbatch.notation import nearest_few
from qbatch.providers.kit.untrusted import MOST_NAMES


def no_target(
    provider: str, wanted: str | None, names: Sequence[str], *, noun: str, none: str = "(none)"
) -> Unfit:
    """Make the error for a target that is not there, with those that it may have been meant for.

    Args:
        provider: As a manifest names it.
        wanted: As the manifest has it; None or "": nothing was written.
        names: Those there are.
        noun: What the cloud calls them: "platform", "QPU of this account".
        none: What stands in the place of names where there are none.
    """
    shown = " or ".join(few(wanted or "", names)) or none
    return Unfit(f"{provider}: {wanted or 'no target'!r} is no {noun}; write target: {shown}")


def few(wanted: str, names: Sequence[str]) -> Sequence[str]:
    """Return the names nearest to `wanted`, else the first of them."""
    return nearest_few(wanted, names) or names[:MOST_NAMES]
