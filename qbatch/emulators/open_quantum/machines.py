"""The machines of the emulated Open Quantum: those offered, their queues, their outages."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Device
from qbatch.emulators.open_quantum.catalogue import NAME, Backend, offered


class Machines:
    """What jobs are run on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.backends = offered(world.targets.get(NAME, ()))
        self.devices = {one.id: Device(world.clock, world.queueing) for one in self.backends}
        self._by_name = {name: one for one in self.backends for name in (one.id, one.short_code)}

    def find(self, wanted: str) -> Backend | None:
        """Return the backend with that UUID or short code."""
        return self._by_name.get(wanted)

    def now(self, backend: Backend) -> Backend:
        """Return a backend as it is now: in an outage it takes no jobs."""
        now_s = self.world.clock.now_s()
        for one in self.world.faults.switch(NAME, "outages", ()):
            is_meant = one.get("backend", backend.short_code) == backend.short_code
            if is_meant and one.get("from_s", 0.0) <= now_s < one.get("until_s", inf):
                status = one.get("status", "Offline")
                return replace(backend, status=status, accepting_jobs=False)
        return backend
