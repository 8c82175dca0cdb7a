"""What a person may write under ``options`` of a Marqov backend: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Of code sent within a submission, characters.
MOST_INLINE = 50_000


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
        noise_model: For backends with noise, as the platform takes it.
        statevector: Ask for the final state.
        accept_warnings: Ids of the analysis's warnings that you accept.
        create_capsule: Let the platform keep a capsule of each job.
        on_unknown: What becomes of a job whose submission was not answered: hold, or resend the
            same bytes once with the same key. Where the price is zero it is always sent again.
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
        if self.inline_code is not None and self.framework is None:
            raise ValueError("inline_code needs framework: qiskit, cirq, pennylane, …")
        if self.framework is not None and named and named != ["inline_code"]:
            raise ValueError(f"framework says nothing about a {named[0]}; remove it")
        if self.framework not in (None, "openqasm") and self.inline_code is None:
            raise ValueError(f"framework: {self.framework} needs inline_code")
        if "shots" in self.params:
            raise ValueError("params.shots is set by the plan; remove it")
        return self

    @property
    def runs_own_code(self) -> bool:
        """The circuits only say what bits come back."""
        return any((self.script_id, self.script_slug, self.inline_code))

    @property
    def is_inline(self) -> bool:
        return self.framework is not None
