"""In which bases the points of a circuit are measured, and what is sent for each of them.

A circuit is measured in as few bases as give every number of the analysis. Where an observable that
comes later would change those of the ones before, and save no setting by that, it does not: what
was bought for them is not bought again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.errors import QbatchError

if TYPE_CHECKING:
    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Analysis, Manifest, Value
    from qbatch.result.grouping import Basis
    from qbatch.result.pauli import PauliSum

#: What of an analysis is made of no outcomes: of observables, or of other numbers.
_OF_NO_OUTCOMES = {"observables", "intervals", "derived", "expected", "fits"}

Registers = tuple[tuple[str, int], ...]
#: Texts of the observables of a point.
Sums = tuple[str, ...]

_NO_VALUES: Mapping[str, Any] = {}


class UnmeasuredError(QbatchError):
    """An observable cannot be had of a circuit; never leaves this package.

    Attributes:
        name: Of the observable.
        problem: Why.
    """

    def __init__(self, circuit: str, name: str, problem: str) -> None:
        self.name = name
        self.problem = f"{problem} (circuit {circuit!r})"
        super().__init__(self.problem)


class Measured(NamedTuple):
    """What is sent for one setting of a circuit's points.

    Attributes:
        basis: Its text; "" as the circuit is written.
        program: The circuit, with gates before its measurements.
    """

    basis: str
    program: Circuit


def may_rotate(manifest: Manifest) -> bool:
    """Tell whether some observable may have to be measured in a basis of its own."""
    observables = manifest.analysis.observables.values()
    if manifest.analysis.varying:
        return True  # what they are is known point by point
    if not any("X" in text or "Y" in text for text in observables):
        return False  # and no more is loaded
    from qbatch.result.expression import speaks_of_x_or_y

    return any(map(speaks_of_x_or_y, observables))


def axes_of_observables(manifest: Manifest) -> frozenset[str]:
    """Return the names of the axes of which observables are made, and perhaps of others."""
    varying = manifest.analysis.varying.values()
    return frozenset().union(*(each.axes for each in varying))


class Measurements:
    """The settings of each circuit text, as a manifest's analysis needs them.

    Args:
        manifest: The manifest.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._analysis = manifest.analysis
        self._as_written = _needs_as_written(manifest)
        self._bases: dict[tuple[Sums, Registers], tuple[Basis, ...]] = {}
        self._made: dict[tuple[Sums, str], tuple[Measured, ...]] = {}
        self._rotated: dict[tuple[str, str], Circuit] = {}

    def of(
        self, circuit: Circuit, values: Mapping[str, Value] = _NO_VALUES
    ) -> tuple[Measured, ...]:
        """Return the settings in which a circuit is measured, as it is written first.

        Args:
            circuit: The circuit.
            values: Axis -> value at its points, of axes of which observables are made.

        Raises:
            UnmeasuredError: An observable cannot be had of it.
            SourceError: An observable cannot be made of these values.
        """
        analysis = self._analysis.at(values)
        key = (*analysis.observables.values(),), circuit.sha256
        if key not in self._made:
            self._made[key] = self._make(circuit, analysis)
        return self._made[key]

    def whole(self, circuit: Circuit) -> Circuit:
        """Return a circuit as it is measured: one that ends unmeasured in all of its qubits."""
        if circuit.facts.num_bits:
            return circuit
        if (circuit.sha256, "") not in self._rotated:
            from qbatch.circuit.measuring import measured_whole

            made = circuit
            with suppress(ValueError):  # what has nothing to measure is told by `check_programs`
                made = measured_whole(circuit)
            self._rotated[circuit.sha256, ""] = made
        return self._rotated[circuit.sha256, ""]

    def program(self, circuit: Circuit, basis: str) -> Circuit:
        """Return what is sent of a circuit for the setting of that basis."""
        if not basis:
            return self.whole(circuit)
        if (circuit.sha256, basis) not in self._rotated:
            from qbatch.circuit.measuring import measured_in
            from qbatch.result.grouping import Basis

            made = measured_in(circuit, Basis.parse(basis))
            self._rotated[circuit.sha256, basis] = made
        return self._rotated[circuit.sha256, basis]

    def _make(self, circuit: Circuit, analysis: Analysis) -> tuple[Measured, ...]:
        registers = tuple((each.name, each.num_bits) for each in circuit.facts.registers)
        key = (*analysis.observables.values(),), registers
        if key not in self._bases:
            self._bases[key] = self._bases_for(analysis, registers)
        found = []
        for basis in self._bases[key]:
            try:
                found.append(Measured(basis.text, self.program(circuit, basis.text)))
            except ValueError as error:
                raise _refusal(circuit, _sums(analysis, registers), basis, error) from error
        return tuple(found)

    def _bases_for(self, analysis: Analysis, registers: Registers) -> tuple[Basis, ...]:
        from qbatch.result.grouping import Basis

        sums = _sums(analysis, registers)
        bases = fewest_bases([*sums.values()])
        if self._as_written and all(basis.text for basis in bases):
            bases = (Basis.parse(""), *bases)
        return bases or (Basis.parse(""),)


def _refusal(
    circuit: Circuit, sums: Mapping[str, PauliSum], basis: Basis, error: ValueError
) -> UnmeasuredError:
    """Return the refusal of a basis, at the first observable that cannot be had for itself."""
    from qbatch.circuit.measuring import measured_in
    from qbatch.result.grouping import group

    for name, each in sums.items():
        for own in group([each]):
            try:
                measured_in(circuit, own)
            except ValueError as refused:
                return UnmeasuredError(circuit.name, name, _problem(refused))
    name = next(name for name, each in sums.items() if _is_measured_in(each, basis))
    return UnmeasuredError(circuit.name, name, _problem(error))


def fewest_bases(sums: Sequence[PauliSum]) -> tuple[Basis, ...]:
    """Return bases that measure each term of these sums, as few as can be found.

    The first sums keep the bases that they have without the later ones, unless that takes more.
    """
    from qbatch.result.grouping import group
    from qbatch.result.pauli import PauliSum

    together = group(sums)
    if len(sums) < 2 or len(together) < 2:
        return together
    in_turn: list[Basis] = []
    for each in sums:
        left = [term for term in each.terms if term and not _measured(term, in_turn)]
        if left:
            in_turn += group([PauliSum({term: each.terms[term] for term in left})])
        if len(in_turn) > len(together):
            return together
    return (*sorted(in_turn, key=lambda basis: bool(basis.text)),)


def _measured(term: tuple[tuple[int, str], ...], bases: Sequence[Basis]) -> bool:
    return any(basis.measures(term) for basis in bases)


def _is_measured_in(found: PauliSum, basis: Basis) -> bool:
    return any(basis.measures(term) for term in found.terms)


def _problem(error: ValueError) -> str:
    return str(getattr(error, "problem", error))


def _needs_as_written(manifest: Manifest) -> bool:
    """Tell whether a number or a figure is made of the outcomes themselves."""
    analysis = manifest.analysis
    others = type(analysis).model_fields.keys() - _OF_NO_OUTCOMES
    has_histogram = any(plot.type == "histogram" for plot in manifest.report.plots)
    return has_histogram or any(getattr(analysis, name) for name in others)


def _sums(analysis: Analysis, registers: Registers) -> Mapping[str, PauliSum]:
    from qbatch.result import NotationError
    from qbatch.result.pauli import parse_pauli

    num_bits = sum(size for _, size in registers)
    found = {}
    for name, text in analysis.observables.items():
        with suppress(NotationError):  # what cannot be read is told by `check_programs`
            found[name] = parse_pauli(text, num_bits, registers)
    return found
