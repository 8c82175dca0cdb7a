"""The manifest's models: what a valid manifest is, frozen, in plain data.

Positions are not here: the loader keeps them beside the models (`Manifest.place_of`).
The JSON Schema that `qbatch schema` prints is generated from these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: A swept or fixed value: what an axis may hold.
Value = bool | int | float | str

ProviderName = Literal["local", "open-quantum", "ibm-direct-access", "marqov", "scaleway", "oqc"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Circuit(Model):
    """One way to come by a circuit: exactly one of file, qasm, template, python."""

    file: str | None = None
    qasm: str | None = None
    template: str | None = None
    python: str | None = None
    arguments: Mapping[str, Value] = Field(default_factory=dict, alias="with")


class Limits(Model):
    """What the person allows on top of what the target allows.

    Attributes:
        in_flight: Composite jobs at once.
        jobs: Children in one composite job.
        workers: Worker processes (local only); None: one per core.
        memory_gb: Memory one simulation may take (local only).
    """

    in_flight: Annotated[int, Field(ge=1)] | None = None
    jobs: Annotated[int, Field(ge=1)] | None = None
    workers: Annotated[int, Field(ge=1)] | None = None
    memory_gb: Annotated[float, Field(gt=0)] | None = None


class Transpile(Model):
    optimization_level: Annotated[int, Field(ge=0, le=3)] = 0
    seed: Annotated[int, Field(ge=0)] | None = None


class Backend(Model):
    """Where circuits run. `options` and `noise` are checked by the provider's own models."""

    provider: str
    target: str | None = None
    options: Mapping[str, Any] = Field(default_factory=dict)
    noise: Mapping[str, Any] | None = None
    limits: Limits = Limits()
    transpile: Transpile | None = None
    credentials: str | None = None
    url: str | None = None
    timeout_s: Annotated[float, Field(gt=0, alias="timeout")] = 86_400.0


#: A `where`: axis name -> value or list of values; a point matches when each named axis does.
Where = Mapping[str, Value | tuple[Value, ...]]


class Axis(Model):
    """One axis in the form it was written; `plan` makes its values.

    Exactly one attribute is set.
    """

    values: tuple[Value, ...] | None = None
    linspace: tuple[float, float, int] | None = None
    geomspace: tuple[float, float, int] | None = None
    range: tuple[float, float, float] | None = None
    random: RandomAxis | None = None
    from_file: FileAxis | None = Field(default=None, alias="from")


class RandomAxis(Model):
    distribution: Literal["uniform", "normal", "loguniform", "integers"] = "uniform"
    min: float
    max: float
    n: Annotated[int, Field(ge=1)]


class FileAxis(Model):
    file: str
    column: str


class Sample(Model):
    n: Annotated[int, Field(ge=1)]
    where: Where = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)] | None = None


class Override(Model):
    where: Where
    set: Mapping[str, Value]


class Sweep(Model):
    matrix: Mapping[str, Axis] = Field(default_factory=dict)
    zip: Mapping[str, Axis] = Field(default_factory=dict)
    exclude: tuple[Where, ...] = ()
    include: tuple[Mapping[str, Value], ...] = ()
    sample: tuple[Sample, ...] = ()
    overrides: tuple[Override, ...] = ()
    repeat: Annotated[int, Field(ge=1)] = 1
    order: Literal["interleave", "as-written", "random"] = "interleave"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Retry(Model):
    attempts: Annotated[int, Field(ge=1)] = 4


class RunSettings(Model):
    max_in_flight: Annotated[int, Field(ge=1)] = 50
    fail_fast: bool = False
    retry: Retry = Retry()
    durability: Literal["full", "normal"] | None = None


class Intervals(Model):
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95


class Distribution(Model):
    """Bitstring -> probability; Hellinger, total-variation and classical fidelity distances."""

    target: Mapping[str, float]
    metrics: tuple[Literal["tvd", "hellinger", "fidelity"], ...] = ("tvd",)


class Analysis(Model):
    observables: Mapping[str, str] = Field(default_factory=dict)
    probabilities: Mapping[str, str] = Field(default_factory=dict)
    distribution: Distribution | None = None
    intervals: Intervals = Intervals()


class Check(Model):
    that: str
    where: Where = Field(default_factory=dict)


class Plot(Model):
    """A figure over the finished points."""

    type: Literal["line", "heatmap", "histogram"] = "line"
    x: str | None = None
    y: str | None = None
    z: str | None = None
    color: str | None = None
    facet: str | None = None
    where: Where = Field(default_factory=dict)
    xscale: Literal["linear", "log"] = "linear"
    yscale: Literal["linear", "log"] = "linear"
    band: Literal["ci", "se", "none"] = "ci"
    title: str | None = None


class Report(Model):
    formats: tuple[Literal["md", "html", "csv", "json", "netcdf", "parquet"], ...] = (
        "md",
        "html",
        "csv",
    )
    template: str | None = None
    plots: tuple[Plot, ...] = ()


class Manifest(Model):
    """A whole experiment.

    Attributes:
        path: The file it came from; None for text.
        text: The YAML as read.
    """

    qbatch: Literal[1]
    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    vars: Mapping[str, Value] = Field(default_factory=dict)
    circuits: Mapping[str, Circuit]
    backends: Mapping[str, Backend]
    sweeps: tuple[Sweep, ...] = Field(default=(Sweep(),), alias="sweep")
    shots: Annotated[int, Field(ge=1)] = 1024
    run: RunSettings = RunSettings()
    analysis: Analysis = Analysis()
    checks: tuple[Check, ...] = ()
    report: Report = Report()
