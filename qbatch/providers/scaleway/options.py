"""What a person may write under ``options`` of a Scaleway backend: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from qbatch.manifest.fields import Seconds
from qbatch.providers.scaleway.moments import read_instant

#: As Scaleway makes them.
Id = Annotated[UUID, Field(strict=False)]

#: Option -> options that say nothing beside it.
OF_ITS_OWN: Mapping[str, tuple[str, ...]] = {
    "model_id": ("simulator", "noise_model"),
    "session_id": ("max_idle", "longest_session", "parameters", "booking"),
}


class Booking(BaseModel):
    """A slot of a machine, for this run alone.

    Attributes:
        starts_at: ISO 8601 with its offset.
        ends_at: The same.
        description: For people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    starts_at: str
    ends_at: str
    description: str = ""

    @model_validator(mode="after")
    def check_times(self) -> Self:
        """See that both are instants, in order."""
        begin_s, end_s = read_instant(self.starts_at), read_instant(self.ends_at)
        if begin_s is None or end_s is None or begin_s >= end_s:
            raise ValueError(
                "booking: write starts_at and a later ends_at, as in 2026-12-01T09:00:00+01:00"
            )
        return self

    @property
    def length_s(self) -> float:
        return (read_instant(self.ends_at) or 0.0) - (read_instant(self.starts_at) or 0.0)


class Options(BaseModel):
    """``options`` of a Scaleway backend.

    Attributes:
        project_id: Who pays. None: QISKIT_SCALEWAY_PROJECT_ID, or SCW_PROJECT_ID.
        max_idle: A session without jobs ends after so long; by default five minutes where its time
            is paid for.
        longest_session: The longest that a session is kept where its time is paid for: with the
            price per hour, the most that it can cost.
        max_duration: The longest that one job may run.
        simulator: Settings of the simulator: method, precision, seed_simulator, …
        noise_model: For Aer, as its NoiseModel.to_dict writes it.
        memory: Keep each shot in the raw reply, where the platform offers that.
        run: Further options of each job's run, as the platform takes them: cudaq_target_option, …
        parameters: Settings of the platform's sessions.
        tags: On every session and job.
        tag_saved: Once its result is saved here, a job is renamed to its point and tagged "saved".
        booking: A slot of the machine.
        model_id: Run this uploaded model in place of the circuits, which then only say what bits
            come back: it is one program, so nothing of a circuit can be swept.
        session_id: Run the jobs in this session of your own, which keeps its limits and is neither
            prolonged nor ended: its time is paid by whoever opened it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    project_id: str | None = None
    max_idle: Seconds | None = None
    longest_session: Seconds = 3600.0
    max_duration: Seconds | None = None
    simulator: Mapping[str, Any] = Field(default_factory=dict)
    noise_model: Mapping[str, Any] | None = None
    memory: bool = False
    run: Mapping[str, Any] = Field(default_factory=dict)
    parameters: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    tag_saved: bool = False
    booking: Booking | None = None
    model_id: Id | None = None
    session_id: Id | None = None

    @field_validator("model_id", "session_id")
    @classmethod
    def check_alone(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        """See that nothing is said beside it that it has of its own."""
        fields = cls.model_fields
        for name in OF_ITS_OWN[str(info.field_name)]:
            if value is not None and info.data.get(name) != fields[name].get_default(
                call_default_factory=True
            ):
                raise ValueError(
                    f"a {str(info.field_name).removesuffix('_id')} that is there already has its "
                    f"own {name}: remove {name}, or {info.field_name}"
                )
        return value
