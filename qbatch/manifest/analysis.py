"""The models of what is done with counts: analysis, checks, report.

Rules: every number has a name of its own; checks and plots speak only of numbers and axes that the
manifest has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from qbatch.configuration.words import Format
from qbatch.manifest.columns import (
    RESERVED,
    clashes,
    mitigated_numbers,
    named_numbers,
    numbers_of_own,
)
from qbatch.manifest.derived import Derived, check_derived
from qbatch.manifest.expected import (
    Expectation,
    Theory,
    check_expected,
    read_theory,
    theory_in,
)
from qbatch.manifest.fields import (
    AT_KEY,
    AXES,
    Column,
    Mistakes,
    Model,
    Real,
    Text,
    amiss,
    check_beside,
    known_to,
    unknown,
    wrong,
)
from qbatch.manifest.fits import Fit, check_fits, parameters_of
from qbatch.manifest.hamiltonians import Observable, read_files
from qbatch.manifest.labels import Label
from qbatch.manifest.local_paths import LocalPath
from qbatch.manifest.machine import MachineNames, machine_name
from qbatch.manifest.mitigation import Mitigation
from qbatch.manifest.own import OwnAnalysis
from qbatch.manifest.patterns import by_registers, mistake_in
from qbatch.manifest.sections import SectionNames
from qbatch.manifest.sweep import AnySweepWhere
from qbatch.manifest.tabled import read_tables
from qbatch.manifest.theory_function import TheoryFunction
from qbatch.manifest.varying import VaryingSum

_METRICS = ("tvd", "hellinger", "fidelity")

Pattern = Annotated[
    Text,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^[\\s\\w=,*|()<>]+$"},
                {
                    "type": "object",
                    "additionalProperties": {"type": "string", "pattern": "^[01*]+$"},
                },
            ]
        }
    ),
]


class Intervals(Model):
    """How wide intervals are.

    Attributes:
        level: Probability that an interval holds the true value.
    """

    level: Annotated[Real, Field(gt=0, lt=1)] = 0.95


class Distribution(Model):
    """A distribution to compare with.

    Attributes:
        target: Bitstring -> probability; they add up to 1.
        metrics: Total-variation distance, Hellinger distance, classical fidelity.
    """

    target: Mapping[str, Annotated[Real, Field(ge=0, le=1)]]
    metrics: tuple[Literal["tvd", "hellinger", "fidelity"], ...] = ("tvd",)

    @field_validator("target")
    @classmethod
    def check_target(cls, target: Mapping[str, float]) -> Mapping[str, float]:
        """See that bitstrings are of one length and probabilities add up to 1."""
        mistakes = Mistakes()
        length = len(next(iter(target), ""))
        for bits in target:
            if not bits or bits.strip("01 "):
                mistakes.add((bits, AT_KEY), wrong('is no bitstring; write 0 and 1, as in "01"'))
            elif len(bits) != length:
                mistakes.add((bits, AT_KEY), wrong(f"is not of {length} characters, as the first"))
        if not mistakes.found and abs(sum(target.values()) - 1) > 1e-6:
            total = f"{sum(target.values()):.9g}"
            mistakes.add((AT_KEY,), amiss(f"the probabilities add up to {total}, not 1; mend them"))
        mistakes.raise_any()
        return target


class Analysis(Model):
    """Counts to numbers.

    Attributes:
        observables: Name -> sum of products of X, Y and Z, the index is the classical bit's number;
            or {file: hamiltonian.json}, a file of terms (JSON, OpenFermion's text, CSV), one for
            each value of an axis by {file: "h2_{r}.json"}; or {python: "h2.py:hamiltonian"}, a
            function of those axes of a point that it names, run only with --trust.
        probabilities: Name -> pattern of 0, 1 and * (either): of all bits, "1*0"; or of registers
            by name, {a: "1", b: "0*"} or "a=1, b=0*", where `all` is every bit and one letter
            stands for each bit of its register; or of how many bits are 1, "weight(all)<=1",
            "parity(a)=0". Patterns joined by | are one number: "all=0 | all=1".
        distribution: To which the distance is taken.
        own: Name -> a function of yours that makes numbers of counts: of each point's; or with
            `over` of all points along an axis.
        derived: Name -> formula of numbers at several points: ``zz[phi=0] - zz[phi=pi/2]``.
        fits: Name -> curve fitted to a number along an axis; its parameters are ``NAME.tau``.
        mitigation: What is measured beside, for numbers with less noise in them: ``NAME.zne``.
        expected: Number -> what theory says of it, a formula of axes: ``-cos(theta)``; or
            {file: exact.csv}, a table with a column for each axis and one of the number; or
            {python: "theory.py:zz"}, a function of the axes that it names.
        intervals: How wide intervals are.
    """

    observables: Mapping[Column, Observable] = Field(default_factory=dict)
    probabilities: Mapping[Column, Pattern] = Field(default_factory=dict)
    distribution: Distribution | None = None
    own: Mapping[Column, OwnAnalysis] = Field(default_factory=dict)
    derived: Mapping[Column, Derived] = Field(default_factory=dict)
    fits: Mapping[Column, Fit] = Field(default_factory=dict)
    mitigation: Mitigation = Mitigation()
    expected: Mapping[str, Expectation] = Field(default_factory=dict)
    intervals: Intervals = Intervals()

    _varying: Mapping[str, VaryingSum] = PrivateAttr(default_factory=dict)
    _called: Mapping[str, TheoryFunction] = PrivateAttr(default_factory=dict)
    _made: dict[tuple[str, ...], Analysis] = PrivateAttr(default_factory=dict)

    @field_validator("fits")
    @classmethod
    def check_fits_made(cls, fits: Mapping[str, Fit], info: ValidationInfo) -> Mapping[str, Fit]:
        """See that fits name numbers and axes that there are."""
        check_fits(fits, known_to(info))
        return fits

    @field_validator("observables", mode="before")
    @classmethod
    def read_hamiltonians(cls, observables: Any, info: ValidationInfo) -> Any:
        """Read observables in files as the text that says the same."""
        return read_files(observables, info)

    @field_validator("probabilities", mode="before")
    @classmethod
    def read_patterns(cls, patterns: Any) -> Any:
        """Read patterns by register as the text that says the same."""
        return by_registers(patterns)

    @field_validator("probabilities")
    @classmethod
    def check_patterns(cls, patterns: Mapping[str, str]) -> Mapping[str, str]:
        """See that patterns are made of 0, 1 and *."""
        mistakes = Mistakes()
        for name, pattern in patterns.items():
            if problem := mistake_in(pattern):
                mistakes.add((name,), wrong(problem))
        mistakes.raise_any()
        return patterns

    @field_validator("mitigation")
    @classmethod
    def check_mitigated(cls, mitigation: Mitigation, info: ValidationInfo) -> Mitigation:
        """See that there is a number to mitigate."""
        is_known = known_to(info).estimates is not None  # no key that could name them is misspelt
        there = any(map(info.data.get, ("observables", "probabilities")))
        if mitigation.methods and is_known and not there:
            raise amiss("nothing is mitigated; name observables or probabilities, which can be")
        return mitigation

    @field_validator("derived")
    @classmethod
    def check_formulas(
        cls, derived: Mapping[str, Derived], info: ValidationInfo
    ) -> Mapping[str, Derived]:
        """See that formulas name numbers and axes that there are."""
        check_derived(derived, known_to(info))
        return derived

    @field_validator("expected", mode="before")
    @classmethod
    def read_theory(cls, expected: Any, info: ValidationInfo) -> Any:
        """Read theory in files as the text that says the same."""
        return read_tables(expected, info)

    @field_validator("expected")
    @classmethod
    def check_theory(cls, expected: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        """See that theory is of axes, and speaks of numbers that there are."""
        numbers = {**info.data.get("observables", {}), **info.data.get("probabilities", {})}
        numbers |= dict(mitigated_numbers(info.data))
        own = named_numbers({"own": info.data.get("own")})
        check_expected(expected, numbers, own, _METRICS, known_to(info))
        return expected

    @model_validator(mode="wrap")
    @classmethod
    def check_names(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """See that every number of the analysis has a name of its own."""
        mistakes = Mistakes()
        taken: set[str] = (
            set(_METRICS) if isinstance(data, Mapping) and "distribution" in data else set()
        )
        for kind in ("observables", "probabilities", "derived", "fits"):
            named = data.get(kind) if isinstance(data, Mapping) else None
            for name in named if isinstance(named, Mapping) else ():
                if name in taken:
                    mistakes.add((kind, name, AT_KEY), wrong("names two numbers; rename one"))
                taken.add(name)
        of_own = numbers_of_own(data.get("own") if isinstance(data, Mapping) else None)
        for number, (_, *own) in of_own.items():
            if number in taken:
                said = f"{number!r} names two numbers; rename one, or write numbers: […]"
                mistakes.add((*own, AT_KEY), amiss(said))
        numbers = named_numbers(data)
        for name, problem in clashes((), list(numbers)):
            if name not in RESERVED:  # of these, each is told at its name
                mistakes.add((*numbers[name][1:], AT_KEY), wrong(problem))
        return check_beside(data, handler, mistakes)

    @model_validator(mode="after")
    def name_own(self) -> Self:
        """Tell own analyses, and what makes observables, what they are called."""
        for name, own in self.own.items():
            own.settle(name)
        made = {name: VaryingSum.of(name, text) for name, text in self.observables.items()}
        self._varying = {name: each for name, each in made.items() if each is not None}
        said = {name: TheoryFunction.of(name, text) for name, text in self.expected.items()}
        self._called = {name: each for name, each in said.items() if each is not None}
        return self

    @property
    def varying(self) -> Mapping[str, VaryingSum]:
        """Observables that are made for each point; their texts here are no sums."""
        return self._varying

    @property
    def called(self) -> Mapping[str, TheoryFunction]:
        """Numbers of which a function says what theory says."""
        return self._called

    @property
    def made_elsewhere(self) -> Sequence[VaryingSum | TheoryFunction]:
        """What is made by code, or of files, and kept with a run."""
        return (*self._varying.values(), *self._called.values())

    def at(self, values: Mapping[str, Any]) -> Analysis:
        """Return the analysis of a point: each observable is the sum that is its there.

        Args:
            values: Axis -> value, circuit and backend too.

        Raises:
            SourceError: A sum cannot be made.
        """
        if not self._varying:
            return self
        texts = {name: each.text_at(values) for name, each in self._varying.items()}
        key = (*texts.values(),)
        if key not in self._made:
            made = self.model_copy(update={"observables": {**self.observables, **texts}})
            made._varying, made._made = {}, {}
            self._made[key] = made
        return self._made[key]

    @property
    def own_at_points(self) -> Mapping[str, OwnAnalysis]:
        """Own analyses that are called with each point's counts."""
        return {name: own for name, own in self.own.items() if own.over is None}

    def maker_of(self, number: str) -> str:
        """Return the own analysis that makes a number of each point; else the number itself."""
        makers = (own for own, spec in self.own_at_points.items() if number in spec.returns)
        return next(makers, number)

    def narrowing(self, number: str) -> str:
        """Say what makes the interval of a number narrower: "more shots"."""
        if number not in self.names:
            return self.mitigation.narrowing("*")  # it is made of those of several points
        raw, _, method = number.rpartition(".")
        return self.mitigation.narrowing(method if raw else "")

    @property
    def own_over_axes(self) -> Mapping[str, OwnAnalysis]:
        """Own analyses that are called with groups of points."""
        return {name: own for name, own in self.own.items() if own.over is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all numbers that each point has, as they head columns."""
        metrics = self.distribution.metrics if self.distribution else ()
        own = (number for each in self.own_at_points.values() for number in each.returns)
        mitigated = (name for name, _ in mitigated_numbers(self))
        return (*self.observables, *self.probabilities, *metrics, *own, *mitigated)

    def theory_of(self, name: str, numbers: Mapping[str, int | float]) -> Theory | None:
        """Return what theory says of a number; None where it says nothing.

        Args:
            name: Of the number.
            numbers: The manifest's vars.
        """
        text = self.expected.get(name)
        if text is None:
            return None
        return read_theory(text, numbers, parameters_of(self.fits), self._called.get(name))


class Check(Model):
    """A claim, judged on the interval.

    Attributes:
        that: ``zz >= 0.88``; also <= > < == !=, and chains.
        where: Axis -> value or list of values: the points it is judged at.
    """

    that: Text
    where: AnySweepWhere = Field(default_factory=dict)

    @field_validator("that")
    @classmethod
    def check_claim(cls, text: str, info: ValidationInfo) -> str:
        """See that it can be read and is about a number of the analysis."""
        from qbatch.result import NotationError, parse_check

        known = known_to(info)
        theory = theory_in(text, {*known.vars, *(known.estimates or ())})
        try:
            numbers = None if known.estimates is None else known.estimates | known.across
            found = parse_check(text, numbers, {**known.vars, **theory})
        except NotationError as error:
            raise amiss(error.problem) from error
        is_known = known.estimates is not None
        if theory and is_known and found.name not in (known.expected or ()):
            example = f"write analysis: {{expected: {{{found.name}: …}}}}"
            raise amiss(f"theory says nothing of {found.name}; {example}")
        return text

    def units(self, numbers: Mapping[str, int | float]) -> tuple[str, tuple[str, ...]]:
        """Return the number that is judged, and the units of those it is held against.

        Args:
            numbers: The manifest's vars.
        """
        from qbatch.result import parse_check

        found = parse_check(self.that, variables={**numbers, **theory_in(self.that, numbers)})
        return found.name, found.units


class Plot(Model):
    """A figure over the finished points.

    Attributes:
        type: line (x, y), heatmap (x, y, z) or histogram of counts.
        x: An axis.
        y: A number of the analysis; for a heatmap an axis.
        z: A heatmap's number of the analysis.
        color: An axis: one line of its own colour for each value.
        facet: An axis: one panel for each value.
        where: Axis -> value or list of values: the points drawn.
        xscale: Of the x axis.
        yscale: Of the y axis.
        band: What is shaded about a line: the interval, the standard error, nothing.
        title: Above the figure.
    """

    type: Literal["line", "heatmap", "histogram"] = "line"
    x: Text | None = None
    y: Text | None = None
    z: Text | None = None
    color: Text | None = None
    facet: Text | None = None
    where: AnySweepWhere = Field(default_factory=dict)
    xscale: Literal["linear", "log"] = "linear"
    yscale: Literal["linear", "log"] = "linear"
    band: Literal["ci", "se", "none"] = "ci"
    title: Text | None = None

    @field_validator("x", "y", "z", "color", "facet")
    @classmethod
    def check_column(cls, name: str | None, info: ValidationInfo) -> str | None:
        """See that an axis or a number of the analysis has this name."""
        known = known_to(info)
        if name is None or known.axes is None or known.estimates is None:
            return name
        columns = {*AXES, "repeat", *known.axes, *known.estimates}
        return name if name in columns else machine_name(name, columns)

    @model_validator(mode="after")
    def check_dimensions(self) -> Self:
        """See that the figure has what its type draws."""
        wanted = {"line": "xy", "heatmap": "xyz"}.get(self.type, "")
        missing = [name for name in wanted if getattr(self, name) is None]
        if missing:
            raise amiss(f"a {self.type} plot needs {' and '.join(missing)}; name axes or numbers")
        return self


class Report(Model):
    """What is written about a run.

    Attributes:
        formats: Files to write.
        template: A Jinja2 file of your own.
        plots: Figures.
        labels: Axis or number -> what stands in figures and tables instead of its name, or
            {label: θ, unit: rad}.
        units: Axis or number -> its unit, as in s or Hz: figures write 25 µs for 2.5e-5.
        sections: Further ones, each by the name under which an installed package offers it.
        columns: Further ones of tables: numbers of machines, as in target.t1[3].
    """

    formats: tuple[Format, ...] = ("md", "html", "csv")
    template: LocalPath | None = None
    plots: tuple[Plot, ...] = ()
    labels: Mapping[str, Label] = Field(default_factory=dict)
    units: Mapping[str, Text] = Field(default_factory=dict)
    sections: SectionNames = ()
    columns: MachineNames = ()

    @field_validator("labels", "units")
    @classmethod
    def check_named(cls, texts: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        """See that an axis or a number of the analysis has each name."""
        known = known_to(info)
        if known.axes is None or known.estimates is None:
            return texts
        kind = "axis or number"
        columns = {*AXES, "repeat", *known.axes, *known.estimates, *known.across}
        mistakes = Mistakes()
        for name in texts:
            if name not in columns:
                mistakes.add((name, AT_KEY), unknown(kind, name, columns))
        mistakes.raise_any()
        return texts

    @model_validator(mode="after")
    def check_units_once(self) -> Self:
        """See that no unit stands at both places."""
        mistakes = Mistakes()
        for name, label in self.labels.items():
            if label.unit is not None and self.units.get(name, label.unit) != label.unit:
                said = f"is {self.units[name]!r} under units; write it once"
                mistakes.add(("labels", name, "unit"), wrong(said))
        mistakes.raise_any()
        return self

    @property
    def all_units(self) -> Mapping[str, str]:
        """Axis or number -> its unit, wherever it is said."""
        found = {name: label.unit for name, label in self.labels.items() if label.unit is not None}
        return {**found, **self.units}

    @property
    def texts(self) -> Mapping[str, str]:
        """Axis or number -> what stands for its name."""
        labels = self.labels.items()
        return {name: label.label for name, label in labels if label.label is not None}

    @field_validator("template")
    @classmethod
    def check_template(cls, value: str | None, info: ValidationInfo) -> str | None:
        """See that the file is there before anything is run."""
        known = known_to(info)
        folder = None if known.sums is not None else known.folder
        if value is not None and folder is not None and not (folder / value).is_file():
            raise wrong("is no file in the manifest's folder; write the template's relative path")
        return value
