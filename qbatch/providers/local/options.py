"""What a person may write under a local backend's ``options``.

Rules: plain data, no qiskit. Nothing is accepted and then ignored: an option of one method is
refused with another. Every option here can change a result, so none is about speed alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Method = Literal[
    "automatic",
    "statevector",
    "density_matrix",
    "stabilizer",
    "extended_stabilizer",
    "matrix_product_state",
    "tensor_network",
    "stim",
]

#: Methods that know single precision, and those that know the GPU, besides "automatic".
SINGLE_PRECISION = ("statevector", "density_matrix", "tensor_network")
ON_GPU = ("statevector", "density_matrix", "tensor_network")

#: Qubits whose final state is kept at most (16 bytes * 2**n a point).
STATEVECTOR_QUBITS = 16


class PlainData(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def wrong(problem: str) -> PydanticCustomError:
    """Return an error that says `problem` word for word."""
    return PydanticCustomError("wrong", "{problem}", {"problem": problem})


class Options(PlainData):
    """How circuits are simulated.

    Attributes:
        method: Aer's method, "stim" (Clifford circuits, needs the package stim), or "automatic":
            chosen from the circuit and these settings alone, never from the machine.
        precision: Of amplitudes; "single" halves the memory.
        device: Where; "GPU" needs a qiskit-aer that was built for it.
        statevector: Keep the state before measurement of ideal circuits without feedback.
        matrix_product_state_max_bond_dimension: Aer's, under Aer's name: the most singular values
            kept at each bond; None: all.
        matrix_product_state_truncation_threshold: Aer's: singular values are dropped as long as
            their squares sum up to less.
        mps_sample_measure_algorithm: Aer's: how matrix_product_state samples.
        extended_stabilizer_sampling_method: Aer's: how extended_stabilizer samples.
        extended_stabilizer_metropolis_mixing_time: Aer's: Metropolis steps before sampling.
        extended_stabilizer_approximation_error: Aer's: the error that its decomposition may make.
        extended_stabilizer_norm_estimation_samples: Aer's: samples of its norm estimation.
        extended_stabilizer_norm_estimation_repetitions: Aer's: repetitions of it.
        tensor_network_num_sampling_qubits: Aer's: qubits sampled at once.
    """

    method: Method = "automatic"
    precision: Literal["double", "single"] = "double"
    device: Literal["CPU", "GPU"] = "CPU"
    statevector: bool = False
    matrix_product_state_max_bond_dimension: Annotated[int, Field(ge=1)] | None = None
    matrix_product_state_truncation_threshold: Annotated[float, Field(ge=0, lt=1)] | None = None
    mps_sample_measure_algorithm: Literal["mps_apply_measure", "mps_probabilities"] | None = None
    extended_stabilizer_sampling_method: (
        Literal["metropolis", "resampled_metropolis", "norm_estimation"] | None
    ) = None
    extended_stabilizer_metropolis_mixing_time: Annotated[int, Field(ge=1)] | None = None
    extended_stabilizer_approximation_error: Annotated[float, Field(gt=0, lt=1)] | None = None
    extended_stabilizer_norm_estimation_samples: Annotated[int, Field(ge=1)] | None = None
    extended_stabilizer_norm_estimation_repetitions: Annotated[int, Field(ge=1)] | None = None
    tensor_network_num_sampling_qubits: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in self.of_aer():
            owner = _owner(name)
            if owner != self.method:
                raise wrong(f"{name} only matters with method: {owner}; remove it or set that")
        if self.precision == "single" and self.method not in ("automatic", *SINGLE_PRECISION):
            raise wrong(f"precision: single is unknown to method: {self.method}; remove it")
        if self.device == "GPU" and self.method not in ("automatic", *ON_GPU):
            raise wrong(f"device: GPU is unknown to method: {self.method}; remove it")
        if self.method == "tensor_network" and self.device != "GPU":
            raise wrong("method: tensor_network needs device: GPU; set it, or another method")
        if self.statevector and self.method not in ("automatic", "statevector"):
            raise wrong(f"statevector: true needs method: statevector; found {self.method}")
        return self

    def of_aer(self) -> Mapping[str, Any]:
        """Return those options that go to Aer as they are."""
        own = {"method", "precision", "device", "statevector"}
        return self.model_dump(exclude=own, exclude_none=True)


def _owner(name: str) -> str:
    if name.startswith(("matrix_product_state", "mps")):
        return "matrix_product_state"
    return "tensor_network" if name.startswith("tensor_network") else "extended_stabilizer"
