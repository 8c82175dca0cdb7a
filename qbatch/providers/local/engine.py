"""Chunks of work computed: the same code in a worker process and, for rehearsals, in ours.

Rules: what one evolution gives depends on nothing but itself. Where probabilities are computed, Aer
draws no random number and ours come from each job's seed and start; where Aer simulates the shots,
each job is a run of its own under a seed made of both (in a list of circuits Aer's seed depends on
the position).
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import metadata
from typing import Any

from qbatch.circuit import parses
from qbatch.circuit.earlier import MARK
from qbatch.circuit.facts import FORMAT
from qbatch.providers.local.exact import evaluate
from qbatch.providers.local.failures import failures, told, told_of
from qbatch.providers.local.fused.answers import evaluate as evaluate_fused
from qbatch.providers.local.fused.program import Fused
from qbatch.providers.local.fused.program import prepare as prepare_fused
from qbatch.providers.local.guard import checked, held
from qbatch.providers.local.prepare import Prepared, bound, preparations, prepare
from qbatch.providers.local.results import registers_of, with_packed
from qbatch.providers.local.stabilizers.check import hold
from qbatch.providers.local.stabilizers.program import Stabilized
from qbatch.providers.local.stabilizers.program import evaluate as evaluate_stabilized
from qbatch.providers.local.stabilizers.program import prepare as prepare_stabilized
from qbatch.providers.local.tableau import in_tableau_gates
from qbatch.providers.local.work import (
    Answer,
    Chunk,
    Computed,
    Drawn,
    Evolution,
    Program,
    Sampling,
)

logging.getLogger("qiskit_aer").addHandler(logging.NullHandler())

#: Prepared programs kept, and their bytes.
_KEPT = 256
_KEPT_BYTES = 256 << 20

#: What reads a circuit's text.
_READERS = ("qbatch.circuit.qasm", "qbatch.circuit.to_qiskit", "qbatch.circuit.unitaries")

_programs: OrderedDict[str, tuple[Program, Any]] = OrderedDict()

#: Bytes of those of them that numpy computes, by key.
_num_bytes: dict[str, int] = {}

#: Keys of those of them that were looked at by `guard`.
_checked_keys: set[str] = set()


def warm_up() -> None:
    """Import what simulating needs, so that the first chunk does not wait for it."""
    from importlib import import_module

    for name in ("numpy", "qiskit.converters", "qiskit_aer", "qbatch.result", *_READERS):
        import_module(name)


def forget() -> None:
    """Forget all programs, as a fresh process."""
    _programs.clear()
    _num_bytes.clear()
    _checked_keys.clear()


def simulate(chunk: Chunk) -> Answer:
    """Compute a chunk; what goes wrong is told job by job."""
    began = time.perf_counter()
    try:
        program, prepared = _prepared(chunk)
    except failures() as error:
        return failed_answer(chunk, told(error), time.perf_counter() - began)
    warning = ""
    try:
        if program.settings.library == "stim":
            computed = [*_clifford(prepared, chunk.evolutions)]
        elif _is_stabilized(program):
            computed = [*_stabilized(chunk, program, prepared)]
        elif program.settings.library == "numpy":
            computed = [*_fused(chunk, program, prepared)]
        elif prepared.measured is not None:
            prepared = _checked(chunk, program, prepared)
            warning = prepared.warning
            computed = [*evaluate(prepared, chunk.evolutions)]
        else:
            computed = [*_shot_by_shot(prepared, program, chunk.evolutions)]
    except failures() as error:
        return failed_answer(chunk, told(error), time.perf_counter() - began)
    return _answer(computed, program, warning)


def simulate_and_pack(chunk: Chunk) -> Answer:
    """Compute a chunk, and make its counts ready to be stored."""
    answer = simulate(chunk)
    known = _programs.get(chunk.key)
    return answer if known is None else with_packed(answer, registers_of(known[0].circuit))


def _prepared(chunk: Chunk) -> tuple[Program, Any]:
    if chunk.key not in _programs:
        program: Program = pickle.loads(chunk.program)
        if program.settings.library == "stim":
            from qbatch.providers.local import clifford

            _programs[chunk.key] = program, clifford.prepare(program)
        elif _is_stabilized(program):
            _programs[chunk.key] = program, prepare_stabilized(program)
        elif program.settings.library == "numpy":
            fused = prepare_fused(program)
            _programs[chunk.key] = program, fused
            _num_bytes[chunk.key] = fused.num_bytes
        else:
            _programs[chunk.key] = program, prepare(program)
        _make_room()
    _programs.move_to_end(chunk.key)
    return _programs[chunk.key]


def _make_room() -> None:
    """Drop the programs used longest ago while they are too many or too large; keep the last."""
    while len(_programs) > 1:
        if len(_programs) <= _KEPT and sum(_num_bytes.values()) <= _KEPT_BYTES:
            return
        key, _ = _programs.popitem(last=False)
        _checked_keys.discard(key)
        _num_bytes.pop(key, None)


def _checked(chunk: Chunk, program: Program, prepared: Prepared) -> Prepared:
    """Hold a circuit against a plain computation before its first point is answered here."""
    if chunk.key not in _checked_keys:
        found = checked(prepared, program, [one.values for one in chunk.evolutions])
        if found is None:
            return replace(prepared, together=None)
        prepared = found
        _programs[chunk.key] = program, prepared
        _checked_keys.add(chunk.key)
    return prepared


def _fused(chunk: Chunk, program: Program, fused: Fused) -> Iterator[Computed]:
    points = [one.values for one in chunk.evolutions]
    if chunk.key not in _checked_keys and held(fused, program, points):
        _checked_keys.add(chunk.key)
    return evaluate_fused(fused, chunk.evolutions)


def _is_stabilized(program: Program) -> bool:
    return program.settings.library == "numpy" and program.settings.method == "stabilizer"


def _stabilized(chunk: Chunk, program: Program, made: Stabilized) -> Iterator[Computed]:
    if chunk.key not in _checked_keys:
        hold(made, program)
        _checked_keys.add(chunk.key)
    return evaluate_stabilized(made, chunk.evolutions)


# -- shots simulated by Aer -----------------------------------------------------------------------


def _shot_by_shot(
    prepared: Prepared, program: Program, evolutions: Sequence[Evolution]
) -> Iterator[Computed]:
    num_bits = program.circuit.facts.num_bits
    for evolution in evolutions:
        began = time.perf_counter()
        try:
            circuit = bound(prepared, evolution.values)
            if prepared.in_tableau:
                circuit = in_tableau_gates(circuit)
            drawn = tuple(
                _simulated(prepared, circuit, each, num_bits) for each in evolution.samplings
            )
        except failures() as error:
            drawn = tuple(Drawn(each.job_id, error=told(error)) for each in evolution.samplings)
        yield Computed(drawn, time.perf_counter() - began)


def aer_seed(seed: int, start: int = 0) -> int:
    """Spread a job's seed: Aer gives shot i of a run the seed + i, so near seeds share shots.

    Runs of shots that begin elsewhere in a sample are independent of one another.
    """
    told = seed.to_bytes(8, "little") + (start.to_bytes(8, "little") if start else b"")
    digest = hashlib.blake2b(told, digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 2


def _simulated(prepared: Prepared, circuit: Any, sampling: Sampling, num_bits: int) -> Drawn:
    import numpy as np

    result = prepared.simulator.run(
        circuit, shots=sampling.shots, seed_simulator=aer_seed(sampling.seed, sampling.start)
    ).result()
    if not result.success:
        return Drawn(sampling.job_id, error=told_of(result, 0))
    num_bytes = (num_bits + 7) // 8
    own, found_of = (1 << num_bits) - 1, Counter[int]()
    for outcome, often in result.data(0)["counts"].items():
        found_of[int(outcome, 16) & own] += often
    found = sorted(found_of.items())
    joined = b"".join(outcome.to_bytes(num_bytes, "little") for outcome, _ in found)
    outcomes = np.frombuffer(joined, np.uint8).reshape(len(found), num_bytes)
    return Drawn(sampling.job_id, outcomes, np.array([n for _, n in found], np.int64))


# -- stim -----------------------------------------------------------------------------------------


def _clifford(compiled: Any, evolutions: Sequence[Evolution]) -> Iterator[Computed]:
    from qbatch.providers.local import clifford

    for evolution in evolutions:
        began = time.perf_counter()
        try:
            drawn = tuple(
                Drawn(s.job_id, *clifford.sample(compiled, evolution.values, s.shots, _seed(s)))
                for s in evolution.samplings
            )
        except failures() as error:
            drawn = tuple(Drawn(s.job_id, error=told(error)) for s in evolution.samplings)
        yield Computed(drawn, time.perf_counter() - began)


def _seed(sampling: Sampling) -> int:
    return aer_seed(sampling.seed, sampling.start) if sampling.start else sampling.seed


# -- answers --------------------------------------------------------------------------------------


def _answer(computed: Sequence[Computed], program: Program, warning: str) -> Answer:
    import numpy as np

    drawn = [one for evolution in computed for one in evolution.drawn]
    good = [one for one in drawn if one.outcomes is not None and one.counts is not None]
    num_bytes = (program.circuit.facts.num_bits + 7) // 8
    states = [evolution.statevector for evolution in computed]
    return Answer(
        outcomes=np.concatenate([np.zeros((0, num_bytes), np.uint8), *(d.outcomes for d in good)]),
        counts=np.concatenate([np.zeros(0, np.int64), *(d.counts for d in good)]),
        sizes=tuple(0 if one.counts is None else len(one.counts) for one in drawn),
        errors={one.job_id: one.error for one in drawn if one.error},
        statevectors=tuple(np.zeros(0) if s is None else np.asarray(s) for s in states)
        if program.settings.options.statevector
        else (),
        evolution_s=tuple(evolution.seconds for evolution in computed),
        facts=_facts(program) | ({"warning": warning} if warning else {}),
        parses=parses(),
        preparations=preparations(),
    )


def failed_answer(chunk: Chunk, error: str, seconds: float = 0.0) -> Answer:
    """Return the answer to a chunk of which nothing came."""
    import numpy as np

    job_ids = chunk.job_ids
    return Answer(
        outcomes=np.zeros((0, 1), np.uint8),
        counts=np.zeros(0, np.int64),
        sizes=(0,) * len(job_ids),
        errors=dict.fromkeys(job_ids, error),
        statevectors=(),
        evolution_s=(seconds,) * len(chunk.evolutions),
        facts={},
        parses=parses(),
        preparations=preparations(),
    )


@cache
def _version(package: str) -> str:
    """Return a package's version; reading it takes as long as computing ten small points."""
    return metadata.version(package)


def _facts(program: Program) -> dict[str, Any]:
    settings = program.settings
    if settings.library == "stim":
        import stim

        return {
            MARK: FORMAT,
            "engine": "stim",
            "engine_version": stim.__version__,
            "method": "stim",
        }
    import numpy
    import qiskit

    if settings.library == "numpy":
        return {
            MARK: FORMAT,
            "engine": "numpy",
            "engine_version": numpy.__version__,
            "versions": {"qiskit": qiskit.__version__, "qbatch": _version("qbatch")},
            "method": settings.method,
            "precision": "double",
            "device": "CPU",
        }
    import qiskit_aer

    return {
        MARK: FORMAT,
        "engine": "qiskit-aer",
        "engine_version": qiskit_aer.__version__,
        "versions": {"qiskit": qiskit.__version__, "numpy": numpy.__version__},
        "method": settings.method,
        "precision": settings.options.precision,
        "device": settings.options.device,
    }
