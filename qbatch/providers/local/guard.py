"""What one call computes for many points is held against one point computed by itself.

The first time a circuit is made ready, one of its points (and one of ours, where all of theirs are
too plain: an angle of 0 or pi/2 hides much) is also computed by an independent route: bound by
assignment, then one matrix after the other in numpy (`plain`), from the circuit as it was read. The
two distributions must agree to rounding. Where they do not, the circuit and the gate are told, and
the points are bound one by one if that agrees; else they fail. No number is given that disagreed.

Rules: it is asked before the first point of a circuit is answered, in each worker; what it finds is
kept on disk (`verdicts`), so that a second run pays nothing. Only circuits that are computed
quickly go in one call (`prepare`), so that it costs about as much as a few points; larger ones,
circuits with feedback, and methods that simulate shots are always bound by assignment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from qbatch.circuit import build
from qbatch.errors import Refused
from qbatch.providers.local import plain, verdicts
from qbatch.providers.local.batching import installed, is_open
from qbatch.providers.local.exact import data_apart, data_together, probabilities_of
from qbatch.providers.local.failures import failures
from qbatch.providers.local.fused.answers import probabilities_at
from qbatch.providers.local.fused.program import Fused
from qbatch.providers.local.plain import plain_s
from qbatch.providers.local.points import assigned
from qbatch.providers.local.prepare import (
    QUICK_S,
    Looked,
    Prepared,
    as_written,
    in_time,
    prepare,
    written_bits,
)
from qbatch.providers.local.verdicts import Verdict
from qbatch.providers.local.work import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Values = Sequence[float]

#: A point's probabilities, and its state if it is kept; None: it has no angles, or no result.
Route = Callable[[Values], tuple[Any, Any] | None]

#: By how much probabilities and amplitudes may differ, in double and in single precision.
TOLERANCE = {"double": 1e-9, "single": 1e-4}

#: The same where a transpiler chose the gates: Qiskit synthesises each block of two qubits to a
#: fidelity of 1 - 1e-9 (`TwoQubitWeylDecomposition`), so amplitudes miss up to 4.5e-5 a block.
RESYNTHESISED = 5e-4

#: An angle this near to a multiple of pi/4 proves little.
_NEAR = 1e-3


def checked(prepared: Prepared, program: Program, points: Sequence[Values]) -> Prepared | None:
    """Return what is to be computed with: together if that is right, else point by point.

    None: at none of these points could it be told, so that it is to be asked again.

    Args:
        prepared: Of the program, not looked at yet.
        program: Whose key the verdict is kept by.
        points: Values asked for, at least one.

    Raises:
        Refused: Even point by point the numbers disagree.
    """
    if not prepared.is_quick:
        return prepared
    key = verdicts.key_of(program.key, prepared.gates)
    verdict = verdicts.read(key)
    if verdict is None:
        verdict = judge(prepared, program, points)
        if verdict is None:
            return None
        verdicts.keep(key, verdict)
    together = prepared.together if verdict.together else None
    return replace(prepared, together=together, warning=verdict.warning)


def held(fused: Fused, program: Program, points: Sequence[Values]) -> bool:
    """Hold what `fused` computes against one point computed by itself.

    By `plain`, or where that takes long by Aer, bound by assignment. False: at none of these points
    are there angles, so that it is to be asked again.

    Args:
        fused: Of the program, not looked at yet.
        program: Whose key the verdict is kept by.
        points: Values asked for, at least one.

    Raises:
        Refused: The numbers disagree.
    """
    key = verdicts.key_of(program.key, ("numpy",))
    if verdicts.read(key) is not None:
        return True
    found = _answers(fused, points, _of_plain_or_aer(fused, program))
    if not found:
        return False
    data = [{"probabilities": row} for row in probabilities_at(fused, [v for v, _ in found])]
    if difference := _first_wrong(fused, data, found):
        raise Refused(
            f"local: circuit {program.circuit.name!r}: numpy computes it wrongly ({difference}); "
            "no number is given; options: {method: statevector} (or density_matrix) computes by Aer"
        )
    verdicts.keep(key, Verdict(together=True))
    return True


def _of_plain_or_aer(fused: Fused, program: Program) -> Route:
    mixed = fused.stages.values == 4
    if plain_s(fused.stages.num_sites, len(fused.circuit.data), mixed=mixed) <= QUICK_S:
        return _independent(fused, program)
    by_aer = prepare(replace(program, settings=replace(program.settings, library="aer")))

    def answer(values: Values) -> tuple[Any, Any] | None:
        (data,) = data_apart(by_aer, [values])
        return None if isinstance(data, str) else (probabilities_of(by_aer, data), None)

    return answer


def judge(prepared: Prepared, program: Program, points: Sequence[Values]) -> Verdict | None:
    """Compute a point or two by the independent route and compare.

    Returns:
        How to compute the circuit; None: at no point could it be told.

    Raises:
        Refused: Neither way agrees with it.
    """
    answers = _answers(prepared, points, _independent(prepared, program))
    if not answers:
        return None
    asked = [values for values, _ in answers]
    warning = ""
    if prepared.together is not None:
        found = data_together(prepared, asked)
        if found is not None and not _first_wrong(prepared, found, answers):
            return Verdict(together=True)
        warning = _said(prepared, program, answers[0])
    if _first_wrong(prepared, data_apart(prepared, asked), answers):
        told = warning or f"circuit {program.circuit.name!r}"
        raise Refused(f"local: {told}; bound one by one it is wrong too: no number is given")
    if warning:
        warning += "; its points are bound one by one instead, which agrees"
    return Verdict(False, warning)


def _said(prepared: Prepared, program: Program, answered: tuple[Values, Any]) -> str:
    """Say what is wrong: at a point of ours, so that all workers say the same.

    Where ours has no angles, at the one answered.
    """
    values = _ours(len(prepared.parameters))
    answer = _independent(prepared, program)(values)
    if answer is None:
        values, answer = answered
    detail = "it gives no results"
    if (found := data_together(prepared, [values, values])) is not None:
        detail = _first_wrong(prepared, found, [(values, answer)] * 2)
    named = ", ".join(suspects(prepared, [values, values])) or "not found by trying each by itself"
    aer, _ = installed()
    return (
        f"circuit {program.circuit.name!r}: qiskit-aer {aer} computes many points in one call "
        f"wrongly{f' ({detail})' if detail else ''}; gate: {named}"
    )


# -- which points ----------------------------------------------------------------------------------


def _answers(prepared: Looked, points: Sequence[Values], route: Route) -> list[tuple[Values, Any]]:
    """Return the points to try with what they have; where none has angles, the first other."""
    tried = [*_tried(prepared, points)]
    found = [(values, answer) for values in tried if (answer := route(values)) is not None]
    others = (values for values in points if values not in tried)
    left = ((values, answer) for values in others if (answer := route(values)) is not None)
    return found or [*islice(left, 1)]


def _tried(prepared: Looked, points: Sequence[Values]) -> Iterator[Values]:
    """The point that hides least; one of ours too, where it hides something."""
    used = [index for index, parameter in enumerate(prepared.parameters) if parameter is not None]
    best = max(points, key=lambda values: _worth(values, used))
    yield best
    if _worth(best, used) < len(used):
        yield _ours(len(best))


def _ours(size: int) -> Values:
    """A point that hides nothing: angles of their own between 0.1 and 0.9."""
    return [0.1 + 0.8 * math.modf(0.37 + 0.618034 * index)[0] for index in range(size)]


def _worth(values: Values, used: Sequence[int]) -> int:
    """How many parameters have a value of their own that is no multiple of pi/4."""
    told = {values[index] for index in used if math.isfinite(values[index])}
    eighths = {value: value / (math.pi / 4) for value in told}
    return sum(abs(eighth - round(eighth)) > _NEAR for eighth in eighths.values())


# -- the independent route -------------------------------------------------------------------------


def _independent(prepared: Looked, program: Program) -> Route:
    """Return what gives probabilities as `prepared` orders them, and the state if it is kept."""
    noise = program.settings.noise
    mixed = noise is not None and noise.acts_on_gates
    circuit = as_written(program) if mixed else in_time(build(program.circuit), program)
    by_name = {parameter.name: parameter for parameter in circuit.parameters}
    parameters = [by_name.get(name) for name in program.circuit.facts.parameters]
    qubits = _qubits(prepared, circuit)

    def answer(values: Values) -> tuple[Any, Any] | None:
        try:
            at_point = assigned(circuit, parameters, values)
        except Refused:
            return None
        state = plain.final_state(at_point) if program.settings.options.statevector else None
        return plain.distribution(at_point, qubits, mixed=mixed), state

    return answer


def _qubits(prepared: Looked, circuit: QuantumCircuit) -> list[int]:
    """Qubits of `circuit` in the order of the prepared one's, which transpiling may have moved."""
    written = written_bits(circuit)
    return [
        written[prepared.positions.index(place)] for place in range(len(prepared.measured or ()))
    ]


