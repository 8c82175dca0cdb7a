"""What the emulated Marqov offers: backends with prices, and ready-made scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qbatch.emulators.clock import iso
from qbatch.emulators.clouds import World
from qbatch.emulators.marqov.access import Rejected, stable_id


@dataclass(frozen=True)
class Backend:
    """A place to run. Prices in USD.

    Attributes:
        provider: Decides the tier.
        takes_noise: Obeys ``params.noise_model``.
        gives_state: Obeys ``params.extract_state_vector``.
    """

    slug: str
    name: str
    provider: str
    qubits: int
    kind: str = "simulator"
    status: str = "online"
    task_fee: float = 0.0
    per_shot: float = 0.0
    minimum: float = 0.0
    is_retired: bool = False
    takes_noise: bool = False
    gives_state: bool = False

    @property
    def is_free(self) -> bool:
        return not (self.task_fee or self.per_shot or self.minimum)

    def price(self, shots: int, circuits: int = 1) -> float:
        """Return the price of one job, USD; every circuit is one task."""
        return round(max(self.minimum, circuits * (self.task_fee + self.per_shot * shots)), 10)

    def row(self, order: int, waiting: int, updated_at: str) -> dict[str, Any]:
        """Return the entry of ``GET /api/backends``."""
        return {
            "id": stable_id(f"backend:{self.slug}"),
            "slug": self.slug,
            "name": self.name,
            "provider": self.provider,
            "providerTargetId": None,
            "deviceType": self.kind,
            "status": self.status,
            "isAvailable": self.status == "online" and not self.is_retired,
            "pricing": {
                "taskFee": self.task_fee,
                "perShot": self.per_shot,
                "minimumCost": self.minimum,
            },
            "supportedProgramTypes": ["openqasm", "qasm3"],
            "region": None,
            "description": f"{self.name}, {self.qubits} qubits (emulated)",
            "documentationUrl": None,
            "qubitCount": self.qubits,
            "maxQubits": self.qubits,
            "maxShots": 100_000,
            "displayOrder": order,
            "tags": ["free"] if self.is_free else [],
            "isRecommended": self.slug == "marqov-sim",
            "isRetired": self.is_retired,
            "queueTimeSeconds": waiting,
            "statusUpdatedAt": updated_at,
        }


_BRILLIANCE = "quantum_brilliance"
_BRAKET = "aws_braket"


def _qpu(slug: str, name: str, provider: str, qubits: int, per_shot: float, **more: Any) -> Backend:
    fee = more.pop("task_fee", 0.3)
    return Backend(slug, name, provider, qubits, "qpu", task_fee=fee, per_shot=per_shot, **more)


BACKENDS = (
    Backend("marqov-sim", "Marqov Simulator", "marqov", 25),
    Backend("local", "Local Simulator", "marqov", 25),
    Backend("qb-sim-statevector", "QB State Vector", _BRILLIANCE, 28, gives_state=True),
    Backend("qb-sim-tensor-network", "QB Tensor Network", _BRILLIANCE, 100),
    Backend("qb-sim-noisy-aer", "QB Noisy Aer", _BRILLIANCE, 28, takes_noise=True),
    Backend("qb-sim-gpu-statevector", "QB GPU State Vector", _BRILLIANCE, 28, gives_state=True),
    Backend("qb-sim-gpu-tensor-network", "QB GPU Tensor Network", _BRILLIANCE, 100),
    Backend("qb-sim-density-matrix", "QB Density Matrix", _BRILLIANCE, 14, takes_noise=True),
    Backend("sv1", "Amazon Braket SV1", _BRAKET, 34, task_fee=0.075),
    Backend("dm1", "Amazon Braket DM1", _BRAKET, 17, task_fee=0.075),
    Backend("tn1", "Amazon Braket TN1", _BRAKET, 50, task_fee=0.075),
    _qpu("ionq-aria-1", "IonQ Aria 1", _BRAKET, 25, 0.01),
    _qpu("ionq-forte-1", "IonQ Forte 1", _BRAKET, 36, 0.01, status="maintenance"),
    _qpu("rigetti-ankaa-2", "Rigetti Ankaa-2", _BRAKET, 84, 0.00035),
    _qpu("iqm-garnet", "IQM Garnet", _BRAKET, 20, 0.00145),
    _qpu("quantinuum-h2", "Quantinuum H2", "azure", 56, 0.05, task_fee=0.0, minimum=25.0),
    Backend("rigetti-qvm", "Rigetti QVM", "azure", 9, is_retired=True),
)

_HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'

#: Ready-made scripts by slug; only ``bell-state`` is known by name, the other is ours.
#: ``{theta}`` is filled from ``params.theta``.
STOCK_SCRIPTS: Mapping[str, str] = {
    "bell-state": _HEAD + "h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n",
    "rotation": _HEAD + "ry({theta}) q[0];\nmeasure q -> c;\n",
}


def find_backend(slug: Any) -> Backend:
    """Return the backend to run on.

    Raises:
        Rejected: Unknown or retired.
    """
    for backend in BACKENDS:
        if backend.slug == slug:
            if backend.is_retired:
                raise Rejected(422, "backend_retired", f"{slug} is retired")
            return backend
    raise Rejected(422, "backend_unknown", f"no backend {slug!r}")


def list_backends(world: World, waiting: Mapping[str, int]) -> dict[str, Any]:
    """Return the catalogue; `waiting` has the jobs at work by slug."""
    updated_at = iso(world.clock.utc())
    rows = [
        backend.row(at, int(waiting.get(backend.slug, 0) * world.queueing.queue_s), updated_at)
        for at, backend in enumerate(BACKENDS)
    ]
    return {"backends": rows, "updatedAt": updated_at}
