"""How much of a number is left on a machine, by the errors that are told of it before jobs run.

A number that depends on every measured bit is left of a circuit as

    (1 - e1)^n1                one-qubit gates, each with error e1
    (1 - e2)^n2                two-qubit gates, each with error e2
    (1 - 2 r)^m                measured bits, each read wrongly with probability r

of what it would be without errors: depolarizing gates and readout errors that are alike for 0 and 1
(Nielsen & Chuang, section 8.3.4; Bravyi et al., Phys. Rev. A 103, 042605, section II). Errors are
medians over the machine, gates those of the circuit as written. It is an estimate that tells
machines apart, no forecast of a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from qbatch.calibration import values_of

if TYPE_CHECKING:
    from qbatch.circuit.facts import CircuitFacts
    from qbatch.manifest.models import Backend

ONE, TWO, READOUT = "one-qubit gates", "two-qubit gates", "readout"

#: Gates that most machines do in software, or that are no gates.
_NO_GATES = frozenset({"rz_error", "id_error"})


def told_errors(calibration: Any) -> dict[str, float]:
    """Return what a calibration tells of errors: kind -> median over the machine."""
    found: dict[str, list[float]] = {ONE: [], TWO: [], READOUT: []}
    for column, value in values_of(calibration).items():
        if not 0 <= value.value <= 1:
            continue
        if column.name == "readout_error" and len(column.qubits) == 1:
            found[READOUT].append(value.value)
        elif column.name.endswith("_error") and column.name not in _NO_GATES:
            kinds = {1: ONE, 2: TWO}
            if (kind := kinds.get(len(column.qubits))) is not None and "readout" not in column.name:
                found[kind].append(value.value)
    return {kind: median(values) for kind, values in found.items() if values}


def simulated_errors(backend: Backend) -> dict[str, float]:
    """Return the errors of a simulator here; none that its noise has in another form."""
    noise = dict(backend.noise or {})
    depolarizing, readout = noise.pop("depolarizing", {}), noise.pop("readout", 0.0)
    if noise or not isinstance(depolarizing, Mapping) or not isinstance(readout, int | float):
        return {}
    one, two = (depolarizing.get(key, 0.0) for key in ("one_qubit", "two_qubit"))
    return {ONE: float(one), TWO: float(two), READOUT: float(readout)}


def left_of(circuits: Iterable[CircuitFacts], errors: Mapping[str, float]) -> dict[str, float]:
    """Return which share of a number is left: kind of error -> the least over circuits, 0 to 1."""
    found: dict[str, float] = {}
    for facts in circuits:
        for kind, share in _shares(facts, errors):
            found[kind] = min(share, found.get(kind, 1.0))
    return found


def _shares(facts: CircuitFacts, errors: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    one = facts.num_gates - facts.num_two_qubit_gates
    for kind, number, each in (
        (ONE, one, 1 - errors.get(ONE, 0.0)),
        (TWO, facts.num_two_qubit_gates, 1 - errors.get(TWO, 0.0)),
        (READOUT, len(facts.measured_bits), 1 - 2 * errors.get(READOUT, 0.0)),
    ):
        if kind in errors:
            yield kind, max(0.0, each) ** number
