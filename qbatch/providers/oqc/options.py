"""What a person may write under ``options`` of an OQC backend: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from qbatch.manifest.fields import Mistakes, Whole, amiss
from qbatch.notation import nearest

#: Bits of ``transforms``: counts in place of shots, and arrays squashed to one bit each.
_BINARY_COUNT, _SQUASH = 1, 4

NOT_COUNTS = (
    "asks for something else than counts, whose form OQC does not document: it would be paid for, "
    "and could not be read; leave it out, and counts are asked for"
)


#: What OQC's compiler is known to read of its configuration.
COMPILER_KEYS = (
    *("active_calibrations", "driven_reset", "enable_debug_info", "error_mitigation", "metrics"),
    *("optimizations", "passive_reset_time", "post_selection", "pre_selection"),
    *("repeats", "repetition_period", "results_format"),
)


class Configuration(BaseModel):
    """Further keys of the compiler configuration, those that qbatch does not know included.

    One that is nearly a known one is that, misspelt: it would be sent, ignored and paid for.

    Attributes:
        results_format: As OQC's client writes it; only where it asks for counts.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    results_format: Any = None

    @model_validator(mode="after")
    def refuse_misspelt(self) -> Self:
        """Refuse a key that is nearly one of the compiler's."""
        mistakes = Mistakes()
        for key in self.model_extra or {}:
            if key not in COMPILER_KEYS and (meant := nearest(key, COMPILER_KEYS, 0.85)):
                mistakes.add((key,), amiss(f"unknown key {key!r}; did you mean {meant!r}?"))
        mistakes.raise_any()
        return self

    @field_validator("results_format")
    @classmethod
    def check_format(cls, value: Any) -> Any:
        """See that counts are asked for."""
        if not asks_for_counts(value):
            raise ValueError(f"{str(value)[:60]!r} {NOT_COUNTS}")
        return value

    @property
    def sent(self) -> dict[str, Any]:
        """The keys that are written, as they are."""
        return self.model_dump(exclude_unset=True)


def asks_for_counts(results_format: Any) -> bool:
    """Tell whether a ``results_format``, in OQC's tagged JSON, makes the service return counts."""
    found = results_format
    for key in ("$data", "transforms", "$value"):
        found = found.get(key) if isinstance(found, Mapping) else None
    is_flag = isinstance(found, int) and not isinstance(found, bool)
    return is_flag and found & _BINARY_COUNT != 0 and found & _SQUASH == 0


class Options(BaseModel):
    """``options`` of an OQC backend: the compiler configuration, and labels of its tasks.

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
        tag: A label of each task, behind the part of its tag by which qbatch finds it again.
        hybrid_marker: Another label of each task, sent as it is.
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
    config: Configuration = Configuration()
    tag: str = ""
    hybrid_marker: str = ""
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
