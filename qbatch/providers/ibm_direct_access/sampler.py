"""Options of the sampler, as IBM documents them: a closed set, of which the service refuses others.

Only what is written is sent. Shots are the plan's, so `default_shots` is none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from qbatch.manifest.fields import Whole, as_seconds

_CLOSED = ConfigDict(extra="forbid", frozen=True, strict=True)

#: "auto", or how many.
Number = Literal["auto"] | Annotated[Whole, Field(ge=1)]


class Decoupling(BaseModel):
    """Pulses on qubits that wait.

    Attributes:
        enable: Whether there are any.
        sequence_type: Which.
        extra_slack_distribution: Where time goes that is left over.
        scheduling_method: As late, or as soon, as possible.
        skip_reset_qubits: Not on qubits that were not used yet.
    """

    model_config = _CLOSED

    enable: bool = False
    sequence_type: Literal["XX", "XpXm", "XY4"] = "XX"
    extra_slack_distribution: Literal["middle", "edges"] = "middle"
    scheduling_method: Literal["alap", "asap"] = "alap"
    skip_reset_qubits: bool = False


class Execution(BaseModel):
    """How each shot is run.

    Attributes:
        init_qubits: Reset all qubits before each shot.
        rep_delay: Between shots, within the machine's range. None: the machine's.
        meas_type: Counts are read from "classified" alone.
    """

    model_config = _CLOSED

    init_qubits: bool = True
    rep_delay: Annotated[float, BeforeValidator(as_seconds), Field(ge=0)] | None = None
    meas_type: str = "classified"

    @field_validator("meas_type")
    @classmethod
    def check_counts(cls, value: str) -> str:
        """See that counts come back."""
        if value != "classified":
            raise ValueError(
                f"{value!r} asks for something else than counts: it would be paid for, and could "
                "not be read; write classified"
            )
        return value


class Twirling(BaseModel):
    """Circuits in random forms that are alike.

    Attributes:
        enable_gates: Of two-qubit gates.
        enable_measure: Of measurements.
        num_randomizations: Of each circuit.
        shots_per_randomization: Of each.
        strategy: Which qubits.
    """

    model_config = _CLOSED

    enable_gates: bool = False
    enable_measure: bool = False
    num_randomizations: Number = "auto"
    shots_per_randomization: Number = "auto"
    strategy: Literal["active", "active-accum", "active-circuit", "all"] = "active-accum"


class Simulator(BaseModel):
    """Of a simulator in the machine's place.

    Attributes:
        noise_model: As the service takes it.
        seed_simulator: Of its chance.
        coupling_map: Pairs of qubits.
        basis_gates: Names.
    """

    model_config = _CLOSED

    noise_model: Any = None
    seed_simulator: Annotated[Whole, Field(ge=0)] | None = None
    coupling_map: tuple[Any, ...] | None = None
    basis_gates: tuple[str, ...] | None = None


class Sampler(BaseModel):
    """``options.sampler``.

    Attributes:
        dynamical_decoupling: Pulses on qubits that wait.
        execution: How each shot is run.
        twirling: Circuits in random forms that are alike.
        simulator: Of a simulator in the machine's place.
        experimental: What IBM does not document; checked by the service, when the job runs.
    """

    model_config = _CLOSED

    dynamical_decoupling: Decoupling = Decoupling()
    execution: Execution = Execution()
    twirling: Twirling = Twirling()
    simulator: Simulator = Simulator()
    experimental: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def sent(self) -> dict[str, Any]:
        """The keys that are written, as the service takes them."""
        return self.model_dump(exclude_unset=True, exclude_none=True)
