"""The calibration that comes with a completed job. What stands there is not documented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.calibration import digest_of
from qbatch.errors import ProviderError
from qbatch.providers.kit.untrusted import decode
from qbatch.providers.kit.wire import Wire
from qbatch.providers.open_quantum.replies import url_of

#: Of one calibration; it is kept with the run.
MOST_CALIBRATION_BYTES = 4 * 2**20


async def read_calibration(
    wire: Wire, job: Mapping[str, Any], target: str
) -> tuple[Any, dict[str, Any]]:
    """Read the calibration a job was run with, and what its result says of that.

    A result is good without it, so what keeps it away is a warning.
    """
    if job.get("calibration_data_url") is None:
        return None, {}
    try:
        url = url_of(job, "calibration_data_url")
        reply = await wire.send("GET", url, is_bare=True, max_bytes=MOST_CALIBRATION_BYTES)
        if not reply.is_success:
            raise reply.failure()
        calibration = decode(reply.kept)
    except (ProviderError, ValueError) as error:
        return None, {"warning": f"the calibration of {target} cannot be had: {error}"}
    return calibration, {"calibration": digest_of(calibration)}