def _first_wrong(prepared: Looked, found: Sequence[Any], answers: Sequence[Any]) -> str:
    """Say how the first point that disagrees does; "" when all agree."""
    for data, (values, answer) in zip(found, answers, strict=True):
        if difference := _difference(prepared, data, *answer):
            named = zip(prepared.parameters, values, strict=True)
            told = ", ".join(f"{p.name} = {v:.6g}" for p, v in named if p is not None)
            return f"at {told[:120]} {difference}"
    return ""


def _difference(prepared: Looked, data: Any, wanted: Any, state: Any) -> str:
    import numpy as np

    if isinstance(data, str):
        return f"it fails: {data}"
    try:
        got = probabilities_of(prepared, data)
    except Refused as error:
        return str(error)
    tolerance = TOLERANCE[prepared.precision]
    if prepared.is_resynthesised:
        tolerance = max(tolerance, RESYNTHESISED)
    worst = int(np.abs(got - wanted).argmax())
    if not abs(got[worst] - wanted[worst]) <= tolerance:
        outcome = format(worst, f"0{max(1, len(prepared.measured or ()))}b")
        return f"P({outcome}) = {got[worst]:.6g}, and a plain computation has {wanted[worst]:.6g}"
    if state is not None and not np.allclose(data["statevector"], state, 0, tolerance):
        return "the state is another than by a plain computation"
    return ""


