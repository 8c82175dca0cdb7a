"""A circuit with more noise and the same meaning: gates are undone and done again.

Unitary folding, as Giurgica-Tiron, Hindy, LaRose, Mari and Zeng describe it ("Digital zero noise
extrapolation for quantum error mitigation", IEEE QCE 2020, arXiv:2005.10921): in place of U stands
U (U⁻¹ U)ᵏ, of all gates together (`global`) or of each statement's by itself (`gates`). Where the
scale is no odd whole number, the last gates are folded once more, so many that the scale is met as
nearly as it can be; the scale that is reached is 1 + 2 (noise of gates folded)/(noise of gates),
where a gate on more than one qubit brings `JOINED` times the noise of one on one.

Rules: barriers stand between what is folded, so that compilers that honour them cancel nothing.
Gates that follow the first measurement are folded statement by statement, for nothing of theirs can
stand before it. A gate of the person's own counts as what it comes down to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.inverse import (
    NoInverseError,
    forward,
    inverse,
    uses,
    weight_of,
    weights_of_own,
)
from qbatch.circuit.outline import Outline, Statement, joined, outline_of, with_lines
from qbatch.circuit.program import Gate, If, Measure, Operation, Reset, While
from qbatch.circuit.unchangeable import UnchangeableError
from qbatch.errors import CircuitError, SourceErrors
from qbatch.frozen import dataclass

Fold = Literal["global", "gates"]


class UnfoldableError(UnchangeableError):
    """A circuit cannot be folded."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Gates that are folded together.

    Attributes:
        at: Offset where what is put in stands.
        operations: Gates, barriers and delays, in order.
        weights: Of each.
        is_whole: All of them are folded once more, or none.
    """

    at: int
    operations: Sequence[Operation]
    weights: Sequence[int]
    is_whole: bool

    @property
    def weight(self) -> int:
        """Noise that its gates bring."""
        return sum(self.weights)


def folded(circuit: Circuit, scale: float, fold: Fold) -> tuple[Circuit, float]:
    """Return a circuit that means the same and has so much more noise, and the scale reached.

    Args:
        circuit: Not changed; one that measures, each qubit at its end.
        scale: By which noise is to grow, 1 or more.
        fold: What is folded together.

    Raises:
        UnfoldableError: It goes by results, resets qubits, measures within a block, has no gates,
            has one that cannot be undone, or is too long when it is folded.
    """
    outline = outline_of(circuit.text)
    _check(circuit, outline)
    parts = _parts(outline, fold)
    total = sum(part.weight for part in parts)
    if not total:
        raise UnfoldableError(
            "the circuit has no gates, and so no noise of gates to scale; leave zne out"
        )
    times = int((scale - 1) / 2 + 1e-9)
    last, reached = _last((scale - 1) / 2 * total - times * total, parts)
    try:
        lines = _lines(outline, parts, times, last)
        made = with_lines(circuit, lines) if lines else circuit
    except NoInverseError as error:
        raise UnfoldableError(str(error)) from error
    except (CircuitError, SourceErrors) as error:
        problem = error.problem if isinstance(error, CircuitError) else str(error)
        raise UnfoldableError(f"the circuit cannot be folded {scale:g} times: {problem}") from error
    return made, 1 + 2 * (times + reached / total)


def _check(circuit: Circuit, outline: Outline) -> None:
    operations = [*outline.operations]
    if any(isinstance(each, If | While) for each in operations):
        raise UnfoldableError(
            "the circuit goes by conditions; what is done then cannot be undone: leave zne out"
        )
    if circuit.facts.is_dynamic:
        raise UnfoldableError(
            "the circuit measures or resets a qubit and goes on with it, which cannot be undone; "
            "measure once, at the end"
        )
    if outline.ends_within:
        raise UnfoldableError("the circuit ends within a block; leave out `end`")
    for statement in outline.statements:
        kinds = {type(each) for each in statement.operations}
        if Gate in kinds and kinds & {Measure, Reset}:
            raise UnfoldableError(
                "the circuit has a statement that both acts on qubits and measures or resets them; "
                "measure in a statement of its own"
            )


def _parts(outline: Outline, fold: Fold) -> list[_Part]:
    """Return what is folded together, in order."""
    statements = outline.statements
    measured = [n for n, each in enumerate(statements) if _has(each, Measure)]
    first = measured[0] if measured else len(statements)
    before = [each for each in statements[:first] if _has(each, Gate)]
    late = [each for each in statements[first:] if _has(each, Gate)]
    own = weights_of_own(outline.program)
    if fold == "global" and before:
        block = _part(statements[:first], before[-1].end, own, is_whole=False)
        return [block, *(_part([each], each.end, own) for each in late)]
    return [_part([each], each.end, own) for each in (*before, *late)]


def _has(statement: Statement, kind: type) -> bool:
    return any(isinstance(each, kind) for each in statement.operations)


def _part(
    statements: Sequence[Statement], at: int, own: Mapping[str, int], *, is_whole: bool = True
) -> _Part:
    operations = [each for each in joined(statements) if not isinstance(each, Reset)]
    weights = [weight_of(each, own) for each in operations]
    return _Part(at, operations, weights, is_whole)


def _last(wanted: float, parts: Sequence[_Part]) -> tuple[dict[int, int], int]:
    """Find the last operations that bring so much noise, as nearly as can be.

    Returns:
        Number of a part -> how many of its operations are not among them; and what they weigh.
    """
    found: dict[int, int] = {}
    reached = 0
    for number, at, weight in _from_the_end(parts):
        if abs(reached + weight - wanted) >= abs(reached - wanted):
            break
        reached += weight
        found[number] = at
    return found, reached


def _from_the_end(parts: Sequence[_Part]) -> Iterator[tuple[int, int, int]]:
    """Yield (part, operation it begins with, weight) of what may be folded once more."""
    for number in reversed(range(len(parts))):
        part = parts[number]
        if part.is_whole:
            yield number, 0, part.weight
            continue
        for at in reversed(range(len(part.operations))):
            if part.weights[at]:
                yield number, at, part.weights[at]


def _lines(
    outline: Outline, parts: Sequence[_Part], times: int, last: dict[int, int]
) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for number, part in enumerate(parts):
        lines = _again(outline, part.operations) * times
        if number in last:
            lines = [*lines, *_again(outline, part.operations[last[number] :])]
        if lines:
            found.setdefault(part.at, []).extend(lines)
    return found


def _again(outline: Outline, operations: Sequence[Operation]) -> list[str]:
    """Write what undoes gates and does them again."""
    names = outline.qubits
    barrier = f"barrier {', '.join(names[qubit] for qubit in uses(operations))};"
    undone = inverse(operations, outline.program, names)
    return [barrier, *undone, barrier, *forward(operations, names)]
