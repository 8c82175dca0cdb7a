"""What a person may write under ``options`` of a Scaleway backend: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qbatch.manifest.fields import Seconds
from qbatch.providers.scaleway.moments import read_instant


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
        max_job_duration: The longest that one job may run.
        simulator: Settings of the simulator: method, precision, seed_simulator, …
        noise_model: For Aer, as its NoiseModel.to_dict writes it.
        memory: Keep each shot in the raw reply, where the platform offers that.
        parameters: Settings of the platform's sessions.
        tags: On every session and job.
        tag_saved: Once its result is saved here, a job is renamed to its point and tagged "saved".
        booking: A slot of the machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    project_id: str | None = None
    max_idle: Seconds | None = None
    longest_session: Seconds = 3600.0
    max_job_duration: Seconds | None = None
    simulator: Mapping[str, Any] = Field(default_factory=dict)
    noise_model: Mapping[str, Any] | None = None
    memory: bool = False
    parameters: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    tag_saved: bool = False
    booking: Booking | None = None
