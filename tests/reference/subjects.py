"""What is held against the reference: qbatch's simulations, what it writes, what emulators make.

Rules: each subject takes the way that a run takes. A subject answers with one distribution a point,
exact or as counts; `Unable` says that it does not take the program, by its own words.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from noisy import Entry, Noise, Qubit

#: A drawn probability is told as a count out of so many.
EXACT = 1 << 52


class Unable(Exception):
    """The subject does not take this program; says why, and says so before it runs."""


@dataclass(frozen=True)
class Answer:
    """Distributions or counts, one for each point.

    Attributes:
        exact: Whether the numbers are probabilities.
        joined: Whether all registers are written as one word.
    """

    found: Sequence[Mapping[str, float]]
    exact: bool
    joined: bool = False


@dataclass(frozen=True)
class Subject:
    """Something that computes a program.

    Attributes:
        answer: (text, points, shots, seed) -> what came.
        noise: That the reference is to reckon with.
        is_resynthesised: Qiskit's transpiler chose its gates.
    """

    name: str
    answer: Callable[[str, Sequence[Mapping[str, float]], int, int], Answer]
    noise: Noise | None = None
    is_resynthesised: bool = False


# -- qbatch's own simulations ----------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A noise as qbatch's manifest declares it, and as the reference does."""

    declared: Mapping[str, Any]
    reference: Noise
    calibration: Mapping[str, Any] = field(default_factory=dict)


_QUBITS = (
    Qubit(80e-6, 60e-6, 0.05, 0.02), Qubit(50e-6, 90e-6), Qubit(None, 40e-6, 0.1, 0.0),
    Qubit(30e-6, None, 0.0, 0.03), Qubit(70e-6, 70e-6, 0.04, 0.04),
)  # fmt: skip
_ENTRIES = (
    *(Entry(None, (q,), error=0.004 + 0.003 * q, time=50e-9 * (q + 1)) for q in range(5)),
    *(Entry(None, (a, b), error=0.005 + 0.0045 * a + 0.011 * b, time=300e-9)
      for a in range(5) for b in range(a + 1, 5)),
    Entry("cx", (0, 1), depolarizing=0.024, time=400e-9),
    Entry("h", (0,), depolarizing=0.05),
)  # fmt: skip


def _calibration() -> dict[str, Any]:
    def told(one: Any, **names: str) -> dict[str, Any]:
        data = {names.get(k, k): v for k, v in vars(one).items() if v is not None}
        if "qubits" in data:
            data["qubits"] = list(data["qubits"])
        if one.__dict__.get("error") is not None:
            del data["depolarizing"]
        return data

    qubits = []
    for qubit in _QUBITS:
        lifetimes = {k: v for k, v in (("t1", qubit.t1), ("t2", qubit.t2)) if v is not None}
        qubits.append({**lifetimes, "readout": {"p01": qubit.p01, "p10": qubit.p10}})
    gates = [told(entry) for entry in _ENTRIES]
    return {"qubits": qubits, "gates": gates, "measure_time": 2e-6}


NOISES: Mapping[str, Kind] = {
    "depolarizing": Kind(
        {"depolarizing": {"one_qubit": 0.03, "two_qubit": 0.08}}, Noise(strengths=(0.03, 0.08))
    ),
    "readout": Kind(
        {"readout": {"p01": 0.1, "p10": 0.03}}, Noise(qubits=(Qubit(p01=0.1, p10=0.03),))
    ),
    "relaxation": Kind(
        {
            "thermal_relaxation": {
                "t1": 9e-6,
                "t2": 12e-6,
                "gate_time": {"one_qubit": 2e-7, "two_qubit": 5e-7, "measure": 1e-6},
            }
        },
        Noise(times=(2e-7, 5e-7, 1e-6), qubits=(Qubit(9e-6, 12e-6),)),
    ),
    "all": Kind(
        {
            "depolarizing": {"one_qubit": 0.02, "two_qubit": 0.05},
            "readout": 0.04,
            "thermal_relaxation": {"t1": 20e-6, "t2": 15e-6, "gate_time": {"two_qubit": 1e-6}},
        },
        Noise((0.02, 0.05), (0.0, 1e-6, 0.0), (Qubit(20e-6, 15e-6, 0.04, 0.04),)),
    ),
    "calibration": Kind(
        {"calibration": "calibration.json"},
        Noise((0.0, 0.0), (0.0, 0.0, 2e-6), _QUBITS, _ENTRIES),
        _calibration(),
    ),
}


