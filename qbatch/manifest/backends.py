"""The model of a backend: where circuits run, and how they are made to fit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from qbatch.manifest.any_of import TargetName, with_provider
from qbatch.manifest.fields import (
    Mistakes,
    Model,
    Noise,
    Options,
    Pointer,
    Real,
    Seconds,
    Text,
    Url,
    Whole,
    amiss,
    wrong,
)
from qbatch.manifest.paths import SettingValues, put


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
        target: The machine, as the provider names it; or {any_of: […], prefer: …}: the one of
            several that is decided for when it is planned, for all points.
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
    target: TargetName | None = None
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
    def refuse_string(cls, data: Any, info: ValidationInfo) -> Any:
        """Explain a bare string, and look at a backend that is one of others."""
        if isinstance(data, str):
            raise wrong("is no backend; write {provider: …}")
        return with_provider(data, info)

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
