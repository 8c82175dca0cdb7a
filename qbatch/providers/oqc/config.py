"""OQC's compiler configuration: a backend's ``options``, and the tagged JSON they are sent as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TKET = {"none": 1, "one": 18, "two": 30}
MITIGATION = {"none": 1, "matrix": 2, "linear": 4}


class Options(BaseModel):
    """``options`` of an OQC backend: the compiler configuration.

    Attributes:
        tket: Optimisation level of OQC's compiler; None leaves the service's default.
        error_mitigation: Readout mitigation on the counts.
        passive_reset_time: Wait between shots, seconds.
        repetition_period: The older name for it, seconds.
        metrics: Ask for the optimised circuit and its instruction count.
        config: Further keys of the compiler configuration, sent as they are.
        noise: Run a simulator with its noise.
        bond_dimension: Of a simulator that computes with tensor networks.
        noise_model: Of a simulator, as the service takes it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    bond_dimension: int | None = Field(default=None, ge=1)
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


def encode_config(shots: int, options: Options) -> str:
    """Write OQC's compiler configuration, in the tagged JSON its own library produces.

    Counts are always asked for (``transforms`` 3): without it the service returns raw arrays.
    """

    def tagged(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"$type": f"<class 'compiler_config.config.{kind}'>", "$data": data}

    def flag(kind: str, value: int) -> dict[str, Any]:
        return {"$type": f"<enum 'compiler_config.config.{kind}'>", "$value": value}

    tket, mitigation = options.tket, options.error_mitigation
    results_format = {
        "format": flag("InlineResultsProcessing", 1),
        "transforms": flag("ResultsFormatting", 3),
    }
    config: dict[str, Any] = {
        "repeats": shots,
        "repetition_period": options.repetition_period,
        "passive_reset_time": options.passive_reset_time,
        "results_format": tagged("QuantumResultsFormat", results_format),
        "metrics": flag("MetricsType", 6 if options.metrics else 1),
        "active_calibrations": [],
        "optimizations": tket
        and tagged("Tket", {"tket_optimizations": flag("TketOptimizations", TKET[tket])}),
        "error_mitigation": mitigation and flag("ErrorMitigationConfig", MITIGATION[mitigation]),
        "pre_selection": options.pre_selection,
        "post_selection": options.post_selection,
        "driven_reset": options.driven_reset,
        "enable_debug_info": False,
    }
    config |= {**options.config, "repeats": shots}
    if options.external:
        config |= {"noise": options.noise, "bond_dimension": options.bond_dimension}
        config["noise_model"] = options.noise_model and dict(options.noise_model)
    return json.dumps(tagged("CompilerConfig", config))
