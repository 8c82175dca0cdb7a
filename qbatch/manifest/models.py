"""The manifest's models: what a valid manifest is, frozen, in plain data.

Positions are not here: the text and its places are kept beside the models (`Manifest.place_of`).
The JSON Schema that `qbatch schema` prints is generated from these classes, and so are the known
names in messages about unknown keys; docstrings' "Attributes" become an editor's hints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from qbatch.fragments import line, table
from qbatch.manifest.accuracy import Accuracy, AdaptiveShots, Shots
from qbatch.manifest.allocation import Allocation, check_allocation
from qbatch.manifest.analysis import Analysis, Check, Distribution, Intervals, Plot, Report
from qbatch.manifest.axes import Axis, FileAxis, RandomAxis
from qbatch.manifest.budget import Budget
from qbatch.manifest.columns import RESERVED, clashes, named_numbers, swept_names
from qbatch.manifest.derived_units import with_units_made
from qbatch.manifest.fields import (
    AT_KEY,
    NO_COLUMN,
    Flag,
    Identifier,
    Mistakes,
    Model,
    Name,
    Noise,
    Numeric,
    Options,
    Pointer,
    Real,
    RunName,
    Seconds,
    Swept,
    Text,
    Url,
    Value,
    Whole,
    amiss,
    check_beside,
    known_to,
    wrong,
)
from qbatch.manifest.functions import named_function
from qbatch.manifest.local_paths import LocalPath
from qbatch.manifest.paths import SettingValues, is_time, put
from qbatch.manifest.reference import Reference
from qbatch.manifest.sourced import Sourced
from qbatch.manifest.sweep import Override, Sample, Sweep, Where
from qbatch.manifest.times import is_unquoted_time
from qbatch.manifest.units import check_units

__all__ = [
    "Analysis",
    "Axis",
    "Backend",
    "Budget",
    "Check",
    "Circuit",
    "Distribution",
    "FileAxis",
    "Intervals",
    "Limits",
    "Manifest",
    "Model",
    "Override",
    "Plot",
    "RandomAxis",
    "Report",
    "Retry",
    "RunSettings",
    "Sample",
    "Sweep",
    "Transpile",
    "Value",
    "Where",
]

CIRCUIT_SOURCES = ("file", "qasm", "template", "python")


class Circuit(Model):
    """One way to come by a circuit: exactly one of file, qasm, template, python.

    Attributes:
        file: OpenQASM 2 or 3, by its header.
        qasm: The same, written here.
        template: Jinja2 file that renders to OpenQASM; its variables come from axes and `with`.
        python: ``FILE.py:FUNCTION`` returning a Qiskit circuit or OpenQASM; runs only with --trust.
        arguments: Values for the template's variables or the function's arguments.
    """

    file: LocalPath | None = None
    qasm: Text | None = None
    template: LocalPath | None = None
    python: Text | None = None
    arguments: Mapping[str, Swept] = Field(default_factory=dict, alias="with")

    _times: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @property
    def times(self) -> Mapping[str, str]:
        """Argument that was written with a unit of time, and so is seconds -> as written."""
        return self._times

    @model_validator(mode="wrap")
    @classmethod
    def note_times(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Keep which arguments are times."""
        circuit = handler(data)
        given = data.get("with") if isinstance(data, Mapping) else None
        if isinstance(given, Mapping):
            circuit._times = {n: str(time) for n, time in given.items() if is_unquoted_time(time)}
        return circuit

    @model_validator(mode="before")
    @classmethod
    def read_path(cls, data: Any) -> Any:
        """Read a bare string as a path."""
        if not isinstance(data, str):
            return data
        if "\n" in data.strip() or data.lstrip().startswith("OPENQASM"):
            raise amiss("holds OpenQASM where a path is read; write {qasm: | …} around it")
        return {"file": data}

    @field_validator("python")
    @classmethod
    def check_function(cls, value: str | None, info: ValidationInfo) -> str | None:
        """See that it names a file inside the folder and a function."""
        return value if value is None else named_function(value, info)

    @model_validator(mode="after")
    def check_one_source(self) -> Self:
        """See that there is exactly one source, and that `with` is not ignored."""
        named = [source for source in CIRCUIT_SOURCES if getattr(self, source) is not None]
        if len(named) != 1:
            found = f"has {' and '.join(named)}" if named else "has no source"
            raise amiss(f"{found}; write exactly one of {', '.join(CIRCUIT_SOURCES)}")
        if self.arguments and named[0] in ("file", "qasm"):
            raise amiss(
                f"'with' is for template and python; to set an input of {named[0]}, sweep it over "
                "a list of one value"
            )
        return self


