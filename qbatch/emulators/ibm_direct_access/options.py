"""The options of sampler and estimator: a closed set of keys. Most change nothing here.

What counts: shots and precision, repetition delay, measurement type, seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from qbatch.emulators.ibm_direct_access.typed import InputError

Check = Callable[[Any], bool]


def is_whole(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: Any, least: float = 0.0) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) and value >= least


def is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_seed(value: Any) -> bool:
    return is_whole(value, 0)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_anything(_: Any) -> bool:
    return True


def _is_auto(value: Any) -> bool:
    return value == "auto" or is_whole(value)


def _one_of(*words: str) -> Check:
    return lambda value: value in words


DECOUPLING = {
    "enable": _is_flag,
    "sequence_type": _one_of("XX", "XpXm", "XY4"),
    "extra_slack_distribution": _one_of("middle", "edges"),
    "scheduling_method": _one_of("alap", "asap"),
    "skip_reset_qubits": _is_flag,
}
TWIRLING = {
    "enable_gates": _is_flag,
    "enable_measure": _is_flag,
    "num_randomizations": _is_auto,
    "shots_per_randomization": _is_auto,
    "strategy": _one_of("active", "active-accum", "active-circuit", "all"),
}
SIMULATOR = {
    "noise_model": _is_anything,
    "seed_simulator": _is_seed,
    "coupling_map": _is_list,
    "basis_gates": _is_list,
}
EXECUTION = {"init_qubits": _is_flag, "rep_delay": is_number}
RESILIENCE = {
    "measure_mitigation": _is_flag,
    "measure_noise_learning": {
        "num_randomizations": is_whole,
        "shots_per_randomization": _is_auto,
    },
    "zne_mitigation": _is_flag,
    "zne": {
        "amplifier": _one_of("gate_folding", "gate_folding_front", "gate_folding_back", "pea"),
        "noise_factors": _is_list,
        "extrapolator": _is_anything,
        "extrapolated_noise_factors": _is_list,
    },
    "pec_mitigation": _is_flag,
    "pec": {"max_overhead": is_positive, "noise_gain": _is_anything},
    "layer_noise_learning": {
        "max_layers_to_learn": _is_seed,
        "shots_per_randomization": is_whole,
        "num_randomizations": is_whole,
        "layer_pair_depths": _is_list,
    },
    "layer_noise_model": _is_anything,
}

_SHARED: Mapping[str, Any] = {
    "dynamical_decoupling": DECOUPLING,
    "twirling": TWIRLING,
    "simulator": SIMULATOR,
    "experimental": _is_object,
    "default_shots": is_whole,
}

#: Program -> its options: key -> a check of the value, or the keys below it.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "sampler": {
        **_SHARED,
        "execution": {
            **EXECUTION,
            "meas_type": _one_of("classified", "kerneled", "avg_kerneled"),
        },
    },
    "estimator": {
        **_SHARED,
        "execution": EXECUTION,
        "default_precision": is_positive,
        "seed_estimator": _is_seed,
        "resilience": RESILIENCE,
    },
}


def check_options(program: str, options: Any) -> None:
    """Check options against the closed set; null stands for a default everywhere.

    Raises:
        InputError: An unknown key, a wrong value, or two that exclude each other.
    """
    _check("options", options, OPTIONS[program])
    resilience = options.get("resilience") or {}
    if resilience.get("zne_mitigation") and resilience.get("pec_mitigation"):
        raise InputError("options.resilience: zne_mitigation and pec_mitigation exclude each other")


def _check(where: str, found: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(found, dict):
        raise InputError(f"{where}: must be an object")
    for key, value in found.items():
        wanted = known.get(key)
        if wanted is None:
            raise InputError(f"{where}.{key}: unknown option")
        if value is None:
            continue
        if isinstance(wanted, Mapping):
            _check(f"{where}.{key}", value, wanted)
        elif not wanted(value):
            raise InputError(f"{where}.{key}: {value!r} is not possible")


def option(options: Mapping[str, Any], path: str) -> Any:
    """Return the value at ``section.key``, or None."""
    value: Any = options
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
