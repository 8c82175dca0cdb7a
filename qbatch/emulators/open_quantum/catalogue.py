"""What the emulated Open Quantum offers: backends, categories, plans, priorities, prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from qbatch.emulators.simulation import Solution

NAME = "open-quantum"

PUBLIC = "072f7eb6-574b-4bae-aafa-d3399c4abe7a"
PRIVATE = "f83fd52f-c691-470f-9521-26b81c4e53bd"

#: (id, name, share of the plan's price added, share of the usual wait)
PRIORITIES = (
    ("0f7b91a3-d1bf-46fb-af9c-55b77fa72bed", "Standard", 0.0, 1.0),
    ("4ea2b9de-2d20-46d4-b1b5-0b71537a584f", "Priority", 0.5, 0.5),
    ("74cebc3d-14d8-455d-900e-daedc1566384", "Instant", 1.0, 0.1),
)

#: Category code -> (name, subcategory codes)
CATEGORIES = {
    "chem": ("Chemistry", ("mgse", "qss", "vqe", "oth")),
    "crypto": ("Cryptography", ("dlog", "hash", "shor", "oth")),
    "fin": ("Finance", ("opt", "port", "risk", "oth")),
    "gna": ("Graphs and networks", ("con", "pat", "qwg", "oth")),
    "ml": ("Machine learning", ("qcl", "qcu", "qrs", "oth")),
    "math": ("Mathematics", ("deq", "hsp", "hhl", "oth")),
    "opt": ("Optimisation", ("adi", "csp", "qaoa", "oth")),
    "phys": ("Physics", ("hds", "pfn", "tin", "oth")),
    "oth": ("Other", ("oth",)),
}

#: Qiskit's name of an operation -> the platform's.
OPERATIONS = {
    "id": "i",
    "sdg": "si",
    "tdg": "ti",
    "sx": "v",
    "sxdg": "vi",
    "cx": "cnot",
    "ccx": "ccnot",
    "cp": "cphaseshift",
    "cu1": "cphaseshift",
    "p": "phaseshift",
    "u1": "phaseshift",
    "rxx": "xx",
    "ryy": "yy",
    "rzz": "zz",
    "r": "prx",
}

_EVERYWHERE = "x y z h s si t ti rx ry rz"
_WIDE = f"{_EVERYWHERE} i v vi cnot swap iswap cz cy ccnot cswap cphaseshift phaseshift ecr"

#: Operation -> (qubits, parameters) where not (1, 0).
_SHAPES: Mapping[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(("rx", "ry", "rz", "phaseshift", "gpi", "gpi2"), (1, ("theta",))),
    **dict.fromkeys(("cnot", "swap", "iswap", "cz", "cy", "ecr"), (2, ())),
    **dict.fromkeys(("cphaseshift", "xx", "yy", "zz", "xy"), (2, ("theta",))),
    **dict.fromkeys(("ccnot", "cswap"), (3, ())),
    "prx": (1, ("theta", "phi")),
    "ms": (2, ("phi0", "phi1")),
}


@cache
def stable_id(name: str) -> str:
    """Return the UUID that stands for `name` in every emulation."""
    return str(uuid5(NAMESPACE_URL, f"emulated:{NAME}:{name}"))


def lattice(num_qubits: int, columns: int, num_edges: int) -> list[list[int]]:
    """Return a connected grid's coupling map with `num_edges` undirected edges."""
    rows = -(-num_qubits // columns)
    across = [[q, q + 1] for q in range(num_qubits - 1) if (q + 1) % columns]
    down = [[q, q + columns] for q in range(num_qubits - columns)]
    spine = [[row * columns, (row + 1) * columns] for row in range(rows - 1)]
    rest = [edge for edge in down if edge not in spine]
    return sorted([*across, *spine, *rest][:num_edges])


@dataclass(frozen=True)
class Backend:
    """A backend class.

    Attributes:
        vendor: Code and name.
        operations: Supported ones, the platform's names, separated by blanks.
        per_job, per_shot: Credits of the Public plan.
        engines: Values of ``configuration_data.engine``, which is then required.
    """

    short_code: str
    name: str
    vendor: tuple[str, str]
    qubits: int
    native: str
    operations: str = _WIDE
    coupling_map: tuple[tuple[int, int], ...] = ()
    shots: tuple[int, int] = (1, 20_000)
    per_job: float = 1.0
    per_shot: float = 0.002
    kind: str = "QPU"
    status: str = "Online"
    accepting_jobs: bool = True
    features: tuple[str, ...] = ("measure", "barriers", "physical_qubits")
    engines: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return stable_id(f"backend:{self.short_code}")

    def row(self, queue_depth: int) -> dict[str, Any]:
        """Return the entry of the backend list."""
        return {
            "id": self.id,
            "name": self.name,
            "description": f"{self.vendor[1]} {self.name}, {self.qubits} qubits (emulated)",
            "type": self.kind,
            "provider_id": stable_id(f"provider:{self.vendor[0]}"),
            "short_code": self.short_code,
            "queue_depth": queue_depth,
            "accepting_jobs": self.accepting_jobs,
            "status": self.status,
        }

    def detail(self, queue_depth: int) -> dict[str, Any]:
        """Return the single-backend answer."""
        return self.row(queue_depth) | {
            "constraint_data": self._constraints(),
            "configuration_schema": self._schema(),
        }

    def _constraints(self) -> dict[str, Any]:
        edges = [list(edge) for edge in self.coupling_map]
        return {
            "n_qubits": self.qubits,
            "native_ops": [_shape(name) for name in self.native.split()],
            "supported_ops": [_shape(name) for name in self.operations.split()],
            "topology": {"directed_edges": False, "coupling_map": edges},
            "timing": {"dt": None, "durations": []},
            "noise": {"gate_error": []},
            "limits": {
                "max_circuits": 1,
                "min_shots": self.shots[0],
                "max_shots": self.shots[1],
                "min_qubits_per_job": 1,
                "max_qubits_per_job": self.qubits,
            },
            "features": list(self.features),
            "supported_formats": ["qasm"],
        }

    def _schema(self) -> dict[str, Any]:
        low, high = self.shots
        properties: dict[str, Any] = {
            "shots": {"type": "integer", "minimum": low, "maximum": high, "default": 1000}
        }
        if self.engines:
            properties["engine"] = {"type": "string", "enum": list(self.engines)}
        return {
            "type": "object",
            "properties": properties,
            "required": ["engine"] if self.engines else [],
        }

    def wrong_configuration(self, configuration: Mapping[str, Any], shots: Any) -> str:
        """Say what is wrong with a preparation's configuration, or ""."""
        low, high = self.shots
        if isinstance(shots, bool) or not isinstance(shots, int) or not low <= shots <= high:
            return f"shots must be a whole number from {low} to {high}, not {shots!r}"
        if self.engines and configuration.get("engine") not in self.engines:
            return f"configuration_data.engine must be one of {', '.join(self.engines)}"
        known = {"shots", "engine"} if self.engines else {"shots"}
        unknown = sorted(set(configuration) - known)
        return f"configuration_data.{unknown[0]} is not known" if unknown else ""

    def wrong_program(self, program: Solution) -> str:
        """Say why the compiler refuses a program, or ""."""
        if program.error:
            return program.error
        if program.num_qubit_registers > 1:
            return "at most one qubit register is supported"
        if program.is_dynamic and "dynamic_circuits" not in self.features:
            return "mid-circuit measurement, reset and classical control are not supported"
        for name in program.operations:
            known = {*self.operations.split(), *self.native.split(), "measure", "barrier"}
            if not program.is_dynamic and OPERATIONS.get(name, name) not in known:
                return f"operation {name} is not supported by {self.short_code}"
        edges = {frozenset(edge) for edge in self.coupling_map}
        if edges and not program.num_qubit_registers:
            for pair in sorted(program.pairs):
                if frozenset(pair) not in edges:
                    return f"physical qubits {pair[0]} and {pair[1]} are not connected"
        return ""

    def quote(self, shots: int) -> list[dict[str, Any]]:
        """Return execution plans with their prices in credits, whole numbers."""
        public = ceil(self.per_job + self.per_shot * shots)
        plans = (
            (PUBLIC, "Public Plan", "Results are public; cite the platform.", public),
            (PRIVATE, "Private Plan", "Results are yours. Full credits only.", ceil(public * 1.5)),
        )
        return [
            {
                "name": name,
                "description": description,
                "price": price,
                "execution_plan_id": plan,
                "queue_priorities": [
                    {
                        "name": f"{word} Queue",
                        "description": "",
                        "price_increase": ceil(price * share),
                        "queue_priority_id": priority,
                    }
                    for priority, word, share, _ in PRIORITIES
                ],
            }
            for plan, name, description, price in plans
        ]


def _shape(name: str) -> dict[str, Any]:
    arity, params = _SHAPES.get(name, (1, ()))
    return {"name": name, "arity": arity, "params": list(params)}


def _edges(num_qubits: int, columns: int, num_edges: int) -> tuple[tuple[int, int], ...]:
    return tuple((a, b) for a, b in lattice(num_qubits, columns, num_edges))


_IQM = ("iqm", "IQM")
_ALL_FEATURES = (
    "measure",
    "custom_gates",
    "mid_circuit_measure",
    "reset",
    "dynamic_circuits",
    "barriers",
    "physical_qubits",
    "subroutines",
    "classical_control",
)

BACKENDS = (
    Backend(
        "iqm:emerald",
        "Emerald",
        _IQM,
        54,
        "cz prx",
        f"{_WIDE} xy xx yy zz prx",
        _edges(54, 9, 83),
    ),
    Backend(
        "iqm:garnet",
        "Garnet",
        _IQM,
        20,
        "cz prx",
        f"{_WIDE} xy xx yy zz prx",
        _edges(20, 5, 30),
    ),
    Backend(
        "ionq:forte-1",
        "Forte 1",
        ("ionq", "IonQ"),
        36,
        "gpi gpi2 zz",
        f"{_EVERYWHERE} i v vi cnot swap xx yy zz",
        shots=(100, 5000),
        per_job=3.0,
        per_shot=0.08,
    ),
    Backend(
        "aqt:ibex-q1",
        "IBEX Q1",
        ("aqt", "AQT"),
        12,
        "prx xx rz",
        f"{_WIDE} xx yy zz prx",
        shots=(1, 2000),
        per_shot=0.02,
    ),
    Backend(
        "rigetti:ankaa-3",
        "Ankaa-3",
        ("rigetti", "Rigetti"),
        84,
        "rx rz iswap",
        coupling_map=_edges(84, 12, 140),
        status="Offline",
        accepting_jobs=False,
    ),
    Backend(
        "qr:gpu-gb10",
        "GB10",
        ("qr", "Quantum Rings"),
        30,
        "h cnot rz",
        f"{_WIDE} xx yy zz prx u u2 u3 crx cry crz cu cu3 ch csx rccx reset",
        kind="SIMULATOR",
        per_job=0.0,
        per_shot=0.0,
        features=_ALL_FEATURES,
        engines=("amber_quantum_rings",),
    ),
)


def offered(more: Sequence[str]) -> tuple[Backend, ...]:
    """Return the usual backends and those asked for beside them, by their short codes.

    Those have 54 qubits, all connected, every feature, 1 to 20,000 shots; a job costs
    1 + 0.002 x shots credits.
    """
    known = {name for one in BACKENDS for name in (one.short_code, one.id, one.name)}
    added = [
        Backend(
            code,
            code,
            (code.partition(":")[0], code.partition(":")[0]),
            54,
            "cz prx",
            f"{_WIDE} xx yy zz prx u u2 u3 crx cry crz cu cu3 ch csx rccx reset",
            features=_ALL_FEATURES,
        )
        for code in more
        if code not in known
    ]
    return (*BACKENDS, *added)


def category_row(code: str) -> dict[str, Any]:
    return {"id": stable_id(f"category:{code}"), "name": CATEGORIES[code][0], "short_code": code}


def subcategory_rows(code: str) -> list[dict[str, Any]]:
    return [
        {
            "id": stable_id(f"category:{code}:{one}"),
            "name": f"{CATEGORIES[code][0]}: {one}",
            "short_code": f"{code}:{one}",
        }
        for one in CATEGORIES[code][1]
    ]


def find_category(wanted: Any) -> str | None:
    """Return the code of the category with that UUID or code."""
    for code in CATEGORIES:
        if wanted in (code, category_row(code)["id"]):
            return code
    return None


def find_subcategory(wanted: Any) -> tuple[str, dict[str, Any]] | None:
    """Return (category code, row) of the subcategory with that UUID or ``category:sub`` code."""
    for code in CATEGORIES:
        for row in subcategory_rows(code):
            if wanted in (row["id"], row["short_code"]):
                return code, row
    return None
