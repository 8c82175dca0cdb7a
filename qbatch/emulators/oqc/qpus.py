"""The machines of the emulated OQC: what they are, when they work, how long they take."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clock import iso
from qbatch.emulators.clouds import World, own_url
from qbatch.emulators.jobs import Device, Job
from qbatch.emulators.noise import Noise
from qbatch.emulators.oqc.access import Handler, Rejected, read_body

NAME = "oqc"


@dataclass(frozen=True)
class Qpu:
    """A machine, as ``GET /admin/qpu`` shows it. `segment` is the path of its own URL."""

    id: str
    name: str
    segment: str
    qubits: int
    region: str = "uk"
    generation: int = 2
    active: bool = True
    always_on: bool = False
    simulator: bool = False
    max_shots: int = 100_000
    per_shot: str = "0.0013"
    per_task: str = "0"

    @property
    def feature_set(self) -> str:
        return json.dumps(
            {
                "always_on": self.always_on,
                "simulator": self.simulator,
                "qubit_count": self.qubits,
                "Maximum Shots": self.max_shots,
                "Maximum Repetition Period": "1 second",
                "Maximum Shots x Repetition Period": "600 seconds",
            }
        )

    def price(self, shots: int) -> float:
        return round(float(self.per_task) + shots * float(self.per_shot), 10)


QPUS = (
    Qpu(
        "qpu:uk:2:d865b5a184",
        "Simulator",
        "d865b5a184",
        qubits=35,
        always_on=True,
        simulator=True,
        per_shot="0",
    ),
    Qpu("qpu:jp:3:673b1ad43c", "OQC Toshiko Tokyo-1", "673b1ad43c", qubits=32, region="jp"),
    Qpu("qpu:uk:1:12345", "OQC Toshiko Reading", "12345", qubits=32, generation=1),
    Qpu("qpu:uk:2:0f0f0f0f0f", "Lucy", "0f0f0f0f0f", qubits=8, active=False),
)


def offered(world: World) -> tuple[Qpu, ...]:
    """Return the usual QPUs and those the emulation was asked for beside them.

    Those are like Toshiko: 32 qubits, 0.0013 usd a shot, up to 100,000 shots.
    """
    known = {name for qpu in QPUS for name in (qpu.id, qpu.name)}
    more = [name for name in world.targets.get(NAME, ()) if name not in known]
    return (*QPUS, *(Qpu(name, name, f"more-{at}", qubits=32) for at, name in enumerate(more)))


class Machines:
    """The QPUs and everything one may ask about them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.qpus = offered(world)
        self.devices = {qpu.id: Device(world.clock, world.queueing) for qpu in self.qpus}
        self.jobs: dict[str, list[Job]] = {qpu.id: [] for qpu in self.qpus}
        self._by_name = {name: qpu for qpu in self.qpus for name in (qpu.id, qpu.segment)}

    def noise_of(self, qpu: Qpu, at_s: float) -> Noise | None:
        """Return a machine's noise for a job that begins then."""
        return None if qpu.simulator else self.world.noise_of(NAME, at_s)

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/admin/qpu", self.list_qpus),
            ("GET", "/admin/qpu/{qpu_id}", self.show_features),
            ("GET", "/qpus", self.list_qpus_v4),
            ("GET", "/qpus/{qpu_id}/features", self.show_features_v4),
            ("GET", "/qpus/{qpu_id}/benchmarks", self.show_benchmarks_v4),
            ("GET", "/qpus/{qpu_id}/benchmarks/search", self.search_benchmarks_v4),
            ("GET", "/qpus/{qpu_id}/status", self.show_status_v4),
            ("GET", "/{segment}/monitoring/calibrations", self.show_calibration),
            ("GET", "/{segment}/monitoring/statuses", self.show_statuses),
            ("POST", "/{segment}/monitoring/qpu_wait_time", self.qpu_wait_time),
            ("GET", "/{segment}/windows/next", self.next_window),
            ("GET", "/{segment}/windows/history", self.window_history),
            ("POST", "/windows/one-off-window", self.add_window),
        ]

    def qpu_of(self, request: Request) -> Qpu:
        """Return the QPU that a request's path names."""
        wanted = str(request.path_params.get("segment") or request.path_params.get("qpu_id"))
        found = self._by_name.get(wanted)
        if found is None:
            raise Rejected(404, f"QPU {wanted} not found.")
        return found

    def record(self, qpu: Qpu, request: Request) -> dict[str, Any]:
        return {
            "id": qpu.id,
            "name": qpu.name,
            "active": qpu.active,
            "status": "ACTIVE" if qpu.active else "INACTIVE",
            "url": f"{own_url(request)}/{qpu.segment}",
            "feature_set": qpu.feature_set,
            "region": qpu.region,
            "generation": qpu.generation,
            "price_per_shot": qpu.per_shot,
            "price_per_task": qpu.per_task,
        }

    async def list_qpus(self, request: Request) -> Response:
        items = [self.record(qpu, request) for qpu in self.qpus]
        return JSONResponse({"items": items, "total": len(items)})

    async def list_qpus_v4(self, request: Request) -> Response:
        return JSONResponse([self.record(qpu, request) for qpu in self.qpus])

    async def show_features(self, request: Request) -> Response:
        return JSONResponse(self.record(self.qpu_of(request), request))

    async def show_features_v4(self, request: Request) -> Response:
        qpu = self.qpu_of(request)
        return JSONResponse({"qpu_id": qpu.id, "data": json.loads(qpu.feature_set)})

    async def show_calibration(self, request: Request) -> Response:
        date = request.query_params.get("date") or self.world.clock.utc().strftime("%Y-%m-%d")
        return JSONResponse(self.calibration(self.qpu_of(request), date))

    async def show_benchmarks_v4(self, request: Request) -> Response:
        date = self.world.clock.utc().strftime("%Y-%m-%d")
        return JSONResponse({"data": self.calibration(self.qpu_of(request), date)})

    def calibration(self, qpu: Qpu, date: str) -> dict[str, Any]:
        """Return what is measured of a machine; where it has noise, the errors are its own."""
        told = None if qpu.simulator else self.world.published(NAME)
        readout = 0.02 if told is None else told.noise.readout
        number = 0 if told is None else told.number
        qubits = [
            {
                "qubit": at,
                "T1_us": 40.0 + (at + 3 * number) % 7,
                "T2_us": 30.0 + (at + 2 * number) % 5,
                "readout_error": readout,
            }
            for at in range(qpu.qubits)
        ]
        found = {"qpu_id": qpu.id, "date": date, "qubits": qubits}
        if number and told is not None:
            found["calibrated_at"] = iso(self.world.clock.at(told.at_s))
        return found

    async def search_benchmarks_v4(self, request: Request) -> Response:
        raise Rejected(501, "Search by date is not implemented.")

    async def show_statuses(self, request: Request) -> Response:
        return JSONResponse({"statuses": [_status(self.qpu_of(request))]})

    async def show_status_v4(self, request: Request) -> Response:
        return JSONResponse(_status(self.qpu_of(request)))

    def window_s(self, qpu: Qpu) -> float:
        """Return when `qpu` begins to work, seconds of the clock."""
        if qpu.always_on:
            return 0.0
        return float(self.world.faults.switch(NAME, "window_in_s", 0.0))

    async def next_window(self, request: Request) -> Response:
        qpu = self.qpu_of(request)
        if qpu.always_on:
            return JSONResponse({})
        opens_s = self.window_s(qpu)
        while opens_s <= self.world.clock.now_s():
            opens_s += 86_400.0
        words = self.world.clock.at(opens_s).strftime("%Y-%m-%dT%H:%M:%SZ")
        return JSONResponse({"next_window": {"starting": words, "start_time": words}})

    async def window_history(self, request: Request) -> Response:
        began = self.world.clock.began_at
        window = {"start_time": str(began), "end_time": str(began + timedelta(hours=8))}
        return JSONResponse({"windows": [window]})

    async def add_window(self, request: Request) -> Response:
        return JSONResponse(await read_body(request))

    async def qpu_wait_time(self, request: Request) -> Response:
        asked = await read_body(request)
        rows = []
        for qpu in self.qpus:
            if qpu.id in asked.get("targets", ()):
                if qpu.always_on:
                    raise Rejected(400, f"{qpu.id} is always on and has no wait time.")
                rows.append(self.wait_row(qpu))
        return JSONResponse({"qpu_wait_times": rows})

    def wait_row(self, qpu: Qpu) -> dict[str, Any]:
        clock = self.world.clock
        waiting = [job for job in self.jobs[qpu.id] if not job.stage.is_final]
        free_s = max((job.end_s for job in waiting), default=clock.now_s())
        begins = clock.at(self.window_s(qpu))
        return {
            "qpu_id": qpu.id,
            "tasks_in_queue": len(waiting),
            "estimated_availability_time": clock.at(free_s).strftime("%Y-%m-%d %H:%M:%S"),
            "timestamp": clock.utc().strftime("%Y-%m-%d %H:%M:%S"),
            "average_processing_seconds": self.world.queueing.queue_s / 3,
            "windows": [
                {
                    "start_time": begins.strftime("%Y-%m-%d %H:%M:%S"),
                    "end_time": (begins + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S"),
                    "window_description": "CURRENT" if clock.utc() >= begins else "NEXT",
                }
            ],
        }


def _status(qpu: Qpu) -> dict[str, str]:
    return {"qpu_id": qpu.id, "status": "ONLINE" if qpu.active else "OFFLINE"}
