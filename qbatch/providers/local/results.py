"""Where the counts of a job stand in an answer, and as what they are fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.providers import Fetched

if TYPE_CHECKING:
    from qbatch.providers import Order
    from qbatch.providers.local.work import Answer


@dataclass(frozen=True, slots=True)
class Result:
    """One job's part of an answer.

    Attributes:
        rows: Its outcomes and counts.
        evolution: The number of its evolution.
        error: Why it has no counts, "" where it has.
    """

    answer: Answer
    rows: slice
    evolution: int
    error: str = ""


def results_of(jobs: Sequence[Sequence[str]], answer: Answer) -> Iterator[tuple[str, Result]]:
    """Yield each job of a chunk, and where its counts stand in the chunk's answer.

    Args:
        jobs: The ids of each evolution's jobs.
        answer: To that chunk.
    """
    start, sizes = 0, iter(answer.sizes)
    for index, job_ids in enumerate(jobs):
        for job_id, size in zip(job_ids, sizes, strict=False):
            error = answer.errors.get(job_id, "")
            yield job_id, Result(answer, slice(start, start + size), index, error)
            start += size


def fetched(order: Order, result: Result) -> Fetched:
    """Return a result as the executor takes it."""
    from qbatch.result import Counts

    answer = result.answer
    registers = tuple((r.name, r.num_bits) for r in order.circuit.facts.registers)
    states = answer.statevectors
    return Fetched(
        job_id=order.id,
        counts=Counts(registers, answer.outcomes[result.rows], answer.counts[result.rows]),
        facts={
            **answer.facts,
            "seed": order.seed,
            **({"start": order.start} if order.start else {}),
            "evolution_s": round(answer.evolution_s[result.evolution], 6),
        },
        statevector=states[result.evolution] if states else None,
    )