@cache
def _folder() -> Path:
    """A folder of this process, with the calibration in it."""
    folder = tempfile.TemporaryDirectory(prefix="qbatch-reference-")
    _kept.append(folder)
    path = Path(folder.name)
    (path / "calibration.json").write_text(json.dumps(NOISES["calibration"].calibration))
    return path


_kept: list[Any] = []


@lru_cache(maxsize=64)
def circuit_of(text: str) -> Any:
    """Open a circuit as a manifest's ``qasm:`` does."""
    from qbatch.circuit import open_circuit

    spec = SimpleNamespace(file=None, qasm=text, template=None, python=None, arguments={})
    return open_circuit("program", spec, folder=Path()).circuit({})


@contextlib.contextmanager
def _probabilities_drawn() -> Iterator[None]:
    """Let the engine "draw" every outcome as often as it is probable, out of `EXACT` shots."""
    import numpy as np

    from qbatch.providers.local import exact

    def draw_all(probabilities: Any, runs: Any) -> tuple[Any, Any, Any]:
        shares = np.maximum([probabilities[run.row] for run in runs], 0.0)
        often = np.rint(shares / shares.sum(axis=1, keepdims=True) * EXACT).astype(np.int64)
        num_runs, size = often.shape
        outcomes = np.tile(np.arange(size), num_runs)
        return outcomes, often.reshape(-1), np.full(num_runs, size)

    usual, exact.draw_all = exact.draw_all, draw_all
    try:
        yield
    finally:
        exact.draw_all = usual


@cache
def _backend(method: str, level: int, noise: str) -> tuple[Any, Any, Any]:
    """Return a local backend's driver, target and settings."""
    import trio

    from qbatch.manifest.models import Backend
    from qbatch.providers import Surroundings, open_driver
    from qbatch.providers.local.settings import read_settings

    asked: dict[str, Any] = {"options": {"method": method}}
    if level:
        asked["transpile"] = {"optimization_level": level, "seed": 7}
    if noise:
        asked["noise"] = NOISES[noise].declared
    backend = Backend.model_validate({"provider": "local", **asked})
    surroundings = Surroundings(is_virtual=True)
    driver = open_driver(backend, name="local", folder=_folder(), surroundings=surroundings)
    return driver, trio.run(driver.describe), read_settings(backend, _folder())


def _simulated(method: str, level: int, noise: str) -> Callable[..., Answer]:
    def answer(text: str, points: Sequence[Mapping[str, float]], shots: int, seed: int) -> Answer:
        from qbatch.errors import Unfit
        from qbatch.providers import Order
        from qbatch.providers.local.engine import simulate
        from qbatch.providers.local.method import is_exact, settled
        from qbatch.providers.local.work import cut

        circuit = circuit_of(text)
        try:
            driver, target, settings = _backend(method, level, noise)
        except Unfit as error:
            raise Unable(str(error)) from error
        orders = [
            Order(f"{at:064x}", f"point {at}", circuit, point, shots, seed + at)
            for at, point in enumerate(points)
        ]
        for order in orders:
            if refusal := driver.check(order, target):
                raise Unable(refusal)
        exact = is_exact(circuit.facts, settled(circuit.facts, settings))
        found: dict[str, Mapping[str, float]] = {}
        with _probabilities_drawn() if exact else contextlib.nullcontext():
            for chunk in cut(orders, settings):
                _take(chunk, simulate(chunk), circuit, found)
        scale = EXACT if exact else 1
        return Answer(
            [{key: n / scale for key, n in found[order.id].items()} for order in orders], exact
        )

    return answer


def _take(chunk: Any, answer: Any, circuit: Any, found: dict[str, Mapping[str, float]]) -> None:
    from qbatch.result import Counts

    registers, start = tuple((r.name, r.num_bits) for r in circuit.facts.registers), 0
    for job_id, size in zip(chunk.job_ids, answer.sizes, strict=True):
        if job_id in answer.errors:
            raise RuntimeError(f"the run failed: {answer.errors[job_id]}")
        rows = slice(start, start + size)
        start += size
        found[job_id] = Counts(registers, answer.outcomes[rows], answer.counts[rows]).to_dict()


def _opened(text: str, *_: Any) -> Answer:
    """Only read: whether the program is taken at all."""
    circuit_of(text)
    return Answer([], exact=True)


# -- what is written -------------------------------------------------------------------------------

#: Gates of a machine that a written program is fitted to.
BASIS = ("rz", "sx", "x", "cx")


def written(
    text: str, point: Mapping[str, float], version: str, register: str | None, fitted: bool
) -> str:
    from qbatch.circuit import Fit, program_text
    from qbatch.errors import CircuitError

    circuit = circuit_of(text)
    fit = Fit(BASIS, optimization_level=1) if fitted else None
    try:
        return program_text(circuit, point, version, register=register, fit=fit)
    except CircuitError as error:
        raise Unable(f"not written: {error}") from error