class Limits(Model):
    """What the person allows on top of what the target allows.

    Attributes:
        in_flight: Composite jobs at once.
        jobs: Children in one composite job.
        workers: Worker processes (local only); one per core when left out.
        memory_gb: Memory one simulation may take, in 10^9 bytes (local only).
    """

    in_flight: Annotated[Whole, Field(ge=1)] | None = None
    jobs: Annotated[Whole, Field(ge=1)] | None = None
    workers: Annotated[Whole, Field(ge=1, le=1024)] | None = None
    memory_gb: Annotated[Real, Field(gt=0)] | None = None


class Transpile(Model):
    """How circuits are made to fit the target.

    Attributes:
        optimization_level: 0 leaves the gates as they are, 3 tries hardest.
        seed: Of the transpiler's random choices.
    """

    optimization_level: Annotated[Whole, Field(ge=0, le=3)] = 0
    seed: Annotated[Whole, Field(ge=0, lt=2**31)] | None = None


class Backend(Model):
    """Where circuits run. What only a provider knows is checked by `providers.validate_settings`.

    Attributes:
        provider: local, open-quantum, ibm-direct-access, marqov, scaleway, oqc, or a plug-in's.
        target: The machine, as the provider names it.
        options: The provider's own settings.
        noise: depolarizing, readout, T1 and T2 … (local only).
        engine: Where it is computed (local only): {processes: …}, {slurm: …} or {dask: …}; counts
            are the same everywhere.
        limits: Upper limits of your own.
        transpile: How circuits are made to fit.
        credentials: env:NAME, keyring:SERVICE/USER or file:PATH; never the secret itself.
        url: Base URL of the API in place of the provider's own.
        timeout_s: Longest wait for one job: 90s, 30m, 6h, 1h30m, 2d, or seconds.
        on_timeout: cancel: cancelled at the provider, and the point fails; leave: only the waiting
            ends: the job stays where it is, the point is pending, and the next run takes it up.
    """

    provider: Text
    target: Text | None = None
    options: Options = Field(default_factory=dict)
    noise: Noise | None = None
    engine: Options | None = None
    limits: Limits = Limits()
    transpile: Transpile | None = None
    credentials: Pointer | None = None
    url: Url | None = None
    timeout_s: Annotated[Seconds, Field(alias="timeout")] = 86_400.0
    on_timeout: Literal["cancel", "leave"] = "cancel"

    @model_validator(mode="before")
    @classmethod
    def refuse_string(cls, data: Any) -> Any:
        """Explain a bare string."""
        if isinstance(data, str):
            raise wrong("is no backend; write {provider: …}")
        return data

    def with_settings(self, settings: SettingValues) -> Backend:
        """Return it as if the manifest said so at each path within it.

        Raises:
            ValidationError: A manifest could not say so. What only the provider knows is not seen.
        """
        data = {
            info.alias or name: getattr(self, name)
            for name, info in type(self).model_fields.items()
            if name in self.model_fields_set
        }
        if self.transpile is not None:
            data["transpile"] = self.transpile.model_dump(exclude_unset=True)
        mistakes = Mistakes()
        for path, value in settings:
            try:
                data = put(data, path, value)
            except KeyError as error:
                said = "is one value there; write it as a map to change a part of it"
                mistakes.add(error.args[0], amiss(said))
        mistakes.raise_any()
        return Backend.model_validate(data)


