"""Emulated clouds in a process of their own, several side by side, each soon made anew.

``python -m tests.crash.hosting PORTS RATE EPOCH`` prints one line of JSON: the origins. Beside what
every emulation answers, ``PUT /-/anew`` replaces the emulation behind a port by a fresh one, so
that each case has clouds, and a ledger, to itself; ``GET /-/measured`` tells of each accepted job
how many shots were asked for and, once it is completed, what was measured, from the cloud's own
simulation and no answer of its API. The process ends when its input does.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import trio

from tests.crash.fast import hasten

#: Seconds a job waits at a cloud, by this world's clock.
QUEUE_S = 2.0


class Place:
    """What is served on one port: an emulation that can be replaced; see `serving.host`."""

    def __init__(self, simulator: Any) -> None:
        self._simulator = simulator
        self.world: Any = None
        self.emulation: Any = None
        self.make({"providers": ["oqc"]})

    def make(self, asked: dict[str, Any]) -> None:
        from datetime import UTC, datetime
        from time import time

        from qbatch.emulators.clock import Clock
        from qbatch.emulators.clouds import Emulation
        from qbatch.emulators.faults import read_faults
        from qbatch.emulators.jobs import Queueing

        self.emulation = Emulation(
            asked["providers"],
            queueing=Queueing(asked.get("queue_s", QUEUE_S)),
            faults=read_faults(asked.get("faults")),
            clock=Clock(datetime.fromtimestamp(time(), UTC)),
            seed=asked.get("seed"),
        )
        self.emulation.world.simulator = self._simulator  # solved circuits are kept
        self.world = self.emulation.world

    def measured(self) -> dict[str, Any]:
        """Job's id -> shots, and outcome -> count; of a job of several programs no counts."""
        found = {}
        for job in self.world.ledger._jobs:
            samples = getattr(job, "samples", None) or [job.sample]  # Scaleway's have a list
            is_told = job.stage == "completed" and len(samples) == 1 and samples[0] is not None
            found[job.id] = {"shots": job.shots, "counts": samples[0].counts if is_told else None}
        return found

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == "/-/measured":
            body = json.dumps(self.measured()).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
            return
        if scope.get("path") != "/-/anew":
            await self.emulation.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.make(json.loads(body))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def serve(ports: int) -> None:
    from qbatch.emulators.serving import host
    from qbatch.emulators.simulation import Simulator

    simulator = Simulator(inline=True)
    async with trio.open_nursery() as nursery:
        places = [Place(simulator) for _ in range(ports)]
        origins = [await nursery.start(host, place) for place in places]
        print(json.dumps(origins), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    hasten(float(sys.argv[2]), float(sys.argv[3]))
    trio.run(serve, int(sys.argv[1]))
