"""OQC's compiler configuration, in the tagged JSON that a task's options are sent as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from qbatch.providers.oqc.options import Options

TKET = {"none": 1, "one": 18, "two": 30}
MITIGATION = {"none": 1, "matrix": 2, "linear": 4}


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
    config |= {**options.config.sent, "repeats": shots}
    if options.external:
        config |= {"noise": options.noise, "bond_dimension": options.bond_dimension}
        config["noise_model"] = options.noise_model and dict(options.noise_model)
    return json.dumps(tagged("CompilerConfig", config))
