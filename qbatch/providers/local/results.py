"""Where the counts of a job stand in an answer, and as what they are fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.providers import Fetched

if TYPE_CHECKING:
    from qbatch.circuit import Circuit
    from qbatch.providers import Order
    from qbatch.providers.local.work import Answer
    from qbatch.result.counts import Registers


@dataclass(frozen=True, slots=True)
class Result:
    """One job's part of an answer.

    Attributes:
        rows: Its outcomes and counts.
        evolution: The number of its evolution.
        error: Why it has no counts, "" where it has.
        packed: Its counts as they are stored; b"" where nobody packed them yet.
    """

    answer: Answer
    rows: slice
    evolution: int
    error: str = ""
    packed: bytes = b""


def registers_of(circuit: Circuit) -> Registers:
    """Return the classical registers of a circuit as `Counts` has them."""
    return tuple((each.name, each.num_bits) for each in circuit.facts.registers)


def with_packed(answer: Answer, registers: Registers) -> Answer:
    """Return an answer whose counts are as `Counts` keeps them, and packed.

    That takes as long as computing a small point, so workers do it side by side.

    Args:
        answer: As it was computed.
        registers: Those of its program.
    """
    import numpy as np

    from qbatch.result import Counts

    found, start = [], 0
    for size in answer.sizes:
        rows = slice(start, start + size)
        found.append(
            Counts(registers, answer.outcomes[rows], answer.counts[rows]) if size else None
        )
        start += size
    good = [counts for counts in found if counts is not None]
    if not good:
        return answer
    return replace(
        answer,
        outcomes=np.concatenate([counts.outcomes for counts in good]),
        counts=np.concatenate([counts.counts for counts in good]),
        sizes=tuple(0 if counts is None else len(counts) for counts in found),
        packed=tuple(b"" if counts is None else counts.pack() for counts in found),
    )


def results_of(jobs: Sequence[Sequence[str]], answer: Answer) -> Iterator[tuple[str, Result]]:
    """Yield each job of a chunk, and where its counts stand in the chunk's answer.

    Args:
        jobs: The ids of each evolution's jobs.
        answer: To that chunk.
    """
    start = 0
    told = zip(answer.sizes, answer.packed or repeat(b""), strict=False)
    for index, job_ids in enumerate(jobs):
        for job_id, (size, packed) in zip(job_ids, told, strict=False):
            error = answer.errors.get(job_id, "")
            yield job_id, Result(answer, slice(start, start + size), index, error, packed)
            start += size


def fetched(order: Order, result: Result) -> Fetched:
    """Return a result as the executor takes it."""
    from qbatch.result import Counts

    answer, rows = result.answer, result.rows
    states = answer.statevectors
    found = registers_of(order.circuit), answer.outcomes[rows], answer.counts[rows]
    return Fetched(
        job_id=order.id,
        counts=Counts.packed_before(*found, result.packed) if result.packed else Counts(*found),
        facts={
            **answer.facts,
            "seed": order.seed,
            **({"start": order.start} if order.start else {}),
            "evolution_s": round(answer.evolution_s[result.evolution], 6),
        },
        statevector=states[result.evolution] if states else None,
    )
