"""What a person may write under ``options`` of an OQC backend: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qbatch.manifest.fields import Whole


class Options(BaseModel):
    """``options`` of an OQC backend: the compiler configuration.

    Attributes:
        tket: Optimisation level of OQC's compiler; None leaves the service's default.
        error_mitigation: Readout mitigation on the counts.
        passive_reset_time: Wait between shots, seconds.
        repetition_period: The older name for it, seconds.
        pre_selection: Keep only shots whose qubits are measured as 0 before they begin.
        post_selection: Keep only shots whose qubits pass the service's check after they end.
        driven_reset: Reset qubits by pulses between shots instead of waiting.
        metrics: Ask for the optimised circuit and its instruction count.
        config: Further keys of the compiler configuration, sent as they are.
        noise: Run a simulator with its noise.
        bond_dimension: Of a simulator that computes with tensor networks.
        noise_model: Of a simulator, as the service takes it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tket: Literal["none", "one", "two"] | None = None
    error_mitigation: Literal["none", "matrix", "linear"] | None = None
    passive_reset_time: float | None = Field(default=None, gt=0)
    repetition_period: float | None = Field(default=None, gt=0)
    pre_selection: bool = False
    post_selection: bool = False
    driven_reset: bool = False
    metrics: bool = True
    config: Mapping[str, Any] = Field(default_factory=dict)
    noise: bool = False
    bond_dimension: Whole | None = Field(default=None, ge=1)
    noise_model: Mapping[str, Any] | None = None

    @property
    def external(self) -> dict[str, Any]:
        """What goes beside the configuration, for simulators that experiment."""
        said = {
            "noise_enabled": self.noise or None,
            "bond_dimension": self.bond_dimension,
            "noise_model": None if self.noise_model is None else dict(self.noise_model),
        }
        return {key: value for key, value in said.items() if value is not None}
