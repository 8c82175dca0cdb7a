"""The machines of the emulated Scaleway: what they are, what they take, what they cost.

Names are real; prices of QPUs are documented ones of 2025, all other numbers are ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from starlette.requests import Request

from qbatch.emulators.clouds import World
from qbatch.emulators.scaleway.access import (
    NAME,
    Answer,
    Table,
    invalid,
    not_found,
    page_of,
    queried,
    stable_id,
)
from qbatch.emulators.scaleway.moments import write_duration

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S

#: Program formats, as numbers on the wire.
OPENQASM = (1, 2, 3)
PERCEVAL = 6
PULSER = 7

TYPES = ("unknown_type", "simulator", "qpu")
TECHNOLOGIES = (
    "unknown_technology",
    "general_purpose",
    "photonic",
    "trapped_ion",
    "superconducting",
    "neutral_atom",
)


@dataclass(frozen=True)
class BookingRequirement:
    """What a demanded slot must keep to; seconds. Defaults are ours."""

    min_duration: float = HOUR_S
    max_duration: float = 8 * HOUR_S
    min_planification_duration: float = HOUR_S
    max_planification_duration: float = 30 * DAY_S
    max_cancellation_duration: float = DAY_S
    max_booking_per_day: int = 1
    max_booking_per_week: int = 3

    def row(self) -> dict[str, Any]:
        return {
            name: value if name.startswith("max_booking") else write_duration(value)
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class Platform:
    """A platform.

    Attributes:
        flavour: How its results are written: qiskit, cirq, cudaq or mimiq; "" if it runs no gates.
        per_hour, per_shot, per_circuit: EUR; for a QPU `per_hour` is the price of a booked slot,
            and None if it has none.
        shot_s: A shot's time on the machine, seconds.
        instructions: (name, parameters) that ``metadata`` tells of, in Qiskit's names.
    """

    name: str
    provider: str
    backend: str
    qubits: int
    flavour: str = "qiskit"
    type: str = "simulator"
    technology: str = "general_purpose"
    shots: int = 100_000
    circuits: int = 1
    availability: str = "available"
    per_hour: float | None = None
    per_shot: float = 0.0
    per_circuit: float = 0.0
    shot_s: float = 0.0
    formats: tuple[int, ...] = OPENQASM
    instructions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hardware: tuple[str, int, int, int] | None = None
    booking: BookingRequirement | None = None

    @cached_property
    def id(self) -> str:
        return stable_id(f"platform:{self.name}")

    @property
    def is_hourly(self) -> bool:
        """Sessions are paid for by time, jobs are not."""
        return self.type == "simulator"

    def price(self, circuits: int, shots: int) -> float:
        """Return what a job costs by itself, EUR."""
        return round(circuits * self.per_circuit + circuits * shots * self.per_shot, 9)

    @cached_property
    def _row(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": self.id,
            "version": "1.0",
            "name": self.name,
            "provider_name": self.provider,
            "backend_name": self.backend,
            "type": self.type,
            "technology": self.technology,
            "max_qubit_count": self.qubits,
            "max_shot_count": self.shots,
            "max_circuit_count": self.circuits,
            "availability": self.availability,
            "metadata": self._metadata(),
            "price_per_shot": money(self.per_shot),
            "price_per_circuit": money(self.per_circuit),
            "description": f"{self.name}, {self.qubits} qubits (emulated)",
            "documentation_url": "",
            "is_bookable": self.booking is not None,
        }
        if self.per_hour is not None:
            row["price_per_hour"] = money(self.per_hour)
        if self.hardware is not None:
            name, vcpus, gpus, ram = self.hardware
            row["hardware"] = {"name": name, "vcpus": vcpus, "gpus": gpus, "gpus_network": ""}
            row["hardware"] |= {"ram": ram << 30, "vram": 80 * gpus << 30}
        if self.booking is not None:
            row["booking_requirement"] = self.booking.row()
        return row

    def _metadata(self) -> str:
        if not self.instructions:
            return ""
        rows = [
            {"name": name, "params": list(parameters)} if parameters else {"name": name}
            for name, parameters in self.instructions
        ]
        return json.dumps({"qiskit": {"target": {"instructions": rows}}})

    def row(self, availability: str | None = None) -> dict[str, Any]:
        return self._row | ({"availability": availability} if availability else {})


def money(euros: float) -> dict[str, Any]:
    units, nanos = divmod(round(euros * 1e9), 10**9)
    return {"currency_code": "EUR", "units": units, "nanos": nanos}


_CPU = ("POP2-16C-128G", 16, 0, 128)
_GPU = ("H100-1-80G", 24, 1, 240)


def _iqm(name: str, qubits: int, prices: tuple[float, float, float], **more: Any) -> Platform:
    moves = (("move", ()),) if "SIRIUS" in name else ()
    return Platform(
        name,
        "iqm",
        "iqm",
        qubits,
        type="qpu",
        technology="superconducting",
        shots=20_000,
        circuits=100,
        per_circuit=prices[0],
        per_shot=prices[1],
        per_hour=prices[2],
        shot_s=5e-4,
        instructions=(("cz", ()), ("r", ("theta", "phi")), ("measure", ()), *moves),
        booking=BookingRequirement(),
        **more,
    )


def _aqt(name: str, **more: Any) -> Platform:
    two = (("rz", ("phi",)), ("r", ("theta", "phi")), ("rxx", ("theta",)), ("measure", ()))
    return Platform(
        name,
        "aqt",
        "aqt",
        12,
        technology="trapped_ion",
        shots=2_000,
        circuits=50,
        instructions=two,
        **more,
    )


def _photonic(name: str, qubits: int, **more: Any) -> Platform:
    return Platform(
        name,
        "quandela",
        "perceval",
        qubits,
        flavour="",
        type="qpu",
        technology="photonic",
        formats=(PERCEVAL,),
        per_shot=1e-6,
        **more,
    )


_AER = Platform("EMU-AER-16C-128M", "qiskit", "aer", 32, circuits=100, per_hour=1.5, hardware=_CPU)
_QSIM = Platform("EMU-QSIM-H100", "google", "qsim", 33, flavour="cirq", per_hour=4.0, hardware=_GPU)
_CUDAQ = Platform(
    "EMU-CUDAQ-H100", "nvidia", "cudaq", 33, flavour="cudaq", per_hour=4.0, hardware=_GPU
)
_MIMIQ = Platform(
    "EMU-QUANTANIUM-16C-128M",
    "qperfect",
    "mimiq",
    32,
    flavour="mimiq",
    per_hour=2.5,
    hardware=_CPU,
)

PLATFORMS = (
    _AER,
    replace(_AER, name="EMU-AER-H100", qubits=33, per_hour=4.0, hardware=_GPU),
    replace(_AER, name="EMU-AER-2L40S", per_hour=3.6, availability="shortage"),
    _QSIM,
    replace(_QSIM, name="EMU-QSIM-16C-128M", qubits=32, per_hour=1.5, hardware=_CPU),
    _CUDAQ,
    replace(_CUDAQ, name="EMU-CUDAQ-64C-512M", qubits=32, per_hour=3.0, hardware=_CPU),
    _MIMIQ,
    _aqt("EMU-IBEX-12PQ-L4", per_hour=1.2, hardware=("L4-1-24G", 8, 1, 48)),
    _aqt("QPU-IBEX-12PQ", type="qpu", per_circuit=0.31, per_shot=0.021, shot_s=2e-2),
    _iqm("QPU-GARNET-20PQ", 20, (0.22, 0.0012, 2000.0)),
    _iqm("QPU-SIRIUS-24PQ", 24, (0.20, 0.00075, 1200.0), availability="maintenance"),
    _iqm("QPU-EMERALD-54PQ", 54, (0.25, 0.0014, 3000.0), availability="scarce"),
    _photonic("QPU-ASCELLA-6PQ", 6),
    _photonic("QPU-BELENOS-12PQ", 12),
    Platform(
        "EMU-FRESNEL-100PQ",
        "pasqal",
        "pulser",
        100,
        flavour="",
        technology="neutral_atom",
        formats=(PULSER,),
        per_hour=4.0,
    ),
)

#: A word in a name -> the platform to take after.
_KINDS = (
    ("QSIM", "EMU-QSIM-H100"),
    ("CUDAQ", "EMU-CUDAQ-H100"),
    ("QUANTANIUM", "EMU-QUANTANIUM-16C-128M"),
    ("EMU-IBEX", "EMU-IBEX-12PQ-L4"),
    ("IBEX", "QPU-IBEX-12PQ"),
    ("ASCELLA", "QPU-BELENOS-12PQ"),
    ("BELENOS", "QPU-BELENOS-12PQ"),
    ("FRESNEL", "EMU-FRESNEL-100PQ"),
    ("QPU", "QPU-GARNET-20PQ"),
    ("", "EMU-AER-16C-128M"),
)


def offered(more: Sequence[str]) -> tuple[Platform, ...]:
    """Return the usual platforms and those asked for beside them.

    A name says what it is like: ``QPU`` a superconducting one of 20 qubits at Garnet's prices, else
    an Aer simulator; QSIM, CUDAQ, IBEX and so on like their namesakes; ``7PQ`` is seven qubits.
    """
    known = {name for one in PLATFORMS for name in (one.name, one.id)}
    return (*PLATFORMS, *(_like(name) for name in dict.fromkeys(more) if name not in known))


def _like(name: str) -> Platform:
    kind = next(kind for word, kind in _KINDS if word in name.upper())
    like = next(one for one in PLATFORMS if one.name == kind)
    size = re.search(r"(\d{1,4})PQ", name.upper())
    return replace(like, name=name, qubits=int(size[1]) if size and int(size[1]) else like.qubits)


class Catalogue:
    """Platforms, and what is out of scope and therefore empty: applications, processes.

    Switch ``availability``: platform's name -> word.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.platforms = offered(world.targets.get(NAME, ()))
        self._by_id = {one.id: one for one in self.platforms}

    def table(self) -> Table:
        return [
            ("GET", "/platforms", self.list_platforms),
            ("GET", "/platforms/{id}", self.show_platform),
            ("GET", "/applications", self.list_applications),
            ("GET", "/processes", self.list_processes),
        ]

    def known(self, platform_id: str) -> Platform:
        if platform_id not in self._by_id:
            raise not_found("platform", platform_id)
        return self._by_id[platform_id]

    def availability(self, platform: Platform) -> str:
        words = self.world.faults.switch(NAME, "availability", {})
        return str(words.get(platform.name, platform.availability))

    async def show_platform(self, request: Request) -> Answer:
        platform = self.known(request.path_params["id"])
        return platform.row(self.availability(platform))

    async def list_platforms(self, request: Request) -> Answer:
        asked = queried(request)
        rows = [
            one
            for one in self.platforms
            if asked.get("provider_name") in (None, one.provider)
            and asked.get("backend_name") in (None, one.backend)
            and asked.get("name") in (None, one.name)
            and _choice(asked.get("platform_type"), "platform_type", TYPES) in (None, one.type)
            and _choice(asked.get("platform_technology"), "platform_technology", TECHNOLOGIES)
            in (None, one.technology)
        ]
        return page_of(
            self.world,
            request,
            "platforms",
            rows,
            lambda one: one.row(self.availability(one)),
            {
                "name": lambda one: one.name,
                "provider_name": lambda one: one.provider,
                "type": lambda one: one.type,
                "technology": lambda one: one.technology,
                "backend_name": lambda one: one.backend,
            },
            "name_asc",
        )

    async def list_applications(self, request: Request) -> Answer:
        return {"total_count": 0, "applications": []}

    async def list_processes(self, request: Request) -> Answer:
        return {"total_count": 0, "processes": []}


def _choice(wanted: str | None, name: str, known: Sequence[str]) -> str | None:
    """Return what to filter by; the first of the known words, "unknown", means everything."""
    if wanted is not None and wanted not in known:
        raise invalid(name, "constraint", f"must be one of {', '.join(known)}")
    return None if wanted == known[0] else wanted