class Retry(Model):
    """How failures that may pass are met.

    Attributes:
        attempts: Tries in all, the first included.
        patience_s: How long a provider that did answer before may be out of reach: 2h, 30m, 90s.
    """

    attempts: Annotated[Whole, Field(ge=1, le=1000)] = 4
    patience_s: Annotated[Seconds, Field(alias="patience")] = 7200.0


class RunSettings(Model):
    """How a run is conducted.

    Attributes:
        max_in_flight: Composite jobs at once, over all backends.
        fail_fast: Stop at the first failed point.
        retry: How often what may pass is tried.
        wait_s: Longest wait for a cloud where nothing comes on, whatever it is for: 2h, 30m; then
            it is left, its jobs stay there, and the next run takes them up. null: no limit.
        durability: full survives power loss, normal a killed process; full for clouds by default.
        reference: A job that is run again at a pace between the points, to see drift.
    """

    max_in_flight: Annotated[Whole, Field(ge=1)] = 50
    fail_fast: Flag = False
    retry: Retry = Retry()
    wait_s: Annotated[Seconds | None, Field(alias="wait")] = None
    durability: Literal["full", "normal"] | None = None
    reference: Reference | None = None


def _one_sweep(value: Any) -> Any:
    return (value,) if isinstance(value, Mapping) else value


