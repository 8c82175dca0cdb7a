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
from qbatch.manifest.any_of import AnyOf
from qbatch.manifest.axes import Axis, FileAxis, RandomAxis
from qbatch.manifest.backends import Backend, Limits, Transpile
from qbatch.manifest.budget import Budget
from qbatch.manifest.columns import RESERVED, clashes, named_numbers, swept_names
from qbatch.manifest.decisions import (
    Decision,
    candidate,
    decided_backends,
    is_open,
    nested,
    questions_of,
)
from qbatch.manifest.derived_units import with_units_made
from qbatch.manifest.fields import (
    AT_KEY,
    NO_COLUMN,
    Flag,
    Identifier,
    Mistakes,
    Model,
    Name,
    Numeric,
    RunName,
    Seconds,
    Swept,
    Text,
    Value,
    Whole,
    amiss,
    check_beside,
    known_to,
    wrong,
)
from qbatch.manifest.functions import named_function
from qbatch.manifest.local_paths import LocalPath
from qbatch.manifest.notify import Notify
from qbatch.manifest.paths import is_time
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
        notify: Who is told when the run ends or needs a person: desktop, a command, a webhook.
    """

    max_in_flight: Annotated[Whole, Field(ge=1)] = 50
    fail_fast: Flag = False
    retry: Retry = Retry()
    wait_s: Annotated[Seconds | None, Field(alias="wait")] = None
    durability: Literal["full", "normal"] | None = None
    reference: Reference | None = None
    notify: Notify | None = None


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
    _questions: Mapping[str, AnyOf] = PrivateAttr(default_factory=dict)
    _decisions: tuple[Decision, ...] = PrivateAttr(default=())
    _of_others: frozenset[str] = PrivateAttr(default=frozenset())
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
        return made._decided(known_to(info).decisions)

    def _decided(self, decisions: Sequence[Decision]) -> Self:
        """Return it with its backends as they were decided to be."""
        if not (questions := questions_of(self.backends)):
            return self
        mistakes = Mistakes()
        for loc, said in nested(self.backends):
            mistakes.add(loc, wrong(said))
        mistakes.raise_any()
        backends, counting = decided_backends(self.backends, decisions)
        made = self.model_copy(update={"backends": backends})
        made._questions, made._decisions = questions, counting
        made._of_others = frozenset(name for name in questions if is_open(self.backends[name]))
        return made

    @property
    def questions(self) -> Mapping[str, AnyOf]:
        """Backend -> what it is one of, whether decided by now or not."""
        return self._questions

    @property
    def open_questions(self) -> Mapping[str, AnyOf]:
        """Backend -> what is still to be decided of it."""
        return questions_of(self.backends)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided, of what stands here."""
        return self._decisions

    @property
    def swept_backends(self) -> tuple[str, ...]:
        """Those that a sweep means without naming any: candidates of others are none of them."""
        others = {name for one in self._of_others for name in self.questions[one].any_of}
        return tuple(name for name in self.backends if name not in others)

    @property
    def stands_for(self) -> Mapping[str, str]:
        """Backend -> the other one that it was decided to be."""
        told = {each.backend: each.chosen for each in self.decisions}
        told = {
            name: each.any_of[0] for name, each in self.questions.items() if len(each.any_of) == 1
        } | told
        return {name: told[name] for name in self._of_others if name in told}

    @property
    def known_backends(self) -> Mapping[str, Backend]:
        """Those that somebody provides: of an open one, what all of its candidates share.

        It stands as its first candidate; who is one of others stands there only with them.
        """
        known = {name: each for name, each in self.backends.items() if not is_open(each)}
        for name in known.keys() & self.open_questions.keys():
            known[name] = candidate(known, name, self.open_questions[name].any_of[0])
        return known

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
