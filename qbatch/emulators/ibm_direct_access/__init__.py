"""IBM Quantum Direct Access (the IBM Quantum System REST API), emulated: identity, jobs, objects.

Under one URL stand IBM Cloud IAM's ``/identity/token``, the system's own ``/version`` and
``/v1/...``, and at every other path an S3 store. A job has an id its client chose, and moves all
else by presigned URLs: the system reads the input when the job starts and stores results and logs
before the end is seen. States are Running, Completed, Failed and Cancelled: waiting is not told
apart from running. A job holds one of its backend's lanes until it is deleted. Bits: byte rows,
the most significant first, rightmost bit = bit 0. Errors have ``status_code, trace, errors``.

Where the real service is not known, switches of the fault script choose:

Access: ``token_life_s`` (3600), ``crn`` (any | strict | ignored), ``signatures`` (strict |
lenient: of the store, lives are checked all the same), ``skew_s`` (900), ``foreign_stores``
(loopback | any | none: which other stores the system may reach).
Machines: ``lanes`` (5), ``lane_held`` (until_deleted | until_ended), ``outages`` and
``reservations`` (lists of ``{backend, from_s, until_s}``, an outage also with ``status``),
``paused`` (refuse with 400 | wait: jobs for a backend that is not online).
Requests: ``malformed`` (422 | 400: a body against the schema), ``deleted_ids`` (reusable |
refused), ``empty_list`` (list | null), ``cancel_lag_s`` (0: a cancelled job runs on so long).
Runs: ``isa`` (strict | lenient: gates and connections are not checked), ``options`` (strict |
lenient: unknown options are ignored), ``timeout_state`` (cancelled | failed), ``metrics`` (absent
| complete), ``results_format`` (service | simulator: general pub results, no time windows),
``lost_results`` (never stored), ``late_writes`` (a cancelled job stores its results all the same).

Of job faults, ``name`` is matched against the job's id, ``lag_s`` delays the results object beyond
Completed, ``expires`` makes a job run into its timeout. The unit of prices is seconds of the
machine: 2 for a job and 0.27 ms a shot; nothing for what could not be run.
"""

from __future__ import annotations

from starlette.routing import Route, Router

from qbatch.emulators.clouds import Cloud, World
from qbatch.emulators.ibm_direct_access.access import (
    API_KEY,
    COLLEAGUE_KEY,
    CRN,
    NAME,
    READER_KEY,
    Access,
)
from qbatch.emulators.ibm_direct_access.backends import BACKENDS, Backends
from qbatch.emulators.ibm_direct_access.service import Service
from qbatch.emulators.ibm_direct_access.store import (
    ACCESS_KEY,
    BUCKET,
    REGION,
    SECRET_KEY,
    Store,
)

__all__ = [
    "ACCESS_KEY",
    "API_KEY",
    "BACKENDS",
    "BUCKET",
    "COLLEAGUE_KEY",
    "CRN",
    "READER_KEY",
    "REGION",
    "SECRET_KEY",
    "environment",
    "open_cloud",
]

METHODS = ["GET", "PUT", "POST", "DELETE"]


def open_cloud(world: World) -> Cloud:
    """Emulate IBM Quantum Direct Access in `world`."""
    access, backends, store = Access(world), Backends(world), Store(world)
    service = Service(world, backends, store)
    guarded = [
        Route(path, access.answering(action, handler), methods=[method])
        for action, method, path, handler in [*backends.table(), *service.table()]
    ]
    open_ones = [
        Route("/identity/token", access.issue, methods=["POST"]),
        Route("/version", access.version, methods=["GET"]),
        Route("/versions", access.versions, methods=["GET"]),
    ]
    rest = [
        Route(path, access.nowhere, methods=METHODS)
        for path in ("/identity/{rest:path}", "/version", "/versions", "/v1/{rest:path}")
    ]
    objects = Route("/{path:path}", store.answer, methods=METHODS)
    return Cloud(
        NAME,
        Router([*open_ones, *guarded, *rest, objects]),
        environment,
        lambda lasting: access.tokens.expire(lasting=lasting),
        usual=frozenset(one.name for one in BACKENDS),
    )


def environment(url: str) -> dict[str, str]:
    """Return what qbatch and the official client read; the store is at the same URL.

    Its address ends in a slash, because the official client puts the bucket right behind it.
    """
    return {
        "QBATCH_IBM_DIRECT_ACCESS_URL": url,
        "QRMI_IBM_QS_ENDPOINT": url,
        "QRMI_IBM_QS_IAM_ENDPOINT": url,
        "QRMI_IBM_QS_IAM_APIKEY": API_KEY,
        "QRMI_IBM_QS_SERVICE_CRN": CRN,
        "QRMI_IBM_QS_S3_ENDPOINT": f"{url}/",
        "QRMI_IBM_QS_S3_BUCKET": BUCKET,
        "QRMI_IBM_QS_S3_REGION": REGION,
        "QRMI_IBM_QS_AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "QRMI_IBM_QS_AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
