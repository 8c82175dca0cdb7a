"""OQC QCaaS, emulated: API version 3, and the parts of version 4 that differ.

Words of the cloud: a QPU has its own URL, under which all its tasks live; task ids are allocated
(CREATED) and then submitted. Success is 200 alone. Results are counts per classical register,
leftmost character = bit 0. Errors are ``{"response": {"errors": [text]}}``, in version 4
``{"detail": text}``.

Where the real service is not known, switches of the fault script choose:
``resubmit`` (ignore | conflict | twice: a task id that was already submitted), ``unsubmitted``
(created | missing: the status of an id never submitted), ``window_in_s`` (QPUs that are not always
on start tasks so long after the emulation began), ``strip_zeros`` (drop leading zeros of results).
"""

from __future__ import annotations

from starlette.routing import Route, Router

from qbatch.emulators.clouds import Cloud, World
from qbatch.emulators.oqc.access import EMAIL, PASSWORD, TOKEN, Access, answering
from qbatch.emulators.oqc.qpus import NAME, QPUS, Machines
from qbatch.emulators.oqc.tasks import Tasks

__all__ = ["QPUS", "environment", "open_cloud"]


def open_cloud(world: World) -> Cloud:
    """Emulate OQC in `world`."""
    access, machines = Access(world), Machines(world)
    table = [*access.table(), *machines.table(), *Tasks(world, machines).table()]
    guarded = [
        Route(path, answering(access.authenticated(handler)), methods=[method])
        for method, path, handler in table
    ]
    return Cloud(
        NAME,
        Router([*access.open_routes(), *guarded]),
        environment,
        lambda lasting: access.tokens.expire(lasting=lasting),
        usual=frozenset(name for qpu in QPUS for name in (qpu.id, qpu.name)),
    )


def environment(url: str) -> dict[str, str]:
    """Return what clients read: official names where there are any, and common ones."""
    return {
        "QBATCH_OQC_URL": url,
        "OQC_URL": url,
        "OQC_AUTHENTICATION_TOKEN": TOKEN,
        "OQC_AUTH_TOKEN": TOKEN,
        "OQC_TOKEN": TOKEN,
        "OQC_EMAIL": EMAIL,
        "OQC_PASSWORD": PASSWORD,
    }
