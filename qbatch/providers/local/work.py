"""What is sent to a worker and what comes back; how orders become chunks of work.

Rules: plain frozen values that pickle; no qiskit, no trio. How work is cut changes no result: an
evolution is computed by itself, and each of its jobs is sampled from its own seed and start.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.circuit import Circuit
from qbatch.frozen import dataclass
from qbatch.providers import Order
from qbatch.providers.local.method import (
    evolution_s,
    is_exact,
    memory_bytes,
    num_measured,
    result_bytes,
    settled,
)
from qbatch.providers.local.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Work of about this long goes to a worker at once, seconds.
CHUNK_S = 0.2
CHUNK_EVOLUTIONS = 128
#: Bytes a worker answers with at once, and of probabilities it holds at once, at most about.
ANSWER_BYTES = 4 << 20
HELD_BYTES = 64 << 20

#: The environment variable that says how many threads a worker may use.
THREADS = "QBATCH_WORKER_THREADS"

_LENGTH = struct.Struct("<Q")


class Sampling(NamedTuple):
    """One job's share of an evolution: shots [start, start + shots) of a sample."""

    job_id: str
    shots: int
    seed: int
    start: int = 0


class Evolution(NamedTuple):
    """One bound circuit.

    Attributes:
        values: Of the circuit's parameters, in `CircuitFacts.parameters`' order.
        samplings: Jobs it serves, one or more.
    """

    values: tuple[float, ...]
    samplings: tuple[Sampling, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A circuit and how to simulate it.

    Attributes:
        durations: Parameters that delays depend on -> values: how far qubits relax is told by
            channels, which have no free parameters.
    """

    circuit: Circuit
    settings: Settings
    durations: tuple[tuple[str, float], ...] = ()

    @property
    def key(self) -> str:
        """Equal for equal work."""
        told = "".join(f":{name}={value!r}" for name, value in self.durations)
        return f"{self.circuit.sha256}:{self.settings.key}{told}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Evolutions of one program that go to one worker together.

    Attributes:
        key: The program's.
        program: Pickled, so that it is read only where `key` is new.
        seconds: About how long one core takes.
        memory: Bytes it takes at most, 0 when not known.
    """

    key: str
    program: bytes
    evolutions: tuple[Evolution, ...]
    seconds: float
    memory: int

    @property
    def job_ids(self) -> tuple[str, ...]:
        return tuple(s.job_id for evolution in self.evolutions for s in evolution.samplings)


class Drawn(NamedTuple):
    """Counts of one job, or why there are none."""

    job_id: str
    outcomes: npt.NDArray[np.uint8] | None = None
    counts: npt.NDArray[np.int64] | None = None
    error: str = ""


class Computed(NamedTuple):
    """What came of one evolution."""

    drawn: tuple[Drawn, ...]
    seconds: float
    statevector: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker computed, jobs in the order of the chunk.

    Attributes:
        outcomes: uint8, shape (sum(sizes), num_bytes); rows of job after job, each as `Counts`.
        counts: int64, shape (sum(sizes),).
        sizes: Distinct outcomes of each job; 0 where it failed.
        errors: Job id -> why it failed.
        statevectors: One for each evolution, or empty.
        evolution_s: Seconds each evolution took; jobs of one evolution share it.
        facts: What is true of all: engine, method, versions.
        parses: Circuit texts this worker has parsed since it began.
        preparations: Programs it has prepared.
        packed: `Counts.pack` of each job, b"" where it failed; empty where nobody packed them yet.
    """

    outcomes: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    sizes: tuple[int, ...]
    errors: Mapping[str, str]
    statevectors: tuple[npt.NDArray[Any], ...]
    evolution_s: tuple[float, ...]
    facts: Mapping[str, Any]
    parses: int = 0
    preparations: int = 0
    packed: tuple[bytes, ...] = ()


def cut(orders: Sequence[Order], settings: Settings) -> Iterator[Chunk]:
    """Cut orders into chunks of about `CHUNK_S`, jobs of the same bound circuit together."""
    by_circuit: dict[tuple[str, tuple[float, ...]], list[Order]] = {}
    for order in orders:
        lengths = tuple(float(order.parameters[n]) for n in order.circuit.facts.durations)
        by_circuit.setdefault((order.circuit.sha256, lengths), []).append(order)
    for (_, lengths), group in by_circuit.items():
        circuit = group[0].circuit
        durations = tuple(zip(circuit.facts.durations, lengths, strict=True))
        program = Program(circuit, settled(circuit.facts, settings), durations)
        yield from _chunks_of(program, _evolutions(program, group))


def _evolutions(program: Program, orders: Iterable[Order]) -> Iterator[Evolution]:
    names = program.circuit.facts.parameters
    shared: dict[tuple[float, ...], list[Sampling]] = {}
    for order in orders:
        bound = order.parameters
        in_order = bound.values() if tuple(bound) == names else map(bound.__getitem__, names)
        values = tuple(map(float, in_order))
        sampling = Sampling(order.id, order.shots, order.seed, order.start)
        shared.setdefault(values, []).append(sampling)
    # Samples of Clifford circuits are drawn shot by shot: jobs share next to nothing there.
    shared_by_all = is_exact(program.circuit.facts, program.settings)
    for values, samplings in shared.items():
        if shared_by_all:
            yield Evolution(values, tuple(samplings))
        else:
            yield from (Evolution(values, (sampling,)) for sampling in samplings)


def _chunks_of(program: Program, evolutions: Iterable[Evolution]) -> Iterator[Chunk]:
    facts, settings = program.circuit.facts, program.settings
    packed = pickle.dumps(program, pickle.HIGHEST_PROTOCOL)
    held = 8 << num_measured(facts) if is_exact(facts, settings) else 0
    most = max(1, min(CHUNK_EVOLUTIONS, HELD_BYTES // max(held, 1)))
    taken: list[Evolution] = []
    seconds, size = 0.0, 0

    def chunk() -> Chunk:
        shots = max(s.shots for evolution in taken for s in evolution.samplings)
        memory = memory_bytes(facts, settings, shots) or 0
        return Chunk(program.key, packed, tuple(taken), seconds, memory)

    for evolution in evolutions:
        takes = evolution_s(facts, settings, sum(s.shots for s in evolution.samplings))
        answer = sum(result_bytes(facts, settings, s.shots) for s in evolution.samplings)
        full = len(taken) >= most or seconds + takes > CHUNK_S or size + answer > ANSWER_BYTES
        if taken and full:
            yield chunk()
            taken, seconds, size = [], 0.0, 0
        taken.append(evolution)
        seconds += takes
        size += answer
    yield chunk()


def alone(chunk: Chunk) -> Iterator[Chunk]:
    """Cut a chunk into chunks of one evolution each: one that breaks its worker is then alone."""
    share = chunk.seconds / len(chunk.evolutions)
    for evolution in chunk.evolutions:
        yield Chunk(chunk.key, chunk.program, (evolution,), share, chunk.memory)


def without(chunk: Chunk, job_ids: frozenset[str]) -> Chunk | None:
    """Return the chunk without these jobs, None when no other is left."""
    kept = []
    for evolution in chunk.evolutions:
        samplings = tuple(s for s in evolution.samplings if s.job_id not in job_ids)
        if samplings:
            kept.append(Evolution(evolution.values, samplings))
    if not kept:
        return None
    return Chunk(chunk.key, chunk.program, tuple(kept), chunk.seconds, chunk.memory)


def to_frame(value: object) -> bytes:
    """Pickle `value`, its length before it: 8 bytes, low byte first."""
    packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(packed)) + packed


def frame_length(head: bytes) -> int:
    """Read the first 8 bytes of a frame."""
    length: int = _LENGTH.unpack(head)[0]
    return length