def _read_back(version: str, register: str | None, fitted: bool) -> Callable[..., Answer]:
    def answer(text: str, points: Sequence[Mapping[str, float]], *_: int) -> Answer:
        from evaluator import evaluate

        texts = [written(text, point, version, register, fitted) for point in points]
        return Answer([evaluate(one) for one in texts], exact=True, joined=register is not None)

    return answer


# -- what emulators make of it ---------------------------------------------------------------------


def _emulated(version: str, register: str | None, fitted: bool) -> Callable[..., Answer]:
    def answer(text: str, points: Sequence[Mapping[str, float]], shots: int, seed: int) -> Answer:
        from qbatch.emulators.simulation import simulate_shots, solve

        found: list[Mapping[str, float]] = []
        exact = True
        for point in points:
            sent = written(text, point, version, register, fitted)
            solution = solve(sent, 64)
            if solution.error:
                raise RuntimeError(f"{solution.error}\n{sent}")
            if solution.probabilities is None:
                exact, counted = False, simulate_shots(sent, shots, seed)
            else:
                counted = dict(zip(solution.outcomes, solution.probabilities, strict=True))
            found.append(_words(counted, solution.registers))
        return Answer(found, exact, joined=register is not None)

    return answer


def _of_ibm(text: str, points: Sequence[Mapping[str, float]], shots: int, seed: int) -> Answer:
    from qbatch.emulators.ibm_direct_access import circuits
    from qbatch.emulators.simulation import simulate_circuit

    found: list[Mapping[str, float]] = []
    exact = True
    for point in points:
        source = circuits.Source(written(text, point, "3.0", None, True), is_text=True)
        read = circuits.read_circuit(source)
        solution = circuits.solution_of(source, (), 64, None)
        if solution.error:
            raise RuntimeError(solution.error)
        if solution.probabilities is None:
            exact, counted = False, simulate_circuit(read.circuit, shots, seed)
        else:
            counted = dict(zip(solution.outcomes, solution.probabilities, strict=True))
        fields = [name for name, _ in read.fields]
        bits = dict(read.fields)
        order = [r.name for r in circuit_of(text).facts.registers]
        names = sorted(fields, key=lambda n: order.index(n) if n in order else len(order))
        words: dict[str, float] = {}
        for outcome, share in counted.items():
            parts = ["".join("01"[outcome >> b & 1] for b in reversed(bits[n])) for n in names]
            key = " ".join(reversed(parts))
            words[key] = words.get(key, 0.0) + share
        found.append(words)
    return Answer(found, exact)


def _words(
    counted: Mapping[int, float], registers: Sequence[tuple[str, int]]
) -> Mapping[str, float]:
    found = {}
    for outcome, share in counted.items():
        parts = []
        for _, size in registers:
            parts.append(f"{outcome & ((1 << size) - 1):0{size}b}")
            outcome >>= size
        found[" ".join(reversed(parts))] = share
    return found


# -- all of them -----------------------------------------------------------------------------------

METHODS = (
    "automatic", "statevector", "density_matrix", "matrix_product_state", "stabilizer", "stim",
)  # fmt: skip

_resynthesised = partial(Subject, is_resynthesised=True)

SUBJECTS: Mapping[str, Subject] = {
    subject.name: subject
    for subject in (
        Subject("read", _opened),
        *(Subject(method, _simulated(method, 0, "")) for method in METHODS),
        *(_resynthesised(f"transpiled-{n}", _simulated("automatic", n, "")) for n in (1, 2, 3)),
        *(
            Subject(f"{method}+{noise}", _simulated(method, 0, noise), NOISES[noise].reference)
            for noise in NOISES
            for method in METHODS
        ),
        Subject("written-2", _read_back("2.0", None, False)),
        Subject("written-3", _read_back("3.0", None, False)),
        Subject("written-2-joined", _read_back("2.0", "c", False)),
        Subject("written-3-joined", _read_back("3.0", "c", False)),
        _resynthesised("written-2-fitted", _read_back("2.0", "c", True)),
        _resynthesised("written-3-fitted", _read_back("3.0", None, True)),
        _resynthesised("emulated-2", _emulated("2.0", "c", False)),
        _resynthesised("emulated-3", _emulated("3.0", "c", False)),
        _resynthesised("emulated-2-fitted", _emulated("2.0", "c", True)),
        _resynthesised("emulated-ibm", _of_ibm),
    )
}
