"""What is said of a target that a cloud does not have, and of circuits that it does not take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.errors import Unavailable, Unfit
from qbatch.notation import nearest_few
from qbatch.providers.answers import Missing
from qbatch.providers.kit.untrusted import MOST_NAMES

if TYPE_CHECKING:
    from qbatch.providers import Order, Target


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


#: How soon a target that takes no jobs is looked at again, seconds.
OFFLINE_S = 60.0


def takes_no_jobs(provider: str, target: str, status: str) -> Unavailable:
    """Make the error for a target that takes no jobs for now: the run waits for it."""
    return Unavailable(f"{provider}: {target} is {status}", retry_after_s=OFFLINE_S, is_full=True)


def too_wide(order: Order, target: Target) -> str | None:
    """Say that a target has fewer qubits than a circuit needs, if it has."""
    needed = order.circuit.facts.num_qubits
    if target.num_qubits is None or needed <= target.num_qubits:
        return None
    return f"{needed} qubits; {target.name} has {target.num_qubits}"


def too_dynamic(order: Order, target: Target) -> str | None:
    """Say that a circuit goes on after a measurement, for a target that runs none such."""
    if not order.circuit.facts.is_dynamic:
        return None
    return f"{target.name} takes no mid-circuit measurement, reset or classical control"


def job_is_gone(
    order: Order, cloud: str, job_id: str, *, noun: str = "job", settle_s: float = 0.0
) -> Missing:
    """Make the answer for a job that the cloud had, and of whose id it says 404.

    Args:
        order: What was bought with it.
        cloud: Its name, as people write it.
        job_id: The cloud's.
        noun: What the cloud calls jobs.
        settle_s: How long that must last until it says something.
    """
    error = f"{cloud} does not have {noun} {job_id}, or not any more"
    return Missing(order.id, "404 not found", job_id, error=error, settle_s=settle_s)


def few(wanted: str, names: Sequence[str]) -> Sequence[str]:
    """Return the names nearest to `wanted`, else the first of them."""
    return nearest_few(wanted, names) or names[:MOST_NAMES]
