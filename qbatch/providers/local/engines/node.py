"""One batch job on its node: a file of work in, a file of answers out.

Rules: the file of answers comes into being whole, by a rename on the shared file system, or not at
all. What a chunk cannot be computed for is in it, job by job; what is not the work's doing ends
this program with the reason on stderr.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
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
        arguments: The file, its digest, where the answers go, how many workers, how many bytes of
            memory they share ("" for what Slurm says), and as JSON the versions that the run was
            planned with.
    """
    work, digest, result, workers, memory, wanted = arguments
    if problem := misfit_of(versions(), json.loads(wanted)):
        sys.exit(f"this node does not compute as the run does: {problem}; see engine.slurm.python")
    chunks = unpack_work(Path(work).read_bytes(), digest)
    parts = trio.run(_compute, chunks, int(workers), memory)
    _write(Path(result), pack_answers(digest, parts))


def memory_of(environ: Mapping[str, str]) -> float:
    """Return the bytes that Slurm lets a batch job take on its node; infinite: it does not say.

    >>> memory_of({"SLURM_MEM_PER_NODE": "8192"}) == 8 * 2**30
    True
    >>> memory_of({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "8"}) == 8 * 2**30
    True
    """
    of_node = environ.get("SLURM_MEM_PER_NODE", "")
    if of_node.isdigit() and int(of_node):  # 0: all that the node has
        return int(of_node) * 2.0**20
    of_cpu, cpus = environ.get("SLURM_MEM_PER_CPU", ""), environ.get("SLURM_CPUS_ON_NODE", "")
    if of_cpu.isdigit() and cpus.isdigit() and int(of_cpu):
        return int(of_cpu) * int(cpus) * 2.0**20
    return math.inf


def engine_of(workers: int, memory: str) -> Processes:
    """Return workers that share what the batch job may take; see `main`."""
    return Processes(workers, float(memory) if memory else memory_of(os.environ))


async def _compute(chunks: Sequence[Chunk], workers: int, memory: str) -> list[Part]:
    engine = engine_of(workers, memory)
    parts: list[Part] = []
    news = trio.Event()

    def take(chunk: Chunk, answer: Answer) -> None:
        parts.append(Part(jobs_of(chunk), answer))
        news.set()

    def fail(chunk: Chunk, error: str) -> None:
        take(chunk, failed_answer(chunk, error))

    work = GivenOut(engine, _FOR_EVER_S, Told(lambda _: None, take, fail))
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