# -- which gate ------------------------------------------------------------------------------------


def suspects(prepared: Prepared, points: Sequence[Values]) -> Iterator[str]:
    """Try each gate with open angles by itself, in one call; yield the names of those wrong."""
    seen: set[str] = set()
    for item in prepared.together.data if prepared.together is not None else ():
        operation = item.operation
        if operation.name in seen or not is_open(operation):
            continue
        if not _is_right_alone(prepared, operation, points):
            seen.add(operation.name)
            yield operation.name


def _is_right_alone(prepared: Prepared, operation: Any, points: Sequence[Values]) -> bool:
    from qiskit import QuantumCircuit

    qubits = range(operation.num_qubits)
    circuit = QuantumCircuit(operation.num_qubits)
    for _ in range(2):
        for qubit in qubits:
            circuit.u(0.9 + 0.3 * qubit, 0.4, 0.7 * qubit + 0.2, qubit)
        if len(circuit.data) == len(qubits):
            circuit.append(operation, qubits)
    together = circuit.copy()
    together.save_probabilities(list(qubits))
    alone = replace(
        prepared, circuit=together, together=together, measured=tuple(qubits), positions=()
    )
    found = data_together(alone, points)
    if found is None:
        return False
    for data, values in zip(found, points, strict=True):
        try:
            at_point = assigned(circuit, prepared.parameters, values)
            wanted = plain.distribution(at_point, [*qubits], mixed=False)
        except failures():
            continue
        if _difference(alone, data, wanted, None):
            return False
    return True
