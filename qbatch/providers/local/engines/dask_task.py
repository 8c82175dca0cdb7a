"""What a Dask worker does for one chunk: imported there by name, so that it needs no trio."""

from __future__ import annotations

import threading

from qbatch.providers.local.engine import simulate
from qbatch.providers.local.engines.frames import (
    Part,
    jobs_of,
    misfit_of,
    pack_answers,
    unpack_work,
    versions,
)

#: One chunk at a time in a process, however many threads its worker has.
_LOCK = threading.Lock()


def compute(packed: bytes, digest: str, wanted: dict[str, str]) -> bytes:
    """Compute chunks, and return their answers as `pack_answers` writes them.

    Args:
        packed: The chunks; see `pack_work`.
        digest: Theirs.
        wanted: The versions that the run was planned with.

    Raises:
        FrameError: The bytes are others.
        RuntimeError: This worker does not compute as the run does.
    """
    if problem := misfit_of(versions(), wanted):
        raise RuntimeError(f"this worker does not compute as the run does: {problem}")
    with _LOCK:
        parts = [Part(jobs_of(one), simulate(one)) for one in unpack_work(packed, digest)]
    return pack_answers(digest, parts)
