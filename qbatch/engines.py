"""What packages make engines of (entry point `qbatch.engines`): tasks as bytes, and their answers.

`work_of` makes bytes of a task, `compute` computes them wherever qbatch is installed in the same
versions, and `answer_of` reads what came of them. ``python -m qbatch.engines`` computes what stands
on its stdin and writes the answer to its stdout. No engine can change a count: an answer is taken
only if it is whole, and of the work that was asked for.
"""

from __future__ import annotations

import json
import sys

from qbatch.providers.local.engines.contract import Broken, Engine, Task
from qbatch.providers.local.engines.frames import (
    FrameError,
    Part,
    jobs_of,
    misfit_of,
    pack_answers,
    pack_work,
    unpack_answers,
    unpack_work,
    versions,
)
from qbatch.providers.local.work import Answer

__all__ = ["Answer", "Broken", "Engine", "Task", "answer_of", "compute", "work_of"]


def work_of(task: Task) -> bytes:
    """Return what a task computes, as bytes that `compute` takes."""
    packed, digest = pack_work([task.chunk])
    head = json.dumps({"digest": digest, "versions": versions()})
    return head.encode() + b"\n" + packed


def compute(work: bytes) -> bytes:
    """Compute work, and return the answer as bytes. One at a time in a process.

    Args:
        work: As `work_of` made it; from nobody else, for it is unpickled.

    Raises:
        RuntimeError: Packages here are of other versions than where the work comes from, by which
            counts could differ.
        ValueError: The bytes are no work.
    """
    from qbatch.providers.local.engine import simulate

    head, _, packed = work.partition(b"\n")
    told = json.loads(head)
    if problem := misfit_of(versions(), told["versions"]):
        raise RuntimeError(f"this place does not compute as the run does: {problem}")
    try:
        chunks = unpack_work(packed, told["digest"])
    except FrameError as error:
        raise ValueError(str(error)) from error
    return pack_answers(told["digest"], [Part(jobs_of(one), simulate(one)) for one in chunks])


def answer_of(task: Task, answer: bytes) -> Answer | Broken:
    """Read what came of a task; what is torn or of other work is none."""
    _, digest = pack_work([task.chunk])
    try:
        (part,) = unpack_answers(answer, digest)
    except (FrameError, ValueError, KeyError, TypeError, IndexError) as error:
        return Broken(f"an answer cannot count: {error}")
    if part.jobs != jobs_of(task.chunk):
        return Broken("an answer cannot count: it is of other jobs")
    return part.answer


def main() -> None:
    """Compute what stands on stdin."""
    try:
        answer = compute(sys.stdin.buffer.read())
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
