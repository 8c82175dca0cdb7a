"""In which settings the points of a circuit are measured, and what is sent for each of them.

A circuit is measured in as few bases as give every number of the analysis. Where an observable that
comes later would change those of the ones before, and save no setting by that, it does not: what
was bought for them is not bought again. Where noise is to be scaled, each basis is measured at each
scale; what is measured at scale 1 stays what it is without. Where circuits are twirled, too, what
is twirled stands beside that, and of what is scaled in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.bases import Setting, scale_text
from qbatch.errors import QbatchError
from qbatch.plan.weights import Weight, variances_of

if TYPE_CHECKING:
    from qbatch.circuit import Circuit
    from qbatch.manifest.models import Analysis, Manifest, Value
    from qbatch.result.grouping import Basis
    from qbatch.result.pauli import PauliSum

#: What of an analysis is made of no outcomes: of observables, or of other numbers.
_OF_NO_OUTCOMES = {"observables", "intervals", "derived", "expected", "fits", "mitigation"}

#: Where noise is asked to be scaled, and readout to be mended.
_ZNE = ("analysis", "mitigation", "zne")
_READOUT = ("analysis", "mitigation", "readout")
_TWIRL = ("analysis", "mitigation", "twirl")

Registers = tuple[tuple[str, int], ...]
#: Texts of the observables of a point.
Sums = tuple[str, ...]

_NO_VALUES: Mapping[str, Any] = {}


class UnmeasuredError(QbatchError):
    """An observable cannot be had of a circuit, or not as asked for; never leaves this package.

    Attributes:
        loc: Of what asks for it.
        problem: Why.
    """

    def __init__(self, circuit: str, loc: tuple[str, ...], problem: str) -> None:
        self.loc = loc
        self.problem = f"{problem} (circuit {circuit!r})"
        super().__init__(self.problem)


class Measured(NamedTuple):
    """What is sent for one setting of a circuit's points.

    Attributes:
        setting: With what it is measured.
        program: The circuit, folded, and with gates before its measurements.
        weight: What it weighs among the settings of its point; of a calibration nothing.
    """

    setting: Setting
    program: Circuit
    weight: Weight = Weight(0.0)


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


def scales_of(manifest: Manifest) -> tuple[float, ...]:
    """Return the scales of noise at which points are measured, 1 first; () where none is scaled."""
    zne = manifest.analysis.mitigation.zne
    return () if zne is None else tuple(sorted(zne.scales))


def forms_in(manifest: Manifest) -> int:
    """Return how many forms of each circuit are measured; 0: circuits are not twirled."""
    twirl = manifest.analysis.mitigation.twirl
    return 0 if twirl is None else twirl.n


def has_settings(manifest: Manifest) -> bool:
    """Tell whether some points may have other settings than as their circuit is written."""
    asked = manifest.analysis.mitigation
    return (
        asked.readout is not None
        or asked.twirl is not None
        or bool(scales_of(manifest))
        or may_rotate(manifest)
    )


def asks_of_bits(manifest: Manifest) -> bool:
    """Tell whether numbers of bits are asked for: a circuit that ends unmeasured is measured."""
    return bool(manifest.analysis.observables or manifest.analysis.probabilities)


class Whole:
    """Makes of circuits what is measured: of one that ends unmeasured all of its qubits."""

    def __init__(self) -> None:
        #: By the text's SHA-256.
        self._made: dict[str, Circuit] = {}

    def __call__(self, circuit: Circuit) -> Circuit:
        """Return a circuit as it is measured; itself, where it has classical bits."""
        if circuit.facts.num_bits:
            return circuit
        if circuit.sha256 not in self._made:
            from qbatch.circuit.measuring import measured_whole

            made = circuit
            with suppress(ValueError):  # what has nothing to measure is told by `check_programs`
                made = measured_whole(circuit)
            self._made[circuit.sha256] = made
        return self._made[circuit.sha256]


class Measurements:
    """The settings of each circuit text, as a manifest's analysis needs them.

    Args:
        manifest: The manifest.
        whole: Makes of a circuit what is measured.
    """

    def __init__(self, manifest: Manifest, whole: Whole) -> None:
        self.whole = whole
        self._analysis = manifest.analysis
        self._as_written = _needs_as_written(manifest)
        self._bases: dict[tuple[Sums, Registers], tuple[Basis, ...]] = {}
        #: Of the same: by how much a shot in each of these bases varies.
        self._variances: dict[tuple[Sums, Registers], tuple[float, ...]] = {}
        self._made: dict[tuple[Sums, str, int], tuple[Measured, ...]] = {}
        self._rotated: dict[tuple[str, Setting, int], Circuit] = {}
        self._forms = forms_in(manifest)
        self._scales = scales_of(manifest)
        readout = manifest.analysis.mitigation.readout
        self._method = None if readout is None else readout.method
        #: By the text's SHA-256: reached scale -> the circuit with its noise scaled so.
        self._folded: dict[str, dict[float, Circuit]] = {}

    def of(
        self, circuit: Circuit, seed: int, values: Mapping[str, Value] = _NO_VALUES
    ) -> tuple[Measured, ...]:
        """Return the settings in which a circuit is measured, as it is written first.

        Args:
            circuit: The circuit.
            seed: Root seed of its points.
            values: Axis -> value at its points, of axes of which observables are made.

        Raises:
            UnmeasuredError: An observable cannot be had of it.
            SourceError: An observable cannot be made of these values.
        """
        analysis = self._analysis.at(values)
        key = (*analysis.observables.values(),), circuit.sha256, seed
        if key not in self._made:
            self._made[key] = (*self._make(circuit, seed, analysis),)
        return self._made[key]

    def program(self, circuit: Circuit, setting: Setting, seed: int) -> Circuit:
        """Return what is sent of a circuit for a setting of it, of points of that root seed."""
        if setting == Setting():
            return self.whole(circuit)
        key = circuit.sha256, setting, seed if setting.twirl else 0
        if setting.twirl and key not in self._rotated:
            from qbatch.circuit.twirling import twirled

            plain = self.program(circuit, setting.untwirled, seed)
            number = int(setting.twirl.partition(":")[0])
            self._rotated[key] = twirled(plain, number, seed).circuit
        if setting.prepared and key not in self._rotated:
            from qbatch.circuit.calibrating import calibration_of

            self._rotated[key] = calibration_of(self.whole(circuit), setting.prepared)
        if key not in self._rotated:
            from qbatch.circuit.measuring import measured_in
            from qbatch.result.grouping import Basis

            whole = self.whole(circuit) if setting.scale != 1 else circuit
            scaled = self._at_scales(whole)[setting.scale]
            self._rotated[key] = measured_in(scaled, Basis.parse(setting.basis), setting.scale)
        return self._rotated[key]

    def _at_scales(self, circuit: Circuit) -> Mapping[float, Circuit]:
        """Return a circuit at each scale of its noise that is reached, 1 first.

        Raises:
            UnmeasuredError: It cannot be folded, or two scales come to the same.
        """
        if circuit.sha256 not in self._folded:
            found = {1.0: circuit}
            for scale in self._scales[1:]:
                made, reached = self._at_scale(circuit, scale)
                if reached in found:
                    problem = (
                        f"the circuit is too short for scale {scale:g}: folding its gates reaches "
                    )
                    told = f"{problem}{scale_text(reached)}, as another scale does"
                    mend = "write odd scales, as [1, 3, 5]"
                    raise UnmeasuredError(circuit.name, _ZNE, f"{told}; {mend}")
                found[reached] = made
            self._folded[circuit.sha256] = found
        return self._folded[circuit.sha256]

    def _at_scale(self, circuit: Circuit, scale: float) -> tuple[Circuit, float]:
        from qbatch.circuit.folding import UnfoldableError, folded

        zne = self._analysis.mitigation.zne
        assert zne is not None  # or no scale was asked for
        try:
            made, reached = folded(circuit, scale, zne.fold)
        except UnfoldableError as error:
            raise UnmeasuredError(circuit.name, _ZNE, error.problem) from error
        return made, float(scale_text(reached))

    def _make(self, circuit: Circuit, seed: int, analysis: Analysis) -> Iterator[Measured]:
        registers = tuple((each.name, each.num_bits) for each in circuit.facts.registers)
        key = (*analysis.observables.values(),), registers
        if key not in self._bases:
            self._bases[key] = self._bases_for(analysis, registers)
            sums = _sums(analysis, registers)
            self._variances[key] = variances_of([*sums.values()], self._bases[key])
        scales: Sequence[float] = (1.0,)
        if self._scales and self.whole(circuit).facts.measured_bits:
            scales = [*self._at_scales(self.whole(circuit))]
        found = []
        amplified = self._amplified(scales)
        for scale, factor in zip(scales, amplified, strict=True):
            for basis, variance in zip(self._bases[key], self._variances[key], strict=True):
                setting = Setting(basis.text, scale)
                weight = Weight(variance * factor, keeps=self._as_written and not basis.text)
                try:
                    found.append(Measured(setting, self.program(circuit, setting, seed), weight))
                except ValueError as error:
                    raise _refusal(circuit, _sums(analysis, registers), basis, error) from error
        yield from (each for each in found if each.setting.is_raw or not self._forms)
        for each in found if self._forms else ():
            yield from self._twirled(circuit, each, seed)
        for text in self._prepared(self.whole(circuit)):
            setting = Setting(prepared=text)
            yield Measured(setting, self.program(circuit, setting, seed))

    def _twirled(self, circuit: Circuit, plain: Measured, seed: int) -> Iterator[Measured]:
        """Yield the forms of what is measured in one basis, at one scale.

        Raises:
            UnmeasuredError: It cannot be twirled.
        """
        from qbatch.circuit.twirling import UntwirlableError, twirled

        for number in range(self._forms if plain.program.facts.measured_bits else 0):
            try:
                form = twirled(plain.program, number, seed)
            except UntwirlableError as error:
                raise UnmeasuredError(circuit.name, _TWIRL, error.problem) from error
            setting = plain.setting._replace(twirl=f"{number}:{form.flips}")
            self._rotated[circuit.sha256, setting, seed] = form.circuit
            yield Measured(setting, form.circuit)

    def _amplified(self, scales: Sequence[float]) -> Sequence[float]:
        """Tell by how much what is measured at each scale varies in all numbers made of it."""
        zne = self._analysis.mitigation.zne
        if zne is None or len(scales) < 2:
            return [1.0] * len(scales)
        from qbatch.result.extrapolation import shares

        raw = (float(scale == 1) for scale in scales)
        return [own + share**2 for own, share in zip(raw, shares(scales, zne.fit), strict=True)]

    def _prepared(self, circuit: Circuit) -> Sequence[str]:
        """Return what the calibrations of a circuit prepare; none where it measures nothing.

        Raises:
            UnmeasuredError: Its readout cannot be calibrated.
        """
        if self._method is None or not circuit.facts.measured_bits:
            return ()
        from qbatch.circuit.calibrating import UnfitReadoutError, readout_of
        from qbatch.result.readout import MOST_FULL_BITS, calibrations_of

        try:
            bits = [*readout_of(circuit)]
        except UnfitReadoutError as error:
            raise UnmeasuredError(circuit.name, _READOUT, str(error)) from error
        if self._method == "full" and len(bits) > MOST_FULL_BITS:
            problem = f"full prepares each of 2^n outcomes, for {MOST_FULL_BITS} bits at most; "
            told = f"{problem}{len(bits)} are measured here, so write method: tensored or mthree"
            raise UnmeasuredError(circuit.name, (*_READOUT, "method"), told)
        return calibrations_of(self._method, bits, circuit.facts.num_bits)

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
                return UnmeasuredError(circuit.name, _loc(name), _problem(refused))
    name = next(name for name, each in sums.items() if _is_measured_in(each, basis))
    return UnmeasuredError(circuit.name, _loc(name), _problem(error))


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


def _loc(observable: str) -> tuple[str, ...]:
    return "analysis", "observables", observable


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
