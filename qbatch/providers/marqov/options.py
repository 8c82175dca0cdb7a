"""What a person may write under ``options`` of a Marqov backend: plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from qbatch.manifest.fields import Whole
from qbatch.providers.marqov.noise import NOISY, STATES, check_noise

#: Of code sent within a submission, characters.
MOST_INLINE = 50_000


class Native(BaseModel):
    """Native submissions: the platform's own Python workflows, each admitted once under its key.

    Attributes:
        cap_cents: The most that one job may be charged, US cents, 1 to 10000; within what the
            team's runtime takes. Reserved for each job, as its price. There is no default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    cap_cents: Whole = Field(ge=1, le=10_000)


class Options(BaseModel):
    """``options`` of a Marqov backend.

    Attributes:
        script_id: Run this saved script in place of the circuits' OpenQASM.
        script_slug: Run this ready-made script in place of it.
        inline_code: Send this code in place of it; `framework` says in what.
        framework: "openqasm" alone sends each circuit within its submission, unsaved.
        execution_mode: durable (the platform's "temporal") repeats tasks that fail.
        params: Further parameters of the run. Sweep values go there too where a script of your own
            runs: theta, graph_size, layers.
        noise_model: For backends with noise: a list of channels, as {channel: Depolarizing,
            probability: 0.01, qubits: [0]}, or t1, t2 and gate_time, in seconds.
        statevector: Ask for the final state, where a backend gives it.
        accept_warnings: Ids of the analysis's warnings that you accept.
        create_capsule: Let the platform keep a capsule of each job.
        on_unknown: What becomes of a job whose submission was not answered: hold, or resend the
            same bytes once with the same key. Where the price is zero it is always sent again.
        native: Submit natively, where the platform has enabled that for your team: a lost answer is
            found by its key. No result depends on it: points stay those that they are.
        team: Natively, UUID of the team that pays. None: MARQOV_TEAM_ID.
        entrypoint: Natively, the workflow to call in a script or code of your own: it gets shots,
            params and sweep values by name, and returns {"counts": {"01": 5, …}}, bit 0 leftmost.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    script_id: Annotated[UUID, Field(strict=False)] | None = None
    script_slug: str | None = Field(default=None, min_length=1)
    inline_code: str | None = Field(default=None, min_length=1, max_length=MOST_INLINE)
    framework: Literal["qiskit", "cirq", "pennylane", "openqasm", "marqov"] | None = None
    execution_mode: Literal["direct", "durable", "temporal"] | None = None
    params: Mapping[str, Any] = Field(default_factory=dict)
    noise_model: Any = None
    statevector: bool = False
    accept_warnings: tuple[str, ...] = ()
    create_capsule: bool = False
    on_unknown: Literal["hold", "resend"] = "hold"
    native: Native | None = None
    team: Annotated[UUID, Field(strict=False)] | None = None
    entrypoint: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")

    @field_validator("noise_model")
    @classmethod
    def check_noise_model(cls, value: Any) -> Any:
        """See that it is written in the vendor's vocabulary."""
        if value is not None:
            check_noise(value)
        return value

    @model_validator(mode="after")
    def check_source(self) -> Self:
        """See that one source is named at most, and a framework where one is needed."""
        named = [
            name
            for name in ("script_id", "script_slug", "inline_code")
            if getattr(self, name) is not None
        ]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} exclude each other; keep one")
        if self.native is not None:
            self._check_native()
        elif self.entrypoint is not None or self.team is not None:
            name = "team" if self.entrypoint is None else "entrypoint"
            raise ValueError(f"{name} needs native: {{cap_cents: …}}; remove it")
        elif self.inline_code is not None and self.framework is None:
            raise ValueError("inline_code needs framework: qiskit, cirq, pennylane, …")
        if self.framework is not None and named and named != ["inline_code"]:
            raise ValueError(f"framework says nothing about a {named[0]}; remove it")
        if self.framework not in (None, "openqasm") and self.inline_code is None:
            raise ValueError(f"framework: {self.framework} needs inline_code")
        if "shots" in self.params:
            raise ValueError("params.shots is set by the plan; remove it")
        return self

    def _check_native(self) -> None:
        """See that nothing is asked for that a native submission, a closed body, has no place for.

        Raises:
            ValueError: Something is.
        """
        taken = {"native", "team", "entrypoint", "script_id", "inline_code", "params"}
        foreign = self.model_fields_set - taken
        if foreign:
            raise ValueError(f"{min(foreign)} has no place in a native submission; remove one")
        if self.runs_own_code and self.entrypoint is None:
            raise ValueError("entrypoint names the workflow to call; it is missing")
        if not self.runs_own_code and self.entrypoint is not None:
            raise ValueError("entrypoint needs script_id or inline_code; remove it")
        if not self.runs_own_code and self.params:
            raise ValueError("params go to a native workflow of your own; remove them")

    def misfits(self, target: str | None) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield what does not go with a target: its key, and what is wrong and how to mend it."""
        if self.noise_model is not None and target not in NOISY:
            names = " or ".join(NOISY)
            yield ("noise_model",), f"noise_model is not for {target}; choose target {names}"
        if self.statevector and target not in STATES:
            names = " or ".join(STATES)
            yield ("statevector",), f"statevector is not for {target}; choose target {names}"

    @property
    def runs_own_code(self) -> bool:
        """The circuits only say what bits come back."""
        return any((self.script_id, self.script_slug, self.inline_code))

    @property
    def is_inline(self) -> bool:
        return self.framework is not None
