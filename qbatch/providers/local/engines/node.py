"""One batch job on its node: a file of work in, a file of answers out.

Rules: the file of answers comes into being whole, by a rename on the shared file system, or not at
all. What a chunk cannot be computed for is in it, job by job; what is not the work's doing ends
this program with the reason on stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from qbatch.drafts import draft_beside
from qbatch.providers.local.engine import failed_answer
from qbatch.providers.local.engines.frames import (
    Part,
    jobs_of,
    misfit_of,
    pack_answers,
    unpack_work,
    versions,
)
from qbatch.providers.local.engines.given_out import GivenOut, Told
from qbatch.providers.local.engines.pool import Processes
from qbatch.providers.local.work import Answer, Chunk

#: What the interpreter runs, with sys.path as argv[1], "" for its own.
COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1] or 'null') or sys.path; "
    "from qbatch.providers.local.engines.node import main; main(sys.argv[2:])"
)

#: A chunk is ended by the batch job's own time limit.
_FOR_EVER_S = 10.0 * 365 * 86_400


def main(arguments: Sequence[str]) -> None:
    """Compute a file of work.

    Args:
        arguments: The file, its digest, where the answers go, how many workers, and as JSON the
            versions that the run was planned with.
    """
    work, digest, result, workers, wanted = arguments
    if problem := misfit_of(versions(), json.loads(wanted)):
        sys.exit(f"this node does not compute as the run does: {problem}; see engine.slurm.python")
    chunks = unpack_work(Path(work).read_bytes(), digest)
    parts = trio.run(_compute, chunks, int(workers))
    _write(Path(result), pack_answers(digest, parts))


async def _compute(chunks: Sequence[Chunk], workers: int) -> list[Part]:
    parts: list[Part] = []
    news = trio.Event()

    def take(chunk: Chunk, answer: Answer) -> None:
        parts.append(Part(jobs_of(chunk), answer))
        news.set()

    def fail(chunk: Chunk, error: str) -> None:
        take(chunk, failed_answer(chunk, error))

    work = GivenOut(Processes(workers), _FOR_EVER_S, Told(lambda _: None, take, fail))
    for chunk in chunks:
        work.put(chunk)
    while work:
        await news.wait()
        news = trio.Event()
    await work.leave()
    return parts


def _write(result: Path, frame: bytes) -> None:
    draft = draft_beside(result)
    with draft.open("wb") as file:
        file.write(frame)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(result)
