"""Whether a circuit can be simulated with a backend's settings, and about how long it takes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from qbatch.providers import Order, Target
from qbatch.providers.local.method import evolution_s, memory_bytes, readable_bytes, settled
from qbatch.providers.local.options import STATEVECTOR_QUBITS
from qbatch.providers.local.settings import Settings

if TYPE_CHECKING:
    from qbatch.circuit import CircuitFacts


@cache
def missing_gpu() -> str | None:
    """Say why nothing can run on a GPU here, or None; loads qiskit-aer."""
    from qiskit_aer import AerSimulator

    devices = AerSimulator().available_devices()
    if "GPU" in devices:
        return None
    return (
        f"device: GPU: the qiskit-aer installed here knows {', '.join(devices)} only; install "
        "qiskit-aer-gpu, or take device: CPU"
    )


#: Ends what says so, where that is a setting: "engine.slurm.memory allows".
ALLOWS = " allows"


class Fit:
    """What fits on the machines that compute.

    Args:
        settings: Of the backend.
        memory: Bytes that one simulation may take there; None: not known.
        memory_source: Who says so: "this machine has", "engine.slurm.memory allows".
        is_elsewhere: They are not this machine, so that nothing is said of their GPUs.
    """

    def __init__(
        self,
        settings: Settings,
        memory: int | None,
        memory_source: str = "this machine has",
        *,
        is_elsewhere: bool = False,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._memory_source = memory_source
        #: What a person may raise.
        self._limit = (
            memory_source.removesuffix(ALLOWS)
            if memory_source.endswith(ALLOWS)
            else "limits.memory_gb"
        )
        self._is_elsewhere = is_elsewhere
        self._verdicts: dict[tuple[str, int], str | None] = {}

    def check(self, order: Order, target: Target) -> str | None:
        """See `Driver.check`."""
        key = (order.circuit.sha256, order.shots)
        if key not in self._verdicts:
            self._verdicts[key] = self._refusal(order.circuit.facts, order.shots, target)
        return self._verdicts[key]

    def core_s(self, order: Order) -> float:
        """About how long one core takes for an order, seconds."""
        facts = order.circuit.facts
        return evolution_s(facts, settled(facts, self._settings), order.shots)

    def _refusal(self, facts: CircuitFacts, shots: int, target: Target) -> str | None:
        on_gpu = self._settings.options.device == "GPU" and not self._is_elsewhere
        if on_gpu and (missing := missing_gpu()):
            return missing
        if target.num_qubits is not None and facts.num_qubits > target.num_qubits:
            return (
                f"it has {facts.num_qubits} qubits; the calibration file knows {target.num_qubits}"
            )
        if self._settings.options.statevector:
            if facts.is_dynamic:
                return "statevector: true needs a circuit that ends in its measurements"
            if facts.num_qubits > STATEVECTOR_QUBITS:
                return (
                    f"statevector: true keeps at most {STATEVECTOR_QUBITS} qubits; "
                    f"it has {facts.num_qubits}"
                )
        return self._too_large(facts, shots)

    def _too_large(self, facts: CircuitFacts, shots: int) -> str | None:
        settings, memory = settled(facts, self._settings), self._memory
        needed = memory_bytes(facts, settings, shots)
        if needed is None or memory is None or needed <= memory:
            return None
        told = f"need {readable_bytes(needed)}; {self._memory_source} {readable_bytes(memory)}"
        if (memory_bytes(facts, settings) or 0) <= memory:
            return (
                f"{shots:,} shots of {facts.num_bits} bits {told}; take fewer shots, "
                f"or raise {self._limit}"
            )
        return (
            f"{facts.num_qubits} qubits by {settings.method} {told}; take fewer qubits, "
            f"method: matrix_product_state, or raise {self._limit}"
        )