class Manifest(Sourced):
    """A whole experiment.

    Attributes:
        qbatch: Version of the manifest's format.
        extends: A file, or a list of files, that this one begins from: maps are merged, all else
            replaces what the base has, and null takes a key out. Once read, nothing is left of it.
        name: Of the experiment; names the run's folder.
        description: One line for people.
        tags: For people; no part of a point's id.
        vars: Name -> number, for arithmetic.
        circuits: Name -> circuit.
        backends: Name -> backend.
        sweeps: One sweep, or a list whose union is run.
        shots: Of each point, unless `shots` is an axis; or the accuracy that they are to give.
        allocate: How the shots of a point's settings are spread: evenly, `shots` each; or the same
            sum by_weight, so that the standard errors of observables are least.
        reuse: Run folders and archives whose finished jobs count, where of the same contents.
        run: How the run is conducted.
        budget: The most that may be spent.
        analysis: Counts to numbers.
        checks: Claims judged on intervals.
        report: What is written.
    """

    qbatch: Literal[1]
    extends: tuple[Text, ...] = ()
    name: RunName
    description: Text = ""
    tags: tuple[Text, ...] = ()
    vars: Mapping[Identifier, Numeric] = Field(default_factory=dict)
    circuits: Annotated[Mapping[Name, Circuit], Field(min_length=1)]
    backends: Annotated[Mapping[Name, Backend], Field(min_length=1)]
    sweeps: Annotated[
        tuple[Sweep, ...], BeforeValidator(_one_sweep), Field(min_length=1, alias="sweep")
    ] = (Sweep(),)
    shots: Shots = 1024
    allocate: Allocation = "evenly"
    reuse: tuple[LocalPath, ...] = ()
    run: RunSettings = RunSettings()
    budget: Budget = Budget()
    analysis: Analysis = Analysis()
    checks: tuple[Check, ...] = ()
    report: Report = Report()

    _sums: Mapping[str, str] = PrivateAttr(default_factory=dict)
    #: Reads what is given in Python (`objects`, which knows of manifests, puts it here).
    _read: ClassVar[Callable[..., Manifest]]

    def __init__(
        self,
        *,
        name: str,
        circuits: Mapping[str, Any],
        backends: Mapping[str, Any],
        sweep: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        folder: str | Path | None = None,
        trust: bool = False,
        **more: Any,
    ) -> None:
        """Make a manifest of objects, with the checks that a file has.

        Args:
            name: Of the experiment; names the run's folder.
            circuits: Name -> Qiskit circuit, OpenQASM text, path, or a map as in a file.
            backends: Name -> a map as in a file: ``{"provider": "local"}``.
            sweep: As `qbatch.sweep` makes it, or several, whose union is run.
            folder: Which paths are relative to and stay inside of; None: the current folder.
            trust: Python circuits and analyses that the manifest names may run.
            more: Every other key of a manifest: ``shots``, ``vars``, ``analysis``, ``checks``, …

        Raises:
            SourceErrors: Every mistake found, each at its argument.
        """
        given = {"name": name, "circuits": circuits, "backends": backends, "sweep": sweep}
        data = {"qbatch": 1} | {key: one for key, one in given.items() if one is not None} | more
        at = Path.cwd() if folder is None else Path(folder)
        self.__setstate__(type(self)._read(data, at, trust=trust).__getstate__())

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined] # reading does not call it

    @model_validator(mode="wrap")
    @classmethod
    def check_columns(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """See that no column of the results stands for two things, nor has a unit it is not in."""
        mistakes = Mistakes()
        if isinstance(data, Mapping):
            swept, numbers = swept_names(data.get("sweep")), named_numbers(data.get("analysis"))
            for name, loc in swept.items():
                if name in RESERVED and loc[2] not in ("matrix", "zip"):  # there it is told already
                    mistakes.add((*loc, AT_KEY), wrong(NO_COLUMN))
            among_themselves = {name for name, _ in clashes((), list(numbers))}
            for name, problem in clashes(swept, list(numbers)):
                if name not in among_themselves:  # those `Analysis` has told
                    mistakes.add((*numbers[name], AT_KEY), wrong(problem))
        made = check_beside(data, handler, mistakes)
        if known_to(info).sums is None:  # what was kept with a run must be readable
            check_allocation(made.allocate, made.analysis, made.sweeps, made.accuracies)
            check_units(made.report, made.times, made.analysis, made.vars, made.checks)
        return made

    @property
    def sums(self) -> Mapping[str, str]:
        """File that an observable or theory names, or what made it -> what it says."""
        made = (each.sums for each in self.analysis.made_elsewhere)
        return {**self._sums, **{key: text for sums in made for key, text in sums.items()}}

    @property
    def accuracies(self) -> list[tuple[tuple[str | int, ...], Accuracy]]:
        """Each accuracy that is asked for in place of a number of shots, with its place."""
        asked: list[tuple[tuple[str | int, ...], object]] = [(("shots",), self.shots)]
        for number, sweep in enumerate(self.sweeps):
            for at, override in enumerate(sweep.overrides):
                loc = ("sweep", number, "overrides", at, "set", "shots")
                asked.append((loc, override.set.get("shots")))
            for at, point in enumerate(sweep.include):
                asked.append((("sweep", number, "include", at, "shots"), point.get("shots")))
        return [(loc, shots.accuracy) for loc, shots in asked if isinstance(shots, AdaptiveShots)]

    @property
    def times(self) -> frozenset[str]:
        """Axes whose values are seconds: written with a unit, or settings that are times."""
        named = {name for sweep in self.sweeps for name in (*sweep.matrix, *sweep.zip)}
        written = {name for sweep in self.sweeps for name in sweep.times}
        return frozenset(written | {name for name in named if is_time(name)})

    @property
    def units(self) -> Mapping[str, str]:
        """Axis or number -> its unit: times are seconds, of others the report says it.

        Of fits' parameters and derived numbers what follows from these; made anew each time.
        """
        said = {**self.report.all_units, **dict.fromkeys(sorted(self.times), "s")}
        return with_units_made(self.analysis, self.vars, said)

    def __repr__(self) -> str:
        return f"<Manifest {self.name!r} {f'in {self.path}' if self.path else 'without a file'}>"

    def _repr_html_(self) -> str:
        """Show circuits, backends and axes."""
        circuits = [
            (name, each.file or each.template or each.python or "OpenQASM")
            for name, each in self.circuits.items()
        ]
        backends = [(name, b.provider, b.target or "") for name, b in self.backends.items()]
        axes = [
            (name, axis.told)
            for sweep in self.sweeps
            for name, axis in (*sweep.matrix.items(), *sweep.zip.items())
        ]
        return "".join(
            [
                line(self.name, self.description),
                table(("circuit", "made of"), circuits),
                table(("backend", "provider", "target"), backends),
                table(("axis", "values"), axes),
            ]
        )
